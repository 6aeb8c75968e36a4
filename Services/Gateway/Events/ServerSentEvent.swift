/// The lines of one server-sent event (WHATWG HTML, "server-sent events").
enum ServerSentEvent {
    /// A comment keeps proxies and clients from taking a quiet stream for a dead one; the id beside it moves what the
    /// client will send as `Last-Event-ID`, without an event.
    static func heartbeat(id: String) -> [UInt8] { Array(": heartbeat\nid: \(id)\n\n".utf8) }

    /// `data` must not contain line breaks; compact JSON doesn't.
    static func frame(id: String, event: String, data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count + id.utf8.count + event.utf8.count + 24)
        bytes.append(contentsOf: "id: ".utf8)
        bytes.append(contentsOf: id.utf8)
        bytes.append(contentsOf: "\nevent: ".utf8)
        bytes.append(contentsOf: event.utf8)
        bytes.append(contentsOf: "\ndata: ".utf8)
        bytes.append(contentsOf: data)
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }

    /// Tells the client how long to wait before it connects again.
    static func retry(milliseconds: Int) -> [UInt8] {
        Array("retry: \(milliseconds)\n\n".utf8)
    }
}
