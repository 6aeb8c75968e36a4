import AMQP
import Contracts
import Database
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import TestKit
import Testing

@testable import Messaging

@Suite("The consumer runtime", .serialized)
struct ConsumerTests {
    @Test("Each event has one effect per handler, in order, even if all is delivered twice")
    func duplicates() async throws {
        try await World.with { world in
            let batch = BatchRecorder(name: "batch", patterns: ["item.*"])
            let handlers = [MessageHandler(Recorder()), MessageHandler(batch)]
            let items = (0..<20).map { _ in UUID.v7() }
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    for _ in 0..<5 { try await world.publish(items) }
                    try await eventually("all effects") { try await world.count("effects") == 200 }
                    let history = EventHistory(database: world.database)
                    try await eventually("all is readable") {
                        try await history.page(after: .start, limit: 200).events.count == 100
                    }
                    let replay = HistoryReplay(
                        service: World.service, topology: world.topology, history: history, amqp: world.amqp)
                    let progress = try await replay.run(after: .start, to: .service(World.service))
                    #expect(progress.sent == 100)
                    try await world.drained()
                }
            }
            for handler in ["recorder", "batch"] {
                let effects = try await world.effects(handler)
                for item in items { #expect(effects[item] == Array(1...5), "\(handler)") }
            }
            #expect(try await world.count("inbox") == 200)
        }
    }

    @Test("What does not concern a handler is neither handled nor remembered, and does not keep others from it")
    func concern() async throws {
        try await World.with { world in
            let odd = BatchRecorder(name: "odd", patterns: ["#"], concerns: { $0.envelope.sequence % 2 == 1 })
            let handlers = [MessageHandler(odd), MessageHandler(BatchRecorder(name: "batch", patterns: ["#"]))]
            let items = (0..<10).map { _ in UUID.v7() }
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    for _ in 0..<5 { try await world.publish(items) }
                    try await eventually("all effects") { try await world.count("effects") == 80 }
                    try await world.drained()
                }
            }
            let (some, all) = (try await world.effects("odd"), try await world.effects("batch"))
            for item in items {
                #expect(some[item] == [1, 3, 5])
                #expect(all[item] == Array(1...5))
            }
            #expect(try await world.count("inbox") == 80)
        }
    }

    @Test("With three relays and two consumers the order of each aggregate holds")
    func order() async throws {
        try await World.with(connections: 40) { world in
            let items = (0..<30).map { _ in UUID.v7() }
            let handlers = [MessageHandler(Recorder())]
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                try await world.broker.withClient { amqp in
                    let relays = (0..<3).map { _ in world.relay() }
                    try await world.running(relays) {
                        let second = world.consumer(handlers, amqp: amqp)
                        for round in 0..<10 {
                            for item in items { try await world.publish(item, count: 2) }
                            // The second consumer comes and goes.
                            if round % 3 == 1 {
                                try await world.running([{ try await second.run() }]) {
                                    for item in items { try await world.publish(item, count: 2) }
                                }
                            }
                        }
                        let total = (10 + 3) * 2 * items.count
                        try await eventually("all effects") {
                            try await world.count("effects") >= total
                        }
                    }
                }
            }
            let effects = try await world.effects("recorder")
            for item in items { #expect(effects[item] == Array(1...26)) }
        }
    }

    @Test("A failing event is retried on its ladder, and the later ones of its aggregate wait behind it, others don't")
    func ladder() async throws {
        try await World.with { world in
            let failures = Mutex(0)
            let isBroken = Mutex(true)
            let (stuck, other) = (UUID.v7(), UUID.v7())
            let handler = Recorder { message in
                if message.event.itemId == stuck, message.envelope.sequence == 3, isBroken.withLock({ $0 }) {
                    failures.withLock { $0 += 1 }
                    throw Failure()
                }
            }
            let handlers = [MessageHandler(handler)]
            let consumer = world.consumer(handlers) {
                $0.retryPolicy = RetryPolicy(delays: Array(repeating: .milliseconds(300), count: 1000))
            }
            try await world.running(consumer) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    for _ in 0..<5 { try await world.publish([stuck, other]) }
                    try await eventually("the other is done") { try await world.effects("recorder")[other]?.count == 5 }
                    try await eventually("the stuck one waits") {
                        let parked = try await world.count("parked_messages")
                        return try await world.effects("recorder")[stuck] == [1, 2] && parked == 3
                    }
                    try await eventually("it is tried again") { failures.withLock { $0 } >= 3 }
                    #expect(try await world.effects("recorder")[stuck] == [1, 2])
                    isBroken.withLock { $0 = false }
                    try await eventually("all are done") { try await world.effects("recorder")[stuck]?.count == 5 }
                }
            }
            #expect(try await world.effects("recorder")[stuck] == [1, 2, 3, 4, 5])
            #expect(try await world.count("parked_messages") == 0)
        }
    }

    @Test("After the last attempt the event is a dead letter with its reason, and those behind it go on")
    func deadLetter() async throws {
        try await World.with { world in
            let item = UUID.v7()
            let isBroken = Mutex(true)
            let handler = Recorder { message in
                if message.envelope.sequence == 2, isBroken.withLock({ $0 }) { throw Failure() }
            }
            let handlers = [MessageHandler(handler), MessageHandler(BatchRecorder(name: "batch", patterns: ["#"]))]
            let deadLetters = DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp)
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                let outsider = try await world.subscribe()
                try await world.running(world.relay()) {
                    for _ in 0..<4 { try await world.publish([item]) }
                    try await eventually("the others are done") {
                        try await world.effects("recorder")[item] == [1, 3, 4]
                    }
                    try await eventually("a dead letter") { try await deadLetters.count() == 1 }

                    let listed = try await deadLetters.list()
                    #expect(listed.count == 1)
                    let letter = try #require(listed.first)
                    #expect(letter.reason == "retries_exhausted")
                    #expect(letter.attempts == 6)
                    #expect(letter.handler == "recorder")
                    #expect(letter.service == "tests")
                    #expect(letter.name == "item.moved")
                    #expect(letter.sequence == 2)
                    #expect(letter.tenantId == world.tenant)
                    #expect(letter.aggregateId == item)
                    #expect(letter.routingKey == "shop.item.moved")
                    #expect(letter.payload?["step"] == 1)
                    let eventId = try #require(letter.eventId)
                    // Looking as often as one likes takes nothing away.
                    for _ in 0..<30 { #expect(try await deadLetters.list().count == 1) }
                    #expect(try await deadLetters.show(eventId).count == 1)
                    #expect(try await deadLetters.show(.v7()).isEmpty)

                    // Still broken: it comes back.
                    #expect(try await deadLetters.requeue(.event(eventId)) == 1)
                    try await eventually("it is dead again") { try await deadLetters.count() == 1 }
                    #expect(try await world.effects("recorder")[item] == [1, 3, 4])
                    isBroken.withLock { $0 = false }
                    #expect(try await deadLetters.requeue(.event(.v7())) == 0)
                    #expect(try await deadLetters.requeue(.all) == 1)
                    try await eventually("it is handled") { try await world.effects("recorder")[item] == [1, 3, 4, 2] }
                    try await world.drained()
                    // It went to the handler that gave up, not to the other, and not to other subscribers.
                    #expect(try await world.effects("batch")[item] == [1, 2, 3, 4])
                    #expect(try await outsider.receive(4).count == 4)
                    #expect(try await world.amqp.queueStatus("subscriber")?.messageCount == 0)
                    #expect(try await deadLetters.list().isEmpty)
                }
            }
        }
    }

    @Test("A dead letter can be dropped, alone or with all others")
    func dropped() async throws {
        try await World.with { world in
            let handlers = [MessageHandler(Recorder { _ in throw PermanentFailure("never") })]
            let deadLetters = DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp)
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    try await world.publish((0..<5).map { _ in .v7() })
                    try await eventually("dead letters") { try await deadLetters.count() == 5 }
                }
                let letters = try await deadLetters.list()
                #expect(
                    letters.allSatisfy { $0.reason == "permanent_failure" && $0.attempts == 1 && $0.detail == "never" })
                let third = try #require(letters[2].eventId)
                // Who looks leaves all in its place, for whoever looks next.
                for _ in 0..<100 { #expect(try await deadLetters.show(third).count == 1) }
                #expect(try await deadLetters.drop(.event(third)) == 1)
                #expect(try await deadLetters.list().map(\.eventId) == [0, 1, 3, 4].map { letters[$0].eventId })
                #expect(try await deadLetters.drop(.all) == 4)
                #expect(try await deadLetters.list().isEmpty)
            }
            #expect(try await world.count("effects") == 0)
        }
    }

    @Test("What can't be read becomes a dead letter with its body untouched, and holds up nothing")
    func poison() async throws {
        try await World.with { world in
            let handlers = [MessageHandler(Recorder())]
            let deadLetters = DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp)
            let item = UUID.v7()
            let body: JSON = [
                "eventId": .uuid(.v7()), "tenantId": .uuid(world.tenant), "occurredAt": .timestamp(.now), "version": 1,
                "sequence": 1, "itemId": .uuid(item), "step": 1,
            ]
            func without(_ key: String) -> [UInt8] {
                var object = body.objectValue ?? [:]
                object[key] = nil
                object["eventId"] = .uuid(.v7())
                return JSON.object(object).serialized()
            }
            let poison: [(body: [UInt8], type: String, reason: DeadLetterReason)] = [
                (Array("not json".utf8), "payload.ItemMoved.v1", .undecodable),
                ([0xff, 0xfe, 0], "payload.ItemMoved.v1", .undecodable),
                (Array("[1]".utf8), "payload.ItemMoved.v1", .undecodable),
                (without("tenantId"), "payload.ItemMoved.v1", .badSchema),
                (without("step"), "payload.ItemMoved.v1", .badSchema),
                (without("nothing"), "payload.ItemMoved.v2", .unsupportedVersion),
                (Array(repeating: UInt8(ascii: " "), count: 70_000), "payload.ItemMoved.v1", .oversized),
            ]
            let consumer = world.consumer(handlers) { $0.bodySizeBytesMax = 65_536 }
            try await world.running(consumer) {
                try await world.bound(handlers)
                for (body, type, _) in poison + [(body.serialized(), "payload.ItemMoved.v1", .badSchema)] {
                    let outcome = try await world.amqp.publish(
                        AMQPPublication(
                            exchange: world.topology.exchange, routingKey: "shop.item.moved",
                            message: AMQPMessage(
                                body: body, type: type,
                                headers: ["aggregate-id": .string(item.text), "mine": "kept", "CC": ["subscriber"]])))
                    #expect(outcome == .confirmed)
                }
                try await eventually("the good one is handled") { try await world.effects("recorder")[item] == [1] }
                try await eventually("the others are dead") { try await deadLetters.count() == poison.count }
                let letters = try await deadLetters.list()
                #expect(Set(letters.map(\.body)) == Set(poison.map(\.body)))
                for letter in letters {
                    let expected = try #require(poison.first { $0.body == letter.body })
                    #expect(letter.reason == expected.reason.rawValue)
                    #expect(letter.headers["mine"] == "kept")
                }
            }
            #expect(try await world.count("parked_messages") == 0)
        }
    }

    @Test("Snooze waits without counting, Discard ends without effect")
    func outcomes() async throws {
        try await World.with { world in
            let snoozes = Mutex(0)
            let (sleepy, unwanted) = (UUID.v7(), UUID.v7())
            let handler = Recorder { message in
                if message.event.itemId == unwanted { throw Discard("not ours") }
                if message.event.itemId == sleepy, message.envelope.sequence == 1 {
                    // More often than there are retries.
                    if snoozes.withLock({
                        $0 += 1; return $0
                    }) <= 10 {
                        throw Snooze(for: .milliseconds(10))
                    }
                }
            }
            let handlers = [MessageHandler(handler)]
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                try await world.running(world.relay()) {
                    for _ in 0..<2 { try await world.publish([sleepy, unwanted]) }
                    try await eventually("both are done") {
                        let discarded = try await world.test.superuser(
                            "SELECT FROM tests.inbox WHERE outcome = 'discarded'")
                        return try await world.effects("recorder")[sleepy] == [1, 2] && discarded.count == 2
                    }
                }
            }
            #expect(try await world.effects("recorder")[unwanted] == nil)
            #expect(
                try await DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp).count() == 0)
        }
    }

    @Test("A handler sees the rows of the message's tenant only, and publishes for it, caused by the event")
    func handlerScope() async throws {
        struct Follower: EventHandler {
            typealias Payload = ItemMoved
            static let name = "follower"
            func handle(_ message: Message<ItemMoved>, in tx: Transaction) async throws {
                let tenants = try await tx.query("SELECT DISTINCT tenant_id FROM items").map {
                    try $0.get(0, as: UUID.self)
                }
                #expect(tenants == [message.envelope.tenantId])
                if message.event.step > 0 {
                    try tx.publish(ItemMoved(itemId: message.event.itemId, step: 0), version: message.envelope.version)
                }
            }
        }
        try await World.with { world in
            let handlers = [MessageHandler(Follower())]
            let subscriber = try await world.subscribe()
            let tenants = (0..<4).map { _ in UUID.v7() }
            try await world.running(world.consumer(handlers)) {
                try await world.bound(handlers)
                let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                try await MessagingContext.$current.withValue(MessagingContext(traceparent: traceparent)) {
                    for tenant in tenants { try await world.publish([.v7()], tenant: tenant) }
                }
                try await world.running(world.relay()) {
                    let deliveries = try await subscriber.receive(8)
                    let messages = try deliveries.map {
                        try RawMessage(message: $0.message, routingKey: $0.routingKey, topology: world.topology)
                    }
                    for tenant in tenants {
                        let own = messages.filter { $0.envelope.tenantId == tenant }.sorted {
                            $0.envelope.sequence < $1.envelope.sequence
                        }
                        #expect(own.map(\.envelope.sequence) == [1, 2])
                        #expect(own.last?.envelope.causationId == own.first?.envelope.eventId.text)
                        #expect(own.last?.envelope.actorType == .system)
                        #expect(own.map(\.traceparent) == [traceparent, traceparent])
                    }
                }
            }
        }
    }

    @Test("While the database is away nothing is parked or given up; afterwards everything is handled")
    func databaseAway() async throws {
        try await World.with { world in
            try await TCPProxy.with(to: world.test.address.host, port: world.test.address.port) { proxy in
                var proxied = try #require(URLComponents(string: world.test.url()))
                proxied.host = "127.0.0.1"
                proxied.port = proxy.port
                var configuration = DatabaseConfiguration(url: proxied.string ?? "", schema: World.service)
                configuration.acquireTimeout = .milliseconds(500)
                configuration.connectTimeout = .milliseconds(500)
                let database = Database(configuration)
                defer { database.close() }
                let handlers = [MessageHandler(Recorder())]
                let items = (0..<20).map { _ in UUID.v7() }
                let consumer = world.consumer(handlers, database: database) {
                    $0.infrastructurePatience = .milliseconds(700)
                }
                try await world.running(consumer) {
                    try await world.bound(handlers)
                    try await world.running(world.relay()) {
                        try await world.publish(items)
                        try await eventually("first effects") { try await world.count("effects") == 20 }
                        await proxy.refuse()
                        for _ in 0..<3 { try await world.publish(items) }
                        // Long enough that what is in hand goes back to the queue.
                        try await eventually("the messages are back in the queues") {
                            var ready = 0
                            for queue in Topology.queues(World.service, count: 4) {
                                ready += try await world.amqp.queueStatus(queue)?.messageCount ?? 0
                            }
                            return ready == 60
                        }
                        try await proxy.accept()
                        try await eventually("all effects") {
                            try await world.count("effects") == 80
                        }
                    }
                }
                let effects = try await world.effects("recorder")
                for item in items { #expect(effects[item] == [1, 2, 3, 4]) }
                #expect(try await world.count("parked_messages") == 0)
                #expect(
                    try await DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp).count()
                        == 0)
            }
        }
    }

    @Test("A consumer that stops finishes its batch and leaves the rest to others, in order")
    func drains() async throws {
        try await World.with { world in
            let entered = Mutex(0)
            let release = Mutex(false)
            let slow = BatchRecorder(name: "batch", patterns: ["#"]) { messages in
                entered.withLock { $0 += messages.count }
                while !release.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
            }
            let items = (0..<10).map { _ in UUID.v7() }
            try await world.topology.declareConsumer(
                service: World.service, patterns: ["#"], partitions: 4, on: world.amqp)
            try await world.running(world.relay()) {
                for _ in 0..<10 { try await world.publish(items) }
                try await eventually("all are queued") { try await world.count("outbox") == 0 }
            }
            let first = world.consumer([MessageHandler(slow)]) { $0.batchMax = 7 }
            let group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: first)],
                    logger: Logger(label: "t", factory: { _ in SwiftLogNoOpLogHandler() })))
            let running = Task { try await group.run() }
            try await eventually("four batches are in hand") { entered.withLock { $0 } >= 4 }
            await group.triggerGracefulShutdown()
            release.withLock { $0 = true }
            try await running.value
            let done = try await world.count("effects")
            #expect(done >= 4 && done <= 28)
            try await world.running(world.consumer([MessageHandler(BatchRecorder(name: "batch", patterns: ["#"]))])) {
                try await eventually("the rest") { try await world.count("effects") == 100 }
            }
            let effects = try await world.effects("batch")
            for item in items { #expect(effects[item] == Array(1...10)) }
        }
    }

    @Test("A message that no consumer survives is given up by the broker, and can be requeued like any other")
    func deliveryLimit() async throws {
        try await World.with { world in
            let item = UUID.v7()
            try await world.topology.declareConsumer(
                service: World.service, patterns: ["#"], partitions: 1, on: world.amqp)
            let deadLetters = DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp)
            try await world.running(world.relay()) {
                try await world.publish([item])
                // As a process that dies of the message again and again.
                var isOver = false
                while !isOver {
                    let consumer = try await world.amqp.consume(Topology.queue(World.service, 0), prefetch: 1)
                    for _ in 0..<200 {
                        let next = Task { await consumer.next() }
                        let timeout = Task {
                            try await Task.sleep(for: .seconds(2))
                            next.cancel()
                        }
                        guard let delivery = await next.value else {
                            isOver = true
                            break
                        }
                        timeout.cancel()
                        consumer.nack(delivery.tag, requeue: true)
                    }
                    consumer.close()
                }
                try await eventually("a dead letter") { try await deadLetters.list().count == 1 }
                let letter = try #require(try await deadLetters.list().first)
                #expect(letter.reason == "delivery_limit")
                #expect(letter.name == "item.moved")
                #expect(letter.routingKey == "shop.item.moved")
                #expect(try await deadLetters.requeue(.all) == 1)
                let consumer = world.consumer([MessageHandler(Recorder())]) { $0.partitions = 1 }
                try await world.running(consumer) {
                    try await eventually("it is handled") { try await world.effects("recorder")[item] == [1] }
                }
            }
        }
    }

    @Test("With fewer queues than before, what the others hold is handled too")
    func fewerQueues() async throws {
        try await World.with { world in
            let handlers = [MessageHandler(Recorder())]
            try await world.topology.declareConsumer(
                service: World.service, patterns: ["#"], partitions: 4, on: world.amqp)
            let items = (0..<20).map { _ in UUID.v7() }
            try await world.running(world.relay()) {
                try await world.publish(items)
                try await eventually("all are queued") { try await world.count("outbox") == 0 }
                try await world.running(world.consumer(handlers) { $0.partitions = 2 }) {
                    try await eventually("all are handled") { try await world.count("effects") == 20 }
                    try await world.publish(items)
                    try await eventually("all are handled") { try await world.count("effects") == 40 }
                }
            }
            for queue in Topology.queues(World.service, count: 4).suffix(2) {
                #expect(try await world.amqp.queueStatus(queue)?.messageCount == 0)
            }
        }
    }

    @Test("A batch with one bad message is handled one by one: the others have their effects")
    func fallback() async throws {
        try await World.with { world in
            let bad = UUID.v7()
            let sizes = Mutex<[Int]>([])
            let batch = BatchRecorder(name: "batch", patterns: ["#"]) { messages in
                sizes.withLock { $0.append(messages.count) }
                if messages.contains(where: { $0.aggregate.id == bad }) { throw PermanentFailure("bad") }
            }
            let handlers = [MessageHandler(batch)]
            let items = (0..<30).map { _ in UUID.v7() }
            let consumer = world.consumer(handlers) { $0.partitions = 1 }
            try await world.topology.declareConsumer(
                service: World.service, patterns: ["#"], partitions: 1, on: world.amqp)
            try await world.running(world.relay()) {
                try await world.publish(items + [bad])
                try await eventually("all are queued") { try await world.count("outbox") == 0 }
            }
            try await world.running(consumer) {
                try await eventually("the good ones") { try await world.count("effects") == 30 }
                try await eventually("the bad one") {
                    try await DeadLetters(service: World.service, topology: world.topology, amqp: world.amqp).count()
                        == 1
                }
            }
            #expect(sizes.withLock { $0.first ?? 0 } > 1)
            #expect(sizes.withLock { $0.contains(1) })
            #expect(try await world.effects("batch")[bad] == nil)
        }
    }
}

extension World {
    /// Waits until the service's queues are bound, so that what is published now reaches them.
    func bound(_ handlers: [MessageHandler], service: String = World.service) async throws {
        try await eventually("the service consumes") {
            for queue in Topology.queues(service, count: 4) {
                guard let status = try await amqp.queueStatus(queue), status.consumerCount > 0 else { return false }
            }
            return true
        }
    }

    /// Waits until the service's queues are empty and everything that was delivered is acknowledged.
    func drained(service: String = World.service) async throws {
        try await eventually("the queues are empty") {
            for queue in Topology.queues(service, count: 4) {
                let output = try await TestBroker.control(
                    "-q", "list_queues", "-p", broker.virtualHost, "name", "messages", "--no-table-headers")
                guard output.split(separator: "\n").contains(where: { $0.hasPrefix("\(queue)\t0") }) else {
                    return false
                }
            }
            return true
        }
    }
}
