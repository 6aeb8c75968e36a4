// Puts together what is said to whom, from what is known: no clock, no database.

import BusinessTime
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A tenant's own settings that notifications look at.
struct TenantFacts: Sendable {
    var id: UUID
    var name: String?
    var locale: String?
    var timezone: String?
}

/// Composes notices for one tenant.
struct Composer: Sendable {
    let tenant: TenantFacts
    let directory: Directory
    let preferences: PreferenceBook
    let templates: TemplateBook
    /// Addresses beyond those in profiles, by channel and user.
    let addresses: [String: [UUID: [String]]]
    let outlets: Outlets
    let now: Timestamp

    /// What a rule makes of an occurrence.
    func notices(of rule: Rule, _ occurrence: Occurrence, ticket: TicketFacts?, participants: [Participant]) -> [Notice]
    {
        let addressees = rule.addressees(in: occurrence, ticket: ticket, participants: participants)
        let agentsOnly = rule.type.isInternal || occurrence.isInternal
        let people = directory.people(addressees, without: occurrence.doers, agentsOnly: agentsOnly)
        let mailboxes = directory.addresses(addressees, without: occurrence.doers, agentsOnly: agentsOnly)
        return people.map { notice(of: rule, occurrence, ticket, to: $0) }
            + mailboxes.map { notice(of: rule, occurrence, ticket, toMailbox: $0) }
    }

    private func notice(of rule: Rule, _ occurrence: Occurrence, _ ticket: TicketFacts?, to person: Person) -> Notice {
        let zone = zone(person.timezone)
        let values = values(rule.type, occurrence, ticket, recipient: person, zone: zone)
        let decisions = ChannelSelection.select(
            rule.type, channels: rule.channels, preference: preferences.preference(of: person.id, for: rule.type.name),
            tenantDefault: preferences.tenantDefault(for: rule.type.name), zone: zone, now: now)
        let deliveries = decisions.flatMap { decision -> [NewDelivery] in
            let found = addresses(decision.channel, of: person)
            guard !found.isEmpty, outlets.channels.contains(decision.channel) else { return [] }
            let (template, content) = render(rule, decision.channel, person.locale, values)
            return found.map {
                NewDelivery(
                    channel: decision.channel, address: $0, verdict: decision.verdict, content: content,
                    templateId: template.id)
            }
        }
        return notice(
            rule, occurrence, ticket, Recipient(id: person.id, kind: .user, name: person.name), person.locale, values,
            deliveries)
    }

    private func notice(
        of rule: Rule, _ occurrence: Occurrence, _ ticket: TicketFacts?, toMailbox address: String
    ) -> Notice {
        let id = Recipient.id(ofAddress: address, tenantId: tenant.id)
        let person = Person(id: id, email: address)
        let values = values(rule.type, occurrence, ticket, recipient: person, zone: zone(nil))
        let decision = ChannelSelection.select(
            rule.type, channels: rule.channels, preference: .none,
            tenantDefault: preferences.tenantDefault(for: rule.type.name), zone: zone(nil), now: now
        ).first { $0.channel == ChannelName.email && outlets.channels.contains($0.channel) }
        let deliveries = decision.map { decision in
            let (template, content) = render(rule, ChannelName.email, nil, values)
            return [
                NewDelivery(
                    channel: ChannelName.email, address: address, verdict: decision.verdict, content: content,
                    templateId: template.id)
            ]
        }
        return notice(
            rule, occurrence, ticket, Recipient(id: id, kind: .address), nil, values, deliveries ?? [])
    }

    private func notice(
        _ rule: Rule, _ occurrence: Occurrence, _ ticket: TicketFacts?, _ recipient: Recipient, _ locale: String?,
        _ values: TemplateValues, _ deliveries: [NewDelivery]
    ) -> Notice {
        let (template, language) = templates.template(
            for: rule.type, channel: ChannelName.inApp, locale: locale, tenantLocale: tenant.locale,
            fixed: rule.templateId)
        let shown = Renderer.render(
            TemplateText(id: template.id, subject: template.subject, text: template.text), values)
        return Notice(
            tenantId: tenant.id, eventId: occurrence.eventId, type: rule.type, recipient: recipient,
            authorId: rule.type.isSigned ? occurrence.actorId : nil, contextType: ticket == nil ? nil : "ticket",
            contextId: ticket?.id, locale: language, title: shown.subject,
            body: shown.text, deliveries: deliveries)
    }

    private func render(
        _ rule: Rule, _ channel: String, _ locale: String?, _ values: TemplateValues
    ) -> (TemplateText, RenderedText) {
        let template = templates.template(
            for: rule.type, channel: channel, locale: locale, tenantLocale: tenant.locale, fixed: rule.templateId
        ).text
        var content = Renderer.render(template, values)
        if channel == ChannelName.email {
            content.html = content.html ?? Renderer.html(showing: content.text)
        } else {
            content.html = nil
        }
        return (template, content)
    }

    private func addresses(_ channel: String, of person: Person) -> [String] {
        switch channel {
        case ChannelName.inApp: [person.id.text]
        case ChannelName.email: person.email.map { [$0] } ?? []
        case ChannelName.sms: person.phone.map { [$0] } ?? []
        default: addresses[channel]?[person.id] ?? []
        }
    }

    private func zone(_ name: String?) -> Zone {
        (name ?? tenant.timezone).flatMap { try? ZoneDatabase.system.zone(named: $0) } ?? .utc
    }

    // MARK: Values

    func values(
        _ type: NotificationType, _ occurrence: Occurrence, _ ticket: TicketFacts?, recipient: Person, zone: Zone
    ) -> TemplateValues {
        var values = TemplateValues()
        values["recipient.name"] = recipient.name
        values["recipient.email"] = recipient.email
        values["actor.name"] = occurrence.actorId.flatMap { directory.people[$0]?.name }
        values["organization.name"] = tenant.name
        let language = Labels.language(recipient.locale, tenant: tenant.locale)
        func label(_ json: JSON?) -> String? { json?.stringValue.map { Labels.label(of: $0, in: language) } }
        if let ticket {
            for name in TicketVariables.all where name != "url" {
                values["ticket.\(name)"] =
                    TicketVariables.labels.contains(name)
                    ? label(ticket.fields[name]) : ticket.fields[name].flatMap(Self.text)
            }
            values["ticket.url"] = outlets.ticketURL.replacing("{tenantId}", with: tenant.id.text)
                .replacing("{ticketId}", with: ticket.id.text)
        }
        for (name, detail) in type.details {
            switch detail {
            case .text(let pointer): values[name] = occurrence.payload.value(at: pointer).flatMap(Self.text)
            case .label(let pointer): values[name] = label(occurrence.payload.value(at: pointer))
            case .instant(let pointer):
                values[name] = occurrence.payload.value(at: pointer)?.timestampValue.map {
                    LocalClock($0, in: zone).text
                }
            case .minutes(let pointer):
                values[name] = occurrence.payload.value(at: pointer)?.intValue.map { String(max(0, $0 / 60)) }
            }
        }
        return values
    }

    private static func text(_ json: JSON) -> String? {
        json.stringValue ?? json.intValue.map { String($0) }
    }
}
