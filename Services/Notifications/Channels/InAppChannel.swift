// The inbox in the app.

/// Shows a notification in its recipient's inbox: what is to be shown is there already, and is shown once the delivery is
/// noted. Whoever listens on the event stream hears of that.
struct InAppChannel: Channel {
    let name = ChannelName.inApp
    /// Nothing is waited for: as many as a transaction notes at once.
    let concurrency = 200
    let lease: Duration = .seconds(15)

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        DeliveryReceipt(providerMessageId: nil, isDelivered: true)
    }
}
