// Whom a tenant wants to be told of what: rules that go over the shipped ones.

import Conditions
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tenant's rules. A type that has any is made by them alone; the other types by the shipped rules.
struct NotificationRules: Resource {
    static let store: ResourceStore<NotificationRules> = ResourceStore(NotificationRules())

    let path = "notification_rules"
    let entity = "notification_rule"
    let summary = "Who is told of what: a type that has rules here is no longer made by the shipped ones."
    /// Whom a tenant has watch what is none of its customers' business, and they may read notifications.
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let defaultSort = "id"
    let fields: [Field] = [
        .text("name", 1...200).required.sortable.searchable.example("Tell the requester when it is closed"),
        .choice("type", NotificationType.all.filter { $0.event != nil }.map(\.name)).required.immutable.filterable
            .described("What they are told."),
        .choice("event", NotificationType.events).readOnly.notNull.filterable.described("What makes it."),
        .boolean("enabled").defaults(to: true).filterable,
        .json("conditions").defaults(to: [:])
            .described("Which of the events; fields of the ticket, and of the event as event.payload.*."),
        .strings("recipients", each: 1...50, count: 0...20)
            .described("Parts in what happened: \(RecipientRole.allCases.map(\.rawValue).joined(separator: ", "))."),
        .uuids("userIds", count: 0...100),
        .strings("addresses", each: 3...254, count: 0...20).described("Mailboxes of people who are no users."),
        .strings("channels", each: 1...20, count: 0...10)
            .described("Instead of the type's: \(ChannelName.all.joined(separator: ", "))."),
        .uuid("templateId").described("Used instead of the type's templates."),
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        let type = draft.values.string("type").flatMap { NotificationType.byName[$0] }
        draft.values.set("event", type?.event ?? "")
        try check(draft.values)
    }

    func willUpdate(_ draft: inout Draft, _ op: Operation) async throws { try check(draft.values) }

    private func check(_ values: Values) throws {
        var faults: [Fault] = []
        let lists = [
            ("recipients", RecipientRole.allCases.map(\.rawValue)), ("channels", ChannelName.all),
        ]
        for (name, allowed) in lists {
            for (place, value) in (values.strings(name) ?? []).enumerated() where !allowed.contains(value) {
                faults.append(
                    Fault(.pointer("/\(name)/\(place)"), "unknown_value", "There is no such value.", allowed: allowed))
            }
        }
        for (place, address) in (values.strings("addresses") ?? []).enumerated()
        where !Field.TextFormat.email.isMet(address) {
            faults.append(Fault(.pointer("/addresses/\(place)"), "bad_format", "It must be an email address."))
        }
        if let document = values.json("conditions") {
            do throws(ConditionFaults) {
                _ = try Condition(document, over: .notificationRules, at: "/conditions")
            } catch {
                faults += error.faults.map { Fault(.pointer($0.pointer), $0.code, $0.detail, allowed: $0.allowed) }
            }
        }
        if !faults.isEmpty { throw Problem.invalid(faults) }
    }
}

extension Vocabulary {
    /// What the conditions of rules can ask about.
    static let notificationRules = Vocabulary([
        .text("ticket.subject"),
        .text("ticket.status"),
        .choice("ticket.priority", ["low", "normal", "high", "urgent"]).ordered,
        .text("ticket.type"),
        .text("ticket.channel"),
        .id("ticket.requesterId"),
        .id("ticket.organizationId"),
        .id("ticket.assigneeId"),
        .id("ticket.groupId"),
        .texts("ticket.tags"),
        .timestamp("ticket.dueAt"),
        .open("event.payload").described("What the event itself says, such as event.payload.newStatusId."),
    ])
}

/// A rule in the form in which events are judged by it.
struct Rule: Sendable {
    let type: NotificationType
    let condition: Condition
    let recipients: [RecipientRole]
    var userIds: [UUID] = []
    var addresses: [String] = []
    /// Instead of the type's.
    var channels: [String]?
    var templateId: UUID?

    /// The type's own rule.
    init(shipped type: NotificationType) {
        self.type = type
        condition = .always
        recipients = type.recipients
    }

    init(
        type: NotificationType, condition: Condition, recipients: [RecipientRole], userIds: [UUID],
        addresses: [String], channels: [String], templateId: UUID?
    ) {
        self.type = type
        self.condition = condition
        self.recipients = recipients
        self.userIds = userIds
        self.addresses = addresses
        self.channels = channels.isEmpty ? nil : channels
        self.templateId = templateId
    }

    /// Whether it makes something of what happened.
    func applies(to occurrence: Occurrence, ticket: TicketFacts?) -> Bool {
        guard type.event == occurrence.event, type.when(occurrence.payload) else { return false }
        if type.hasTicket, ticket == nil { return false }
        guard !condition.isEmpty else { return true }
        var facts = Facts(.notificationRules)
        if let ticket { facts.set("ticket", to: ticket.fields) }
        facts.set("event", to: ["payload": occurrence.payload])
        return condition.holds(for: facts)
    }

    func addressees(in occurrence: Occurrence, ticket: TicketFacts?, participants: [Participant]) -> Addressees {
        var all = Addressees(recipients, in: occurrence, ticket: ticket, participants: participants)
        all.formUnion(Addressees(userIds: userIds, addresses: addresses))
        return all
    }
}

/// The rules of a tenant: its own, and the shipped ones of the types that it has none for.
struct RuleSet: Sendable {
    private let byEvent: [String: [Rule]]

    init(own: [Rule], ruledTypes: Set<String>) {
        let shipped = NotificationType.all.filter { $0.event != nil && !ruledTypes.contains($0.name) }
        byEvent = Dictionary(grouping: own + shipped.map(Rule.init(shipped:))) { $0.type.event ?? "" }
    }

    func rules(for occurrence: Occurrence, ticket: TicketFacts?) -> [Rule] {
        (byEvent[occurrence.event] ?? []).filter { $0.applies(to: occurrence, ticket: ticket) }
    }

    /// The statement that ``init(rows:)`` reads.
    static func query(_ tenantId: UUID) -> SQL {
        """
        SELECT type, enabled, conditions, recipients, user_ids, addresses, channels, template_id
        FROM notification_rules WHERE tenant_id = \(tenantId) ORDER BY id
        """
    }

    init(rows: [Row]) throws {
        var own: [Rule] = []
        var ruledTypes: Set<String> = []
        for row in rows {
            let typeName: String = try row.get(0)
            ruledTypes.insert(typeName)
            guard let type = NotificationType.byName[typeName], try row.get(1, as: Bool.self) else { continue }
            // What was saved was checked; a field that has gone since then matches nothing.
            guard let condition = try? Condition(row.json(2), over: .notificationRules) else { continue }
            let parts: [String] = try row.get(3)
            own.append(
                Rule(
                    type: type, condition: condition, recipients: parts.compactMap(RecipientRole.init(rawValue:)),
                    userIds: try row.get(4), addresses: try row.get(5), channels: try row.get(6),
                    templateId: try row.get(7)))
        }
        self.init(own: own, ruledTypes: ruledTypes)
    }
}

/// What can be told, for whoever writes rules, templates and preferences.
enum TypeRoutes {
    static let list = Route(
        .get, "notification_types", on: [.tenant], permission: "notifications.read",
        summary: "What people can be told about", tag: "notification_rules",
        answers: [AnswerSpec(.ok, "All types.", schema: schema)], operationId: "listNotificationTypes"
    ) { _ in
        .json(["data": .array(NotificationType.all.map(json))])
    }

    private static func json(_ type: NotificationType) -> JSON {
        [
            "type": .string(type.name), "summary": .string(type.summary),
            "event": type.event.map { .string($0) } ?? .null,
            "recipients": .array(type.recipients.map { .string($0.rawValue) }),
            "channels": .array(type.channels.map { .string($0) }), "isMandatory": .bool(type.isMandatory),
            "isInternal": .bool(type.isInternal), "variables": .array(type.variables.map { .string($0) }),
        ]
    }

    private static let texts: JSON = ["type": "array", "items": ["type": "string"]]
    private static let schema: JSON = [
        "type": "object", "required": ["data"],
        "properties": [
            "data": [
                "type": "array",
                "items": [
                    "type": "object",
                    "required": [
                        "type", "summary", "event", "recipients", "channels", "isMandatory", "isInternal", "variables",
                    ],
                    "properties": [
                        "type": ["type": "string"], "summary": ["type": "string"],
                        "event": ["type": ["string", "null"]],
                        "recipients": texts, "channels": texts, "isMandatory": ["type": "boolean"],
                        "isInternal": ["type": "boolean"], "variables": texts,
                    ],
                ],
            ]
        ],
    ]
}
