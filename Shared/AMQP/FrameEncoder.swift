import CRabbitMQ

/// Frames on their way out, encoded by librabbitmq into one buffer, so that many of them leave in one system call.
///
/// Used by the connection's thread only.
final class FrameEncoder {
    private var buffer: UnsafeMutableRawBufferPointer
    private var head = 0
    private var tail = 0
    /// Holds strings and tables while the C structures that point to them are being encoded.
    private let pool: UnsafeMutablePointer<amqp_pool_t>
    private var invalid: String?
    /// The largest frame, its eight bytes of envelope included, that the broker takes.
    var frameMax = 4096

    /// What one large message needed is given back after it.
    private static let keptCapacity = 1024 * 1024
    private static let headerSize = 7
    private static let envelopeSize = 8

    init() {
        buffer = .allocate(byteCount: 64 * 1024, alignment: 8)
        pool = .allocate(capacity: 1)
        init_amqp_pool(pool, 16 * 1024)
    }

    deinit {
        buffer.deallocate()
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    /// Bytes waiting to be written.
    var count: Int { tail - head }
    var isEmpty: Bool { head == tail }

    var pending: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[head..<tail]) }

    func wrote(_ count: Int) {
        head += count
        if head == tail {
            head = 0
            tail = 0
            if buffer.count > Self.keptCapacity { resize(to: Self.keptCapacity) }
        }
    }

    func protocolHeader() {
        append([0x41, 0x4D, 0x51, 0x50, 0, 0, 9, 1])
    }

    func heartbeat() {
        append([8, 0, 0, 0, 0, 0, 0, 0xCE])
    }

    /// Appends a method frame; `fields` is the C structure that belongs to `method`.
    func method<Fields>(
        _ method: amqp_method_number_t, channel: UInt16, _ fields: (FrameEncoder) -> Fields
    ) throws(AMQPError) {
        let mark = tail
        do {
            try encodeMethod(method, channel: channel, fields)
        } catch {
            tail = mark
            throw error
        }
    }

    /// Appends the frames of one publication, all or none.
    func publish(_ publication: AMQPPublication, channel: UInt16) throws(AMQPError) {
        let mark = tail
        do {
            try encodeMethod(UInt32(AMQP_BASIC_PUBLISH_METHOD), channel: channel) { encoder in
                amqp_basic_publish_t(
                    ticket: 0, exchange: encoder.short(publication.exchange),
                    routing_key: encoder.short(publication.routingKey),
                    mandatory: publication.mandatory ? 1 : 0, immediate: 0)
            }
            try encodeHeader(publication.message, channel: channel)
            encodeBody(publication.message.body, channel: channel)
        } catch {
            tail = mark
            throw error
        }
    }

    // MARK: Values for C, alive until the frame is encoded

    /// A string of at most 255 bytes, as names and keys are.
    func short(_ text: String) -> amqp_bytes_t {
        let bytes = long(text)
        if bytes.len > 255 { invalid = "a name or key has more than 255 bytes" }
        return bytes
    }

    func long(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    func table(_ entries: [String: AMQPValue]) -> amqp_table_t {
        guard !entries.isEmpty else { return amqp_table_t(num_entries: 0, entries: nil) }
        let size = entries.count * MemoryLayout<amqp_table_entry_t>.stride
        guard let memory = amqp_pool_alloc(pool, size) else {
            invalid = "out of memory"
            return amqp_table_t(num_entries: 0, entries: nil)
        }
        let target = memory.bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
        for (index, (key, value)) in entries.enumerated() {
            target[index] = amqp_table_entry_t(key: short(key), value: field(value))
        }
        return amqp_table_t(num_entries: Int32(entries.count), entries: target)
    }

    private func field(_ value: AMQPValue) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        func set(_ kind: amqp_field_value_kind_t) { field.kind = UInt8(kind.rawValue) }
        switch value {
        case .null:
            set(AMQP_FIELD_KIND_VOID)
        case .bool(let bool):
            set(AMQP_FIELD_KIND_BOOLEAN)
            field.value.boolean = bool ? 1 : 0
        case .int(let int):
            set(AMQP_FIELD_KIND_I64)
            field.value.i64 = int
        case .double(let double):
            set(AMQP_FIELD_KIND_F64)
            field.value.f64 = double
        case .string(let string):
            set(AMQP_FIELD_KIND_UTF8)
            field.value.bytes = long(string)
        case .bytes(let bytes):
            set(AMQP_FIELD_KIND_BYTES)
            field.value.bytes = bytes.withUnsafeBytes(copy)
        case .timestamp(let seconds):
            set(AMQP_FIELD_KIND_TIMESTAMP)
            field.value.u64 = seconds
        case .table(let entries):
            set(AMQP_FIELD_KIND_TABLE)
            field.value.table = table(entries)
        case .array(let elements):
            set(AMQP_FIELD_KIND_ARRAY)
            field.value.array = array(elements)
        }
        return field
    }

    private func array(_ elements: [AMQPValue]) -> amqp_array_t {
        let size = elements.count * MemoryLayout<amqp_field_value_t>.stride
        guard !elements.isEmpty, let memory = amqp_pool_alloc(pool, size) else {
            return amqp_array_t(num_entries: 0, entries: nil)
        }
        let target = memory.bindMemory(to: amqp_field_value_t.self, capacity: elements.count)
        for (index, element) in elements.enumerated() {
            target[index] = field(element)
        }
        return amqp_array_t(num_entries: Int32(elements.count), entries: target)
    }

    private func copy(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let from = source.baseAddress, !source.isEmpty else { return amqp_bytes_t(len: 0, bytes: nil) }
        guard let memory = amqp_pool_alloc(pool, source.count) else {
            invalid = "out of memory"
            return amqp_bytes_t(len: 0, bytes: nil)
        }
        memory.copyMemory(from: from, byteCount: source.count)
        return amqp_bytes_t(len: source.count, bytes: memory)
    }

    // MARK: Frames

    private func encodeMethod<Fields>(
        _ method: amqp_method_number_t, channel: UInt16, _ make: (FrameEncoder) -> Fields
    ) throws(AMQPError) {
        try frame(type: 1, channel: channel) { target in
            var fields = make(self)
            target.storeBytes(of: method.bigEndian, as: UInt32.self)
            let room = amqp_bytes_t(len: target.count - 4, bytes: target.baseAddress.map { $0 + 4 })
            let length = withUnsafeMutablePointer(to: &fields) { amqp_encode_method(method, $0, room) }
            return length < 0 ? length : length + 4
        }
    }

    private func encodeHeader(_ message: AMQPMessage, channel: UInt16) throws(AMQPError) {
        try frame(type: 2, channel: channel) { target in
            var properties = amqp_basic_properties_t()
            var flags: Int32 = AMQP_BASIC_DELIVERY_MODE_FLAG
            properties.delivery_mode = message.deliveryMode.rawValue
            func text(_ value: String?, _ flag: Int32) -> amqp_bytes_t {
                guard let value else { return amqp_bytes_t(len: 0, bytes: nil) }
                flags |= flag
                return short(value)
            }
            properties.content_type = text(message.contentType, AMQP_BASIC_CONTENT_TYPE_FLAG)
            properties.content_encoding = text(message.contentEncoding, AMQP_BASIC_CONTENT_ENCODING_FLAG)
            properties.correlation_id = text(message.correlationId, AMQP_BASIC_CORRELATION_ID_FLAG)
            properties.reply_to = text(message.replyTo, AMQP_BASIC_REPLY_TO_FLAG)
            properties.expiration = text(message.expiration, AMQP_BASIC_EXPIRATION_FLAG)
            properties.message_id = text(message.messageId, AMQP_BASIC_MESSAGE_ID_FLAG)
            properties.type = text(message.type, AMQP_BASIC_TYPE_FLAG)
            properties.user_id = text(message.userId, AMQP_BASIC_USER_ID_FLAG)
            properties.app_id = text(message.appId, AMQP_BASIC_APP_ID_FLAG)
            if let priority = message.priority {
                flags |= AMQP_BASIC_PRIORITY_FLAG
                properties.priority = priority
            }
            if let timestamp = message.timestamp {
                flags |= AMQP_BASIC_TIMESTAMP_FLAG
                properties.timestamp = timestamp
            }
            if !message.headers.isEmpty {
                flags |= AMQP_BASIC_HEADERS_FLAG
                properties.headers = table(message.headers)
            }
            properties._flags = amqp_flags_t(bitPattern: flags)

            let basicClass: UInt16 = 60
            target.storeBytes(of: basicClass.bigEndian, as: UInt16.self)
            target.storeBytes(of: 0, toByteOffset: 2, as: UInt16.self)
            target.storeBytes(of: UInt64(message.body.count).bigEndian, toByteOffset: 4, as: UInt64.self)
            let room = amqp_bytes_t(len: target.count - 12, bytes: target.baseAddress.map { $0 + 12 })
            let length = withUnsafeMutablePointer(to: &properties) { amqp_encode_properties(basicClass, $0, room) }
            return length < 0 ? length : length + 12
        }
    }

    private func encodeBody(_ body: [UInt8], channel: UInt16) {
        let most = frameMax - Self.envelopeSize
        var start = 0
        while start < body.count {
            let size = min(most, body.count - start)
            reserve(size + Self.envelopeSize)
            body.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: buffer[(tail + Self.headerSize)...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]))
            }
            seal(type: 3, channel: channel, size: size)
            start += size
        }
    }

    /// Lets `encode` fill a frame's payload; it answers the payload's length or a negative librabbitmq status.
    private func frame(
        type: UInt8, channel: UInt16, _ encode: (UnsafeMutableRawBufferPointer) -> Int32
    ) throws(AMQPError) {
        reserve(frameMax)
        defer { recycle_amqp_pool(pool) }
        let start = tail + Self.headerSize
        let room = UnsafeMutableRawBufferPointer(
            rebasing: buffer[start..<(tail + frameMax - 1)])
        let length = encode(room)
        if let fault = invalid {
            invalid = nil
            throw AMQPError(.invalidRequest, fault)
        }
        guard length >= 0 else {
            throw AMQPError(.invalidRequest, "does not fit into a frame: \(describe(status: length))")
        }
        seal(type: type, channel: channel, size: Int(length))
    }

    private func seal(type: UInt8, channel: UInt16, size: Int) {
        buffer[tail] = type
        buffer.storeBytes(of: channel.bigEndian, toByteOffset: tail + 1, as: UInt16.self)
        buffer.storeBytes(of: UInt32(size).bigEndian, toByteOffset: tail + 3, as: UInt32.self)
        buffer[tail + Self.headerSize + size] = 0xCE
        tail += size + Self.envelopeSize
    }

    private func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[tail...]).copyBytes(from: bytes)
        tail += bytes.count
    }

    private func reserve(_ size: Int) {
        guard buffer.count - tail < size else { return }
        let used = count
        if buffer.count - used < size || head < used {
            resize(to: max(buffer.count * 2, used + size))
        } else {
            buffer.copyMemory(from: pending)
            head = 0
            tail = used
        }
    }

    private func resize(to capacity: Int) {
        let other = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
        other.copyMemory(from: pending)
        tail = count
        head = 0
        buffer.deallocate()
        buffer = other
    }
}

/// librabbitmq's words for one of its status codes.
func describe(status: Int32) -> String {
    amqp_error_string2(status).map { String(cString: $0) } ?? "status \(status)"
}
