// The messages of a ticket: what customer and agents say to each other, and what agents say among themselves.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Messages, never changed once written. Writing one is `POST tickets/{ticketId}/messages`, which also does to the ticket
/// what the message means for it; see `MessageRoutes`.
struct Messages: Resource {
    static let store: ResourceStore<Messages> = ResourceStore(Messages())

    let path = "messages"
    let entity = "ticket_message"
    let table = "ticket_messages"
    let summary = "What was said about a ticket, in order."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.version, .createdAt, .createdBy]
    let parent: Parent? = .of(TicketResource())
    let permissions = ResourcePermissions(
        read: "tickets.read", readOwn: "tickets.read_own", create: "tickets.reply", update: "tickets.reply",
        delete: "tickets.reply")
    let audited = true
    let events = ResourceEvents.typed([])
    let fields: [Field] = Messages.given + [.uuid("authorId").filterable]

    /// What a writer says about a message.
    static let given: [Field] = [
        .choice("authorType", AuthorType.self).notNull.filterable
            .described("Who speaks; by default customer for a customer and agent for everybody else."),
        .boolean("isPublic").defaults(to: true).filterable.described("False for a note that customers never see."),
        .choice("channelType", MessageChannel.self).defaults(to: "api").filterable,
        .text("bodyText", 0...65_536).example("It says timeout."),
        .text("bodyHtml", 0...262_144).described("Kept without what could do harm."),
        .json("providerMetadata").described("What the channel knows of it."),
        .uuid("inReplyTo").described("A message of the same ticket."),
    ]

    /// Customers see what is public.
    func visible(to caller: Caller) -> SQL? {
        caller.platformAdmin || caller.may("tickets.read_internal") ? nil : "t.is_public"
    }

    func announcement(of mutation: Mutation) throws -> Announcement? {
        let message = mutation.record
        let isPublic = message.bool("isPublic") ?? false
        let channel = message.string("channelType").flatMap(MessageChannel.init(rawValue:)) ?? .api
        return .event(
            TicketMessageAdded(
                ticketId: mutation.aggregate.id, messageId: message.id, visibility: isPublic ? .public : .internal,
                authorId: message.uuid("authorId") ?? .nobody,
                authorType: message.string("authorType") == AuthorType.customer.rawValue ? .contact : .user,
                channel: channel.inEvents, createdAt: message.timestamp("createdAt") ?? .now,
                snapshot: try message.json().objectValue))
    }

    func didCreate(_ mutation: inout Mutation, _ op: Operation) async throws {
        let message = mutation.record
        if message.bool("isPublic") == false {
            mutation.announce(
                TicketInternalNoteAdded(
                    ticketId: mutation.aggregate.id, noteId: message.id, createdAt: op.now,
                    snapshot: try message.json().objectValue))
        } else if message.string("authorType") == AuthorType.customer.rawValue {
            mutation.announce(
                TicketCustomerReplied(
                    ticketId: mutation.aggregate.id, messageId: message.id,
                    contactId: message.uuid("authorId") ?? .nobody, channel: message.string("channelType") ?? "api",
                    receivedAt: op.now))
        }
    }
}

/// The way a message came.
enum MessageChannel: String, CaseIterable, Sendable {
    case email
    case webForm = "web_form"
    case chat, api, phone, portal, ui

    /// The events know fewer.
    var inEvents: TicketMessageAdded.Channel {
        switch self {
        case .email: .email
        case .webForm, .chat, .portal: .portal
        case .ui, .phone: .ui
        case .api: .api
        }
    }
}

extension UUID {
    /// Stands where an id is needed and nobody in person is meant.
    static let nobody = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
