import Contracts
import Database
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Does something about one kind of event.
///
/// What it does in the transaction happens exactly once per event, because the transaction also notes the event in the inbox.
/// The transaction sees the rows of the event's tenant only. A return is success; `Snooze`, `Discard` and `PermanentFailure`
/// are thrown to say more; any other error is tried again by the retry policy, and later events of the same aggregate wait
/// meanwhile.
public protocol EventHandler: Sendable {
    associatedtype Payload: Event
    /// Unique within the service and never changed: what was handled is remembered under it.
    static var name: String { get }
    func handle(_ message: Message<Payload>, in tx: Transaction) async throws
}

/// Does something about several kinds of events, one message at a time.
public protocol RawEventHandler: Sendable {
    /// Unique within the service and never changed.
    var name: String { get }
    /// Event names or patterns of them: `ticket.created`, `ticket.*`, `#`.
    var patterns: [String] { get }
    func handle(_ message: RawMessage, in tx: Transaction) async throws
}

/// Takes many messages at a time, for projections. The messages of an aggregate are in order; several tenants may be among
/// them, and the transaction sees all tenants' rows.
public protocol BatchEventHandler: Sendable {
    /// Unique within the service and never changed.
    var name: String { get }
    /// Event names or patterns of them: `ticket.created`, `ticket.*`, `#`.
    var patterns: [String] { get }
    /// One answer for each message: whether the handler would do anything about it. The others are not handled and not
    /// remembered, as if they had not come; one that comes twice may get another answer the second time. Everything concerns
    /// a handler that does not say otherwise.
    func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool]
    /// Whether handling messages again, even earlier ones after later ones, changes nothing. The inbox then remembers only
    /// what was given up: that costs far less, and a message that the broker delivers again is handled again. False for a
    /// handler that does not say otherwise.
    var isRepeatable: Bool { get }
    /// At least one message, at most a batch. When this fails, the messages come again one by one.
    func handle(_ messages: [RawMessage], in tx: Transaction) async throws
}

extension BatchEventHandler {
    public func concerned(with messages: [RawMessage], in tx: Transaction) async throws -> [Bool] {
        messages.map { _ in true }
    }

    public var isRepeatable: Bool { false }
}

/// A handler of any of the three kinds, as a service lists them.
public struct MessageHandler: Sendable {
    /// Unique within the service.
    public let name: String
    /// What it subscribes to; an occasional handler, while it is wanted.
    public let patterns: [String]
    private let topics: [TopicPattern]
    /// What it can read of an event name that matches: nil for all versions.
    private let version: Int?
    let kind: Kind

    enum Kind: Sendable {
        case single(@Sendable (RawMessage, Transaction) async throws -> Void)
        case batch(any BatchEventHandler)
    }

    public init<Handler: EventHandler>(_ handler: Handler) {
        self.init(
            name: Handler.name, patterns: [Handler.Payload.name], version: Handler.Payload.version,
            kind: .single { raw, tx in
                let message: Message<Handler.Payload>
                do {
                    message = try raw.decode(Handler.Payload.self)
                } catch {
                    throw PoisonMessage(reason: .badSchema, detail: "\(error)")
                }
                try await handler.handle(message, in: tx)
            })
    }

    public init(_ handler: some RawEventHandler) {
        self.init(
            name: handler.name, patterns: handler.patterns, version: nil,
            kind: .single { raw, tx in try await handler.handle(raw, in: tx) })
    }

    public init(_ handler: some BatchEventHandler) {
        self.init(
            name: handler.name, patterns: handler.patterns, version: nil,
            kind: .batch(handler))
    }

    private init(name: String, patterns: [String], version: Int?, kind: Kind) {
        self.name = name
        self.patterns = patterns
        self.topics = patterns.map(TopicPattern.init)
        self.version = version
        self.kind = kind
    }

    /// Whether the inbox may forget what was handled.
    var isRepeatable: Bool {
        guard case .batch(let handler) = kind else { return false }
        return handler.isRepeatable
    }

    /// The handler, where it subscribes only now and then.
    var occasional: (any OccasionalHandler)? {
        guard case .batch(let handler) = kind else { return nil }
        return handler as? any OccasionalHandler
    }

    package func takes(_ message: RawMessage) -> Bool {
        topics.contains { $0.matches(message.name) }
    }

    /// Those of the messages that concern the handler.
    func concerned(with entries: [InboxEntry], in tx: Transaction) async throws -> [InboxEntry] {
        guard case .batch(let handler) = kind, !entries.isEmpty else { return entries }
        let answers = try await handler.concerned(with: entries.map(\.message), in: tx)
        return zip(entries, answers).filter(\.1).map(\.0)
    }

    /// Handles messages, in order.
    package func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        switch kind {
        case .single(let body):
            var tenant: UUID?
            for message in messages {
                if message.envelope.tenantId != tenant {
                    tenant = message.envelope.tenantId
                    tx.enqueue(Self.scope(.tenant(message.envelope.tenantId)))
                }
                try await Self.withContext(of: message, handler: name) {
                    if let version, message.schemaVersion != version {
                        throw PoisonMessage(
                            reason: .unsupportedVersion,
                            detail: "\(message.schemaRef); \(name) reads version \(version)")
                    }
                    try await body(message, tx)
                }
            }
            tx.enqueue(Self.scope(.admin))
        case .batch(let handler):
            guard let first = messages.first else { return }
            try await Self.withContext(of: first, handler: name) { try await handler.handle(messages, in: tx) }
        }
    }

    /// Narrows the transaction to a tenant, or widens it again. It travels with the statement that comes next.
    private static func scope(_ scope: Scope) -> SQL {
        switch scope {
        case .tenant(let id):
            "SELECT set_config('app.tenant_id', \(id.text), true), set_config('app.scope', 'tenant', true)"
        case .admin:
            "SELECT set_config('app.tenant_id', '', true), set_config('app.scope', 'admin', true)"
        case .none:
            "SELECT set_config('app.tenant_id', '', true), set_config('app.scope', 'none', true)"
        }
    }

    /// Runs `body` in a span that continues the event's trace, with the event as the cause of what is published.
    private static func withContext(
        of message: RawMessage, handler: String, _ body: () async throws -> Void
    ) async throws {
        let context = MessagingContext(
            tenantId: message.envelope.tenantId, actor: .system, causationId: message.envelope.eventId.text,
            traceparent: message.traceparent)
        try await MessagingContext.$current.withValue(context) {
            try await withSpan(
                "\(message.name) \(handler)", context: TraceContext.extracted(from: message.traceparent),
                ofKind: .consumer
            ) { span in
                span.attributes["messaging.system"] = "rabbitmq"
                span.attributes["messaging.operation"] = "process"
                span.attributes["messaging.destination.name"] = message.name
                span.attributes["messaging.message.id"] = message.envelope.eventId.text
                span.attributes["deskwire.handler"] = handler
                span.attributes["deskwire.tenant_id"] = message.envelope.tenantId.text
                try await body()
            }
        }
    }
}
