import ArgumentParser
import AsyncHTTPClient
import Contracts
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `deskwire events`: facts as they happen, and as they happened.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow or replay the events.", subcommands: [Tail.self, Replay.self])

    /// Follows the server-sent stream, taking up again after the last event it showed when the connection breaks.
    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the organization's events as they happen.",
            discussion:
                "Patterns are routing-key patterns without the exchange: ticket.*, ticket_sla_stage.breached, #.")

        @OptionGroup var connection: ConnectionOptions

        @Argument(help: "Routing-key patterns; everything without one.")
        var patterns: [String] = []

        @Flag(help: "Whole payloads, one JSON document a line.")
        var json = false

        @Option(help: "Begin after this event id.")
        var after: String?

        @Option(help: "Stop after so many events.")
        var limit: Int?

        func run() async throws {
            let gateway = try connection.tenantConnection()
            let query = patterns.isEmpty ? "" : "?types=" + patterns.map(\.urlQueryEncoded).joined(separator: ",")
            let path = try connection.tenantPath() + "/events/stream" + query
            var lastEventId = after
            var shown = 0
            var waitSeconds = 1
            while true {
                do {
                    let headers =
                        [("accept", "text/event-stream")] + (lastEventId.map { [("last-event-id", $0)] } ?? [])
                    let finished = try await gateway.stream(.GET, path, headers: headers) { response -> Bool in
                        waitSeconds = 1
                        var parser = ServerSentEventParser()
                        for try await chunk in response.body {
                            for event in parser.feed(chunk.readableBytesView) {
                                lastEventId = event.id ?? lastEventId
                                show(event)
                                shown += 1
                                if let limit, shown >= limit { return true }
                            }
                        }
                        return false
                    }
                    if finished { return }
                } catch let problem as GatewayProblem where problem.status < 500 {
                    try await reporting { throw problem }
                } catch is CancellationError {
                    return
                } catch {
                    Terminal.note("Connection lost; again in \(waitSeconds) s.")
                }
                try await Task.sleep(for: .seconds(waitSeconds))
                waitSeconds = min(30, waitSeconds * 2)
            }
        }

        private func show(_ event: ServerSentEvent) {
            guard !json, let payload = try? JSON.parse(Array(event.data.utf8)) else {
                Terminal.line(event.data)
                return
            }
            let when = payload["occurredAt"]?.stringValue ?? ""
            let entity = payload["ticketId"]?.stringValue ?? payload["userId"]?.stringValue ?? ""
            let sequence = payload["sequence"].map { "#\($0.text)" } ?? ""
            let detail =
                payload["subject"]?.stringValue
                ?? payload["updatedFields"]?.arrayValue?.compactMap(\.stringValue).joined(separator: ", ")
                ?? payload["newStatusId"]?.stringValue ?? ""
            Terminal.line(
                [Terminal.paint(when, .dim), Terminal.paint(event.type, .bold), entity, sequence, detail]
                    .filter { !$0.isEmpty }.joined(separator: "  "))
        }
    }

    /// Sends history again to one queue, or prints it; no other subscriber notices.
    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send past events again, to one queue or to standard output.",
            discussion: "To a queue needs the platform administrator's key. Other subscribers see nothing of it.")

        @OptionGroup var connection: ConnectionOptions

        @Option(help: "From this time (RFC 3339) or after this event id.")
        var since: String

        @Option(help: "The queue that gets the events.")
        var to: String?

        @Flag(help: "Print the payloads, one JSON document a line.")
        var stdout = false

        @Option(help: "Routing-key pattern; repeatable.")
        var type: [String] = []

        func validate() throws {
            guard stdout != (to != nil) else { throw ValidationError("Give --to QUEUE or --stdout, one of the two.") }
        }

        func run() async throws {
            try await reporting {
                if let queue = to {
                    let gateway = try connection.adminConnection()
                    var body: JSONObject = ["since": .string(since), "queue": .string(queue)]
                    if !type.isEmpty { body["types"] = .array(type.map(JSON.string)) }
                    if let tenant = connection.tenant { body["tenantId"] = .string(tenant) }
                    let answer = try await gateway.json(.POST, "/v1/admin/events/replay", body: .object(body))
                    Terminal.line("replayed \(answer["replayed"]?.text ?? "?") events to \(queue)")
                } else {
                    let gateway = try connection.tenantConnection()
                    var path = try connection.tenantPath() + "/events?limit=200&since=\(since.urlQueryEncoded)"
                    if !type.isEmpty { path += "&types=" + type.map(\.urlQueryEncoded).joined(separator: ",") }
                    try await gateway.pages(path) { Terminal.line(($0["payload"] ?? $0).text) }
                }
            }
        }
    }
}

/// One event of a `text/event-stream` (WHATWG HTML, "Server-sent events").
struct ServerSentEvent: Equatable {
    var id: String?
    var type = "message"
    var data = ""
}

/// Cuts a byte stream into server-sent events; keeps an unfinished line until its rest arrives.
struct ServerSentEventParser {
    private var line: [UInt8] = []
    private var event = ServerSentEvent()
    private var hasData = false

    mutating func feed(_ bytes: some Sequence<UInt8>) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty {
                if hasData { events.append(event) }
                event = ServerSentEvent()
                hasData = false
            } else {
                take(String(decoding: line, as: UTF8.self))
            }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func take(_ line: String) {
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1].first == " " ? parts[1].dropFirst() : parts[1]) : ""
        switch parts[0] {
        case "id": event.id = value
        case "event": event.type = value
        case "data":
            event.data += hasData ? "\n" + value : value
            hasData = true
        default: break  // comments (heartbeats), retry and unknown fields carry no event
        }
    }
}
