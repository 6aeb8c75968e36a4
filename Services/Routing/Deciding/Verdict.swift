// Who gets a ticket, and why nobody else does. Pure: the same candidates give the same verdict, in whatever order they come.
import Contracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The outcome of one decision: the winner first, then the others who could have taken it, then those who could not.
struct Verdict: Sendable, Hashable {
    struct Place: Sendable, Hashable {
        var candidate: Candidate
        /// By the strategy's own measure, larger is better; nil for somebody who can't take it.
        var score: Double?
        /// Nil for the winner.
        var loss: Loss?
    }

    var strategy: Strategy
    var places: [Place]

    var winner: Candidate? { places.first.flatMap { $0.loss == nil ? $0.candidate : nil } }

    /// Decides. The strategy `manual` has no winner.
    init(_ need: Need, among candidates: [Candidate]) {
        strategy = need.strategy
        let order = Order(need)
        let judged = candidates.map { (candidate: $0, obstacle: $0.obstacle(to: need)) }
        let able = judged.filter { $0.obstacle == nil }.map(\.candidate).sorted(by: order.precedes)
        places = able.enumerated().map { position, candidate in
            var loss: Loss?
            if need.strategy == .manual {
                loss = .laterTurn
            } else if position > 0 {
                loss = order.reason(candidate, losesTo: able[0])
            }
            return Place(candidate: candidate, score: order.score(candidate), loss: loss)
        }
        places += judged.filter { $0.obstacle != nil }.map { Place(candidate: $0.candidate, loss: $0.obstacle) }
            .sorted { $0.candidate.agentId.text < $1.candidate.agentId.text }
    }

    /// Why nobody was found, as one word: what was in the way of most.
    var failure: String {
        var counts: [String: Int] = [:]
        for place in places {
            if let loss = place.loss, loss != .notInGroup { counts[loss.code, default: 0] += 1 }
        }
        let most = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
        return most?.key ?? "no_candidates"
    }

    /// As decisions are kept and shown: the best, and a few of the others.
    func json(max: Int = 20) -> JSON {
        .array(places.prefix(max).map(\.json))
    }
}

extension Verdict.Place {
    var json: JSON {
        var object: JSONObject = [
            "agentId": .uuid(candidate.agentId), "userId": .uuid(candidate.userId), "name": .string(candidate.name),
            "heldUnits": .int(Int64(candidate.heldUnits)), "capacityUnits": .int(Int64(candidate.capacityUnits)),
        ]
        if let score { object["score"] = .double(score) }
        if let loss {
            object["loss"] = .string(loss.code)
            object["detail"] = .string(loss.detail)
        }
        return .object(object)
    }
}

/// The order in which a strategy asks.
private struct Order {
    let need: Need

    init(_ need: Need) { self.need = need }

    private struct Key {
        var unacquainted = 0
        var mismatch = 0
        var load = 0.0
        var turn: Int64
        var id: UUID
    }

    private func key(_ candidate: Candidate) -> Key {
        var key = Key(turn: candidate.turn, id: candidate.agentId)
        switch need.strategy {
        case .roundRobin:
            break
        case .skillBased:
            key.mismatch = -candidate.match(need)
            key.load = candidate.load
        case .sticky:
            key.unacquainted = candidate.agentId == need.acquaintedAgentId ? 0 : 1
            key.load = candidate.load
        case .leastLoaded, .priority, .manual:
            key.load = candidate.load
        }
        return key
    }

    func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
        let (left, right) = (key(left), key(right))
        if left.unacquainted != right.unacquainted { return left.unacquainted < right.unacquainted }
        if left.mismatch != right.mismatch { return left.mismatch < right.mismatch }
        if left.load != right.load { return left.load < right.load }
        if left.turn != right.turn { return left.turn < right.turn }
        return left.id.text < right.id.text
    }

    func reason(_ loser: Candidate, losesTo winner: Candidate) -> Loss {
        let (own, best) = (key(loser), key(winner))
        if own.unacquainted != best.unacquainted { return .notAcquainted }
        if own.mismatch != best.mismatch { return .weakerMatch }
        return own.load != best.load ? .higherLoad : .laterTurn
    }

    /// Round robin: minus the turn. Skills: the sum of levels. Otherwise: the share of capacity that is free.
    func score(_ candidate: Candidate) -> Double {
        switch need.strategy {
        case .roundRobin: -Double(candidate.turn)
        case .skillBased: Double(candidate.match(need))
        default: 1 - candidate.load
        }
    }
}
