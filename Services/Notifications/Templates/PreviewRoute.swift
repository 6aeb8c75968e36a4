// How a template will look, before anybody gets it.

import BusinessTime
import Contracts
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Renders words with sample values, or with those of a real ticket. The words are those of the request; what it leaves out
/// is what would be used.
struct PreviewRoute: Sendable {
    let outlets: Outlets

    var route: Route {
        Route(
            .post, "notification_templates/preview", on: [.tenant], permission: "notifications.write",
            summary: "See what a template makes of a ticket",
            description: "Without `ticketId`, of one that is made up.", tag: "notification_templates",
            body: .fields([
                .choice("type", NotificationType.all.map(\.name)).required,
                .choice("channel", ChannelName.all).defaults(to: .string(ChannelName.email)),
                .text("locale", 2...35).defaults(to: "en"), .uuid("ticketId"), .text("subject", 0...500),
                .text("text", 0...20_000), .text("html", 0...60_000),
            ]),
            answers: [AnswerSpec(.ok, "The rendered message.", schema: Self.schema)],
            operationId: "previewNotificationTemplate"
        ) { call in try await preview(call) }
    }

    private static let schema: JSON = [
        "type": "object", "required": ["subject", "text", "html", "locale", "templateId"],
        "properties": [
            "subject": ["type": "string"], "text": ["type": "string"], "html": ["type": ["string", "null"]],
            "locale": ["type": "string"],
            "templateId": [
                "type": ["string", "null"], "description": "The template used; null for the shipped words.",
            ],
        ],
    ]

    private func preview(_ call: Call) async throws -> Answer {
        guard let tenantId = call.tenantId,
            let type = call.values.string("type").flatMap({ NotificationType.byName[$0] })
        else { throw Problem.notFound() }
        let given = ["subject", "text", "html"].compactMap { name in call.values.string(name).map { (name, $0) } }
        let faults = given.flatMap { TemplateCheck.faults(in: $0.1, of: type, at: "/\($0.0)") }
        if !faults.isEmpty { throw Problem.invalid(faults) }
        let channel = call.values.string("channel") ?? ChannelName.email
        return try await call.read { tx in
            let desk = NoticeDesk(tenantId: tenantId, outlets: outlets, tx: tx)
            let ticket = try await ticket(call.values.uuid("ticketId"), tenantId, tx)
            let directory = try await desk.directory(Addressees(userIds: [call.caller.actorId].compactMap(\.self)))
            let composer = try await desk.composer(directory, types: [type.name], now: call.now)
            var (template, locale) = composer.templates.template(
                for: type, channel: channel, locale: call.values.string("locale"), tenantLocale: composer.tenant.locale)
            for (name, text) in given {
                switch name {
                case "subject": template.subject = text
                case "text": template.text = text
                default: template.html = text
                }
            }
            let recipient =
                call.caller.actorId.flatMap { directory.people[$0] }
                ?? Person(id: .v7(), name: "Ada Lovelace", email: "ada@example.com")
            var content = Renderer.render(template, composer.sample(of: type, ticket, recipient: recipient))
            if channel == ChannelName.email { content.html = content.html ?? Renderer.html(showing: content.text) }
            return .json([
                "subject": .string(content.subject), "text": .string(content.text),
                "html": content.html.map { .string($0) } ?? .null, "locale": .string(locale),
                "templateId": template.id.map { .uuid($0) } ?? .null,
            ])
        }
    }

    private func ticket(_ id: UUID?, _ tenantId: UUID, _ tx: Transaction) async throws -> TicketFacts {
        guard let id else { return TicketFacts(id: Self.sampleId, fields: Self.sampleTicket) }
        let found = try NoticeDesk.tickets(try await tx.query(NoticeDesk.ticketQuery(tenantId, [id])))
        guard let ticket = found[id] else {
            throw Problem.invalid([Fault(.pointer("/ticketId"), "unknown", "There is no such ticket.")])
        }
        return ticket
    }

    private static let sampleId = UUID(uuid: (0x01, 0x90, 0xA0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x2A))
    private static let sampleTicket: JSONObject = [
        "id": .uuid(sampleId), "number": 42, "key": "T-42", "subject": "Cannot reach the VPN", "status": "open",
        "priority": "high", "type": "incident", "channel": "email",
    ]
}

extension Composer {
    /// Values for everything that the type's templates can name.
    func sample(of type: NotificationType, _ ticket: TicketFacts, recipient: Person) -> TemplateValues {
        var values = values(
            type, Occurrence(eventId: .v7(), tenantId: tenant.id, event: type.event ?? "", payload: .null),
            type.hasTicket ? ticket : nil, recipient: recipient, zone: .utc)
        values["actor.name"] = "Grace Hopper"
        if values["organization.name"] == nil { values["organization.name"] = "Analytical Engines Ltd" }
        for (name, detail) in type.details {
            switch detail {
            case .text, .label: values[name] = "(\(name))"
            case .instant: values[name] = LocalClock(now, in: .utc).text
            case .minutes: values[name] = "12"
            }
        }
        if let list = type.list {
            let item = Dictionary(uniqueKeysWithValues: list.members.map { ($0, "(\($0))") })
            values["count"] = "2"
            values.set(list.name, to: [item, item])
        }
        return values
    }
}
