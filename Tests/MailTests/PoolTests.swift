import Contracts
import Mail
import Synchronization
import TestKit
import Testing

/// Connections that are kept, shared and given up.
@Suite struct PoolTests {
    private static var message: [UInt8] { get throws { try Samples.message().composed() } }

    private func send(_ count: Int, over client: SMTPClient) async throws {
        try await withThrowingTaskGroup { group in
            for index in 0..<count {
                group.addTask { _ = try await client.send(.to("p\(index)@example.com"), Self.message) }
            }
            try await group.waitForAll()
        }
    }

    @Test func manyAtOnceShareAFewConnections() async throws {
        try await SMTPSink.with { sink in
            let client = try sink.client { $0.connectionsMax = 3 }
            try await send(200, over: client)
            #expect(Set(sink.messages.flatMap(\.recipients)).count == 200)
            #expect(sink.openMax <= 3)
            #expect(sink.connectionCount <= 3)
            client.close()
            try await eventually("all connections are closed") { sink.openCount == 0 }
            #expect(try await client.failure(.to("ada@example.com"), Self.message).kind == .closed)
        }
    }

    @Test func connectionsEndAfterSoManyMessages() async throws {
        try await SMTPSink.with { sink in
            let client = try sink.client {
                $0.messagesPerConnectionMax = 10
                $0.connectionsMax = 1
            }
            for _ in 0..<25 { _ = try await client.send(.to("ada@example.com"), Self.message) }
            #expect(sink.messages.map(\.connection).max() == 3)
            #expect(sink.messages.count { $0.connection == 1 } == 10)
        }
    }

    @Test func idleConnectionsGoAway() async throws {
        try await SMTPSink.with { sink in
            let client = try sink.client { $0.idleLimit = .milliseconds(50) }
            _ = try await client.send(.to("ada@example.com"), Self.message)
            try await eventually("the idle connection is closed") { client.connectionCount == 0 && sink.openCount == 0 }
            #expect(sink.commands.last == "QUIT")
            _ = try await client.send(.to("ada@example.com"), Self.message)
            #expect(sink.messages.count == 2)
        }
    }

    /// A server may hang up on an idle connection at any time; that is no message's fault.
    @Test func aKeptConnectionThatIsDeadIsReplaced() async throws {
        try await SMTPSink.with { sink in
            let client = try sink.client()
            for _ in 0..<20 {
                _ = try await client.send(.to("ada@example.com"), Self.message)
                sink.cut()
                try await eventually("the server has hung up") { sink.openCount == 0 }
            }
            #expect(sink.messages.count == 20)
        }
    }

    @Test func aServerThatSaysGoodbyeToAKeptConnection() async throws {
        try await SMTPSink.with(react: { moment, connection in
            moment.verb == "MAIL" && connection == 1 ? .sayAndHangUp("421 4.4.2 timeout") : .usual
        }) { sink in
            let client = try sink.client()
            // A new connection that is sent away: the caller is told.
            #expect(try await client.failure(.to("ada@example.com"), Self.message).reply?.code == 421)
            _ = try await client.send(.to("ada@example.com"), Self.message)
            #expect(sink.connectionCount == 2)
        }
    }

    @Test func whoWaitsIsServedOrTold() async throws {
        let stalls = Flag()
        try await SMTPSink.with(react: { moment, _ in
            moment == .message && !stalls.wasRaised() ? .stall : .usual
        }) { sink in
            let client = try sink.client { $0.connectionsMax = 1 }
            let first = Task { try await client.send(.to("first@example.com"), Self.message) }
            try await eventually("the first has its connection") { sink.commands.contains("DATA") }
            let second = Task { try await client.send(.to("second@example.com"), Self.message) }
            let third = Task { try await client.send(.to("third@example.com"), Self.message) }
            second.cancel()
            await #expect { try await second.value } throws: { ($0 as? SMTPError)?.kind == .cancelled }
            // What is cancelled after the message has left may have arrived.
            try await eventually("the message has left") { stalls.isUp }
            first.cancel()
            await #expect { try await first.value } throws: { ($0 as? SMTPError)?.kind == .unknownOutcome }
            _ = try await third.value
            #expect(sink.messages.flatMap(\.recipients) == ["RCPT TO:<third@example.com>"])
        }
    }

    /// Whatever a server does, each message is either with it or its sender knows why not.
    @Test(arguments: 0..<6) func badServers(seed: UInt64) async throws {
        let random = Dice(seed)
        try await SMTPSink.with(react: { moment, _ in
            switch random.roll(40) {
            case 0: .hangUp
            case 1: .sayAndHangUp("421 4.3.2 bye")
            case 2: .say("451 4.3.0 later")
            case 3: .say("550 5.1.1 unknown")
            case 4: moment == .message ? .stall : .usual
            default: .usual
            }
        }) { sink in
            let client = try sink.client {
                $0.connectionsMax = 4
                $0.timeouts = .init(each: .milliseconds(500))
            }
            let outcomes = await withTaskGroup(of: (Int, SMTPError?).self) { group in
                for index in 0..<150 {
                    group.addTask {
                        do {
                            _ = try await client.send(.to("p\(index)@example.com"), Self.message)
                            return (index, nil)
                        } catch { return (index, error as? SMTPError) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let arrived = Set(sink.messages.flatMap(\.recipients))
            #expect(arrived.count == sink.messages.count)
            for (index, error) in outcomes where error?.kind != .unknownOutcome {
                #expect(
                    arrived.contains("RCPT TO:<p\(index)@example.com>") == (error == nil),
                    "\(index): \(String(describing: error))")
            }
        }
    }
}

/// Random numbers that several connections share.
final class Dice: Sendable {
    private let random: Mutex<SeededGenerator>

    init(_ seed: UInt64) { random = Mutex(SeededGenerator(seed: seed)) }

    func roll(_ sides: Int) -> Int { random.withLock { Int.random(in: 0..<sides, using: &$0) } }
}
