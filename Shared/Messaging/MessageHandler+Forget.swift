import Database

extension MessageHandler {
    /// Forgets everything that the handler has done, so that a replay is handled as if nothing had been.
    public func forget(in tx: Transaction) async throws {
        _ = try await Inbox.forget(handler: name, in: tx)
    }
}
