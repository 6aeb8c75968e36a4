// What the service knows of people, groups and organizations: copies, kept from the gateway's events and written by nobody
// else.
import Contracts
import Database
import Projections
import Web

extension Projection {
    static let tenantUsers = Projection(
        service: "tickets", entity: "user", table: "tenant_users",
        fields: [
            .text("email"), .text("displayName"), .texts("roles"), .text("status"), .text("locale"), .text("timezone"),
        ],
        facts: [UserDeactivated.name: { _ in ["status": "deactivated"] }])

    static let tenantGroups = Projection(
        service: "tickets", entity: "group", table: "tenant_groups", fields: [.text("name"), .json("members")])

    /// The prefix of ticket keys, and in `settings.reopenWindowDays` how long a closed ticket can be opened again.
    static let tenantOrganizations = Projection(
        service: "tickets", entity: "organization", table: "tenant_organizations",
        fields: [.text("name"), .text("ticketPrefix"), .json("settings")])

    static let ofTickets = [tenantUsers, tenantGroups, tenantOrganizations]
}

/// The users of a tenant, read-only: the gateway is where they are changed.
struct TenantUsers: Resource {
    let path = "tenant_users"
    let entity = "tenant_user"
    let summary = "The users of the tenant, as this service knows them."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let permissions = ResourcePermissions(read: "users.read", write: "users.write")
    let fields: [Field] = [
        .text("email", 0...320).readOnly.filterable.sortable.searchable.example("grace@example.com"),
        .text("displayName", 0...200).readOnly.sortable.searchable.example("Grace Hopper"),
        .strings("roles").readOnly.nullable.filterable.example(["agent"]),
        .choice("status", ["active", "deactivated"]).readOnly.filterable,
        .text("locale", 0...35).readOnly,
        .text("timezone", 0...64).readOnly,
    ]

    /// One of whom only later changes have come is not whole.
    func visible(to caller: Caller) -> SQL? { "t.created_at IS NOT NULL AND t.deleted_at IS NULL" }
}

/// The groups of a tenant, read-only: the gateway is where they are changed.
struct TenantGroups: Resource {
    let path = "tenant_groups"
    let entity = "tenant_group"
    let summary = "The groups of the tenant, as this service knows them."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .updatedAt]
    let permissions = ResourcePermissions(read: "groups.read", write: "groups.write")
    let fields: [Field] = [
        .text("name", 0...200).readOnly.filterable.sortable.searchable.example("Network"),
        .json("members", [:]).readOnly,
    ]

    func visible(to caller: Caller) -> SQL? { "t.created_at IS NOT NULL AND t.deleted_at IS NULL" }
}
