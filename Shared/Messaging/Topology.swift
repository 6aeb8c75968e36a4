import AMQP

/// The exchanges and queues of the platform, and what they are called.
///
/// One topic exchange carries all events. What a service subscribes to is bound to an exchange of its own that spreads the
/// messages by aggregate over a fixed number of queues. Each queue has one active consumer at a time, so instances of the
/// service share the work and the order of an aggregate holds.
///
/// Only features that RabbitMQ has from 3.10 to 4.x are used.
public struct Topology: Sendable, Hashable {
    /// The topic exchange, which also begins every routing key.
    public var exchange: String

    public init(exchange: String = "support") {
        self.exchange = exchange
    }

    /// How often the broker delivers a message that no consumer survives before it dead-letters it by itself. Failures of
    /// handlers never count here: those messages are acknowledged and parked in the database. And with a limit, a message
    /// that is returned goes back to the front of a quorum queue; without one it would lose its place.
    static let deliveryLimit: Int64 = 100

    /// A dead letter that somebody looks at counts as delivered; this many looks are allowed. RabbitMQ 4 would drop it after
    /// 20, and RabbitMQ 3 knows no way to say "never".
    static let deadLetterDeliveryLimit: Int64 = 2_000_000_000

    /// `support.ticket.created` for `ticket.created`; also for patterns.
    public func routingKey(_ name: String) -> String { "\(exchange).\(name)" }

    /// `ticket.created` for `support.ticket.created`; nil for a key of something else.
    public func eventName(routingKey: String) -> String? {
        guard routingKey.hasPrefix(exchange + ".") else { return nil }
        return String(routingKey.dropFirst(exchange.count + 1))
    }

    /// The service's own exchange: messages sent here reach this service alone, in the right queue.
    public static func partitioned(_ service: String) -> String { "\(service).partitioned" }

    public static func queue(_ service: String, _ partition: Int) -> String { "\(service).events.\(partition)" }

    public static func queues(_ service: String, count: Int) -> [String] { (0..<count).map { queue(service, $0) } }

    public static func deadLetters(_ service: String) -> String { "\(service).dead_letters" }

    /// Declares the exchange that events are published to.
    public func declareExchange(on amqp: AMQPClient) async throws {
        try await amqp.declareExchange(exchange, type: "topic")
    }

    /// Declares everything that a service needs to consume. Does nothing where it exists already.
    public func declareConsumer(service: String, patterns: Set<String>, partitions: Int, on amqp: AMQPClient)
        async throws
    {
        try await declareExchange(on: amqp)
        try await declareDeadLetters(service: service, on: amqp)
        let partitioned = Self.partitioned(service)
        try await amqp.declareExchange(
            partitioned, type: "x-consistent-hash", arguments: ["hash-header": .string(MessageHeader.aggregateId)])
        for queue in Self.queues(service, count: partitions) {
            try await amqp.declareQueue(
                queue,
                arguments: [
                    "x-queue-type": "quorum",
                    "x-single-active-consumer": true,
                    "x-delivery-limit": .int(Self.deliveryLimit),
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": .string(Self.deadLetters(service)),
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                ])
            // The key of a binding to such an exchange is the queue's weight.
            try await amqp.bindQueue(queue, to: partitioned, routingKey: "1")
        }
        for pattern in patterns.sorted() { try await subscribe(service, to: pattern, on: amqp) }
    }

    /// Has the events that match a pattern come to a service whose exchange is declared.
    func subscribe(_ service: String, to pattern: String, on amqp: AMQPClient) async throws {
        try await amqp.bindExchange(Self.partitioned(service), to: exchange, routingKey: routingKey(pattern))
    }

    func unsubscribe(_ service: String, from pattern: String, on amqp: AMQPClient) async throws {
        try await amqp.unbindExchange(Self.partitioned(service), from: exchange, routingKey: routingKey(pattern))
    }

    /// Takes the queues out of use that the service had when it had more of them, and names them: what they still hold is to
    /// be consumed.
    func retireQueues(service: String, beyond partitions: Int, on amqp: AMQPClient) async throws -> [String] {
        var retired: [String] = []
        while true {
            let queue = Self.queue(service, partitions + retired.count)
            guard try await amqp.queueStatus(queue) != nil else { return retired }
            try await amqp.unbindQueue(queue, from: Self.partitioned(service), routingKey: "1")
            retired.append(queue)
        }
    }

    public func declareDeadLetters(service: String, on amqp: AMQPClient) async throws {
        try await amqp.declareQueue(
            Self.deadLetters(service),
            arguments: ["x-queue-type": "quorum", "x-delivery-limit": .int(Self.deadLetterDeliveryLimit)])
    }
}

/// A pattern of event names as topic exchanges match them: `*` is one word, `#` any number.
public struct TopicPattern: Sendable, Hashable {
    private let words: [Substring]
    let text: String

    init(_ text: String) {
        self.text = text
        words = text.split(separator: ".", omittingEmptySubsequences: false)
    }

    /// A pattern that somebody gave. Nil where it is none: an empty word, other characters than `a-z0-9_-` beside `*` and `#`, or
    /// more words than any event's name comes near to, which would make matching slow.
    public init?(checking text: String) {
        guard text.utf8.count <= 255 else { return nil }
        self.init(text)
        guard words.count <= 8, words.allSatisfy({ $0 == "*" || $0 == "#" || Self.isWord($0) }) else { return nil }
    }

    private static func isWord(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 || $0 == 45 }
    }

    /// Whether an event's name (`ticket.created`, without the exchange) matches.
    public func matches(_ name: String) -> Bool {
        Self.matches(words[...], name.split(separator: ".", omittingEmptySubsequences: false)[...])
    }

    private static func matches(_ pattern: ArraySlice<Substring>, _ name: ArraySlice<Substring>) -> Bool {
        guard let word = pattern.first else { return name.isEmpty }
        if word == "#" {
            return (name.startIndex...name.endIndex).contains { matches(pattern.dropFirst(), name[$0...]) }
        }
        guard let first = name.first, word == "*" || word == first else { return false }
        return matches(pattern.dropFirst(), name.dropFirst())
    }
}
