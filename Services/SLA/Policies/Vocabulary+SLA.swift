// What the conditions of policies can ask about.

import Conditions
import Contracts

extension Vocabulary {
    /// The fields of a ticket, as its service shows them.
    static let slaPolicies = Vocabulary([
        .text("ticket.subject"),
        .choice("ticket.status", TicketStatuses.all),
        .choice("ticket.priority", TicketPriorities.all).ordered,
        .choice("ticket.type", ["question", "incident", "problem", "task", "change"]),
        .choice("ticket.channel", ["email", "web_form", "chat", "api", "phone", "import"]),
        .id("ticket.inboundChannelId"),
        .id("ticket.requesterId"),
        .text("ticket.requesterEmail"),
        .id("ticket.organizationId").described("The customer's organization."),
        .id("ticket.assigneeId"),
        .id("ticket.groupId"),
        .id("ticket.formId"),
        .texts("ticket.tags"),
        .text("ticket.externalId"),
        .timestamp("ticket.dueAt"),
        .timestamp("ticket.createdAt").described("Also asked whether it is within business hours."),
        .open("ticket.customFields"),
        .text("requester.email").described("The customer, as known when the ticket was created or changed."),
        .text("requester.locale"),
        .text("requester.timezone"),
        .texts("requester.roles"),
        .text("organization.name").described("Your own organization, as the platform knows it."),
        .text("organization.plan"),
        .text("organization.locale"),
        .text("organization.timezone"),
    ])
}

extension Facts {
    /// What is known of a ticket when its policy is chosen.
    init(slaTicket attributes: JSONObject, changes: JSONObject = [:], businessHours: BusinessHours? = nil) {
        self.init(.slaPolicies, businessHours: businessHours)
        set("ticket", to: attributes, changes: changes)
        for party in ["requester", "organization"] { set(party, to: attributes[party]?.objectValue ?? [:]) }
    }
}
