// The two copies that every service keeps whose work is about tickets and people.

import Contracts

extension Projection {
    /// Tickets, from the events of the tickets service.
    public static func tickets(of service: String) -> Projection {
        Projection(
            service: service, entity: "ticket", table: "tickets",
            fields: [
                .integer("number").sortable, .text("key"), .text("subject"), .text("status").filterable,
                .text("priority").filterable, .text("type").filterable, .text("channel").filterable,
                .uuid("requesterId").filterable, .uuid("organizationId").filterable, .uuid("assigneeId").filterable,
                .uuid("groupId").filterable, .texts("tags"), .timestamp("dueAt").sortable,
                .timestamp("firstRespondedAt"), .timestamp("resolvedAt"), .timestamp("closedAt"),
            ])
    }

    /// Users, from the events of the gateway.
    /// - Parameter more: What the service copies beyond what every service does; its table gets them in a migration of its own.
    public static func users(of service: String, adding more: [ProjectedField] = []) -> Projection {
        Projection(
            service: service, entity: "user", table: "users",
            fields: [
                .text("email").filterable, .text("displayName").sortable, .texts("roles"), .text("status").filterable,
                .text("locale"), .text("timezone"),
            ] + more,
            facts: [UserDeactivated.name: { _ in ["status": "deactivated"] }])
    }
}
