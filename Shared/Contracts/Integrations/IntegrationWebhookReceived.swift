#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A webhook came in from an integration.
public struct IntegrationWebhookReceived: Event {
    public static let name = "integration_webhook.received"
    public static let summary = "A webhook came in from an integration."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = [
        "eventName": "As the provider calls it.",
        "rawPayloadRef": "Where the body is kept.",
    ]

    public var integrationId: UUID
    public var provider: String
    public var connectionId: UUID?
    public var webhookId: UUID
    public var eventName: String
    public var receivedAt: Timestamp
    public var rawPayloadRef: String?

    public init(
        integrationId: UUID, provider: String, connectionId: UUID? = nil, webhookId: UUID, eventName: String,
        receivedAt: Timestamp, rawPayloadRef: String? = nil
    ) {
        self.integrationId = integrationId
        self.provider = provider
        self.connectionId = connectionId
        self.webhookId = webhookId
        self.eventName = eventName
        self.receivedAt = receivedAt
        self.rawPayloadRef = rawPayloadRef
    }

    public var aggregate: Aggregate { Aggregate(type: "integration", id: integrationId) }

    public static var example: Self {
        IntegrationWebhookReceived(
            integrationId: Example.id("integration"), provider: "salesforce", connectionId: Example.id("connection"),
            webhookId: Example.id("webhook"), eventName: "contact.updated", receivedAt: Example.time(),
            rawPayloadRef: "webhooks/2026/01/02/4711.json")
    }
}
