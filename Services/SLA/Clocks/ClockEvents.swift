// What is told of a clock, entry by entry of its history.

import Contracts
import Database
import Messaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ClockEvents {
    /// Publishes the event of an entry. A missed target's pauses and its late end are no news.
    static func publish(
        _ entry: Clock.Entry, of clock: Clock, _ key: TicketKey, terms: Terms, version: Int64,
        seenAt instant: Timestamp,
        in tx: Transaction
    ) throws {
        let ticket = key.ticketId
        let id = clock.id(in: ticket)
        let (policy, policyVersion) = (clock.policyId, Int(clock.policyVersion))
        let (stage, metric, number) = (clock.metric.stage, clock.metric.rawValue, clock.instance)
        let targetAt = entry.targetAt ?? clock.lastTargetAt
        let target = entry.targetSeconds ?? clock.target.seconds
        let used = entry.used / 1_000_000
        let left = Int(max(0, clock.target.seconds - used))
        let reason = entry.reason ?? "change"
        func send(_ event: some Event) throws {
            try tx.publish(event, version: version, actor: .system, occurredAt: entry.at, tenantId: key.tenantId)
        }
        let isLate = clock.breachedAt.map { $0 <= entry.at } ?? false
        switch entry.kind {
        case .entered:
            try send(
                TicketSlaStageEntered(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, enteredAt: entry.at, targetAt: targetAt,
                    targetSeconds: Int(target), priorityId: clock.priority))
        case .warning:
            try send(
                TicketSlaStageWarning(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, warnedAt: entry.at, targetAt: targetAt, remainingSeconds: left,
                    warning: entry.index ?? 0))
        case .breached:
            let late = max(0, instant.microseconds - entry.at.microseconds) / 1_000_000
            try send(
                TicketSlaStageBreached(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, breachedAt: entry.at, targetAt: targetAt,
                    overdueBySeconds: Int(late)))
        case .escalated:
            let step = Self.step(entry.index ?? 0, of: clock, terms)
            try send(
                TicketSlaStageEscalated(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, escalatedAt: entry.at, targetAt: targetAt, step: entry.index ?? 0,
                    overdueBySeconds: Int(step?.afterSeconds ?? 0), notify: step?.notify ?? [], note: step?.note))
        case .met:
            try send(
                TicketSlaStageMet(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, metAt: entry.at, targetAt: targetAt, usedSeconds: Int(used)))
        case .paused where !isLate:
            try send(
                TicketSlaStagePaused(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, pausedAt: entry.at, remainingSeconds: left, reason: reason))
        case .resumed where !isLate:
            try send(
                TicketSlaStageResumed(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, resumedAt: entry.at, targetAt: targetAt, remainingSeconds: left,
                    reason: reason))
        case .retargeted where !isLate:
            try send(
                TicketSlaStageRetargeted(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, retargetedAt: entry.at, targetAt: entry.targetAt,
                    targetSeconds: Int(target), remainingSeconds: left, reason: reason))
        case .cancelled:
            try send(
                TicketSlaStageCancelled(
                    ticketId: ticket, slaPolicyId: policy, slaPolicyVersion: policyVersion, slaClockId: id,
                    stage: stage,
                    metric: metric, instance: number, cancelledAt: entry.at, reason: reason))
        case .finished, .paused, .resumed, .retargeted:
            break
        }
    }

    private static func step(_ index: Int, of clock: Clock, _ terms: Terms) -> EscalationStep? {
        guard let policy = terms.version(clock.policyVersion, of: clock.policyId) else { return nil }
        let steps = policy.terms.escalations
        return steps.indices.contains(index) ? steps[index] : nil
    }
}
