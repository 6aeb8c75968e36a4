/// A message as it travels: body, properties, headers.
public struct AMQPMessage: Sendable, Hashable {
    /// Whether a message survives a broker restart in a durable queue.
    public enum DeliveryMode: UInt8, Sendable {
        case transient = 1
        case persistent = 2
    }

    public var body: [UInt8]
    public var contentType: String?
    public var contentEncoding: String?
    public var deliveryMode: DeliveryMode
    public var priority: UInt8?
    public var correlationId: String?
    public var replyTo: String?
    /// Time to live in milliseconds, as text; the broker drops or dead-letters the message after it.
    public var expiration: String?
    public var messageId: String?
    /// Seconds since 1970, UTC.
    public var timestamp: UInt64?
    public var type: String?
    public var userId: String?
    public var appId: String?
    public var headers: [String: AMQPValue]

    public init(
        body: [UInt8],
        contentType: String? = nil,
        contentEncoding: String? = nil,
        deliveryMode: DeliveryMode = .persistent,
        priority: UInt8? = nil,
        correlationId: String? = nil,
        replyTo: String? = nil,
        expiration: String? = nil,
        messageId: String? = nil,
        timestamp: UInt64? = nil,
        type: String? = nil,
        userId: String? = nil,
        appId: String? = nil,
        headers: [String: AMQPValue] = [:]
    ) {
        self.body = body
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.deliveryMode = deliveryMode
        self.priority = priority
        self.correlationId = correlationId
        self.replyTo = replyTo
        self.expiration = expiration
        self.messageId = messageId
        self.timestamp = timestamp
        self.type = type
        self.userId = userId
        self.appId = appId
        self.headers = headers
    }
}

/// A message and where to send it.
public struct AMQPPublication: Sendable, Hashable {
    /// The exchange; the empty name is the default exchange, which routes to the queue named by the routing key.
    public var exchange: String
    public var routingKey: String
    /// Whether the broker shall hand the message back when no queue takes it.
    public var mandatory: Bool
    public var message: AMQPMessage

    public init(exchange: String, routingKey: String, mandatory: Bool = false, message: AMQPMessage) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.mandatory = mandatory
        self.message = message
    }
}

/// What became of one publication.
public enum PublishOutcome: Sendable, Hashable {
    /// The broker has taken responsibility for the message.
    case confirmed
    /// The broker refused it (`basic.nack`), for example because a queue is full and rejects publishers.
    case rejected
    /// No queue took it, and it was mandatory.
    case returned(code: Int, text: String)
    /// No answer came: the broker may or may not have it. Publishing it again can double it, never lose it.
    case lost(AMQPError)

    public var isConfirmed: Bool { self == .confirmed }
}

/// A message on its way from a queue to us.
public struct AMQPDelivery: Sendable, Hashable {
    /// Names the delivery for `ack` and `nack`; valid on the consumer (or puller) that produced it only.
    public let tag: UInt64
    /// Whether the message was delivered before, and perhaps handled.
    public let redelivered: Bool
    public let exchange: String
    public let routingKey: String
    public let message: AMQPMessage

    public init(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String, message: AMQPMessage) {
        self.tag = tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.message = message
    }
}

/// A queue's name and how much is in it.
public struct AMQPQueueStatus: Sendable, Hashable {
    public let name: String
    /// Messages ready for delivery; those delivered and not yet acknowledged are not counted.
    public let messageCount: Int
    public let consumerCount: Int

    public init(name: String, messageCount: Int, consumerCount: Int) {
        self.name = name
        self.messageCount = messageCount
        self.consumerCount = consumerCount
    }
}
