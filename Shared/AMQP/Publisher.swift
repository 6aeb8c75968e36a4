/// Publications on one channel in confirm mode: what waits, what was sent, what the broker said about it.
///
/// Pure bookkeeping; the session sends what `next` hands out. Used by the connection's thread only.
struct Publisher {
    /// Where a publication's outcome belongs.
    struct Slot {
        let run: PublishRun
        let index: Int
        var isReturned = false
    }

    private var waiting: [Slot] = []
    private var waitingHead = 0
    /// Sent and not confirmed, by sequence number from `firstSequence`; nil when already settled.
    private var sent: [Slot?] = []
    private var sentHead = 0
    private var firstSequence: UInt64 = 1
    private var returnCursor: UInt64 = 1

    /// Publications that were sent and not yet confirmed, including settled ones behind an unsettled one.
    var unconfirmedCount: Int { sent.count - sentHead }
    var hasWaiting: Bool { waitingHead < waiting.count }

    mutating func enqueue(_ run: PublishRun, index: Int) {
        waiting.append(Slot(run: run, index: index))
    }

    /// The next publication to send.
    mutating func next() -> Slot? {
        while waitingHead < waiting.count {
            let slot = waiting[waitingHead]
            waitingHead += 1
            if waitingHead == waiting.count {
                waiting.removeAll(keepingCapacity: true)
                waitingHead = 0
            } else if waitingHead >= 4096 {
                waiting.removeFirst(waitingHead)
                waitingHead = 0
            }
            if slot.run.isOpen(slot.index) { return slot }
        }
        return nil
    }

    /// Notes that `slot` went out: it has the next sequence number.
    mutating func didSend(_ slot: Slot) {
        sent.append(slot)
    }

    mutating func settle(tag: UInt64, multiple: Bool, confirmed: Bool) {
        let last = firstSequence + UInt64(unconfirmedCount)
        guard tag < last, tag >= firstSequence || multiple else { return }
        if multiple {
            // Tag 0 with `multiple` means everything so far.
            let through = tag == 0 ? last - 1 : tag
            var sequence = firstSequence
            while sequence <= through {
                settleOne(sequence, confirmed: confirmed)
                sequence += 1
            }
        } else {
            settleOne(tag, confirmed: confirmed)
        }
        while sentHead < sent.count, sent[sentHead] == nil {
            sentHead += 1
            firstSequence += 1
        }
        if sentHead == sent.count {
            sent.removeAll(keepingCapacity: true)
            sentHead = 0
        } else if sentHead >= 4096 {
            sent.removeFirst(sentHead)
            sentHead = 0
        }
    }

    private mutating func settleOne(_ sequence: UInt64, confirmed: Bool) {
        let position = sentHead + Int(sequence - firstSequence)
        guard let slot = sent[position] else { return }
        sent[position] = nil
        if !slot.isReturned { slot.run.settle(slot.index, confirmed ? .confirmed : .rejected) }
    }

    /// The broker handed back a mandatory message. It does not say which: returns come in the order of publication, so
    /// it is the first later one that looks the same. The confirm that follows it changes nothing any more.
    mutating func returned(code: Int, text: String, exchange: String, routingKey: String, message: AMQPMessage) {
        let end = firstSequence + UInt64(unconfirmedCount)
        var sequence = max(returnCursor, firstSequence)
        while sequence < end {
            let position = sentHead + Int(sequence - firstSequence)
            sequence += 1
            guard var slot = sent[position], !slot.isReturned else { continue }
            let publication = slot.run.job.publications[slot.index]
            guard publication.mandatory, publication.routingKey == routingKey, publication.exchange == exchange,
                publication.message.messageId == message.messageId, publication.message.body == message.body
            else { continue }
            slot.isReturned = true
            sent[position] = slot
            returnCursor = sequence
            slot.run.settle(slot.index, .returned(code: code, text: text))
            return
        }
    }

    /// The channel is gone: nothing will be confirmed any more.
    mutating func fail(_ error: AMQPError) {
        let unsettled = sent[sentHead...].compactMap { $0 } + waiting[waitingHead...]
        self = Publisher()
        for slot in unsettled { slot.run.settle(slot.index, .lost(error)) }
    }
}

/// One call to `publish` while it is under way. Used by the connection's thread only.
final class PublishRun {
    let job: PublishJob
    let deadline: ContinuousClock.Instant
    private var outcomes: [PublishOutcome?]
    private var unsettled: Int

    init(_ job: PublishJob, deadline: ContinuousClock.Instant) {
        self.job = job
        self.deadline = deadline
        outcomes = Array(repeating: nil, count: job.publications.count)
        unsettled = job.publications.count
    }

    var isFinished: Bool { unsettled == 0 }

    func isOpen(_ index: Int) -> Bool { outcomes[index] == nil }

    func settle(_ index: Int, _ outcome: PublishOutcome) {
        guard outcomes[index] == nil else { return }
        outcomes[index] = outcome
        unsettled -= 1
        if unsettled == 0 { job.completion(outcomes.compactMap { $0 }) }
    }

    /// Ends the call now: whatever has no outcome yet gets `outcome`.
    func finish(_ outcome: PublishOutcome) {
        guard unsettled > 0 else { return }
        unsettled = 0
        job.completion(outcomes.map { $0 ?? outcome })
        outcomes = Array(repeating: outcome, count: outcomes.count)
    }
}
