// Everything that the service can tell people, with the rules and words that it ships.

import Contracts

extension NotificationType {
    /// The declared types. A tenant's rules and templates go over what stands here.
    static let all: [NotificationType] = ticketTypes + promiseTypes + securityTypes + [digest, scheduled]

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    static let byEvent = Dictionary(grouping: all.filter { $0.event != nil }) { $0.event ?? "" }
    /// The events that make notifications.
    static let events = byEvent.keys.sorted()

    // MARK: Tickets

    private static let ticketTypes: [NotificationType] = [
        NotificationType(
            name: "ticket_created", summary: "A ticket was filed for you.", event: "ticket.created",
            recipients: [.requester],
            words: words(
                "We have your request: {{ticket.subject}} [{{ticket.key}}]",
                "Your request \"{{ticket.subject}}\" was received. Its number is {{ticket.key}}.",
                "Ihre Anfrage ist da: {{ticket.subject}} [{{ticket.key}}]",
                "Ihre Anfrage \"{{ticket.subject}}\" ist eingegangen. Sie hat die Nummer {{ticket.key}}.")),
        NotificationType(
            name: "ticket_arrived", summary: "A ticket came to your group.", event: "ticket.created",
            recipients: [.group], channels: [ChannelName.inApp], isInternal: true,
            when: { $0.value(at: "/snapshot/assigneeId")?.stringValue == nil },
            words: words(
                "New in your group: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}}, priority {{ticket.priority}}, waits for somebody to take it.",
                "Neu in Ihrer Gruppe: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}}, Priorität {{ticket.priority}}, wartet auf jemanden.")),
        NotificationType(
            name: "ticket_assigned", summary: "A ticket was given to you.", event: "ticket.assigned",
            recipients: [.assignee], isInternal: true,
            words: words(
                "Yours now: {{ticket.subject}} [{{ticket.key}}]",
                "{{#actor.name}}{{actor.name}} gave you{{/actor.name}}{{^actor.name}}You were given{{/actor.name}} "
                    + "{{ticket.key}}, priority {{ticket.priority}}.",
                "Jetzt Ihres: {{ticket.subject}} [{{ticket.key}}]",
                "Ihnen wurde {{ticket.key}} zugewiesen{{#actor.name}} von {{actor.name}}{{/actor.name}}, "
                    + "Priorität {{ticket.priority}}.")),
        NotificationType(
            name: "ticket_reassigned", summary: "A ticket of yours was given to somebody else.",
            event: "ticket.assigned", recipients: [.previousAssignee], channels: [ChannelName.inApp], isInternal: true,
            words: words(
                "No longer yours: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} was given to somebody else.",
                "Nicht mehr Ihres: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} hat jetzt jemand anders.")),
        NotificationType(
            name: "ticket_unassigned", summary: "A ticket was taken from you.", event: "ticket.unassigned",
            recipients: [.previousAssignee], channels: [ChannelName.inApp], isInternal: true,
            details: ["reason": .text("/reason")],
            words: words(
                "No longer yours: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} was taken from you.{{#reason}} {{reason}}{{/reason}}",
                "Nicht mehr Ihres: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} ist Ihnen nicht mehr zugewiesen.{{#reason}} {{reason}}{{/reason}}")),
        NotificationType(
            name: "ticket_transferred", summary: "A ticket was moved to your group.", event: "ticket.queue_changed",
            recipients: [.group], channels: [ChannelName.inApp], isInternal: true,
            when: { $0["newQueueId"]?.stringValue != nil },
            words: words(
                "Moved to your group: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}}, priority {{ticket.priority}}, is your group's now.",
                "In Ihre Gruppe gekommen: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}}, Priorität {{ticket.priority}}, ist jetzt bei Ihrer Gruppe.")),
        NotificationType(
            name: "ticket_reply", summary: "An agent answered in your ticket.", event: "ticket_message.added",
            recipients: [.requester, .participants], isSigned: true,
            when: { $0["visibility"] == "public" && $0["authorType"] == "user" }, details: message,
            words: words(
                "Re: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}",
                "Re: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}")),
        NotificationType(
            name: "ticket_customer_reply", summary: "A customer wrote in a ticket of yours.",
            event: "ticket_message.added", recipients: [.assignee, .followers], isInternal: true,
            when: { $0["visibility"] == "public" && $0["authorType"] == "contact" }, details: message,
            words: words(
                "The customer wrote: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}",
                "Der Kunde schreibt: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}")),
        NotificationType(
            name: "ticket_note_added", summary: "A colleague wrote a note in a ticket of yours.",
            event: "ticket_message.added", recipients: [.assignee, .followers], channels: [ChannelName.inApp],
            isInternal: true, when: { $0["visibility"] == "internal" }, details: message,
            words: words(
                "Note: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}",
                "Notiz: {{ticket.subject}} [{{ticket.key}}]", "{{message.text}}")),
        NotificationType(
            name: "ticket_status_changed", summary: "Your ticket has another status.", event: "ticket.status_changed",
            recipients: [.requester], channels: [ChannelName.inApp],
            // Of the others a message or a type of their own tells.
            when: { ["in_progress", "on_hold"].contains($0["newStatusId"]?.stringValue ?? "") },
            details: ["status.previous": .label("/previousStatusId"), "status.new": .label("/newStatusId")],
            words: words(
                "Your request is {{status.new}} now: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} was {{status.previous}} and is {{status.new}} now.",
                "Ihre Anfrage ist jetzt {{status.new}}: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} war {{status.previous}} und ist jetzt {{status.new}}.")),
        NotificationType(
            name: "ticket_resolved", summary: "Your ticket was resolved.", event: "ticket.status_changed",
            recipients: [.requester, .participants], when: { $0["newStatusId"] == "resolved" },
            words: words(
                "Resolved: {{ticket.subject}} [{{ticket.key}}]",
                "We think that {{ticket.key}} is resolved. If it is not, answer and it opens again.",
                "Gelöst: {{ticket.subject}} [{{ticket.key}}]",
                "Wir halten {{ticket.key}} für gelöst. Wenn nicht, antworten Sie, und es geht weiter.")),
        NotificationType(
            name: "ticket_closed", summary: "Your ticket was closed.", event: "ticket.closed",
            recipients: [.requester], details: ["resolution": .text("/resolution")],
            words: words(
                "Closed: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} is closed.{{#resolution}} {{resolution}}{{/resolution}}",
                "Geschlossen: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} ist geschlossen.{{#resolution}} {{resolution}}{{/resolution}}")),
        NotificationType(
            name: "ticket_reopened", summary: "A ticket of yours was opened again.", event: "ticket.reopened",
            recipients: [.assignee, .followers], isInternal: true, details: ["reason": .text("/reason")],
            words: words(
                "Open again: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} was opened again.{{#reason}} {{reason}}{{/reason}}",
                "Wieder offen: {{ticket.subject}} [{{ticket.key}}]",
                "{{ticket.key}} ist wieder offen.{{#reason}} {{reason}}{{/reason}}")),
        NotificationType(
            name: "ticket_urgent", summary: "A ticket of yours became urgent.", event: "ticket.priority_changed",
            recipients: [.assignee, .followers], isInternal: true, when: { $0["newPriorityId"] == "urgent" },
            words: words(
                "Urgent: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} is urgent now.",
                "Dringend: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} ist jetzt dringend.")),
        NotificationType(
            name: "ticket_participant_added", summary: "You take part in a ticket.",
            event: "ticket_participant.added", recipients: [.subject], details: ["role": .label("/role")],
            words: words(
                "You take part: {{ticket.subject}} [{{ticket.key}}]", "You hear of {{ticket.key}} as {{role}}.",
                "Sie sind beteiligt: {{ticket.subject}} [{{ticket.key}}]",
                "Sie erfahren von {{ticket.key}} als {{role}}.")),
    ]

    private static let message: [String: Detail] = ["message.text": .text("/snapshot/bodyText")]

    // MARK: Promises

    private static let promiseTypes: [NotificationType] = [
        NotificationType(
            name: "sla_warning", summary: "A target of a ticket of yours comes near.",
            event: "ticket_sla_stage.warning", recipients: [.assignee], isInternal: true,
            details: promise.merging(["sla.remainingMinutes": .minutes("/remainingSeconds")]) { $1 },
            words: words(
                "Due soon: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} of {{ticket.key}} is due at {{sla.targetAt}}, in {{sla.remainingMinutes}} minutes.",
                "Bald fällig: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} von {{ticket.key}} ist {{sla.targetAt}} fällig, in {{sla.remainingMinutes}} Minuten.")),
        NotificationType(
            name: "sla_breached", summary: "A ticket missed a target.", event: "ticket_sla_stage.breached",
            recipients: [.assignee, .supervisors], isInternal: true, details: late,
            words: words(
                "Too late: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} of {{ticket.key}} was due at {{sla.targetAt}}.",
                "Zu spät: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} von {{ticket.key}} war {{sla.targetAt}} fällig.")),
        NotificationType(
            name: "sla_escalated", summary: "A missed target came to a step that names you.",
            event: "ticket_sla_stage.escalated", recipients: [.named], isInternal: true,
            details: late.merging(["note": .text("/note")]) { $1 },
            words: words(
                "Escalated: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} of {{ticket.key}} was due at {{sla.targetAt}}, {{sla.overdueMinutes}} minutes ago."
                    + "{{#note}} {{note}}{{/note}}",
                "Eskaliert: {{ticket.subject}} [{{ticket.key}}]",
                "{{sla.metric}} von {{ticket.key}} war {{sla.targetAt}} fällig, vor {{sla.overdueMinutes}} Minuten."
                    + "{{#note}} {{note}}{{/note}}")),
        NotificationType(
            name: "routing_failed", summary: "Nobody can take a ticket.", event: "routing_decision.failed",
            recipients: [.supervisors], channels: [ChannelName.inApp], isInternal: true,
            details: ["reason": .label("/reason")],
            words: words(
                "Nobody can take it: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} waits: {{reason}}.",
                "Niemand kann es nehmen: {{ticket.subject}} [{{ticket.key}}]", "{{ticket.key}} wartet: {{reason}}.")),
        NotificationType(
            name: "agent_capacity", summary: "An agent has little capacity left.",
            event: "agent_capacity.threshold_reached", hasTicket: false, recipients: [.supervisors],
            channels: [ChannelName.inApp], isInternal: true,
            details: ["held": .text("/heldUnits"), "capacity": .text("/capacityUnits")],
            words: words(
                "An agent is nearly full", "{{held}} of {{capacity}} units are taken.",
                "Jemand ist fast ausgelastet", "{{held}} von {{capacity}} Einheiten sind belegt.")),
    ]

    private static let promise: [String: Detail] = [
        "sla.metric": .label("/metric"), "sla.targetAt": .instant("/targetAt"),
    ]
    private static let late = promise.merging(["sla.overdueMinutes": .minutes("/overdueBySeconds")]) { $1 }

    // MARK: Security

    private static let securityTypes: [NotificationType] = [
        NotificationType(
            name: "security_roles_changed", summary: "What you may do was changed.", event: "user.updated",
            hasTicket: false, recipients: [.subject], isMandatory: true,
            when: { $0.value(at: "/changes/roles") != nil },
            words: words(
                "Your roles were changed",
                "{{#actor.name}}{{actor.name}} changed{{/actor.name}}{{^actor.name}}Somebody changed{{/actor.name}} "
                    + "what you may do at {{organization.name}}.",
                "Ihre Rollen wurden geändert", "Was Sie bei {{organization.name}} dürfen, wurde geändert.")),
        NotificationType(
            name: "security_api_key_created", summary: "An API key was created.", event: "api_key.created",
            hasTicket: false, recipients: [.administrators], isMandatory: true, isInternal: true,
            details: ["key": .text("/apiKeyName")],
            words: words(
                "An API key was created",
                "The API key \"{{key}}\" was created{{#actor.name}} by {{actor.name}}{{/actor.name}}.",
                "Ein API-Schlüssel wurde angelegt",
                "Der API-Schlüssel \"{{key}}\" wurde angelegt{{#actor.name}} von {{actor.name}}{{/actor.name}}.")),
    ]

    // MARK: What the service says by itself

    static let digestName = "digest"

    /// Several notifications in one message.
    static let digest = NotificationType(
        name: digestName, summary: "Several notifications in one message.", hasTicket: false,
        list: ("items", ["subject", "text"]),
        words: words(
            "{{count}} notifications", "{{#items}}{{subject}}\n{{text}}\n\n{{/items}}",
            "{{count}} Benachrichtigungen", "{{#items}}{{subject}}\n{{text}}\n\n{{/items}}"))

    /// What somebody has written for a time to come; about a ticket or not.
    static let scheduled = NotificationType(
        name: "scheduled_message", summary: "A message that somebody has scheduled.",
        details: ["subject": .text("/subject"), "text": .text("/text")],
        words: words("{{subject}}", "{{text}}", "{{subject}}", "{{text}}"))

    private static func words(
        _ subject: String, _ text: String, _ subjectInGerman: String, _ textInGerman: String
    ) -> [String: Words] {
        [
            "en": Words(subject: subject, text: text),
            "de": Words(subject: subjectInGerman, text: textInGerman),
        ]
    }
}
