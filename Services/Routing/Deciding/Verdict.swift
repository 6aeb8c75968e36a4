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
    /// The first of them, as many as were asked for.
    var places: [Place]
    /// How many of all lost for which reason.
    var losses: [String: Int]

    var winner: Candidate? { places.first.flatMap { $0.loss == nil ? $0.candidate : nil } }

    /// Places that a decision keeps.
    static let keptMax = 20

    /// Decides. The strategy `manual` has no winner.
    ///
    /// - Parameters:
    ///   - indices: who of the candidates is asked; all if nothing is said.
    ///   - limit: so many places are kept; all count among the losses.
    init(_ need: Need, among candidates: [Candidate], at indices: [Int]? = nil, keeping limit: Int = .max) {
        strategy = need.strategy
        let order = Order(need)
        var able = Leaders(limit: limit)
        var unable: [(index: Int, loss: Loss)] = []
        losses = [:]
        for index in indices ?? Array(candidates.indices) {
            if let loss = candidates[index].obstacle(to: need) {
                unable.append((index, loss))
                losses[loss.code, default: 0] += 1
            } else {
                able.add(order.key(candidates[index], index))
            }
        }
        let hasWinner = need.strategy != .manual
        let best = able.keys.first
        for key in able.all {
            guard let best, !hasWinner || key.index != best.index else { continue }
            let loss = hasWinner ? key.reason(losingTo: best) : .laterTurn
            losses[loss.code, default: 0] += 1
        }
        places = able.keys.map { key in
            let candidate = candidates[key.index]
            let isWinner = hasWinner && key.index == best?.index
            let loss = isWinner ? nil : hasWinner ? best.map { key.reason(losingTo: $0) } : .laterTurn
            return Place(candidate: candidate, score: order.score(candidate), loss: loss)
        }
        guard places.count < limit else { return }
        unable.sort { candidates[$0.index].agentId < candidates[$1.index].agentId }
        places += unable.prefix(limit - places.count).map { Place(candidate: candidates[$0.index], loss: $0.loss) }
    }

    /// As decisions are kept and shown.
    var json: JSON { .array(places.map(\.json)) }

    var lossesJSON: JSON {
        .object(losses.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { $0[$1.key] = .int(Int64($1.value)) })
    }

    /// Why nobody was found, as one word: what was in the way of most.
    var failure: String {
        let most = losses.filter { $0.key != Loss.notInGroup.code }.max { ($0.value, $1.key) < ($1.value, $0.key) }
        return most?.key ?? "no_candidates"
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

    /// Where somebody stands.
    struct Key {
        var index: Int
        var unacquainted = 0
        var mismatch = 0
        var load = 0.0
        var turn: Int64
        var id: UUID

        static func < (left: Key, right: Key) -> Bool {
            if left.unacquainted != right.unacquainted { return left.unacquainted < right.unacquainted }
            if left.mismatch != right.mismatch { return left.mismatch < right.mismatch }
            if left.load != right.load { return left.load < right.load }
            if left.turn != right.turn { return left.turn < right.turn }
            return left.id < right.id
        }

        func reason(losingTo best: Key) -> Loss {
            if unacquainted != best.unacquainted { return .notAcquainted }
            if mismatch != best.mismatch { return .weakerMatch }
            return load != best.load ? .higherLoad : .laterTurn
        }
    }

    func key(_ candidate: Candidate, _ index: Int) -> Key {
        var key = Key(index: index, turn: candidate.turn, id: candidate.agentId)
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

    /// Round robin: minus the turn. Skills: the sum of levels. Otherwise: the share of capacity that is free.
    func score(_ candidate: Candidate) -> Double {
        switch need.strategy {
        case .roundRobin: -Double(candidate.turn)
        case .skillBased: Double(candidate.match(need))
        default: 1 - candidate.load
        }
    }
}

/// The first few of many, without sorting all.
private struct Leaders {
    let limit: Int
    /// Everybody, in no order.
    private(set) var all: [Order.Key] = []
    /// The first, in order.
    private(set) var keys: [Order.Key] = []

    init(limit: Int) { self.limit = limit }

    mutating func add(_ key: Order.Key) {
        all.append(key)
        if keys.count == limit {
            guard let last = keys.last, key < last else { return }
            keys.removeLast()
        }
        // Binary search: candidates mostly come in order already.
        var (low, high) = (0, keys.count)
        if let last = keys.last, last < key { low = high }
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        keys.insert(key, at: low)
    }
}
