#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An asset lost its owner.
public struct AssetUnassigned: Event {
    public static let name = "asset.unassigned"
    public static let summary = "An asset lost its owner."
    public static let category = "Assets + Media"
    public static let owner = "crm"

    public var assetId: UUID
    public var previousOwnerType: String
    public var previousOwnerId: UUID
    public var unassignedAt: Timestamp
    public var reason: String?

    public init(
        assetId: UUID, previousOwnerType: String, previousOwnerId: UUID, unassignedAt: Timestamp,
        reason: String? = nil
    ) {
        self.assetId = assetId
        self.previousOwnerType = previousOwnerType
        self.previousOwnerId = previousOwnerId
        self.unassignedAt = unassignedAt
        self.reason = reason
    }

    public var aggregate: Aggregate { Aggregate(type: "asset", id: assetId) }

    public static var example: Self {
        AssetUnassigned(
            assetId: Example.id("asset"), previousOwnerType: "contact", previousOwnerId: Example.id("customer"),
            unassignedAt: Example.time(), reason: "Asked by the customer")
    }
}
