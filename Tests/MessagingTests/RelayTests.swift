import AMQP
import Contracts
import Database
import Foundation
import Glibc
import TestKit
import Testing

@testable import Messaging

@Suite("The outbox relay", .serialized)
struct RelayTests {
    @Test("What is committed reaches the broker; the outbox is empty afterwards, the history is not")
    func publishes() async throws {
        try await World.with { world in
            let subscriber = try await world.subscribe()
            let items = (0..<20).map { _ in UUID.v7() }
            try await world.running(world.relay()) {
                try await world.publish(items)
                let deliveries = try await subscriber.receive(20)
                #expect(Set(deliveries.map(\.routingKey)) == ["shop.item.moved"])
                for delivery in deliveries {
                    let message = try RawMessage(
                        message: delivery.message, routingKey: delivery.routingKey, topology: world.topology)
                    #expect(message.envelope.sequence == 1)
                    #expect(message.envelope.tenantId == world.tenant)
                    #expect(message.source == "tests")
                }
                try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
                #expect(try await world.count("events") == 20)
            }
        }
    }

    @Test("A commit wakes the relay: it does not wait for its next look")
    func wakes() async throws {
        try await World.with { world in
            let subscriber = try await world.subscribe()
            let relay = world.relay {
                $0.pollIntervalMin = .seconds(30)
                $0.pollIntervalMax = .seconds(30)
            }
            try await world.running(relay) {
                try await world.publish([.v7()])
                _ = try await subscriber.receive(1)
                let begin = ContinuousClock.now
                try await world.publish([.v7()])
                _ = try await subscriber.receive(2)
                #expect(.now - begin < .seconds(25))
            }
        }
    }

    @Test("Without a wake-up, from another process for example, the relay finds what is there")
    func polls() async throws {
        try await World.with { world in
            let subscriber = try await world.subscribe()
            try await world.running(world.relay()) {
                try await eventually("all partitions are leased") {
                    try await world.test.superuser("SELECT FROM tests.relay_leases WHERE owner IS NULL").isEmpty
                }
                let foreign = UUID()
                try await world.test.superuser(
                    """
                    WITH e AS (
                        INSERT INTO tests.events (tenant_id, event_id, occurred_at, name, schema_version, schema_ref, aggregate_type,
                            aggregate_id, aggregate_version, sequence, payload)
                        VALUES ('\(world.tenant)', '\(foreign)', now(), 'item.moved', 1, 'payload.ItemMoved.v1', 'item',
                            gen_random_uuid(), 1, 1, '{}')
                        RETURNING *
                    )
                    INSERT INTO tests.outbox (tenant_id, position, partition, aggregate_id, sequence, event_id, xid, recorded_at)
                    SELECT tenant_id, position, 3, aggregate_id, 1, event_id, xid, recorded_at FROM e
                    """)
                let deliveries = try await subscriber.receive(1)
                #expect(deliveries[0].message.messageId == foreign.text)
            }
        }
    }

    @Test("A connection that is cut in the middle loses nothing and keeps the order")
    func cutConnection() async throws {
        try await World.with { world in
            try await TCPProxy.with(to: world.broker.address.host, port: world.broker.address.port) { proxy in
                let subscriber = try await world.subscribe()
                let items = (0..<10).map { _ in UUID.v7() }
                try await world.broker.withClient(world.broker.configuration(through: proxy)) { amqp in
                    try await world.running(world.relay(amqp: amqp)) {
                        for round in 0..<20 {
                            for item in items { try await world.publish(item, count: 2) }
                            if round % 5 == 2 { proxy.cut() }
                            if round % 5 == 4 { proxy.reset() }
                        }
                        try await subscriber.receive(40, ofEach: items)
                        try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
                    }
                }
                for item in items { #expect(subscriber.firstDeliveries[item] == Array(1...40)) }
            }
        }
    }

    @Test("A crash between publish and delete repeats the event and loses nothing")
    func crashBeforeDelete() async throws {
        try await World.with { world in
            let subscriber = try await world.subscribe()
            let items = (0..<5).map { _ in UUID.v7() }
            try await world.running(world.relay()) {
                try await world.publish(items)
                try await subscriber.receive(1, ofEach: items)
                try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
                // From here on no delete succeeds, as if the relay had died after each publish.
                try await world.test.superuser(
                    """
                    CREATE FUNCTION tests.refuse() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'no deletes'; END $$
                    """)
                try await world.test.superuser(
                    "CREATE TRIGGER refuse BEFORE DELETE ON tests.outbox EXECUTE FUNCTION tests.refuse()")
                try await world.publish(items)
                _ = try await subscriber.receive(6)
            }
            #expect(try await world.count("outbox") == 5)
            try await world.test.superuser("DROP TRIGGER refuse ON tests.outbox")
            try await world.running(world.relay()) {
                try await subscriber.receive(2, ofEach: items)
                try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
                // What had been published is published again.
                _ = try await subscriber.receive(11)
            }
            for item in items { #expect(subscriber.firstDeliveries[item] == [1, 2]) }
        }
    }

    @Test("An event that the broker refuses stops its aggregate alone, and keeps the order when it goes on")
    func refused() async throws {
        try await World.with { world in
            // A subscriber whose queue is full and refuses more, for one kind of routing key only.
            try await world.amqp.declareQueue(
                "full", arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
            let stuck = UUID.v7()
            try await world.amqp.declareExchange("by-aggregate", type: "headers")
            try await world.amqp.bindExchange("by-aggregate", to: world.topology.exchange, routingKey: "#")
            try await world.amqp.bindQueue(
                "full", to: "by-aggregate", routingKey: "",
                arguments: ["x-match": "all", "aggregate-id": .string(stuck.text)])
            let subscriber = try await world.subscribe()
            let others = (0..<5).map { _ in UUID.v7() }
            var limits = RelayLimits()
            limits.refusalBackoffFirst = .milliseconds(50)
            limits.refusalBackoffLast = .milliseconds(200)
            try await world.running(world.relay(limits: limits)) {
                for _ in 0..<5 { try await world.publish([stuck] + others) }
                try await subscriber.receive(5, ofEach: others)
                try await eventually("only the stuck ones are left") { try await world.count("outbox") <= 4 }
                #expect(try await world.count("outbox") > 0)
                // The subscriber makes room, one by one.
                var taken: [Int64] = []
                try await eventually("all went through") {
                    if let delivery = try await world.amqp.get("full") {
                        taken.append(delivery.message.headers["aggregate-sequence"]?.intValue ?? 0)
                    }
                    return taken.last == 5
                }
                var first: [Int64] = []
                for sequence in taken where !first.contains(sequence) { first.append(sequence) }
                #expect(first == [1, 2, 3, 4, 5])
                try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
            }
        }
    }

    @Test("A relay that stops hands its partitions on at once")
    func handsOver() async throws {
        try await World.with { world in
            let (first, second) = (world.relay(), world.relay())
            let subscriber = try await world.subscribe()
            try await world.running(second) {
                try await eventually("the second relay has its share or all") {
                    try await world.test.superuser("SELECT FROM tests.relay_leases WHERE owner IS NULL").isEmpty
                }
                try await world.running(first) {
                    try await eventually("both have their share") {
                        let owners = try await world.test.superuser(
                            "SELECT count(*) FROM tests.relay_leases WHERE owner IS NOT NULL GROUP BY owner")
                        return owners.map { $0[0] } == ["8", "8"]
                    }
                    try await world.publish((0..<50).map { _ in .v7() })
                    _ = try await subscriber.receive(50)
                }
            }
        }
    }
}

/// The same over several processes, because only a process can be stopped in the middle of anything.
@Suite("Relays in processes of their own", .serialized)
struct RelayProcessTests {
    @Test("Three relays, one frozen past its lease and one killed: nothing is lost, first deliveries are in order")
    func frozenAndKilled() async throws {
        try await World.with { world in
            let subscriber = try await world.subscribe()
            let items = (0..<40).map { _ in UUID.v7() }
            let children = try (0..<3).map { _ in try RelayProcess(world) }
            defer { for child in children { child.kill() } }
            try await eventually("three relays share the partitions") {
                let owners = try await world.test.superuser(
                    "SELECT FROM tests.relay_leases WHERE owner IS NOT NULL GROUP BY owner")
                return owners.count == 3
            }
            for round in 0..<12 {
                for item in items { try await world.publish(item, count: 2) }
                switch round {
                case 3: children[0].freeze()
                case 6: children[1].kill()
                default: break
                }
            }
            // The living one takes over everything.
            try await subscriber.receive(24, ofEach: items)
            try await eventually("an empty outbox") { try await world.count("outbox") == 0 }
            let published = subscriber.deliveries.count
            // The frozen one wakes: it finds its leases gone. More is published meanwhile, to tempt it.
            children[0].thaw()
            for _ in 0..<3 { try await world.publish(items) }
            try await subscriber.receive(27, ofEach: items)
            for item in items { #expect(subscriber.firstDeliveries[item] == Array(1...27)) }
            let repeated = subscriber.deliveries.count - published - 3 * items.count
            // What it had handed to its connection before it froze may come out again, its buffered events may not.
            #expect(repeated <= RelayLimits().waveMax)
        }
    }

    @Test("A relay for another process to run", .enabled(if: RelayProcess.isChild))
    func child() async throws {
        try await RelayProcess.runChild()
    }
}

/// A relay in a process that can be frozen and killed: this test program again, running one test.
final class RelayProcess: Sendable {
    private static let variable = "MESSAGING_TEST_RELAY"

    static var isChild: Bool { ProcessInfo.processInfo.environment[variable] != nil }

    private let pid: pid_t

    init(_ world: World) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--testing-library", "swift-testing", "--filter", "RelayProcessTests/child"]
        var environment = ProcessInfo.processInfo.environment
        environment[Self.variable] = "\(world.test.url()) \(world.broker.url)"
        process.environment = environment
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        pid = process.processIdentifier
    }

    func freeze() { _ = Glibc.kill(pid, SIGSTOP) }
    func thaw() { _ = Glibc.kill(pid, SIGCONT) }
    func kill() { _ = Glibc.kill(pid, SIGKILL) }

    static func runChild() async throws {
        let urls = (ProcessInfo.processInfo.environment[variable] ?? "").split(separator: " ").map(String.init)
        let database = Database(DatabaseConfiguration(url: urls[0], schema: World.service))
        let amqp = AMQPClient(try AMQPConfiguration(url: urls[1], connectionName: "child", heartbeatSeconds: 5))
        var configuration = OutboxRelayConfiguration()
        configuration.leaseTimeToLive = .seconds(2)
        let relay = OutboxRelay(
            service: World.service, topology: Topology(exchange: "shop"), database: database, amqp: amqp,
            configuration: configuration)
        // A parent that dies does not take its children along.
        async let parent: Void = exitWithParent()
        async let connection: Void = amqp.run()
        try await relay.run()
        try await connection
        await parent
    }

    private static func exitWithParent() async {
        let parent = getppid()
        while getppid() == parent { try? await Task.sleep(for: .milliseconds(200)) }
        exit(0)
    }
}
