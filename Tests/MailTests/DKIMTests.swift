import Contracts
import Mail
import TestKit
import Testing

/// Signatures as `dkimpy` verifies them.
@Suite struct DKIMTests {
    private static let algorithms: [String: [DKIMKey.Algorithm]] = [
        "rsa": [.rsa], "ed25519": [.ed25519], "both": [.ed25519, .rsa],
    ]

    private static let bodies: [String: String] = [
        "plain": "Hello\r\n", "empty": "", "spaces": "a  b\t c \r\n \r\nlast\r\n\r\n \r\n\r\n",
        "long": String(repeating: "Grüße und mehr davon. ", count: 200),
    ]

    /// How a message may be changed on its way without breaking a relaxed signature, and how not.
    private static let changes: [String: (isAllowed: Bool, change: @Sendable (String) -> String)] = [
        "none": (true, { $0 }),
        "added": (true, { "Received: from a.example\r\n" + $0 }),
        "refolded": (true, { $0.replacing("Subject: A subject", with: "Subject:  A\r\n\t subject") }),
        "body": (false, { $0.replacing("Hello", with: "Hallo") }),
        "subject": (false, { $0.replacing("Subject: A", with: "Subject: B") }),
        "secondSubject": (false, { $0.replacing("Subject: A", with: "Subject: Win\r\nSubject: A") }),
        "secondFrom": (false, { "From: evil@example.com\r\n" + $0 }),
        "replyTo": (false, { "Reply-To: evil@example.com\r\n" + $0 }),
        "unsubscribe": (false, { $0.replacing("acme.example/u", with: "evil.example/u") }),
    ]

    private struct Signed {
        var messages: [String: [UInt8]] = [:]
        var dns: [String: String] = [:]
        var found: JSON = .null
    }

    private static let signed = Task<Signed, any Error> {
        var signed = Signed()
        for (name, algorithms) in algorithms {
            let keys = try algorithms.map { algorithm in
                // A key survives being stored.
                let made = try DKIMKey.generate(algorithm)
                let key = try DKIMKey(algorithm, privateBytes: made.privateBytes)
                #expect(key.dnsRecord == made.dnsRecord)
                let selector = algorithm == .rsa ? "r1" : "e1.sub"
                signed.dns["\(selector)._domainkey.\(name).example"] = key.dnsRecord
                return try DKIMSigner.Selected(selector: selector, key: key)
            }
            let signer = DKIMSigner(domain: try DomainName("\(name).example"), keys: keys)
            for (body, text) in bodies {
                let message = try Samples.message(subject: "Ärger über \(body)", text: text)
                signed.messages["\(name)-\(body)"] = try signer.signed(message.composed(), at: Samples.time)
            }
            var message = try Samples.message(subject: "A subject", text: "Hello", html: "<b>Hello</b>")
            message.unsubscribe = try MailMessage.Unsubscribe(url: "https://acme.example/u")
            let bytes = try signer.signed(message.composed(), at: Samples.time)
            for (change, (_, apply)) in changes {
                signed.messages["\(name)-change-\(change)"] = Array(apply(String(decoding: bytes, as: UTF8.self)).utf8)
            }
        }
        signed.found = try await PythonReader.read(signed.messages, dns: signed.dns)
        return signed
    }

    @Test(arguments: algorithms.keys.sorted(), bodies.keys.sorted())
    func othersVerify(keys: String, body: String) async throws {
        let found = try await Self.signed.value.found["\(keys)-\(body)"]
        #expect(found?["dkim"] == .array(Array(repeating: true, count: Self.algorithms[keys]?.count ?? 0)))
        #expect(found?["standard"]?["defects"] == .array([]))
        #expect((found?["longestLine"]?.intValue ?? 999) <= 78)
    }

    @Test(arguments: algorithms.keys.sorted(), changes.keys.sorted())
    func changesOnTheWay(keys: String, change: String) async throws {
        let verified = try await Self.signed.value.found["\(keys)-change-\(change)"]?["dkim"]?.arrayValue
        let isAllowed = try #require(Self.changes[change]).isAllowed
        #expect(verified?.count == Self.algorithms[keys]?.count)
        for result in verified ?? [] { #expect((result == true) == isAllowed, "\(result)") }
    }

    @Test func recordsFitDNS() throws {
        let record = try DKIMKey.generate(.rsa).dnsRecord
        #expect(record.hasPrefix("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"))
        let strings = zoneFileText(record).split(separator: " \"").map { $0.replacing("\"", with: "") }
        #expect(strings.count == 2)
        #expect(strings.allSatisfy { $0.utf8.count <= 255 })
        #expect(strings.joined() == record)
    }

    @Test(arguments: ["", "a b", "-a", "a_b", String(repeating: "a", count: 64)]) func badSelectors(selector: String)
        throws
    {
        let key = try DKIMKey.generate(.ed25519)
        #expect(throws: MailFault.self) { try DKIMSigner.Selected(selector: selector, key: key) }
    }
}
