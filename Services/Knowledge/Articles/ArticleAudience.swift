// Who may read what.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who may read a published article.
enum ArticleVisibility: String, CaseIterable, Sendable {
    case everybody = "public"
    case customers
    case agents = "internal"
    case groups
}

/// What somebody may read: the one place that decides it, for lists, single articles, searches, suggestions and the help center.
struct ArticleAudience: Sendable {
    /// Articles that are not published, and those of any group.
    let readsDrafts: Bool
    /// Which published articles of no group.
    let visibilities: [ArticleVisibility]
    /// Whose groups are asked for; nil for who is in none.
    let memberId: UUID?

    /// Agents are those who read tickets; everybody whom the gateway lets in is signed in.
    init(_ caller: Caller) {
        readsDrafts = caller.platformAdmin || caller.may("knowledge.read_drafts")
        visibilities = caller.may("tickets.read") ? [.everybody, .customers, .agents] : [.everybody, .customers]
        memberId = caller.actor.userId
    }

    private init() {
        readsDrafts = false
        visibilities = [.everybody]
        memberId = nil
    }

    /// Readers of the public pages.
    static let everybody = ArticleAudience()

    /// Over the row `t`; nil for all.
    var condition: SQL? {
        if readsDrafts { return nil }
        let open: SQL = "t.visibility = ANY(\(visibilities.map(\.rawValue)))"
        guard memberId != nil else { return "t.status = 'published' AND \(open)" }
        return "t.status = 'published' AND (\(open) OR t.visibility = 'groups' AND t.group_ids && \(groups))"
    }

    /// The groups whose articles are read, as an array. Row-level security leaves the tenant's agents; they are read once, not for
    /// every article.
    var groups: SQL {
        guard let memberId else { return "'{}'::uuid[]" }
        return """
            ARRAY(SELECT unnest(a.group_ids)::uuid FROM agents AS a
                WHERE a.user_id = \(memberId) AND a.deleted_at IS NULL)
            """
    }
}
