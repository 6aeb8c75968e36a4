import Contracts
import Foundation
import Synchronization

/// A client that knows nothing of HTTP: it writes bytes and reads what comes, on a thread of its own.
struct RawClient: Sendable {
    let port: Int

    /// How the connection came to its end, seen from the client.
    enum Ending: Sendable {
        /// The server said all it had to say.
        case closed
        case reset
        /// The server said nothing more, and did not close either.
        case silence
    }

    struct Answer: Sendable {
        let bytes: [UInt8]
        let ending: Ending
        let took: Duration
        /// All was written before the connection ended.
        let wroteAll: Bool

        var text: String { String(decoding: bytes, as: UTF8.self) }

        /// The answers one after the other, as far as each has a length.
        var parts: [Part] {
            var parts: [Part] = []
            var rest = bytes[...]
            while let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    let pair = line.split(separator: ":", maxSplits: 1)
                    headers[pair[0].lowercased()] = pair.count > 1 ? pair[1].trimmingCharacters(in: .whitespaces) : ""
                }
                let length = min(headers["content-length"].flatMap { Int($0) } ?? 0, rest.count)
                let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
                let body = rest[end.upperBound...].prefix(length)
                parts.append(Part(status: status, headers: headers, body: Array(body)))
                rest = rest[end.upperBound...].dropFirst(length)
            }
            return parts
        }
    }

    struct Part: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]
        var json: JSON { (try? JSON.parse(body)) ?? .null }
    }

    /// What the client does before it reads to the end.
    enum Step: Sendable {
        case send([UInt8])
        /// The bytes one by one, at this pace, until the server has enough.
        case trickle([UInt8], milliseconds: UInt32)
        /// Does nothing.
        case pause(milliseconds: UInt32)
        /// Reads until this is in what came.
        case await(String)
        /// Writes no more, and says so.
        case finish

        static func send(_ text: String) -> Step { .send(Array(text.utf8)) }
    }

    /// - Parameter silence: for how long nothing may come before the client gives up.
    func run(_ steps: [Step], silence: Double = 15) async -> Answer {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: perform(steps, silence)) }
        }
    }

    func run(_ text: String, silence: Double = 15) async -> Answer { await run([.send(text)], silence: silence) }

    private func perform(_ steps: [Step], _ silence: Double) -> Answer {
        let started = ContinuousClock.now
        let socket = connected(silence)
        defer { close(socket) }
        var came: [UInt8] = []
        var wroteAll = true
        for step in steps {
            switch step {
            case .send(let bytes):
                wroteAll = wroteAll && write(bytes, to: socket)
            case .trickle(let bytes, let milliseconds):
                for byte in bytes where wroteAll {
                    wroteAll = write([byte], to: socket)
                    // The pace is what is tested.
                    usleep(milliseconds * 1_000)
                    if hasInput(socket) { break }
                }
            case .pause(let milliseconds):
                usleep(milliseconds * 1_000)
            case .await(let text):
                while !String(decoding: came, as: UTF8.self).contains(text) {
                    guard case .some(let more) = read(socket), !more.isEmpty else { break }
                    came += more
                }
            case .finish:
                shutdown(socket, CInt(SHUT_WR))
            }
        }
        while true {
            guard let more = read(socket) else {
                let ending: Ending = errno == EAGAIN ? .silence : .reset
                return Answer(bytes: came, ending: ending, took: .now - started, wroteAll: wroteAll)
            }
            if more.isEmpty { return Answer(bytes: came, ending: .closed, took: .now - started, wroteAll: wroteAll) }
            came += more
        }
    }

    private func connected(_ silence: Double) -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: Int(silence), tv_usec: Int(silence.truncatingRemainder(dividingBy: 1) * 1e6))
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "no connection to \(port)")
        return descriptor
    }

    private func write(_ bytes: [UInt8], to socket: CInt) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    /// Empty at the end, nil when there is nothing to be had.
    private func read(_ socket: CInt) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    private func hasInput(_ socket: CInt) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
