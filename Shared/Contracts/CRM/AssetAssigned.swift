#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An asset got an owner or changed it.
public struct AssetAssigned: Event {
    public static let name = "asset.assigned"
    public static let summary = "An asset got an owner or changed it."
    public static let category = "Assets + Media"
    public static let owner = "crm"
    public static let notes = ["newOwnerType": "What owns it now, such as client or contact."]

    public var assetId: UUID
    public var previousOwnerType: String?
    public var previousOwnerId: UUID?
    public var newOwnerType: String
    public var newOwnerId: UUID
    public var assignedAt: Timestamp

    public init(
        assetId: UUID, previousOwnerType: String? = nil, previousOwnerId: UUID? = nil, newOwnerType: String,
        newOwnerId: UUID, assignedAt: Timestamp
    ) {
        self.assetId = assetId
        self.previousOwnerType = previousOwnerType
        self.previousOwnerId = previousOwnerId
        self.newOwnerType = newOwnerType
        self.newOwnerId = newOwnerId
        self.assignedAt = assignedAt
    }

    public var aggregate: Aggregate { Aggregate(type: "asset", id: assetId) }

    public static var example: Self {
        AssetAssigned(
            assetId: Example.id("asset"), previousOwnerType: "client", previousOwnerId: Example.id("client"),
            newOwnerType: "contact", newOwnerId: Example.id("customer"), assignedAt: Example.time())
    }
}
