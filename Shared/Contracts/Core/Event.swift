#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A fact that a service publishes, declared once: the type is the payload beside the envelope.
///
/// Two fields that many events have belong to the envelope and are never declared again: `actorUserId`, who did it
/// (absent where the system or a contact acted), and `occurredAt`, when it happened.
public protocol Event: Codable, Sendable, Equatable {
    /// `object.action`, the action in the past tense: `ticket.created`. The exchange's name goes before it at run time.
    static var name: String { get }
    /// Raised by a change that breaks a reader; new optional fields keep it.
    static var version: Int { get }
    /// One sentence for the catalogue.
    static var summary: String { get }
    static var category: String { get }
    /// The service that emits it.
    static var owner: String { get }
    static var status: EventStatus { get }
    /// What a field means where its name does not say it, by field name.
    static var notes: [String: String] { get }
    static var example: Self { get }
    /// Whose sequence this event takes.
    var aggregate: Aggregate { get }
}

extension Event {
    public static var version: Int { 1 }
    public static var status: EventStatus { .catalogOnly }
    public static var notes: [String: String] { [:] }
}

/// Whether a service emits an event today.
public enum EventStatus: String, Sendable, Codable, Hashable, CaseIterable {
    case emitted
    case catalogOnly = "catalog_only"
}

/// The entity whose history an event belongs to.
public struct Aggregate: Sendable, Hashable {
    /// Singular snake_case: `ticket`.
    public var type: String
    public var id: UUID

    public init(type: String, id: UUID) {
        self.type = type
        self.id = id
    }
}

/// A field before and after.
public struct Change: Sendable, Codable, Hashable {
    public var previous: JSON
    public var new: JSON

    public init(previous: JSON, new: JSON) {
        self.previous = previous
        self.new = new
    }
}
