import Contracts
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who a request comes from, and what the edge needs to know about them. Kept in memory for a while: see
/// ``PrincipalCache``.
struct Principal: Sendable {
    let caller: Caller
    let organization: OrganizationFacts
    /// The limits that each of their requests counts against.
    let limits: [RateLimit]
    /// When the credentials end by themselves.
    let expiresAt: Timestamp?
}

/// What the edge needs to know about an organization.
struct OrganizationFacts: Sendable, Equatable {
    let id: UUID
    let isActive: Bool
    let plan: Plan
    let corsOrigins: [String]
}

/// Why credentials are refused: the sentence of the 401 or 403.
enum CredentialRefusal: Error, Equatable {
    case missing
    case malformed
    case unknown
    case expired
    case revoked
    case deactivated
    case suspended

    var problem: Problem {
        switch self {
        case .missing: .unauthorized("Send an API key or an access token: Authorization: Bearer …")
        case .malformed: .unauthorized("The Authorization header is not of the form: Bearer <API key or access token>")
        case .unknown: .unauthorized("The credentials are not valid.")
        case .expired: .unauthorized("The credentials have expired.")
        case .revoked: .unauthorized("The credentials have been revoked.")
        case .deactivated: .unauthorized("The user has been deactivated.")
        case .suspended: .forbidden("The organization is suspended.")
        }
    }
}
