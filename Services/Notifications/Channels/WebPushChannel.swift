// Push messages to browsers.

import Contracts
import Crypto
import Database
import Outbound
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends to browsers by their push services (RFC 8030), encrypted for the browser (RFC 8291), under our name (RFC 8292). The
/// address is a subscription's id.
struct WebPushChannel: Channel {
    let name = "push"
    let concurrency = 32
    let database: Database
    let client: OutboundClient
    let identity: PushIdentity
    let box: SecretBox

    /// How long a push service keeps a message for a browser that is away (RFC 8030, section 5.2).
    private static let keptSeconds = 3 * 86_400

    func send(_ message: OutboundMessage) async throws(DeliveryFailure) -> DeliveryReceipt {
        guard let id = UUID(text: message.address),
            let subscription = try await subscription(id, of: message.tenantId).get()
        else {
            throw .permanent(code: "unsubscribed", detail: "There is no such subscription any more.", suppress: false)
        }
        let answer = try await client.exchange(
            subscription.endpoint, headers: try headers(subscription, isUrgent: message.isMandatory),
            body: try Self.sealed(message, for: subscription.keys))
        switch answer.status {
        case 200...299:
            return DeliveryReceipt(providerMessageId: answer.header("location"), isDelivered: false)
        case 404, 410:
            // RFC 8030, section 7.3: the subscription has ended.
            try await forget(id, of: message.tenantId).get()
            throw .permanent(code: "unsubscribed", detail: "The browser has ended the subscription.", suppress: false)
        default:
            throw DeliveryFailure(answer, at: .now)
        }
    }

    struct Subscription: Sendable {
        let endpoint: String
        let keys: PushKeys
    }

    private func headers(
        _ subscription: Subscription, isUrgent: Bool
    ) throws(DeliveryFailure) -> [(name: String, value: String)] {
        do {
            let origin = try OutboundURL(subscription.endpoint).origin
            return [
                ("authorization", try identity.authorization(for: origin, at: Timestamp.now.milliseconds / 1_000)),
                ("content-encoding", "aes128gcm"), ("content-type", "application/octet-stream"),
                ("ttl", String(Self.keptSeconds)), ("urgency", isUrgent ? "high" : "normal"),
            ]
        } catch {
            throw .permanent(code: "bad_subscription", detail: "\(error)", suppress: false)
        }
    }

    private static func sealed(_ message: OutboundMessage, for keys: PushKeys) throws(DeliveryFailure) -> [UInt8] {
        do {
            return try WebPushEncryption.seal(payload(of: message), for: keys)
        } catch {
            throw .permanent(code: "bad_subscription", detail: "\(error)", suppress: false)
        }
    }

    /// What the browser's service worker gets: JSON, its text cut so that it fits.
    static func payload(of message: OutboundMessage) -> [UInt8] {
        var text = message.text.prefix(WebPushEncryption.textBytesMax)
        while true {
            var members: JSONObject = [
                "id": .uuid(message.notificationId), "type": .string(message.type),
                "title": .string(String(message.subject.prefix(200))), "body": .string(String(text)),
            ]
            members["contextType"] = message.contextType.map { .string($0) }
            members["contextId"] = message.contextId.map { .uuid($0) }
            let bytes = JSON.object(members).serialized()
            if bytes.count <= WebPushEncryption.textBytesMax || text.isEmpty { return bytes }
            text = text.prefix(text.count * 3 / 4)
        }
    }

    // MARK: Subscriptions

    private func subscription(_ id: UUID, of tenantId: UUID) async -> Result<Subscription?, DeliveryFailure> {
        do {
            let row = try await database.lookup(as: .tenant(tenantId)) { tx in
                try await tx.first(
                    "SELECT sealed FROM push_subscriptions WHERE tenant_id = \(tenantId) AND id = \(id)")
            }
            guard let sealed = try row?.get(0, as: String.self) else { return .success(nil) }
            guard let secrets = PushSubscriptions.Secrets(sealed, by: box, tenantId: tenantId, id: id),
                let keys = secrets.keys
            else { return .failure(.unreadable) }
            return .success(Subscription(endpoint: secrets.endpoint, keys: keys))
        } catch {
            return .failure(.transient(code: "database", detail: "\(error)", retryAfter: nil))
        }
    }

    private func forget(_ id: UUID, of tenantId: UUID) async -> Result<Void, DeliveryFailure> {
        do {
            try await database.transaction(as: .tenant(tenantId)) { tx in
                let op = Operation(tx: tx, tenantId: tenantId)
                guard let record = try await PushSubscriptions.find(id, in: op) else { return }
                try await PushSubscriptions.store.delete(record, in: op)
            }
            return .success(())
        } catch {
            return .failure(.transient(code: "database", detail: "\(error)", retryAfter: nil))
        }
    }
}

extension WebPushChannel {
    private static let privateKey = "WEB_PUSH_PRIVATE_KEY"
    private static let subject = "WEB_PUSH_SUBJECT"

    static let settings: [Setting] = [
        .text(
            privateKey,
            "Private VAPID key (32 bytes in base64url) that push messages are signed with; none are sent when unset."
        ).secret.checked {
            PushIdentity(privateKey: $0, subject: "") == nil
                ? "must be a P-256 private key: 32 bytes in base64url" : nil
        },
        .text(
            subject, default: "mailto:postmaster@localhost",
            "mailto: or https: address at which operators of push services reach you."
        ).checked { text in
            let isPlain = text.utf8.allSatisfy { (33...126).contains($0) && $0 != 34 && $0 != 92 }
            return isPlain && (text.hasPrefix("mailto:") || text.hasPrefix("https:"))
                ? nil : "must be an address that begins with mailto: or https:"
        },
    ]

    /// Nil where no key is set.
    init?(_ settings: Settings, database: Database, client: OutboundClient, box: SecretBox) {
        guard let key = settings.optionalText(Self.privateKey),
            let identity = PushIdentity(privateKey: key, subject: settings.text(Self.subject))
        else { return nil }
        self.init(database: database, client: client, identity: identity, box: box)
    }
}
