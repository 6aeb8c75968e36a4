// What an endpoint's webhooks are signed with.

import Contracts
import Crypto
import Database
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The sealed secrets of endpoints: keys, of which several may be valid while one follows another, and the values of headers.
struct WebhookSecrets: Sendable {
    let box: SecretBox

    enum Kind: String {
        case shared, pair, headers
    }

    /// What an endpoint's requests need.
    struct Opened: Sendable {
        var keys: [WebhookKey] = []
        var headers: [(name: String, value: String)] = []
    }

    /// Gives an endpoint new keys; those that it has are valid for so much longer.
    func rotate(
        _ endpointId: UUID, tenantId: UUID, to keys: [WebhookKey], overlap: Duration, now: Timestamp, in tx: Transaction
    ) throws {
        tx.enqueue(
            """
            UPDATE webhook_secrets SET expires_at = \(now + overlap)
            WHERE tenant_id = \(tenantId) AND endpoint_id = \(endpointId) AND kind <> \(Kind.headers.rawValue)
                AND (expires_at IS NULL OR expires_at > \(now + overlap))
            """)
        for key in keys { try keep(key.raw, key.kind, endpointId, tenantId: tenantId, now: now, in: tx) }
    }

    /// Sets the headers beside our own.
    func setHeaders(
        _ headers: JSONObject, of endpointId: UUID, tenantId: UUID, now: Timestamp, in tx: Transaction
    ) throws {
        tx.enqueue(
            """
            DELETE FROM webhook_secrets
            WHERE tenant_id = \(tenantId) AND endpoint_id = \(endpointId) AND kind = \(Kind.headers.rawValue)
            """)
        try keep(JSON.object(headers).serialized(), .headers, endpointId, tenantId: tenantId, now: now, in: tx)
    }

    private func keep(
        _ bytes: [UInt8], _ kind: Kind, _ endpointId: UUID, tenantId: UUID, now: Timestamp, in tx: Transaction
    ) throws {
        let sealed = try box.seal(bytes, at: tenantId.text, endpointId.text, kind.rawValue)
        tx.enqueue(
            """
            INSERT INTO webhook_secrets (tenant_id, endpoint_id, id, kind, sealed, created_at)
            VALUES (\(tenantId), \(endpointId), \(UUID.v7()), \(kind.rawValue), \(sealed), \(now))
            """)
    }

    /// What is valid at an instant, the newest first.
    static func selection(of endpointId: UUID, tenantId: UUID, at now: Timestamp) -> SQL {
        """
        SELECT kind, sealed FROM webhook_secrets
        WHERE tenant_id = \(tenantId) AND endpoint_id = \(endpointId) AND (expires_at IS NULL OR expires_at > \(now))
        ORDER BY id DESC
        """
    }

    /// Opens what ``selection(of:tenantId:at:)`` has found. What no key opens is left out: then nothing is signed by it.
    func open(_ rows: [Row], of endpointId: UUID, tenantId: UUID) throws -> Opened {
        var opened = Opened()
        for row in rows {
            let (name, sealed) = try row.decode((String, [UInt8]).self)
            guard let kind = Kind(rawValue: name),
                let bytes = box.open(sealed, at: tenantId.text, endpointId.text, kind.rawValue)
            else {
                continue
            }
            switch kind {
            case .shared: opened.keys.append(.shared(bytes))
            case .pair:
                if let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) {
                    opened.keys.append(.pair(key))
                }
            case .headers:
                for (name, value) in try JSON.parse(bytes).objectValue ?? [:] {
                    opened.headers.append((name, value.stringValue ?? ""))
                }
            }
        }
        return opened
    }
}

extension WebhookKey {
    fileprivate var kind: WebhookSecrets.Kind {
        switch self {
        case .shared: .shared
        case .pair: .pair
        }
    }
}
