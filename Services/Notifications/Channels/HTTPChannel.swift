// What channels over HTTP have in common.

import Contracts
import Outbound

extension OutboundAnswer {
    /// How long the far side asks us to wait.
    func retryAfter(at now: Timestamp) -> Duration? {
        header("retry-after").flatMap { RetryAfter.seconds($0, now: now.milliseconds / 1_000) }.map { .seconds($0) }
    }

    var isSuccess: Bool { (200..<300).contains(status) }

    /// The body's beginning, for a log.
    var excerpt: String { String(decoding: body.prefix(300).map { $0 == 0 ? 32 : $0 }, as: UTF8.self) }
}

extension DeliveryFailure {
    /// The operator may have forgotten to keep the former key: worth another try.
    static let unreadable = DeliveryFailure.transient(
        code: "sealed", detail: "No key opens the address; it was sealed with another.", retryAfter: nil)

    /// No answer came. What is wrong with the address itself stays wrong.
    init(_ error: OutboundError) {
        switch error.kind {
        case .invalidURL, .refused:
            self = .permanent(code: error.code, detail: error.hint, suppress: false)
        case .unknownHost, .unreachable, .tls, .timeout, .dropped, .malformed, .cancelled:
            self = .transient(code: error.code, detail: error.hint, retryAfter: nil)
        }
    }

    /// An answer came that is no acceptance: too many requests and the server's own faults pass, others stay.
    init(_ answer: OutboundAnswer, at now: Timestamp) {
        let code = "status_\(answer.status)"
        switch answer.status {
        case 408, 425, 429, 500...599:
            self = .transient(code: code, detail: answer.excerpt, retryAfter: answer.retryAfter(at: now))
        default:
            self = .permanent(code: code, detail: answer.excerpt, suppress: false)
        }
    }
}

extension OutboundClient {
    /// Sends a channel's request to an address, and answers what came back, whatever its status.
    func exchange(
        _ url: String, headers: [(name: String, value: String)], body: [UInt8]
    ) async throws(DeliveryFailure) -> OutboundAnswer {
        try await outcome(url, headers: headers, body: body).mapError { DeliveryFailure($0) }.get()
    }

    private func outcome(
        _ url: String, headers: [(name: String, value: String)], body: [UInt8]
    ) async -> Result<OutboundAnswer, OutboundError> {
        do throws(OutboundError) {
            return .success(try await send(OutboundRequest(try OutboundURL(url), headers: headers, body: body)))
        } catch {
            return .failure(error)
        }
    }
}
