// What the conditions of policies can ask about.

import Conditions

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
    ])
}
