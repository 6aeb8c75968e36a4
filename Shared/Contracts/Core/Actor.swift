#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

public enum ActorType: String, Sendable, Codable, Hashable, CaseIterable {
    case user
    case contact
    case system
    case apiKey = "api_key"
}

/// Who did something.
public struct Actor: Sendable, Codable, Hashable {
    public var type: ActorType
    /// The user; for an API key, the key's own id.
    public var userId: UUID?
    /// The customer, where one acted.
    public var contactId: UUID?

    public init(type: ActorType, userId: UUID? = nil, contactId: UUID? = nil) {
        self.type = type
        self.userId = userId
        self.contactId = contactId
    }

    /// A rule, a timer, a handler: nobody in person.
    public static let system = Actor(type: .system)

    public static func user(_ id: UUID) -> Actor { Actor(type: .user, userId: id) }
    public static func contact(_ id: UUID) -> Actor { Actor(type: .contact, contactId: id) }
    public static func apiKey(_ id: UUID) -> Actor { Actor(type: .apiKey, userId: id) }
}
