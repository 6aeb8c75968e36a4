#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The mapping of a field or value to an outside system changed.
public struct ExternalMappingChanged: Event {
    public static let name = "external_mapping.changed"
    public static let summary = "The mapping of a field or value to an outside system changed."
    public static let category = "Integrations"
    public static let owner = "integrations"
    public static let notes = ["mappingType": "Such as status, user or field."]

    public var provider: String
    public var mappingType: String
    public var mappingId: UUID
    public var changedAt: Timestamp
    public var previousValue: String?
    public var newValue: String?

    public init(
        provider: String, mappingType: String, mappingId: UUID, changedAt: Timestamp, previousValue: String? = nil,
        newValue: String? = nil
    ) {
        self.provider = provider
        self.mappingType = mappingType
        self.mappingId = mappingId
        self.changedAt = changedAt
        self.previousValue = previousValue
        self.newValue = newValue
    }

    public var aggregate: Aggregate { Aggregate(type: "external_mapping", id: mappingId) }

    public static var example: Self {
        ExternalMappingChanged(
            provider: "salesforce", mappingType: "status", mappingId: Example.id("mapping"), changedAt: Example.time(),
            previousValue: "In Progress", newValue: "Working")
    }
}
