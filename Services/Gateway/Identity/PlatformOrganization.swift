import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The organization that platform administrators and their keys belong to. Its id is the same on every installation,
/// so that bootstrapping twice finds it again.
enum PlatformOrganization {
    static let id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))
    static let name = "Platform"
}
