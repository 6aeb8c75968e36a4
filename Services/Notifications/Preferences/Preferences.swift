// What people want to hear, and how: their own preferences, and a tenant's defaults for everybody.

import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The fields that preferences and defaults share.
private let choices: [Field] = [
    .choice("type", NotificationType.all.filter { $0.event != nil }.map(\.name)).immutable.filterable
        .described("Of one type only; without it, of all that have none of their own."),
    .json(
        "channels",
        [
            "type": "object", "additionalProperties": false,
            "properties": .object(JSONObject(ChannelName.all.map { ($0, ["type": ["boolean", "null"]]) })),
        ]
    ).defaults(to: [:]).described("On or off by channel; what is missing is as the tenant or the type has it.")
        .example(["email": false, "in_app": true]),
    .choice("digest", Digest.self).described("Gathers what goes out into one message an hour or a day."),
    .text("digestAt", 5...5, clockFormat).example("08:00").described(
        "When the daily one goes out, on one's own clocks; 08:00 by default."),
    .json("quietHours", ["type": "object"])
        .described("`{\"start\": \"22:00\", \"end\": \"07:00\"}` on one's own clocks; messages wait for the end.")
        .example(["start": "22:00", "end": "07:00"]),
]

private let clockFormat = Field.TextFormat(
    pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", description: "a time on the clock, 08:30"
) { ClockTime($0) != nil }

private func check(_ values: Values) throws {
    guard let hours = values.json("quietHours"), !hours.isNull else { return }
    var faults: [Fault] = []
    for key in hours.objectValue?.keys ?? [] where key != "start" && key != "end" {
        faults.append(
            Fault(.pointer("/quietHours/\(JSONPointer.escape(key))"), "unknown_field", "There is no such field."))
    }
    for key in ["start", "end"] where hours[key]?.stringValue.flatMap(ClockTime.init) == nil {
        faults.append(Fault(.pointer("/quietHours/\(key)"), "bad_format", "It must be a time on the clock, 08:30."))
    }
    if faults.isEmpty, QuietHours(hours) == nil {
        faults.append(Fault(.pointer("/quietHours/end"), "conflicting", "It must not be the start."))
    }
    if !faults.isEmpty { throw Problem.invalid(faults) }
}

/// What one user wants. Everybody sets their own; who may change notifications, anybody's.
struct Preferences: Resource {
    let path = "notification_preferences"
    let entity = "notification_preference"
    let summary = "What a user wants to hear, and how."
    let permissions = ResourcePermissions(read: "notifications.read", write: "notifications.read")
    let fields: [Field] =
        [.uuid("userId").notNull.immutable.filterable.described("Whose; by default the caller's own.")] + choices

    func visible(to caller: Caller) -> SQL? { OwnRows.condition("user_id", caller) }

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        try OwnRows.own("userId", &draft, op)
        try check(draft.values)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft.values) }
}

/// What a tenant wants for everybody who has said nothing else.
struct PreferenceDefaults: Resource {
    let path = "notification_defaults"
    let entity = "notification_default"
    let summary = "What everybody hears, and how, who has no preference of their own."
    let permissions = ResourcePermissions("notifications")
    let fields: [Field] = choices

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft.values) }
    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft.values) }
}

/// Rows that belong to somebody: others see them only if they may change notifications.
enum OwnRows {
    static func seesAll(_ caller: Caller) -> Bool { caller.platformAdmin || caller.may("notifications.write") }

    /// Whose a new row is: the caller's, where nothing else is said; somebody else's only by those who see all.
    static func own(_ field: String, _ draft: inout Draft, _ op: Operation) throws {
        let own = op.caller?.actorId
        if !draft.values.contains(field), let own { draft.values.set(field, own) }
        guard draft.values.uuid(field) != nil else {
            throw Problem.invalid([Fault(.pointer("/\(field)"), "required", "It is needed.")])
        }
        if let caller = op.caller, !seesAll(caller), draft.values.uuid(field) != own {
            throw Problem.forbidden(permission: "notifications.write")
        }
    }

    /// Over the row `t`.
    static func condition(_ column: String, _ caller: Caller) -> SQL? {
        if seesAll(caller) { return nil }
        guard let id = caller.actorId else { return "false" }
        return "t.\(identifier: column) = \(id)"
    }
}

/// The preferences of some users of a tenant, read together.
struct PreferenceBook: Sendable {
    private struct Key: Hashable {
        var userId: UUID?
        var type: String?
    }

    private let entries: [Key: ChannelPreference]

    /// The statement that ``init(rows:)`` reads.
    static func query(_ tenantId: UUID, userIds: [UUID]) -> SQL {
        """
        SELECT user_id, type, channels, digest, digest_at, quiet_hours FROM notification_preferences
        WHERE tenant_id = \(tenantId) AND user_id = ANY(\(userIds))
        UNION ALL
        SELECT NULL, type, channels, digest, digest_at, quiet_hours FROM notification_defaults
        WHERE tenant_id = \(tenantId)
        """
    }

    init(rows: [Row]) throws {
        var entries: [Key: ChannelPreference] = [:]
        for row in rows {
            let channels = try row.json(2).objectValue ?? [:]
            var preference = ChannelPreference()
            for (name, value) in channels { preference.channels[name] = value.boolValue }
            preference.digest = try row.get(3, as: String?.self).flatMap(Digest.init(rawValue:))
            preference.digestAt = try row.get(4, as: String?.self).flatMap(ClockTime.init)
            preference.quietHours = QuietHours(row.isNull(5) ? nil : try row.json(5))
            entries[Key(userId: try row.get(0), type: try row.get(1))] = preference
        }
        self.entries = entries
    }

    /// What a user says of a type: of it in particular before all types.
    func preference(of userId: UUID?, for type: String) -> ChannelPreference {
        let particular = entries[Key(userId: userId, type: type)] ?? .none
        return particular.over(entries[Key(userId: userId, type: nil)] ?? .none)
    }

    func tenantDefault(for type: String) -> ChannelPreference { preference(of: nil, for: type) }
}
