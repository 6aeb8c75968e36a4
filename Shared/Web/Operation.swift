import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A write under way: its transaction and everything it is attributed to. Request handlers get one from
/// ``Call/write(_:)``, event handlers make one around theirs.
public struct Operation {
    public let tx: Transaction
    /// The tenant whose rows are written. In an admin request it is the one the request names, else the one of the
    /// record at hand; hooks always find it set.
    public var tenantId: UUID
    public var actor: Actor
    /// How the audit shows the actor (the audit user).
    public var actorName: String
    /// The caller's permissions, where a request is behind it.
    public var caller: Caller?
    /// One instant for everything this operation writes.
    public var now: Timestamp
    public var requestId: String
    /// The request's If-Match.
    public var precondition: Precondition
    /// The request's query, typed; empty where no request is behind it.
    public var arguments: Arguments
    /// Whether the tenant is still open, in an admin request that names none.
    var isTenantOpen: Bool

    /// An operation that no request is behind: an event handler, a job.
    public init(
        tx: Transaction, tenantId: UUID, actor: Actor = .system, actorName: String = "system", now: Timestamp = .now,
        requestId: String = ""
    ) {
        self.tx = tx
        self.tenantId = tenantId
        self.actor = actor
        self.actorName = actorName
        self.now = now
        self.requestId = requestId
        caller = nil
        precondition = .none
        arguments = Arguments()
        isTenantOpen = false
    }

    init(tx: Transaction, call: Call) {
        self.tx = tx
        tenantId = call.tenantId ?? .zero
        actor = call.caller.actor
        actorName = call.caller.displayName
        caller = call.caller
        now = call.now
        requestId = call.requestId
        precondition = call.precondition
        arguments = call.arguments
        isTenantOpen = call.tenantId == nil
    }

    /// The same operation on a tenant's rows.
    public func on(tenant tenantId: UUID) -> Operation {
        var operation = self
        operation.tenantId = tenantId
        operation.isTenantOpen = false
        return operation
    }

    /// The same operation on a row that is locked for it: not before the row's last change. A request takes its time when it
    /// arrives and the row when it gets it; what a row goes through is in the order of the row.
    public func on(_ record: Record) -> Operation {
        var operation = on(tenant: record.tenantId)
        if let last = record.lastChange, last > now { operation.now = last }
        return operation
    }

    /// What `createdBy` and `updatedBy` show.
    public var actorId: UUID? { actor.userId ?? actor.contactId }
}

extension UUID {
    /// All bits zero: "no tenant", for what is kept per tenant but belongs to none.
    static let zero = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}

/// The request's If-Match (RFC 9110, section 13.1.1), compared strongly.
public enum Precondition: Sendable, Hashable {
    case none
    /// `*`: there is such an entity at all.
    case exists
    case versions([Int64])

    /// Entity tags that are not ours match nothing.
    init(ifMatch header: String?) {
        guard let header else {
            self = .none
            return
        }
        let tags = header.split(separator: ",").map { $0.trimming() }
        self = tags == ["*"] ? .exists : .versions(tags.compactMap(EntityTag.version))
    }

    /// 412 unless the version is one that the request names.
    public func check(_ version: Int64) throws(Problem) {
        if case .versions(let versions) = self, !versions.contains(version) {
            throw .preconditionFailed(present: version)
        }
    }
}

/// Entity tags: `"<version>"`, and `"<version>-<digest>"` where an answer shows more than the version covers.
enum EntityTag {
    static func text(_ version: Int64) -> String { "\"\(version)\"" }

    /// The version that a strong tag names.
    static func version(_ tag: Substring) -> Int64? {
        guard tag.count > 2, tag.first == "\"", tag.last == "\"" else { return nil }
        let inside = tag.dropFirst().dropLast()
        return Int64(inside.prefix { $0 != "-" })
    }

    /// Whether an If-None-Match names the tag; compared weakly, as RFC 9110 has it.
    static func matches(_ header: String?, tag: String) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { candidate in
            let candidate = candidate.trimming()
            return candidate == "*" || candidate == tag || candidate.hasPrefix("W/") && candidate.dropFirst(2) == tag
        }
    }
}

extension Substring {
    /// Without blanks and tabs at both ends.
    func trimming() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
