#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What order holds within: an aggregate of a tenant.
struct AggregateKey: Sendable, Hashable {
    var tenantId: UUID
    var aggregateId: UUID
}
