import Contracts
import Logging
import Web

/// Which requests leave a line in the log.
enum AccessLog: String, CaseIterable, Sendable {
    /// Every one.
    case all
    /// Those that failed through a fault of ours, or took long.
    case notable
    case off

    static let slow: Duration = .seconds(1)

    func isDue(status: Int, took: Duration) -> Bool {
        switch self {
        case .all: true
        case .notable: status >= 500 || took >= Self.slow
        case .off: false
        }
    }

    /// What is known of a request when it has been answered.
    struct Entry {
        let requestId: String
        let method: String
        let route: PublicRoute
        let address: String
        let caller: Caller?
        let status: Int
        let took: Duration
    }

    func write(_ entry: Entry) {
        guard isDue(status: entry.status, took: entry.took) else { return }
        var metadata: Logger.Metadata = [
            "request.id": .string(entry.requestId), "method": .string(entry.method),
            "route": .string(entry.route.template), "to": .string(entry.route.service),
            "status": .stringConvertible(entry.status), "client": .string(entry.address),
            "took.ms": .stringConvertible(Int(entry.took / .milliseconds(1))),
        ]
        if let caller = entry.caller {
            metadata["user"] = .string(caller.displayName)
            if let tenant = caller.tenantId { metadata["tenant.id"] = .string(tenant.text) }
        }
        Logger.current.info("request", metadata: metadata)
    }
}
