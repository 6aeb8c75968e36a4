#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An asset changed.
public struct AssetUpdated: Event {
    public static let name = "asset.updated"
    public static let summary = "An asset changed."
    public static let category = "Assets + Media"
    public static let owner = "crm"

    public var assetId: UUID
    public var updatedByUserId: UUID
    public var updatedAt: Timestamp
    public var updatedFields: [String]?
    public var changes: [String: Change]?

    public init(
        assetId: UUID, updatedByUserId: UUID, updatedAt: Timestamp, updatedFields: [String]? = nil,
        changes: [String: Change]? = nil
    ) {
        self.assetId = assetId
        self.updatedByUserId = updatedByUserId
        self.updatedAt = updatedAt
        self.updatedFields = updatedFields
        self.changes = changes
    }

    public var aggregate: Aggregate { Aggregate(type: "asset", id: assetId) }

    public static var example: Self {
        AssetUpdated(
            assetId: Example.id("asset"), updatedByUserId: Example.id("agent"), updatedAt: Example.time(),
            updatedFields: ["name"],
            changes: ["name": Change(previous: "Analytical Engine", new: "Analytical Engines")])
    }
}
