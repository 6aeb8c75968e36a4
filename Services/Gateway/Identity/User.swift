import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The people: agents, supervisors, administrators and customers of an organization.
struct Users: Resource {
    let path = "users"
    let entity = "user"
    let summary = "Users: the people of an organization."
    let operations: ResourceOperations = [.list, .get, .create, .update]
    let epochs: Epochs

    let fields: [Field] = [
        .text("email", 3...254, .email).required.filterable.sortable.searchable,
        .text("displayName", 1...200).required.sortable.searchable,
        Field("roles", .strings(each: 1...40, count: 1...10)).required.filterable
            .described("Built-in roles: \(Role.allCases.map(\.rawValue).joined(separator: ", "))."),
        .choice("status", ["active", "deactivated"]).readOnly.defaults(to: "active").filterable,
        .text("locale", 2...35),
        .text("timezone", 1...64),
        .text("phone", 3...40),
        .text("externalId", 1...200).filterable.described("Its id in another system."),
        .timestamp("deactivatedAt").readOnly,
    ]

    var events: ResourceEvents {
        .typed([
            UserCreated.contract, UserUpdated.contract, UserDeactivated.contract, UserLoggedIn.contract,
            UserLoginFailed.contract,
        ])
    }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try await check(&draft, op)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws {
        try await check(&draft, op)
    }

    func didUpdate(_ mutation: inout Mutation, _ op: Operation) async throws {
        let matters = ["roles", "status", "displayName"].contains(where: mutation.changed)
        if matters { try await op.tx.raiseEpoch(of: mutation.record.tenantId, in: epochs) }
    }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let record = mutation.record
        switch mutation.action {
        case .create:
            return .event(
                UserCreated(
                    userId: record.id, email: record.string("email") ?? "", displayName: record.string("displayName"),
                    createdByUserId: record.uuid("createdBy"), createdAt: record.timestamp("createdAt") ?? .now,
                    snapshot: try record.json().objectValue))
        case .update:
            return .event(
                UserUpdated(
                    userId: record.id, updatedByUserId: record.uuid("updatedBy"),
                    updatedAt: record.timestamp("updatedAt") ?? .now, updatedFields: mutation.updatedFields,
                    changes: try mutation.changesByField()))
        case .delete, .restore:
            return nil
        }
    }

    private func check(_ draft: inout Draft, _ op: Operation) async throws {
        // Addresses are compared without regard to case, so they are kept in one.
        if let email = draft.values.string("email") { draft.values.set("email", email.lowercased()) }
        var faults: [Fault] = []
        if let zone = draft.values.string("timezone"), try await !op.tx.knowsTimeZone(zone) {
            faults.append(Fault(.pointer("/timezone"), "unknown_value", "It must be the name of an IANA time zone."))
        }
        if let roles = draft.values.strings("roles") {
            faults += RoleGrant.faults(in: roles, tenantId: op.tenantId)
            if faults.isEmpty { try RoleGrant.check(roles, by: op.caller) }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        // Whoever may change users could otherwise take over somebody who may do more.
        if let before = draft.before { try RoleGrant.check(before.strings("roles"), by: op.caller) }
    }
}

/// Handing out roles: only known ones, and none that allows more than the giver may do.
enum RoleGrant {
    static func faults(in roles: [String], tenantId: UUID) -> [Fault] {
        let allowed = Role.allCases.filter { !$0.isPlatform || tenantId == PlatformOrganization.id }.map(\.rawValue)
        return roles.enumerated().filter { !allowed.contains($0.element) }.map {
            Fault(.pointer("/roles/\($0.offset)"), "unknown_value", "There is no such role here.", allowed: allowed)
        }
    }

    /// - Parameter giver: nil where no request is behind it.
    static func check(_ roles: [String], scopes: Set<String> = [Permission.every], by giver: Caller?) throws {
        guard let giver, !giver.platformAdmin else { return }
        let given = Role.permissions(of: roles).narrowed(to: scopes)
        guard giver.permissions.covers(given), !roles.contains(Role.platformAdmin.rawValue) else {
            throw Problem.forbidden("These roles allow more than you may do yourself.")
        }
    }
}

extension Users {
    var routes: [Route] { [deactivate, activate] }

    private var deactivate: Route {
        let store = ResourceStore(self)
        return Route(
            .post, "users/{userId}/deactivate", permission: "users.write", summary: "Deactivate a user",
            description: "Their sessions end at once; their data stays.", tag: path,
            body: .fields([.text("reason", 1...500)], required: false), answers: [.entity(component)]
        ) { call in
            try await call.write { op in
                let record = try await store.loadForChange(try call.id("userId"), in: op)
                guard record.string("status") == "active" else {
                    throw Problem.conflict("The user is deactivated already.", code: "already_deactivated")
                }
                let event = UserDeactivated(
                    userId: record.id, deactivatedByUserId: op.actorId, deactivatedAt: op.now,
                    reason: call.values.string("reason"))
                let changes: Values = ["status": "deactivated", "deactivatedAt": op.now]
                let updated = try await store.update(record, changes: changes, in: op, events: [.event(event)])
                try await Sessions.revokeAll(of: record.id, reason: "deactivated", in: op.on(tenant: record.tenantId))
                return try .entity(updated)
            }
        }
    }

    private var activate: Route {
        let store = ResourceStore(self)
        return Route(
            .post, "users/{userId}/activate", permission: "users.write", summary: "Let a deactivated user in again",
            tag: path, answers: [.entity(component)]
        ) { call in
            try await call.write { op in
                let record = try await store.loadForChange(try call.id("userId"), in: op)
                guard record.string("status") == "deactivated" else {
                    throw Problem.conflict("The user is active.", code: "already_active")
                }
                var changes: Values = ["status": "active"]
                changes["deactivatedAt"] = .null
                return try .entity(try await store.update(record, changes: changes, in: op))
            }
        }
    }
}
