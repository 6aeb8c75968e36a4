import Contracts
import Foundation
import TestKit
import Testing
import Web

@Suite("The signed internal context")
struct InternalContextTests {
    let current = String(repeating: "a", count: 32)
    let previous = String(repeating: "b", count: 32)
    let now = Timestamp.now

    func caller() -> Caller {
        Caller(
            tenantId: .v7(), actor: .apiKey(.v7()), roles: ["agent"], permissions: ["tickets.read", "users.*"],
            platformAdmin: false, displayName: "Zoë \"Z\"", keyId: .v7(), sessionId: .v7())
    }

    @Test("says what was signed")
    func roundTrip() throws {
        let keys = try InternalContext.Keys(current: current)
        let caller = caller()
        let token = InternalContext.sign(
            caller, requestId: "r", audience: "tickets", expires: now + .seconds(5), keys: keys)
        let verified = try InternalContext.verify(token, audience: "tickets", now: now, keys: keys)
        #expect(verified.caller == caller)
        #expect(verified.requestId == "r")
    }

    @Test("is refused when missing, late, for another service, or signed by another key")
    func refusals() throws {
        let keys = try InternalContext.Keys(current: current)
        let token = InternalContext.sign(
            caller(), requestId: "r", audience: "tickets", expires: now + .seconds(5), keys: keys)
        func refusal(
            _ token: String?, audience: String = "tickets", at: Timestamp? = nil, key: String? = nil
        ) -> InternalContext.Refusal? {
            do throws(InternalContext.Refusal) {
                let keys = try! InternalContext.Keys(current: key ?? current)
                _ = try InternalContext.verify(token, audience: audience, now: at ?? now, keys: keys)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(token) == nil)
        #expect(refusal(nil) == .missing)
        #expect(refusal("") == .missing)
        #expect(refusal(token, audience: "sla") == .audience)
        #expect(refusal(token, at: now + .seconds(5)) == .expired)
        #expect(refusal(token, key: previous) == .signature)
        #expect(refusal(String(token.dropLast(4)) + "AAAA") == .signature)
        #expect(refusal("x." + token.split(separator: ".")[1]) != nil)
        #expect(refusal("nonsense") == .malformed)
        #expect(refusal(String(repeating: "a", count: 20_000) + ".aa") == .malformed)
    }

    @Test("survives a change of keys")
    func rotation() throws {
        let token = InternalContext.sign(
            caller(), requestId: "r", audience: "t", expires: now + .seconds(5),
            keys: try InternalContext.Keys(current: previous))
        let keys = try InternalContext.Keys(current: current, previous: previous)
        #expect(throws: Never.self) { try InternalContext.verify(token, audience: "t", now: now, keys: keys) }
    }

    @Test("no changed byte is accepted", arguments: 0..<UInt64(4))
    func tampering(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let keys = try InternalContext.Keys(current: current)
        let caller = caller()
        let token = InternalContext.sign(caller, requestId: "r", audience: "t", expires: now + .seconds(5), keys: keys)
        for _ in 0..<500 {
            var bytes = Array(token.utf8)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 33...126, using: &random)
            guard bytes != Array(token.utf8) else { continue }
            #expect(throws: InternalContext.Refusal.self) {
                try InternalContext.verify(String(decoding: bytes, as: UTF8.self), audience: "t", now: now, keys: keys)
            }
        }
    }

    @Test("short keys are refused")
    func shortKeys() {
        #expect(throws: InternalContext.KeyTooShort.self) { try InternalContext.Keys(current: "short") }
        #expect(throws: InternalContext.KeyTooShort.self) {
            try InternalContext.Keys(current: current, previous: "short")
        }
    }

    @Test("permissions are held by name or by wildcard")
    func permissions() {
        let caller = Caller(tenantId: nil, actor: .system, permissions: ["tickets.read", "users.*"])
        #expect(caller.may("tickets.read"))
        #expect(!caller.may("tickets.write"))
        #expect(caller.may("users.write"))
        #expect(!caller.may("usersx.write"))
        #expect(Caller(tenantId: nil, actor: .system, permissions: ["*"]).may("anything.at_all"))
    }
}
