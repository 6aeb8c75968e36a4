import Contracts
import Crypto
import Database
import HTTPTypes
import Hummingbird
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A POST's Idempotency-Key: the first answer that was committed under it is kept for 24 hours and given again to the
/// same request.
///
/// The key is claimed by an SQL function in the request's own transaction (see `Migration.web`): it takes an advisory
/// lock, which a request still in flight holds, and looks for a kept answer; either ends the transaction before the
/// business statement behind it in the pipeline is run. Answers of refused requests (4xx) are not kept, because
/// nothing of them is committed: the caller may mend the request and use the key again.
struct IdempotencyClaim {
    let key: String
    let tenantId: UUID
    let fingerprint: [UInt8]

    static let keyLengthMax = 255
    static let bodyBytesMax = 1 << 20

    /// Nil where the request is no POST or has no key.
    init?(_ call: Call) throws(Problem) {
        guard call.request.method == .post, let key = call.headers[.idempotencyKey] else { return nil }
        guard (1...Self.keyLengthMax).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            let detail = "It must have 1 to \(Self.keyLengthMax) visible ASCII characters."
            throw .badRequest(errors: [Fault(.header("Idempotency-Key"), "bad_format", detail)])
        }
        self.key = key
        tenantId = call.tenantId ?? call.caller.tenantId ?? .zero
        var hash = SHA256()
        hash.update(data: Array("\(call.request.method.rawValue) \(call.request.head.path ?? "")\n".utf8))
        hash.update(data: call.bodyBytes)
        fingerprint = Array(hash.finalize())
    }

    /// Claims the key, or fails with one of the states of ``Refusal``.
    var claiming: SQL { "SELECT claim_idempotency_key(\(tenantId), \(key), \(fingerprint))" }

    /// Keeps the answer.
    func keeping(_ answer: Answer) throws -> SQL {
        let body: [UInt8] =
            switch answer.content {
            case .empty: []
            case .bytes(let bytes): bytes
            case .buffer(let buffer): Array(buffer.readableBytesView)
            case .stream: throw Problem.badRequest("This operation takes no Idempotency-Key.")
            }
        var headers = JSONObject()
        for field in answer.headers { headers[field.name.canonicalName] = .string(field.value) }
        return """
            INSERT INTO idempotency_keys (tenant_id, key, fingerprint, status, headers, body)
            VALUES (\(tenantId), \(key), \(fingerprint), \(Int(answer.status.code)), \(headers), \(body))
            """
    }

    /// Why a key can't be claimed; the states are raised by `claim_idempotency_key`.
    enum Refusal: String {
        case inFlight = "DW001"
        case answered = "DW002"
        case otherRequest = "DW003"

        init?(_ error: DatabaseError) {
            guard let state = error.sqlState else { return nil }
            self.init(rawValue: state)
        }
    }

    func answer(_ refusal: Refusal, in database: Database, scope: Scope) async throws -> Answer {
        switch refusal {
        case .inFlight:
            var problem = Problem.conflict(
                "A request under this Idempotency-Key is still in flight.", code: "idempotency_key_in_flight",
                errors: [Fault(.header("Idempotency-Key"), "in_flight", "Repeat the request in a moment.")])
            problem.headers[.retryAfter] = "1"
            throw problem
        case .otherRequest:
            throw Problem.invalid([
                Fault(
                    .header("Idempotency-Key"), "used_for_another_request",
                    "The key was used with another path or body.")
            ])
        case .answered:
            let kept = try await database.transaction(as: scope, readOnly: true) { tx in
                try await tx.first(
                    "SELECT status, headers, body FROM idempotency_keys WHERE tenant_id = \(tenantId) AND key = \(key)")
            }
            // It can only be gone if it has just grown too old.
            guard let kept else { throw Problem.unavailable("The kept answer has just expired; repeat the request.") }
            let (status, headers, body) = try kept.decode((Int, JSONObject, [UInt8]).self)
            var answer = Answer(.init(code: status), content: body.isEmpty ? .empty : .bytes(body))
            for (name, value) in headers {
                if let name = HTTPField.Name(name), let value = value.stringValue { answer.headers[name] = value }
            }
            answer.headers[.idempotencyReplayed] = "true"
            return answer
        }
    }
}

/// Upkeep of the kept answers.
public enum IdempotencyKeys {
    /// Deletes what is older than 24 hours, a batch at a time; returns how many rows went.
    @discardableResult
    public static func purge(_ database: Database, batch: Int = 1_000) async throws -> Int {
        var purged = 0
        while true {
            let count = try await database.transaction(as: .admin) { tx in
                try await tx.execute(
                    """
                    DELETE FROM idempotency_keys WHERE (tenant_id, key) IN (
                        SELECT tenant_id, key FROM idempotency_keys
                        WHERE created_at < now() - interval '24 hours' ORDER BY created_at LIMIT \(batch)
                    )
                    """)
            }
            purged += count
            if count < batch { return purged }
        }
    }
}
