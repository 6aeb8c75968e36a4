import TestKit
import Testing

@testable import AMQP

extension AMQPValue {
    static func random(using generator: inout SeededGenerator, depth: Int = 0) -> AMQPValue {
        switch Int.random(in: 0..<(depth < 3 ? 9 : 7), using: &generator) {
        case 0: .null
        case 1: .bool(.random(using: &generator))
        case 2: .int(.random(in: .min ... .max, using: &generator))
        case 3: .double(.random(in: -1e9...1e9, using: &generator))
        case 4: .string(.random(using: &generator))
        case 5:
            .bytes(
                (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
                    .random(in: 0...255, using: &generator)
                })
        case 6: .timestamp(.random(in: 0...UInt64(Int64.max), using: &generator))
        case 7:
            .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in .random(using: &generator, depth: depth + 1) }
            )
        default: .table(table(using: &generator, depth: depth + 1))
        }
    }

    static func table(using generator: inout SeededGenerator, depth: Int = 0) -> [String: AMQPValue] {
        var entries: [String: AMQPValue] = [:]
        for index in 0..<Int.random(in: 0..<6, using: &generator) {
            entries["\(index)-\(String.random(using: &generator))"] = random(using: &generator, depth: depth)
        }
        return entries
    }
}

extension String {
    static func random(using generator: inout SeededGenerator) -> String {
        let alphabet = Array("abcæøå €🎫\n\"\\日本")
        return String(
            (0..<Int.random(in: 0..<20, using: &generator)).compactMap { _ in
                alphabet.randomElement(using: &generator)
            })
    }
}

extension AMQPMessage {
    static func random(using generator: inout SeededGenerator, bodyLimit: Int = 20_000) -> AMQPMessage {
        func maybe(_ generator: inout SeededGenerator) -> String? {
            Bool.random(using: &generator) ? String.random(using: &generator) : nil
        }
        let size = Int.random(in: 0...bodyLimit, using: &generator)
        return AMQPMessage(
            body: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) },
            contentType: maybe(&generator), contentEncoding: maybe(&generator),
            deliveryMode: Bool.random(using: &generator) ? .persistent : .transient,
            priority: Bool.random(using: &generator) ? .random(in: 0...9, using: &generator) : nil,
            correlationId: maybe(&generator), replyTo: maybe(&generator), expiration: maybe(&generator),
            messageId: maybe(&generator),
            timestamp: Bool.random(using: &generator) ? .random(in: 0...4_000_000_000, using: &generator) : nil,
            type: maybe(&generator), userId: maybe(&generator), appId: maybe(&generator),
            headers: AMQPValue.table(using: &generator))
    }
}

@Suite("Frames")
struct FrameTests {
    @Test("What is encoded is decoded, however the bytes are cut", arguments: UInt64(0)..<60)
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let encoder = FrameEncoder()
        let decoder = try FrameDecoder()
        var expected: [AMQPMessage] = []
        for _ in 0..<5 {
            let message = AMQPMessage.random(using: &generator)
            expected.append(message)
            try encoder.publish(
                AMQPPublication(exchange: "e", routingKey: "k", message: message), channel: 7)
        }

        var bytes = Array(encoder.pending)
        var decoded: [AMQPMessage] = []
        var current: (message: AMQPMessage, size: UInt64)?
        while !bytes.isEmpty {
            let count = min(bytes.count, Int.random(in: 1...9000, using: &generator))
            try Array(bytes.prefix(count)).withUnsafeBytes { chunk in
                try decoder.decode(chunk) { (frame: Frame) throws(AMQPError) in
                    switch frame {
                    case .header(let channel, let size, let message):
                        #expect(channel == 7)
                        current = (message, size)
                    case .body(_, let body):
                        current?.message.body.append(contentsOf: body)
                    default: break
                    }
                    if let complete = current, UInt64(complete.message.body.count) == complete.size {
                        decoded.append(complete.message)
                        current = nil
                    }
                }
            }
            bytes.removeFirst(count)
        }
        #expect(decoded == expected)
    }

    @Test("What does not fit leaves no half frame behind")
    func invalid() throws {
        let encoder = FrameEncoder()
        let long = String(repeating: "x", count: 256)
        #expect(throws: AMQPError.self) {
            try encoder.publish(
                AMQPPublication(exchange: "e", routingKey: long, message: AMQPMessage(body: [1])), channel: 1)
        }
        #expect(throws: AMQPError.self) {
            try encoder.publish(
                AMQPPublication(
                    exchange: "e", routingKey: "k",
                    message: AMQPMessage(body: [1], headers: ["h": .string(String(repeating: "x", count: 5000))])),
                channel: 1)
        }
        #expect(encoder.isEmpty)
        try encoder.publish(
            AMQPPublication(exchange: "e", routingKey: "k", message: AMQPMessage(body: [])), channel: 1)
        #expect(!encoder.isEmpty)
    }

    @Test("Garbage is refused", arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "AMQP\u{0}\u{0}\u{9}\u{9}xxxxxxxxx"])
    func garbage(text: String) throws {
        let decoder = try FrameDecoder()
        var frames = 0
        let bytes = Array(text.utf8)
        let error = #expect(throws: AMQPError.self) {
            try bytes.withUnsafeBytes { chunk in
                try decoder.decode(chunk) { (_: Frame) throws(AMQPError) in frames += 1 }
            }
        }
        #expect(error?.kind == .protocolViolation)
        #expect(frames == 0)
    }
}
