import CRabbitMQ

/// A request that the broker answers on the same channel.
enum Request: Sendable {
    case openChannel
    case confirmSelect
    case qos(prefetch: UInt16)
    case declareExchange(
        name: String, type: String, passive: Bool, durable: Bool, autoDelete: Bool, isInternal: Bool,
        arguments: [String: AMQPValue])
    case deleteExchange(name: String, ifUnused: Bool)
    case bindExchange(destination: String, source: String, routingKey: String, arguments: [String: AMQPValue])
    case unbindExchange(destination: String, source: String, routingKey: String, arguments: [String: AMQPValue])
    case declareQueue(
        name: String, passive: Bool, durable: Bool, exclusive: Bool, autoDelete: Bool,
        arguments: [String: AMQPValue])
    case deleteQueue(name: String, ifUnused: Bool, ifEmpty: Bool)
    case purgeQueue(name: String)
    case bindQueue(name: String, exchange: String, routingKey: String, arguments: [String: AMQPValue])
    case unbindQueue(name: String, exchange: String, routingKey: String, arguments: [String: AMQPValue])
    case consume(
        queue: String, tag: String, exclusive: Bool, noAck: Bool, arguments: [String: AMQPValue],
        buffer: DeliveryBuffer)
    case cancel(tag: String)
    case get(queue: String, noAck: Bool)

    func encode(into encoder: FrameEncoder, channel: UInt16) throws(AMQPError) {
        switch self {
        case .openChannel:
            try encoder.method(UInt32(AMQP_CHANNEL_OPEN_METHOD), channel: channel) { _ in amqp_channel_open_t() }
        case .confirmSelect:
            try encoder.method(UInt32(AMQP_CONFIRM_SELECT_METHOD), channel: channel) { _ in amqp_confirm_select_t() }
        case .qos(let prefetch):
            try encoder.method(UInt32(AMQP_BASIC_QOS_METHOD), channel: channel) { _ in
                amqp_basic_qos_t(prefetch_size: 0, prefetch_count: prefetch, global: 0)
            }
        case .declareExchange(let name, let type, let passive, let durable, let autoDelete, let isInternal, let more):
            try encoder.method(UInt32(AMQP_EXCHANGE_DECLARE_METHOD), channel: channel) {
                amqp_exchange_declare_t(
                    ticket: 0, exchange: $0.short(name), type: $0.short(type), passive: passive.c, durable: durable.c,
                    auto_delete: autoDelete.c, internal: isInternal.c, nowait: 0, arguments: $0.table(more))
            }
        case .deleteExchange(let name, let ifUnused):
            try encoder.method(UInt32(AMQP_EXCHANGE_DELETE_METHOD), channel: channel) {
                amqp_exchange_delete_t(ticket: 0, exchange: $0.short(name), if_unused: ifUnused.c, nowait: 0)
            }
        case .bindExchange(let destination, let source, let routingKey, let arguments):
            try encoder.method(UInt32(AMQP_EXCHANGE_BIND_METHOD), channel: channel) {
                amqp_exchange_bind_t(
                    ticket: 0, destination: $0.short(destination), source: $0.short(source),
                    routing_key: $0.short(routingKey), nowait: 0, arguments: $0.table(arguments))
            }
        case .unbindExchange(let destination, let source, let routingKey, let arguments):
            try encoder.method(UInt32(AMQP_EXCHANGE_UNBIND_METHOD), channel: channel) {
                amqp_exchange_unbind_t(
                    ticket: 0, destination: $0.short(destination), source: $0.short(source),
                    routing_key: $0.short(routingKey), nowait: 0, arguments: $0.table(arguments))
            }
        case .declareQueue(let name, let passive, let durable, let exclusive, let autoDelete, let arguments):
            try encoder.method(UInt32(AMQP_QUEUE_DECLARE_METHOD), channel: channel) {
                amqp_queue_declare_t(
                    ticket: 0, queue: $0.short(name), passive: passive.c, durable: durable.c, exclusive: exclusive.c,
                    auto_delete: autoDelete.c, nowait: 0, arguments: $0.table(arguments))
            }
        case .deleteQueue(let name, let ifUnused, let ifEmpty):
            try encoder.method(UInt32(AMQP_QUEUE_DELETE_METHOD), channel: channel) {
                amqp_queue_delete_t(
                    ticket: 0, queue: $0.short(name), if_unused: ifUnused.c, if_empty: ifEmpty.c, nowait: 0)
            }
        case .purgeQueue(let name):
            try encoder.method(UInt32(AMQP_QUEUE_PURGE_METHOD), channel: channel) {
                amqp_queue_purge_t(ticket: 0, queue: $0.short(name), nowait: 0)
            }
        case .bindQueue(let name, let exchange, let routingKey, let arguments):
            try encoder.method(UInt32(AMQP_QUEUE_BIND_METHOD), channel: channel) {
                amqp_queue_bind_t(
                    ticket: 0, queue: $0.short(name), exchange: $0.short(exchange),
                    routing_key: $0.short(routingKey), nowait: 0, arguments: $0.table(arguments))
            }
        case .unbindQueue(let name, let exchange, let routingKey, let arguments):
            try encoder.method(UInt32(AMQP_QUEUE_UNBIND_METHOD), channel: channel) {
                amqp_queue_unbind_t(
                    ticket: 0, queue: $0.short(name), exchange: $0.short(exchange),
                    routing_key: $0.short(routingKey), arguments: $0.table(arguments))
            }
        case .consume(let queue, let tag, let exclusive, let noAck, let arguments, _):
            try encoder.method(UInt32(AMQP_BASIC_CONSUME_METHOD), channel: channel) {
                amqp_basic_consume_t(
                    ticket: 0, queue: $0.short(queue), consumer_tag: $0.short(tag), no_local: 0, no_ack: noAck.c,
                    exclusive: exclusive.c, nowait: 0, arguments: $0.table(arguments))
            }
        case .cancel(let tag):
            try encoder.method(UInt32(AMQP_BASIC_CANCEL_METHOD), channel: channel) {
                amqp_basic_cancel_t(consumer_tag: $0.short(tag), nowait: 0)
            }
        case .get(let queue, let noAck):
            try encoder.method(UInt32(AMQP_BASIC_GET_METHOD), channel: channel) {
                amqp_basic_get_t(ticket: 0, queue: $0.short(queue), no_ack: noAck.c)
            }
        }
    }
}

extension Bool {
    fileprivate var c: amqp_boolean_t { self ? 1 : 0 }
}

/// How a delivery is settled.
enum Settlement: Sendable {
    case ack(tag: UInt64, multiple: Bool)
    case nack(tag: UInt64, multiple: Bool, requeue: Bool)
}

/// A channel of one particular connection; useless after that connection ended.
struct ChannelAddress: Sendable, Hashable {
    let generation: Int
    let number: UInt16
}

/// What other threads ask of the connection's thread.
enum Command: Sendable {
    /// Opens a channel for the caller's own use.
    case open(@Sendable (Result<ChannelAddress, AMQPError>) -> Void)
    /// Sends a request on the caller's channel, or on any idle one.
    case request(Request, ChannelAddress?, @Sendable (Result<Reply, AMQPError>) -> Void)
    case settle(Settlement, ChannelAddress)
    case close(ChannelAddress)
    case publish(PublishJob)
    case withdraw(PublishJob.ID)
}

/// Publications of one call to `publish`.
struct PublishJob: Sendable {
    typealias ID = UInt64

    let id: ID
    let publications: [AMQPPublication]
    let completion: @Sendable ([PublishOutcome]) -> Void
}

extension Command {
    /// Answers a command that never reached a connection.
    func fail(_ error: AMQPError) {
        switch self {
        case .open(let completion): completion(.failure(error))
        case .request(_, _, let completion): completion(.failure(error))
        case .publish(let job):
            job.completion(Array(repeating: .lost(error), count: job.publications.count))
        case .settle, .close, .withdraw: break
        }
    }
}
