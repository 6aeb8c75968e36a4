/// Every permission there is, with what it allows. A route names the permission it needs; a role is a set of them.
/// The names are on the wire (tokens, API keys, OpenAPI): add freely, never rename.
enum Permission {
    static let all: [(name: String, allows: String)] = [
        ("tickets.read", "Read tickets and everything that hangs on them"),
        ("tickets.read_own", "Read the tickets one has requested or participates in"),
        ("tickets.read_internal", "Read internal notes"),
        ("tickets.create", "File tickets"),
        ("tickets.update", "Change tickets: fields, status, priority, tags, participants"),
        ("tickets.assign", "Assign, unassign and transfer tickets"),
        ("tickets.reply", "Write public messages"),
        ("tickets.comment", "Write internal notes"),
        ("tickets.delete", "Delete and restore tickets"),
        ("tickets.import", "Import tickets from a file"),
        ("tickets.export", "Export tickets to a file"),
        ("audits.read", "Read audit trails"),
        ("metrics.read", "Read metrics and status durations"),
        ("users.read", "Read users"),
        ("users.write", "Create, change and deactivate users"),
        ("organization.read", "Read the organization"),
        ("organization.write", "Change the organization"),
        ("api_keys.read", "List API keys"),
        ("api_keys.write", "Create and revoke API keys"),
        ("sessions.read", "List everyone's sessions"),
        ("sessions.write", "Revoke anyone's sessions"),
        ("groups.read", "Read groups"),
        ("groups.write", "Change groups and their members"),
        ("events.read", "Read the event history and the event stream"),
        ("events.simulate", "Publish simulated events"),
        ("routing.read", "Read routing rules, queues and decisions"),
        ("routing.write", "Change routing rules and queues"),
        ("availability.write", "Change one's own availability"),
        ("sla.read", "Read SLA policies, clocks and compliance"),
        ("sla.write", "Change SLA policies and business hours"),
        ("notifications.read", "Read notifications, templates and preferences"),
        ("notifications.write", "Change notification templates and preferences"),
        ("knowledge.read", "Read published articles"),
        ("knowledge.read_drafts", "Read articles that are not published"),
        ("knowledge.write", "Write and publish articles"),
        ("settings.read", "Read tenant-wide settings"),
        ("settings.write", "Change tenant-wide settings"),
    ]

    static let names: Set<String> = Set(all.map(\.name))
    /// Stands for every permission.
    static let every = "*"
}

/// The built-in roles.
enum Role: String, CaseIterable, Sendable {
    case platformAdmin = "platform_admin"
    case tenantAdmin = "tenant_admin"
    case supervisor
    case agent
    case lightAgent = "light_agent"
    case customer
    case integration

    var summary: String {
        switch self {
        case .platformAdmin: "Runs the platform: everything in every organization"
        case .tenantAdmin: "Runs an organization: everything in it"
        case .supervisor: "Leads agents: everything about tickets, reads the rest"
        case .agent: "Works tickets"
        case .lightAgent: "Helps out: reads tickets, writes internal notes only"
        case .customer: "Asks for help: own tickets, public messages, published articles"
        case .integration: "Another system: tickets and events, no people, no settings"
        }
    }

    var permissions: Set<String> {
        switch self {
        case .platformAdmin, .tenantAdmin:
            [Permission.every]
        case .supervisor:
            Role.agent.permissions.union([
                "tickets.delete", "tickets.import", "tickets.export", "audits.read", "sessions.read", "groups.write",
                "events.read", "routing.write", "sla.write", "notifications.write", "knowledge.read_drafts",
                "knowledge.write", "settings.read", "api_keys.read",
            ])
        case .agent:
            [
                "tickets.read", "tickets.read_internal", "tickets.create", "tickets.update", "tickets.assign",
                "tickets.reply", "tickets.comment", "metrics.read", "users.read", "organization.read", "groups.read",
                "routing.read", "availability.write", "sla.read", "notifications.read", "knowledge.read",
                "knowledge.read_drafts", "events.read",
            ]
        case .lightAgent:
            [
                "tickets.read", "tickets.read_internal", "tickets.comment", "users.read", "organization.read",
                "groups.read", "knowledge.read", "notifications.read",
            ]
        case .customer:
            ["tickets.read_own", "tickets.create", "tickets.reply", "knowledge.read", "notifications.read"]
        case .integration:
            [
                "tickets.read", "tickets.read_internal", "tickets.create", "tickets.update", "tickets.assign",
                "tickets.reply", "tickets.comment", "tickets.import", "tickets.export", "metrics.read", "users.read",
                "organization.read", "groups.read", "events.read", "events.simulate", "knowledge.read", "sla.read",
                "routing.read",
            ]
        }
    }

    /// What all of the roles together allow; unknown names allow nothing.
    static func permissions(of roles: some Sequence<String>) -> Set<String> {
        var all: Set<String> = []
        for role in roles.compactMap(Role.init(rawValue:)) {
            all.formUnion(role.permissions)
        }
        return all.contains(Permission.every) ? [Permission.every] : all
    }

    /// Roles that only a platform administrator may hand out.
    var isPlatform: Bool { self == .platformAdmin }
}

extension Set<String> {
    /// Whether these permissions allow everything that `other` does: nobody hands out more than they have.
    func covers(_ other: Set<String>) -> Bool {
        contains(Permission.every) || other.isSubset(of: self)
    }

    /// What is allowed by both.
    func narrowed(to scopes: Set<String>) -> Set<String> {
        if scopes.contains(Permission.every) { return self }
        if contains(Permission.every) { return scopes }
        return intersection(scopes)
    }
}
