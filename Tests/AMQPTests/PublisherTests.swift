import Synchronization
import TestKit
import Testing

@testable import AMQP

@Suite("Bookkeeping of publications")
struct PublisherTests {
    /// Random confirms, single and multiple, positive and negative, against a plain dictionary.
    @Test("Every publication gets the outcome that the broker gave it", arguments: UInt64(0)..<40)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let outcomes = Mutex<[UInt64: [PublishOutcome]]>([:])
        var publisher = Publisher()
        var expected: [UInt64: PublishOutcome] = [:]
        var nextID: UInt64 = 1
        var lastSequence: UInt64 = 0
        var unsettled: Set<UInt64> = []

        func settle(_ tag: UInt64, multiple: Bool, confirmed: Bool) {
            for sequence in unsettled where multiple ? sequence <= tag : sequence == tag {
                expected[sequence] = confirmed ? .confirmed : .rejected
                unsettled.remove(sequence)
            }
            publisher.settle(tag: tag, multiple: multiple, confirmed: confirmed)
        }

        for _ in 0..<2000 {
            if Bool.random(using: &generator) {
                let message = AMQPMessage(body: [], messageId: "\(nextID)")
                let publication = AMQPPublication(exchange: "", routingKey: "", mandatory: true, message: message)
                let id = nextID
                let job = PublishJob(id: id, publications: [publication]) { result in
                    outcomes.withLock { $0[id] = result }
                }
                publisher.enqueue(PublishRun(job, deadline: .now + .seconds(60)), index: 0)
                nextID += 1
                while let slot = publisher.next() {
                    publisher.didSend(slot)
                    lastSequence += 1
                    unsettled.insert(lastSequence)
                }
            } else if let tag = unsettled.randomElement(using: &generator) {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0:
                    publisher.returned(
                        code: 312, text: "NO_ROUTE", exchange: "", routingKey: "",
                        message: AMQPMessage(body: [], messageId: "\(tag)"))
                    let isInOrder = !expected.contains {
                        if case .returned = $0.value { $0.key > tag } else { false }
                    }
                    if isInOrder, expected[tag] == nil { expected[tag] = .returned(code: 312, text: "NO_ROUTE") }
                    unsettled.remove(tag)
                    publisher.settle(tag: tag, multiple: false, confirmed: true)
                    if !isInOrder { expected[tag] = .confirmed }
                case 1: settle(tag, multiple: true, confirmed: Bool.random(using: &generator))
                default: settle(tag, multiple: false, confirmed: Bool.random(using: &generator))
                }
            }
        }
        // A confirm for what is unknown or settled changes nothing.
        publisher.settle(tag: lastSequence + 10, multiple: true, confirmed: false)
        publisher.settle(tag: 1, multiple: false, confirmed: false)
        #expect(publisher.unconfirmedCount >= unsettled.count)
        let lost = AMQPError(.connectionLost, "cut")
        publisher.fail(lost)
        for sequence in unsettled { expected[sequence] = .lost(lost) }
        #expect(outcomes.withLock { $0 } == expected.mapValues { [$0] })
        #expect(publisher.unconfirmedCount == 0)
    }

    @Test("A withdrawn call skips what was not sent and ignores late confirms")
    func withdrawn() {
        let outcomes = Mutex<[PublishOutcome]>([])
        let publication = AMQPPublication(exchange: "", routingKey: "", message: AMQPMessage(body: []))
        let job = PublishJob(id: 1, publications: [publication, publication]) { result in
            outcomes.withLock { $0 += result }
        }
        let run = PublishRun(job, deadline: .now + .seconds(60))
        var publisher = Publisher()
        publisher.enqueue(run, index: 0)
        publisher.enqueue(run, index: 1)
        if let slot = publisher.next() { publisher.didSend(slot) }
        let cancelled = PublishOutcome.lost(AMQPError(.cancelled, "withdrawn"))
        run.finish(cancelled)
        #expect(publisher.next() == nil)
        publisher.settle(tag: 1, multiple: false, confirmed: true)
        #expect(outcomes.withLock { $0 } == [cancelled, cancelled])
        #expect(publisher.unconfirmedCount == 0)
    }
}

extension Publisher.Slot: Equatable {
    public static func == (left: Publisher.Slot, right: Publisher.Slot) -> Bool {
        left.run === right.run && left.index == right.index
    }
}
