#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An asset's warranty is about to end.
public struct AssetWarrantyExpiring: Event {
    public static let name = "asset_warranty.expiring"
    public static let summary = "An asset's warranty is about to end."
    public static let category = "Assets + Media"
    public static let owner = "crm"
    public static let notes = ["expiresAt": "When the warranty ends."]

    public var assetId: UUID
    public var expiresAt: Timestamp
    public var daysUntilExpiry: Int
    public var clientId: UUID?

    public init(assetId: UUID, expiresAt: Timestamp, daysUntilExpiry: Int, clientId: UUID? = nil) {
        self.assetId = assetId
        self.expiresAt = expiresAt
        self.daysUntilExpiry = daysUntilExpiry
        self.clientId = clientId
    }

    public var aggregate: Aggregate { Aggregate(type: "asset", id: assetId) }

    public static var example: Self {
        AssetWarrantyExpiring(
            assetId: Example.id("asset"), expiresAt: Example.time(minutes: 20160), daysUntilExpiry: 14,
            clientId: Example.id("client"))
    }
}
