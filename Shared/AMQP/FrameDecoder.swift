import CRabbitMQ

/// A frame as Swift values.
enum Frame {
    case heartbeat
    case method(channel: UInt16, Method)
    case header(channel: UInt16, bodySize: UInt64, AMQPMessage)
    case body(channel: UInt16, UnsafeRawBufferPointer)
}

/// The methods that a broker may send and that mean something to us.
enum Method {
    case connectionStart(mechanisms: String, serverProperties: [String: AMQPValue])
    case connectionTune(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpenOk
    case connectionClose(code: Int, text: String)
    case connectionCloseOk
    case connectionBlocked(reason: String)
    case connectionUnblocked
    case channelClose(code: Int, text: String)
    case channelCloseOk
    case channelFlow(active: Bool)
    case deliver(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
    case returned(code: Int, text: String, exchange: String, routingKey: String)
    case getOk(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
    case cancelledByBroker
    case ack(tag: UInt64, multiple: Bool)
    case nack(tag: UInt64, multiple: Bool)
    /// The answer to the channel's oldest request.
    case reply(Reply)
    case unknown(UInt32)
}

/// What a request is answered with.
enum Reply: Sendable {
    case done
    case queue(AMQPQueueStatus)
    case count(Int)
    case empty
    case delivery(AMQPDelivery)
}

/// Takes bytes apart into frames with librabbitmq. Used by the connection's thread only.
final class FrameDecoder {
    private let state: amqp_connection_state_t

    init() throws(AMQPError) {
        guard let state = amqp_new_connection() else { throw AMQPError(.invalidRequest, "out of memory") }
        self.state = state
    }

    deinit {
        amqp_destroy_connection(state)
    }

    func tune(channelMax: Int, frameMax: Int) throws(AMQPError) {
        let status = amqp_tune_connection(state, Int32(channelMax), Int32(frameMax), 0)
        guard status == 0 else { throw AMQPError(.protocolViolation, describe(status: status)) }
    }

    /// Hands every complete frame in `bytes` to `handle`; the rest is kept for the next call. A body is valid
    /// during the call only.
    func decode(_ bytes: UnsafeRawBufferPointer, _ handle: (Frame) throws(AMQPError) -> Void) throws(AMQPError) {
        var offset = 0
        while offset < bytes.count, let base = bytes.baseAddress {
            let rest = amqp_bytes_t(len: bytes.count - offset, bytes: UnsafeMutableRawPointer(mutating: base + offset))
            var frame = amqp_frame_t()
            let consumed = amqp_handle_input(state, rest, &frame)
            guard consumed > 0 else {
                throw AMQPError(.protocolViolation, describe(status: consumed))
            }
            offset += Int(consumed)
            guard frame.frame_type != 0 else { continue }
            if let decoded = swiftFrame(frame) { try handle(decoded) }
            amqp_maybe_release_buffers_on_channel(state, frame.channel)
        }
    }

    private func swiftFrame(_ frame: amqp_frame_t) -> Frame? {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD:
            return .method(channel: frame.channel, method(frame.payload.method))
        case AMQP_FRAME_HEADER:
            let header = frame.payload.properties
            let properties = header.decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee
            return .header(channel: frame.channel, bodySize: header.body_size, message(properties))
        case AMQP_FRAME_BODY:
            let body = frame.payload.body_fragment
            return .body(channel: frame.channel, UnsafeRawBufferPointer(start: body.bytes, count: body.len))
        case AMQP_FRAME_HEARTBEAT:
            return .heartbeat
        default:
            return nil
        }
    }

    private func method(_ method: amqp_method_t) -> Method {
        func read<Fields>(_: Fields.Type) -> Fields {
            method.decoded.assumingMemoryBound(to: Fields.self).pointee
        }
        switch method.id {
        case UInt32(AMQP_CONNECTION_START_METHOD):
            let start = read(amqp_connection_start_t.self)
            return .connectionStart(
                mechanisms: string(start.mechanisms), serverProperties: table(start.server_properties))
        case UInt32(AMQP_CONNECTION_TUNE_METHOD):
            let tune = read(amqp_connection_tune_t.self)
            return .connectionTune(
                channelMax: tune.channel_max, frameMax: tune.frame_max, heartbeat: tune.heartbeat)
        case UInt32(AMQP_CONNECTION_OPEN_OK_METHOD):
            return .connectionOpenOk
        case UInt32(AMQP_CONNECTION_CLOSE_METHOD):
            let close = read(amqp_connection_close_t.self)
            return .connectionClose(code: Int(close.reply_code), text: string(close.reply_text))
        case UInt32(AMQP_CONNECTION_CLOSE_OK_METHOD):
            return .connectionCloseOk
        case UInt32(AMQP_CONNECTION_BLOCKED_METHOD):
            return .connectionBlocked(reason: string(read(amqp_connection_blocked_t.self).reason))
        case UInt32(AMQP_CONNECTION_UNBLOCKED_METHOD):
            return .connectionUnblocked
        case UInt32(AMQP_CHANNEL_CLOSE_METHOD):
            let close = read(amqp_channel_close_t.self)
            return .channelClose(code: Int(close.reply_code), text: string(close.reply_text))
        case UInt32(AMQP_CHANNEL_CLOSE_OK_METHOD):
            return .channelCloseOk
        case UInt32(AMQP_CHANNEL_FLOW_METHOD):
            return .channelFlow(active: read(amqp_channel_flow_t.self).active != 0)
        case UInt32(AMQP_BASIC_DELIVER_METHOD):
            let deliver = read(amqp_basic_deliver_t.self)
            return .deliver(
                tag: deliver.delivery_tag, redelivered: deliver.redelivered != 0,
                exchange: string(deliver.exchange), routingKey: string(deliver.routing_key))
        case UInt32(AMQP_BASIC_RETURN_METHOD):
            let returned = read(amqp_basic_return_t.self)
            return .returned(
                code: Int(returned.reply_code), text: string(returned.reply_text),
                exchange: string(returned.exchange), routingKey: string(returned.routing_key))
        case UInt32(AMQP_BASIC_GET_OK_METHOD):
            let get = read(amqp_basic_get_ok_t.self)
            return .getOk(
                tag: get.delivery_tag, redelivered: get.redelivered != 0, exchange: string(get.exchange),
                routingKey: string(get.routing_key))
        case UInt32(AMQP_BASIC_CANCEL_METHOD):
            return .cancelledByBroker
        case UInt32(AMQP_BASIC_ACK_METHOD):
            let ack = read(amqp_basic_ack_t.self)
            return .ack(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        case UInt32(AMQP_BASIC_NACK_METHOD):
            let nack = read(amqp_basic_nack_t.self)
            return .nack(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case UInt32(AMQP_BASIC_GET_EMPTY_METHOD):
            return .reply(.empty)
        case UInt32(AMQP_QUEUE_DECLARE_OK_METHOD):
            let queue = read(amqp_queue_declare_ok_t.self)
            return .reply(
                .queue(
                    AMQPQueueStatus(
                        name: string(queue.queue), messageCount: Int(queue.message_count),
                        consumerCount: Int(queue.consumer_count))))
        case UInt32(AMQP_QUEUE_PURGE_OK_METHOD):
            return .reply(.count(Int(read(amqp_queue_purge_ok_t.self).message_count)))
        case UInt32(AMQP_QUEUE_DELETE_OK_METHOD):
            return .reply(.count(Int(read(amqp_queue_delete_ok_t.self).message_count)))
        case UInt32(AMQP_CHANNEL_OPEN_OK_METHOD), UInt32(AMQP_EXCHANGE_DECLARE_OK_METHOD),
            UInt32(AMQP_EXCHANGE_DELETE_OK_METHOD), UInt32(AMQP_EXCHANGE_BIND_OK_METHOD),
            UInt32(AMQP_EXCHANGE_UNBIND_OK_METHOD), UInt32(AMQP_QUEUE_BIND_OK_METHOD),
            UInt32(AMQP_QUEUE_UNBIND_OK_METHOD), UInt32(AMQP_BASIC_QOS_OK_METHOD),
            UInt32(AMQP_BASIC_CONSUME_OK_METHOD), UInt32(AMQP_BASIC_CANCEL_OK_METHOD),
            UInt32(AMQP_CONFIRM_SELECT_OK_METHOD):
            return .reply(.done)
        default:
            return .unknown(method.id)
        }
    }

    private func message(_ properties: amqp_basic_properties_t) -> AMQPMessage {
        func has(_ flag: Int32) -> Bool { properties._flags & amqp_flags_t(bitPattern: flag) != 0 }
        func text(_ bytes: amqp_bytes_t, _ flag: Int32) -> String? { has(flag) ? string(bytes) : nil }
        return AMQPMessage(
            body: [],
            contentType: text(properties.content_type, AMQP_BASIC_CONTENT_TYPE_FLAG),
            contentEncoding: text(properties.content_encoding, AMQP_BASIC_CONTENT_ENCODING_FLAG),
            deliveryMode: has(AMQP_BASIC_DELIVERY_MODE_FLAG) && properties.delivery_mode == 2
                ? .persistent : .transient,
            priority: has(AMQP_BASIC_PRIORITY_FLAG) ? properties.priority : nil,
            correlationId: text(properties.correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG),
            replyTo: text(properties.reply_to, AMQP_BASIC_REPLY_TO_FLAG),
            expiration: text(properties.expiration, AMQP_BASIC_EXPIRATION_FLAG),
            messageId: text(properties.message_id, AMQP_BASIC_MESSAGE_ID_FLAG),
            timestamp: has(AMQP_BASIC_TIMESTAMP_FLAG) ? properties.timestamp : nil,
            type: text(properties.type, AMQP_BASIC_TYPE_FLAG),
            userId: text(properties.user_id, AMQP_BASIC_USER_ID_FLAG),
            appId: text(properties.app_id, AMQP_BASIC_APP_ID_FLAG),
            headers: has(AMQP_BASIC_HEADERS_FLAG) ? table(properties.headers) : [:])
    }

    private func string(_ bytes: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }

    private func table(_ table: amqp_table_t) -> [String: AMQPValue] {
        var entries: [String: AMQPValue] = [:]
        entries.reserveCapacity(Int(table.num_entries))
        for entry in UnsafeBufferPointer(start: table.entries, count: Int(table.num_entries)) {
            entries[string(entry.key)] = value(entry.value)
        }
        return entries
    }

    private func value(_ field: amqp_field_value_t) -> AMQPValue {
        let value = field.value
        switch amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_BOOLEAN: return .bool(value.boolean != 0)
        case AMQP_FIELD_KIND_I8: return .int(Int64(value.i8))
        case AMQP_FIELD_KIND_U8: return .int(Int64(value.u8))
        case AMQP_FIELD_KIND_I16: return .int(Int64(value.i16))
        case AMQP_FIELD_KIND_U16: return .int(Int64(value.u16))
        case AMQP_FIELD_KIND_I32: return .int(Int64(value.i32))
        case AMQP_FIELD_KIND_U32: return .int(Int64(value.u32))
        case AMQP_FIELD_KIND_I64: return .int(value.i64)
        case AMQP_FIELD_KIND_U64: return .int(Int64(clamping: value.u64))
        case AMQP_FIELD_KIND_F32: return .double(Double(value.f32))
        case AMQP_FIELD_KIND_F64: return .double(value.f64)
        case AMQP_FIELD_KIND_DECIMAL:
            var scaled = Double(value.decimal.value)
            for _ in 0..<value.decimal.decimals { scaled /= 10 }
            return .double(scaled)
        case AMQP_FIELD_KIND_UTF8:
            let bytes = UnsafeRawBufferPointer(start: value.bytes.bytes, count: value.bytes.len)
            return String(validating: bytes, as: UTF8.self).map(AMQPValue.string) ?? .bytes(Array(bytes))
        case AMQP_FIELD_KIND_BYTES:
            return .bytes(Array(UnsafeRawBufferPointer(start: value.bytes.bytes, count: value.bytes.len)))
        case AMQP_FIELD_KIND_TIMESTAMP: return .timestamp(value.u64)
        case AMQP_FIELD_KIND_TABLE: return .table(table(value.table))
        case AMQP_FIELD_KIND_ARRAY:
            let elements = UnsafeBufferPointer(start: value.array.entries, count: Int(value.array.num_entries))
            return .array(elements.map(self.value))
        default: return .null
        }
    }
}
