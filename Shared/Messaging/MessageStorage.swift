import AMQP
import Contracts

/// A message's properties and headers as JSON, for messages that wait in the database.
enum MessageStorage {
    static func json(_ message: AMQPMessage) -> JSON {
        var object = JSONObject()
        object["contentType"] = message.contentType.map(JSON.string)
        object["contentEncoding"] = message.contentEncoding.map(JSON.string)
        object["priority"] = message.priority.map { .int(Int64($0)) }
        object["correlationId"] = message.correlationId.map(JSON.string)
        object["replyTo"] = message.replyTo.map(JSON.string)
        object["messageId"] = message.messageId.map(JSON.string)
        object["timestamp"] = message.timestamp.map { .int(Int64(clamping: $0)) }
        object["type"] = message.type.map(JSON.string)
        object["appId"] = message.appId.map(JSON.string)
        object["headers"] = .object(
            JSONObject(message.headers.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))
        return .object(object)
    }

    static func message(properties: JSON, body: [UInt8]) -> AMQPMessage {
        var message = AMQPMessage(body: body)
        message.contentType = properties["contentType"]?.stringValue
        message.contentEncoding = properties["contentEncoding"]?.stringValue
        message.priority = properties["priority"]?.intValue.map(UInt8.init(clamping:))
        message.correlationId = properties["correlationId"]?.stringValue
        message.replyTo = properties["replyTo"]?.stringValue
        message.messageId = properties["messageId"]?.stringValue
        message.timestamp = properties["timestamp"]?.intValue.map(UInt64.init(clamping:))
        message.type = properties["type"]?.stringValue
        message.appId = properties["appId"]?.stringValue
        for (name, value) in properties["headers"]?.objectValue ?? JSONObject() {
            message.headers[name] = header(value)
        }
        return message
    }

    /// What JSON has no kind for is an object with one member that names the kind. Text with a NUL, which the database can't
    /// hold, is bytes.
    private static func json(_ value: AMQPValue) -> JSON {
        switch value {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): value.isFinite ? .double(value) : .null
        case .string(let value):
            value.utf8.contains(0) ? ["bytes": .string(hexadecimal(Array(value.utf8)))] : .string(value)
        case .bytes(let value): ["bytes": .string(hexadecimal(value))]
        case .timestamp(let value): ["timestamp": .int(Int64(clamping: value))]
        case .array(let values): .array(values.map(json))
        case .table(let entries):
            ["table": .object(JSONObject(entries.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))]
        }
    }

    private static func header(_ json: JSON) -> AMQPValue {
        switch json {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        case .array(let values): .array(values.map(header))
        case .object(let object):
            if let text = object["bytes"]?.stringValue {
                .bytes(bytes(hexadecimal: text))
            } else if let seconds = object["timestamp"]?.intValue {
                .timestamp(UInt64(clamping: seconds))
            } else {
                .table(
                    Dictionary(
                        (object["table"]?.objectValue ?? JSONObject()).map { ($0.key, header($0.value)) },
                        uniquingKeysWith: { _, last in last }))
            }
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(hexadecimal text: String) -> [UInt8] {
        let values = text.utf8.map { UInt8(digits.firstIndex(of: $0) ?? 0) }
        return stride(from: 0, to: values.count - 1, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
