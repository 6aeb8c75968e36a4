#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An asset was created.
public struct AssetCreated: Event {
    public static let name = "asset.created"
    public static let summary = "An asset was created."
    public static let category = "Assets + Media"
    public static let owner = "crm"

    public var assetId: UUID
    public var clientId: UUID?
    public var createdByUserId: UUID
    public var createdAt: Timestamp
    public var assetType: String?
    public var serialNumber: String?
    public var snapshot: JSONObject?

    public init(
        assetId: UUID, clientId: UUID? = nil, createdByUserId: UUID, createdAt: Timestamp, assetType: String? = nil,
        serialNumber: String? = nil, snapshot: JSONObject? = nil
    ) {
        self.assetId = assetId
        self.clientId = clientId
        self.createdByUserId = createdByUserId
        self.createdAt = createdAt
        self.assetType = assetType
        self.serialNumber = serialNumber
        self.snapshot = snapshot
    }

    public var aggregate: Aggregate { Aggregate(type: "asset", id: assetId) }

    public static var example: Self {
        AssetCreated(
            assetId: Example.id("asset"), clientId: Example.id("client"), createdByUserId: Example.id("agent"),
            createdAt: Example.time(), assetType: "laptop", serialNumber: "SN-10042",
            snapshot: ["id": .uuid(Example.id("asset")), "version": 1])
    }
}
