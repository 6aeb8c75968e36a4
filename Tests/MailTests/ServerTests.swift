import Contracts
import Foundation
import Mail
import NIOSSL
import TestKit
import Testing

/// A server that is not ours: aiosmtpd, in a process of its own.
private final class RealServer: Sendable {
    struct Taken: Sendable {
        let session: JSON
        let bytes: [UInt8]
    }

    let port: Int
    private let folder: URL

    /// Runs `body` with a server; it ends when its standard input does.
    static func with<R>(_ options: [String] = [], _ body: (RealServer) async throws -> R) async throws -> R {
        let python = try #require(
            ProcessInfo.processInfo.environment["DESKWIRE_TEST_PYTHON"],
            "DESKWIRE_TEST_PYTHON is not set: run deploy/test")
        let folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-smtp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [PythonReader.clients.appending(path: "smtp_server.py").path, folder.path] + options
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        defer {
            // Not TERM: a child of a thread that blocks signals, as Swift's do, never hears it.
            kill(process.processIdentifier, SIGKILL)
        }
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(Int(said.split(separator: "\n").first ?? ""), "the server did not come up")
        return try await body(RealServer(port: port, folder: folder))
    }

    private init(port: Int, folder: URL) {
        self.port = port
        self.folder = folder
    }

    /// What it has taken, in order.
    func taken() throws -> [Taken] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".eml") }.sorted().map {
            let name = $0.dropLast(4)
            let session = try Data(contentsOf: folder.appending(path: "\(name).json"))
            return Taken(
                session: try JSON.parse(Array(session)), bytes: Array(try Data(contentsOf: folder.appending(path: $0))))
        }
    }

    func client(_ encryption: SMTPConfiguration.Encryption, _ configure: (inout SMTPConfiguration) -> Void) throws
        -> SMTPClient
    {
        var configuration = SMTPConfiguration(host: "127.0.0.1", port: port, encryption: encryption)
        configure(&configuration)
        return try SMTPClient(configuration)
    }
}

@Suite struct ServerTests {
    private static let login = SMTPConfiguration.Login(user: "support@acme.example", password: "pass: wörd=")
    private static let credentials = "\(login.user):\(login.password)"

    private func with<R>(
        _ encryption: SMTPConfiguration.Encryption, names: String = "IP:127.0.0.1,DNS:localhost",
        options: [String] = [],
        _ body: (RealServer, TestAuthority) async throws -> R
    ) async throws -> R {
        let authority = try await TestAuthority.make(subjectAlternativeName: names)
        defer { authority.remove() }
        var options = options
        if encryption != .none {
            options += ["--certificate", authority.serverCertificate, "--key", authority.serverKey]
        }
        if encryption == .implicitTLS { options.append("--implicit-tls") }
        return try await RealServer.with(options) { try await body($0, authority) }
    }

    @Test(
        arguments: [SMTPConfiguration.Encryption.none, .startTLS, .implicitTLS], [[], ["PLAIN"], ["PLAIN", "LOGIN"]])
    func takesMessages(encryption: SMTPConfiguration.Encryption, without: [String]) async throws {
        let options = ["--login", Self.credentials] + without.flatMap { ["--without", $0] }
        try await with(encryption, options: options) { server, authority in
            let client = try server.client(encryption) {
                $0.authorityFile = authority.certificate
                $0.login = Self.login
            }
            if without.count == 2 {
                let error = try await client.failure(.to("ada@example.com"), Samples.message().composed())
                #expect(error.kind == .authentication)
                #expect(!error.isPermanent)
                return
            }
            var sent: [[UInt8]] = []
            for (_, text) in Samples.texts {
                let message = try Samples.message(text: text, html: "<p>\(text)</p>").composed()
                _ = try await client.send(.to("ada@example.com", "\"odd one\"@example.com"), message)
                sent.append(message)
            }
            let taken = try server.taken()
            #expect(taken.map(\.bytes) == sent)
            for one in taken {
                #expect(one.session["from"] == "bounces@acme.example")
                #expect(one.session["to"] == ["ada@example.com", "\"odd one\"@example.com"])
                #expect(one.session["login"]?.stringValue == Self.login.user)
                #expect(one.session["mechanism"]?.stringValue == (without.isEmpty ? "PLAIN" : "LOGIN"))
                #expect(one.session["tls"]?.boolValue == (encryption == .startTLS))
            }
            client.close()
        }
    }

    /// The certificate is compared with the name that was asked for, not with where it led.
    @Test(arguments: [SMTPConfiguration.Encryption.startTLS, .implicitTLS])
    func aServerKnownByItsNameOnly(encryption: SMTPConfiguration.Encryption) async throws {
        try await with(encryption, names: "DNS:localhost") { server, authority in
            let client = try server.client(encryption) {
                $0.host = "localhost"
                $0.authorityFile = authority.certificate
            }
            _ = try await client.send(.to("ada@example.com"), Samples.message().composed())
            #expect(try server.taken().count == 1)
        }
    }

    @Test func takesAddressesBeyondASCII() async throws {
        try await RealServer.with { server in
            let client = try server.client(.none) { _ in }
            let message = try Samples.message(to: [Mailbox(try EmailAddress("用户@例子.example"))]).composed()
            _ = try await client.send(.to("用户@例子.example"), message)
            let taken = try #require(try server.taken().first)
            #expect(taken.session["utf8"] == true)
            #expect(taken.session["to"] == ["用户@例子.example"])
            #expect(taken.bytes == message)
        }
    }

    @Test func aWrongPasswordIsTold() async throws {
        try await with(.startTLS, options: ["--login", Self.credentials]) { server, authority in
            let client = try server.client(.startTLS) {
                $0.authorityFile = authority.certificate
                $0.login = SMTPConfiguration.Login(user: Self.login.user, password: "wrong")
            }
            let error = try await client.failure(.to("ada@example.com"), Samples.message().composed())
            #expect(error.kind == .authentication)
            #expect(error.reply?.code == 535)
            #expect(!error.isPermanent)
            #expect(!error.description.contains("wrong"))
        }
    }

    /// Neither a server that nobody vouches for nor one with another name sees the password.
    @Test(
        arguments: [SMTPConfiguration.Encryption.startTLS, .implicitTLS], ["untrusted", "otherName", "otherAddress"])
    func serversThatAreNotTrusted(encryption: SMTPConfiguration.Encryption, fault: String) async throws {
        let names = fault == "untrusted" ? "IP:127.0.0.1" : fault == "otherName" ? "DNS:other.example" : "IP:127.0.0.9"
        try await with(encryption, names: names, options: ["--login", Self.credentials]) { server, authority in
            let client = try server.client(encryption) {
                $0.login = Self.login
                if fault == "otherName" { $0.host = "localhost" }
                if fault != "untrusted" { $0.authorityFile = authority.certificate }
            }
            let error = try await client.failure(.to("ada@example.com"), Samples.message().composed())
            #expect(error.kind == .tls, "\(error)")
            #expect(try server.taken().isEmpty)
        }
    }

    /// Who wants TLS gets it or nothing: a server, or somebody between, that offers none is refused.
    @Test func noDowngrade() async throws {
        try await SMTPSink.with { sink in
            let client = try sink.client {
                $0.encryption = .startTLS
                $0.login = Self.login
            }
            #expect(try await client.failure(.to("ada@example.com"), Samples.message().composed()).kind == .tls)
            #expect(sink.commands == ["EHLO localhost", "QUIT"] || sink.commands == ["EHLO localhost"])
        }
        // What is said in clear behind the consent would be taken for the server's under TLS (RFC 3207, section 6).
        try await SMTPSink.with(
            extensions: ["STARTTLS"],
            react: { moment, _ in
                moment.verb == "STARTTLS" ? .say("220 go\r\n250 injected") : .usual
            }
        ) { sink in
            let client = try sink.client { $0.encryption = .startTLS }
            let error = try await client.failure(.to("ada@example.com"), Samples.message().composed())
            #expect([.tls, .connectionLost].contains(error.kind))
            #expect(sink.commands.count <= 3)
        }
    }

    @Test(
        arguments: [
            ("smtp://mail.example", "mail.example", 587, SMTPConfiguration.Encryption.startTLS, nil),
            ("smtp://mail.example?tls=starttls", "mail.example", 587, .startTLS, nil),
            ("smtp://127.0.0.1:2525?tls=none", "127.0.0.1", 2_525, .none, nil),
            ("smtp://h?tls=none", "h", 25, .none, nil),
            (
                "smtps://u:p%40%3A%2F%3F@mail.example/", "mail.example", 465, .implicitTLS,
                .init(user: "u", password: "p@:/?")
            ),
            ("SMTPS://a%40b.c:x@[::1]:26", "::1", 26, .implicitTLS, .init(user: "a@b.c", password: "x")),
        ] as [(String, String, Int, SMTPConfiguration.Encryption, SMTPConfiguration.Login?)])
    func addressesOfServers(
        url: String, host: String, port: Int, encryption: SMTPConfiguration.Encryption, login: SMTPConfiguration.Login?
    ) throws {
        let configuration = try SMTPConfiguration(url: url)
        #expect(configuration.host == host)
        #expect(configuration.port == port)
        #expect(configuration.encryption == encryption)
        #expect(configuration.login == login)
        #expect(!"\(configuration.login.map { "\($0)" } ?? "")".contains(login?.password ?? "-"))
    }

    @Test(arguments: [
        "", "mail.example", "http://mail.example", "smtp://", "smtp://user@mail.example",
        "smtp://mail.example?tls=maybe",
        "smtps://mail.example?tls=none", "smtp://mail.example/path", "smtp://mail.example?x=y", "smtp://mail.example:0",
        "smtp://mail.example:70000", "smtp://mail.example#x", "smtp://:p@mail.example",
    ]) func badAddressesOfServers(url: String) {
        #expect(throws: MailFault.self) { try SMTPConfiguration(url: url) }
    }
}
