import Contracts
import Crypto
import Foundation
import TestKit
import Testing
import Web

@testable import Notifications
@testable import Outbound

@Suite("Webhook rules")
struct WebhookRulesTests {
    @Test("A delivery is tried for more than four days, ever more seldom, and then no more")
    func retries() throws {
        let retries = WebhookRetries()
        var total = Duration.zero
        var last = Duration.zero
        for failures in 1..<retries.triesMax {
            let pause = try #require(retries.pause(afterFailures: failures, retryAfter: nil, jitter: 0))
            #expect(pause >= last && pause <= .seconds(12 * 3_600))
            let most = try #require(retries.pause(afterFailures: failures, retryAfter: nil, jitter: 1))
            #expect(most >= pause && most <= pause * 1.11)
            (total, last) = (total + pause, pause)
        }
        #expect(retries.pause(afterFailures: 1, retryAfter: nil, jitter: 0) == .seconds(5))
        #expect(retries.pause(afterFailures: retries.triesMax, retryAfter: .seconds(1), jitter: 0) == nil)
        #expect(total >= .seconds(96 * 3_600))
    }

    @Test("A Retry-After makes it later, never sooner, and not as late as it likes")
    func retryAfter() {
        let retries = WebhookRetries()
        #expect(retries.pause(afterFailures: 1, retryAfter: .seconds(3_600), jitter: 0) == .seconds(3_600))
        #expect(retries.pause(afterFailures: 9, retryAfter: .seconds(1), jitter: 0) == .seconds(12 * 3_600))
        #expect(retries.pause(afterFailures: 1, retryAfter: .seconds(1_000_000_000), jitter: 0) == .seconds(86_400))
    }

    @Test(
        "What an answer means",
        arguments: [
            (200, nil, WebhookOutcome.delivered), (204, nil, .delivered), (299, nil, .delivered), (410, nil, .gone),
            (301, nil, .failed(retryAfter: nil)), (307, "5", .failed(retryAfter: .seconds(5))),
            (400, nil, .failed(retryAfter: nil)),
            (404, nil, .failed(retryAfter: nil)), (429, "120", .failed(retryAfter: .seconds(120))),
            (503, "Thu, 01 Jan 2026 00:01:00 GMT", .failed(retryAfter: .seconds(60))),
            (500, "soon", .failed(retryAfter: nil)),
        ] as [(Int, String?, WebhookOutcome)])
    func outcome(status: Int, retryAfter: String?, outcome: WebhookOutcome) throws {
        let now = try #require(Timestamp(rfc3339: "2026-01-01T00:00:00.000Z"))
        let headers = retryAfter.map { [(name: "Retry-After", value: $0)] } ?? []
        let answer = OutboundAnswer(status: status, headers: headers, body: [], isTruncated: false)
        #expect(WebhookOutcome(.success(answer), at: now) == outcome)
    }

    @Test("No answer is a failure; a request that we gave up is none")
    func noAnswer() {
        for kind in OutboundError.Kind.allCases {
            let outcome = WebhookOutcome(.failure(OutboundError(kind, hint: "")), at: .now)
            #expect(outcome == (kind == .cancelled ? .abandoned : .failed(retryAfter: nil)))
        }
    }

    @Test("An endpoint is given up after five days of failures")
    func patience() {
        let now = Timestamp.now
        #expect(!WebhookPatience.isOver(failingSince: now - .seconds(5 * 86_400 - 1), now: now))
        #expect(WebhookPatience.isOver(failingSince: now - .seconds(5 * 86_400), now: now))
    }

    @Test("The signature is the specification's")
    func signature() throws {
        let secret = try #require(Data(base64Encoded: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let pair = Curve25519.Signing.PrivateKey()
        let body = Array(#"{"test": 2432232314}"#.utf8)
        let signature = WebhookSignature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: body,
            keys: [.shared(Array(secret)), .pair(pair)])
        let parts = signature.signatures.split(separator: " ")
        #expect(parts.count == 2)
        #expect(parts[0] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect(parts[1].hasPrefix("v1a,"))
        let raw = try #require(Data(base64Encoded: String(parts[1].dropFirst(4))))
        let content = Data("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".utf8) + Data(body)
        #expect(pair.publicKey.isValidSignature(raw, for: content))
        #expect(!pair.publicKey.isValidSignature(raw, for: content + Data([32])))
    }

    @Test(
        "Headers that are ours, or none, are refused",
        arguments: [
            ("Host", "a", "reserved"), ("webhook-signature", "a", "reserved"), ("Content-Length", "1", "reserved"),
            ("Transfer-Encoding", "chunked", "reserved"), ("", "a", "bad_name"), ("a b", "a", "bad_name"),
            ("a:", "a", "bad_name"),
            ("é", "a", "bad_name"), ("a\r\nb", "a", "bad_name"), ("a", "b\r\nc: d", "bad_value"),
            ("a", "b\u{0}", "bad_value"),
            ("a", " b", "bad_value"), ("a", "é", "bad_value"),
        ])
    func badHeaders(name: String, value: String, code: String) {
        #expect(WebhookHeaders.faults(in: JSONObject([(name, .string(value))])).map(\.code) == [code])
    }

    @Test("Other headers are taken, each once")
    func headers() {
        #expect(WebhookHeaders.faults(in: ["Authorization": "Bearer x", "X-Api-Key": "a b", "X-Empty": ""]).isEmpty)
        #expect(WebhookHeaders.faults(in: ["X-A": "1", "x-a": "2"]).map(\.code) == ["reserved"])
    }

    @Test("What is kept of an answer is text, and no more than fits")
    func kept() {
        #expect(WebhookTries.kept([65, 0, 66]) == "A B")
        #expect(WebhookTries.kept([0xFF]) == "\u{FFFD}")
        #expect(WebhookTries.kept(Array(repeating: 65, count: 10_000)).count == WebhookTries.bodyBytesMax)
        let many = (0..<100).map { (name: "x-\($0)", value: String(repeating: "v", count: 5_000)) }
        #expect(WebhookTries.kept(many).count == WebhookTries.headersMax)
    }
}
