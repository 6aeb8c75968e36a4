import AMQP
import TestKit
import Testing

private func publication(_ queue: String) -> AMQPPublication {
    AMQPPublication(exchange: "", routingKey: queue, message: AMQPMessage(body: [1]))
}

extension AMQPClient {
    /// Runs the client while `body` runs.
    fileprivate func running<R: Sendable>(_ body: (AMQPClient) async throws -> R) async throws -> R {
        async let life: Void = run()
        do {
            let result = try await body(self)
            stop()
            try await life
            return result
        } catch {
            stop()
            try? await life
            throw error
        }
    }

    /// The error of the first disconnection that tells more than "not connected yet".
    fileprivate func firstFailure() async -> AMQPError? {
        for await state in states {
            if case .disconnected(let error) = state, error.message != "not connected yet" { return error }
        }
        return nil
    }
}

@Suite("Connections")
struct ConnectionTests {
    @Test("A broken connection fails what was under way, is made again, and works", arguments: [true, false])
    func reconnects(byReset: Bool) async throws {
        try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port) { proxy in
                let client = AMQPClient(try broker.configuration(through: proxy))
                try await client.running { client in
                    try await client.waitUntilConnected()
                    try await client.declareQueue("q", arguments: ["x-queue-type": "quorum"])
                    let consumer = try await client.consume("q")
                    #expect(try await client.publish(publication("q")) == .confirmed)
                    _ = await consumer.next()

                    // What is sent into a stalled connection is neither confirmed nor refused …
                    proxy.stall()
                    async let outcome = client.publish(publication("q"))
                    let status = Task { try await client.queueStatus("q") }
                    try await Task.sleep(for: .milliseconds(50))
                    if byReset { proxy.reset() } else { proxy.cut() }
                    proxy.resume()

                    // … and lost when it breaks.
                    if case .lost(let error) = try await outcome {
                        #expect(error.kind == .connectionLost)
                    } else {
                        Issue.record("not lost")
                    }
                    await #expect(throws: AMQPError.self) { try await status.value }
                    #expect(await consumer.next() == nil)
                    #expect(consumer.end?.isTransient == true)

                    try await eventually("connected again") { client.isConnected }
                    let again = try await client.consume("q")
                    #expect(await again.next()?.redelivered == true)
                    #expect(try await client.publish(publication("q")) == .confirmed)
                    // Settling on the old connection does nothing.
                    consumer.ack(1)
                    #expect(again.end == nil)
                }
            }
        }
    }

    @Test("A broker that falls silent is noticed by its missing heartbeats")
    func heartbeats() async throws {
        try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port) { proxy in
                let client = AMQPClient(try broker.configuration(through: proxy, heartbeatSeconds: 1))
                try await client.running { client in
                    try await client.waitUntilConnected()
                    let consumer = try await {
                        try await client.declareQueue("q")
                        return try await client.consume("q")
                    }()
                    // Heartbeats alone keep a connection that has nothing to say.
                    try await Task.sleep(for: .seconds(3))
                    #expect(client.isConnected)
                    #expect(consumer.end == nil)

                    let stalled = ContinuousClock.now
                    proxy.stall()
                    let failure = await client.firstFailure()
                    #expect(failure?.kind == .connectionLost)
                    #expect(failure?.message.contains("heartbeat") == true)
                    #expect(stalled.duration(to: .now) < .seconds(4))
                    #expect(await consumer.next() == nil)
                    proxy.resume()
                    try await eventually("connected again") { client.isConnected }
                }
            }
        }
    }

    @Test("A broker that is away at the start is connected to when it comes")
    func lateBroker() async throws {
        try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port) { proxy in
                await proxy.refuse()
                let client = AMQPClient(try broker.configuration(through: proxy))
                try await client.running { client in
                    let failure = await client.firstFailure()
                    #expect(failure?.kind == .notConnected)
                    #expect(!client.isConnected)
                    try await proxy.accept()
                    try await client.waitUntilConnected()
                    #expect(try await client.queueStatus("none") == nil)
                }
            }
        }
    }

    @Test("A refused login says so and is tried again")
    func wrongPassword() async throws {
        try await TestBroker.with { broker in
            var configuration = try broker.configuration()
            configuration.address.password = "wrong"
            try await AMQPClient(configuration).running { client in
                let failure = await client.firstFailure()
                #expect(failure?.kind == .connectionClosed)
                #expect(failure?.code == 403)
            }
        }
    }

    @Test("A virtual host that does not exist is refused")
    func wrongVirtualHost() async throws {
        try await TestBroker.with { broker in
            var configuration = try broker.configuration()
            configuration.address.virtualHost = "nowhere"
            try await AMQPClient(configuration).running { client in
                let failure = await client.firstFailure()
                #expect(failure?.kind == .connectionClosed)
                #expect(failure?.message.contains("nowhere") == true)
            }
        }
    }

    @Test("A connection that the broker's operator closes is made again")
    func closedByOperator() async throws {
        try await TestBroker.with { broker in
            try await broker.withClient { client in
                let before = client.states
                try await TestBroker.control(
                    "close_all_connections", "--vhost", broker.virtualHost, "tidying up")
                var sawReason = false
                for await state in before {
                    if case .disconnected(let error) = state {
                        sawReason = error.code == 320 && error.message.contains("tidying up")
                        break
                    }
                }
                #expect(sawReason)
                try await eventually("connected again") { client.isConnected }
            }
        }
    }

    @Test("Stopping ends the run, and what comes later fails")
    func stopping() async throws {
        try await TestBroker.with { broker in
            let client = AMQPClient(try broker.configuration())
            let consumer = try await client.running { client in
                try await client.waitUntilConnected()
                try await client.declareQueue("q")
                return try await client.consume("q")
            }
            #expect(await consumer.next() == nil)
            #expect(!client.isConnected)
            await #expect(throws: AMQPError.self) { try await client.declareQueue("q") }
            await #expect(throws: AMQPError.self) { try await client.waitUntilConnected() }
        }
    }

    @Test("Whatever is asked while the client stops is answered", arguments: 0..<5)
    func askingWhileStopping(round: Int) async throws {
        try await TestBroker.with { broker in
            let client = AMQPClient(try broker.configuration())
            try await client.running { client in
                try await client.waitUntilConnected()
                try await client.declareQueue("q")
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            if number == 10 * round { client.stop() }
                            _ = try? await client.publish(publication("q"))
                            _ = try? await client.queueStatus("q")
                            _ = try? await client.consume("q")
                        }
                    }
                }
            }
        }
    }

    @Test("Cancelling the running task closes the connection")
    func cancelling() async throws {
        try await TestBroker.with { broker in
            let client = AMQPClient(try broker.configuration())
            let life = Task { try await client.run() }
            try await client.waitUntilConnected()
            life.cancel()
            try await life.value
            #expect(!client.isConnected)
        }
    }

    // MARK: By script

    @Test("A peer that never answers is given up in time, and stopping does not wait for it")
    func mute() async throws {
        let fake = try await FakeBroker.start(.mute)
        var configuration = try AMQPConfiguration(url: "amqp://127.0.0.1:\(fake.port)")
        configuration.connectTimeout = .milliseconds(300)
        try await AMQPClient(configuration).running { client in
            #expect(await client.firstFailure()?.kind == .timedOut)
        }
        configuration.connectTimeout = .seconds(60)
        let started = ContinuousClock.now
        try await AMQPClient(configuration).running { _ in try await Task.sleep(for: .milliseconds(50)) }
        #expect(started.duration(to: .now) < .seconds(2))
        try await fake.stop()
    }

    @Test("A peer that speaks something else is refused")
    func garbage() async throws {
        let fake = try await FakeBroker.start(.garbage)
        let configuration = try AMQPConfiguration(url: "amqp://127.0.0.1:\(fake.port)")
        try await AMQPClient(configuration).running { client in
            #expect(await client.firstFailure()?.kind == .protocolViolation)
        }
        try await fake.stop()
    }

    @Test("A broker that blocks publishers is waited for")
    func blocked() async throws {
        let fake = try await FakeBroker.start(.block(reason: "low on memory"))
        let configuration = try AMQPConfiguration(url: "amqp://127.0.0.1:\(fake.port)")
        try await AMQPClient(configuration).running { client in
            try await client.waitUntilConnected()
            let states = client.states
            async let outcome = client.publish(publication("q"))
            var seen: [AMQPState] = []
            for await state in states {
                seen.append(state)
                if seen.count == 3 { break }
            }
            #expect(seen == [.connected, .blocked("low on memory"), .connected])
            #expect(try await outcome == .confirmed)
        }
        try await fake.stop()
    }

    @Test("A publication that is not taken in time is lost, with the reason; so is one whose task is cancelled")
    func confirmTimeout() async throws {
        try await TestBroker.with { broker in
            try await TCPProxy.with(to: broker.address.host, port: broker.address.port) { proxy in
                var configuration = try broker.configuration(through: proxy)
                configuration.confirmTimeout = .milliseconds(300)
                try await AMQPClient(configuration).running { client in
                    try await client.waitUntilConnected()
                    proxy.stall()
                    guard case .lost(let error) = try await client.publish(publication("q")) else {
                        Issue.record("not lost")
                        return
                    }
                    #expect(error.kind == .timedOut)
                }
                configuration.confirmTimeout = .seconds(60)
                proxy.resume()
                try await AMQPClient(configuration).running { client in
                    try await client.waitUntilConnected()
                    proxy.stall()
                    let publishing = Task { try await client.publish(publication("q")) }
                    try await Task.sleep(for: .milliseconds(20))
                    publishing.cancel()
                    guard case .lost(let error) = try await publishing.value else {
                        Issue.record("not lost")
                        return
                    }
                    #expect(error.kind == .cancelled)
                    proxy.resume()
                }
            }
        }
    }
}
