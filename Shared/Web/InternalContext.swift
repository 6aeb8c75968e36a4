import Contracts
import Crypto
import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The signed context in which the gateway hands a request to a service: `base64url(JSON).base64url(HMAC-SHA256)`.
///
/// It names the caller, the request, the service it is meant for and when it ends. A service refuses a request whose
/// context is missing, wrong, meant for another service, or out of date.
public enum InternalContext {
    /// The header that carries it.
    public static let headerName = "X-Deskwire-Context"
    public static let header = HTTPField.Name.deskwireContext
    /// Longer ones are refused before they are looked at.
    static let tokenBytesMax = 16 * 1024

    /// The keys a service accepts: the present one and, while keys are being changed, the one before.
    public struct Keys: Sendable {
        let current: SymmetricKey
        let previous: SymmetricKey?

        /// Each key has at least 32 bytes.
        public init(current: String, previous: String? = nil) throws(KeyTooShort) {
            guard current.utf8.count >= Self.bytesMin, previous.map({ $0.utf8.count >= Self.bytesMin }) ?? true else {
                throw KeyTooShort()
            }
            self.current = SymmetricKey(data: Array(current.utf8))
            self.previous = previous.map { SymmetricKey(data: Array($0.utf8)) }
        }

        /// The least length of a key.
        public static let bytesMin = 32
    }

    /// A key with fewer than 32 bytes can be guessed.
    public struct KeyTooShort: Error, CustomStringConvertible {
        public var description: String { "the internal context's key needs at least \(Keys.bytesMin) bytes" }
    }

    /// What a verified context says.
    public struct Verified: Sendable, Hashable {
        public var caller: Caller
        public var requestId: String
        public var expires: Timestamp
    }

    /// Why a context is refused. The caller learns only that it was.
    public enum Refusal: String, Error, Sendable {
        case missing, malformed, signature, audience, expired
    }

    /// Signs the context of one request with the present key.
    public static func sign(
        _ caller: Caller, requestId: String, audience: String, expires: Timestamp, keys: Keys
    ) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("aud")
        writer.string(audience)
        writer.key("exp")
        writer.int(expires.microseconds)
        writer.key("rid")
        writer.string(requestId)
        if let tenantId = caller.tenantId {
            writer.key("ten")
            writer.uuid(tenantId)
        }
        writer.key("act")
        writer.string(caller.actor.type.rawValue)
        if let userId = caller.actor.userId {
            writer.key("usr")
            writer.uuid(userId)
        }
        if let contactId = caller.actor.contactId {
            writer.key("con")
            writer.uuid(contactId)
        }
        if caller.platformAdmin {
            writer.key("adm")
            writer.bool(true)
        }
        writer.key("name")
        writer.string(caller.displayName)
        write("roles", caller.roles, to: &writer)
        write("perms", caller.permissions.sorted(), to: &writer)
        if let keyId = caller.keyId {
            writer.key("key")
            writer.uuid(keyId)
        }
        if let sessionId = caller.sessionId {
            writer.key("ses")
            writer.uuid(sessionId)
        }
        writer.endObject()
        let payload = Base64URL.encode(writer.bytes)
        let signature = HMAC<SHA256>.authenticationCode(for: Array(payload.utf8), using: keys.current)
        return payload + "." + Base64URL.encode(Array(signature))
    }

    private static func write(_ key: String, _ values: [String], to writer: inout JSONWriter) {
        guard !values.isEmpty else { return }
        writer.key(key)
        writer.beginArray()
        for value in values { writer.string(value) }
        writer.endArray()
    }

    /// Believes a context, or says why not.
    public static func verify(
        _ token: String?, audience: String, now: Timestamp, keys: Keys
    ) throws(Refusal) -> Verified {
        guard let token, !token.isEmpty else { throw .missing }
        let bytes = Array(token.utf8)
        guard bytes.count <= tokenBytesMax, let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { throw .malformed }
        let payload = bytes[..<dot]
        guard let signature = Base64URL.decode(bytes[(dot + 1)...]), let content = Base64URL.decode(payload) else {
            throw .malformed
        }
        guard isSigned(payload, signature, by: keys) else { throw .signature }
        guard let json = try? JSON.parse(content), let verified = read(json, audience: audience) else {
            throw .malformed
        }
        guard json["aud"]?.stringValue == audience else { throw .audience }
        guard verified.expires > now else { throw .expired }
        return verified
    }

    private static func isSigned(_ payload: ArraySlice<UInt8>, _ signature: [UInt8], by keys: Keys) -> Bool {
        // Both comparisons take the same time whatever the signature is.
        if HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: payload, using: keys.current) {
            return true
        }
        guard let previous = keys.previous else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: payload, using: previous)
    }

    private static func read(_ json: JSON, audience: String) -> Verified? {
        guard let expires = json["exp"]?.intValue, let requestId = json["rid"]?.stringValue,
            let actorType = json["act"]?.stringValue.flatMap(ActorType.init(rawValue:))
        else { return nil }
        func uuid(_ key: String) -> UUID? { json[key]?.stringValue.flatMap { UUID(text: $0) } }
        func strings(_ key: String) -> [String] { json[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        let caller = Caller(
            tenantId: uuid("ten"),
            actor: Actor(type: actorType, userId: uuid("usr"), contactId: uuid("con")),
            roles: strings("roles"), permissions: Set(strings("perms")),
            platformAdmin: json["adm"]?.boolValue ?? false,
            displayName: json["name"]?.stringValue ?? "", keyId: uuid("key"), sessionId: uuid("ses"))
        return Verified(caller: caller, requestId: requestId, expires: Timestamp(microseconds: expires))
    }
}
