import Contracts
import Foundation
import Mail
import TestKit
import Testing

/// A whole mail system, Exim, started for a test with a folder of its own: it takes mail, delivers it to files, and reports
/// what it can't deliver.
private final class MailSystem: Sendable {
    let port: Int
    let authority: TestAuthority
    private let folder: URL

    static let login = SMTPConfiguration.Login(user: "deskwire", password: "correct horse")

    static func with<R>(_ body: (MailSystem) async throws -> R) async throws -> R {
        let authority = try await TestAuthority.make(subjectAlternativeName: "IP:127.0.0.1")
        defer { authority.remove() }
        let folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-exim-\(UUID().uuidString)")
        // Started by root, it becomes a user of its own.
        let rights: [FileAttributeKey: Any] = [.posixPermissions: 0o777]
        for name in ["", "spool", "log"] {
            let path = folder.appending(path: name).path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try FileManager.default.setAttributes(rights, ofItemAtPath: path)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: authority.serverKey)
        let port = try await SMTPSink.with { $0.port }
        let file = folder.appending(path: "exim.conf")
        try configuration(folder, authority).write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/exim4")
        process.arguments = ["-C", file.path, "-bdf", "-oX", "\(port)"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try #require(
            FileManager.default.isExecutableFile(atPath: "/usr/sbin/exim4"), "exim4-daemon-light is not installed")
        try process.run()
        // Not TERM: a child of a thread that blocks signals, as Swift's do, never hears it.
        defer { kill(process.processIdentifier, SIGKILL) }
        let system = MailSystem(port: port, authority: authority, folder: folder)
        try await system.isUp()
        return try await body(system)
    }

    private init(port: Int, authority: TestAuthority, folder: URL) {
        self.port = port
        self.authority = authority
        self.folder = folder
    }

    private static func configuration(_ folder: URL, _ authority: TestAuthority) -> String {
        """
        exim_path = /usr/sbin/exim4
        spool_directory = \(folder.path)/spool
        log_file_path = \(folder.path)/log/%slog
        pid_file_path = \(folder.path)/spool/pid
        primary_hostname = exim.test
        keep_environment =
        local_interfaces = 127.0.0.1
        tls_advertise_hosts = *
        tls_certificate = \(authority.serverCertificate)
        tls_privatekey = \(authority.serverKey)
        auth_advertise_hosts = ${if def:tls_in_cipher {*}{}}
        smtputf8_advertise_hosts = *
        dsn_advertise_hosts = *
        message_size_limit = 1M
        acl_smtp_mail = authenticated
        acl_smtp_rcpt = recipients
        begin acl
        authenticated:
          accept authenticated = *
          deny message = 5.7.0 Log in first
        recipients:
          deny local_parts = bad
               message = 5.1.1 User unknown
          defer local_parts = grey
               message = 4.7.1 Greylisted
          accept
        begin routers
        gone:
          driver = redirect
          local_parts = gone
          allow_fail
          data = :fail: 550 5.1.1 Mailbox unknown
        all:
          driver = accept
          transport = file
        begin transports
        file:
          driver = appendfile
          directory = \(folder.path)/spool/mail
          maildir_format
          create_directory
          delivery_date_add = false
        begin authenticators
        plain:
          driver = plaintext
          public_name = PLAIN
          server_condition = ${if and {{eq{$auth2}{\(login.user)}}{eq{$auth3}{\(login.password)}}}}
          server_set_id = $auth2
        """
    }

    private func isUp() async throws {
        let client = try client { $0.encryption = .none }
        try await eventually("Exim listens") {
            try await client.failure(.to("ada@example.com"), Samples.message().composed()).kind != .notConnected
        }
        client.close()
    }

    func client(_ configure: (inout SMTPConfiguration) -> Void = { _ in }) throws -> SMTPClient {
        var configuration = SMTPConfiguration(
            host: "127.0.0.1", port: port, encryption: .startTLS, login: Self.login)
        configuration.authorityFile = authority.certificate
        configure(&configuration)
        return try SMTPClient(configuration)
    }

    /// What it has delivered.
    func delivered() throws -> [[UInt8]] {
        let mail = folder.appending(path: "spool/mail/new")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: mail.path)) ?? []
        return try names.map { Array(try Data(contentsOf: mail.appending(path: $0))) }
    }
}

@Suite struct EximTests {
    @Test func deliversWhatWasMeant() async throws {
        try await MailSystem.with { system in
            let client = try system.client { $0.connectionsMax = 2 }
            let key = try DKIMSigner.Selected(selector: "s1", key: try DKIMKey.generate(.rsa))
            let signer = DKIMSigner(domain: try DomainName("acme.example"), keys: [key])
            try await withThrowingTaskGroup { group in
                for (name, text) in Samples.texts {
                    var message = try Samples.message(subject: "\(name) Ärger 漢字", text: text, html: "<p>\(text)</p>")
                    message.attachments = [
                        MailAttachment(fileName: "ü.bin", contentType: "image/png", bytes: [0, 13, 10, 46])
                    ]
                    let bytes = try signer.signed(message.composed(), at: Samples.time)
                    group.addTask { _ = try await client.send(.to("ada@example.com"), bytes) }
                }
                try await group.waitForAll()
            }
            try await eventually("all are delivered") { try system.delivered().count == Samples.texts.count }
            // Files have the line ends of the machine.
            let delivered = try system.delivered().map {
                Array(String(decoding: $0, as: UTF8.self).replacing("\n", with: "\r\n").utf8)
            }
            let messages = Dictionary(uniqueKeysWithValues: delivered.enumerated().map { ("\($0)", $1) })
            let found = try await PythonReader.read(messages, dns: ["s1._domainkey.acme.example": key.key.dnsRecord])
            for (name, message) in try #require(found.objectValue) {
                let subject = try #require(message["standard"]?["subject"]?.stringValue)
                let text = try #require(Samples.texts[String(subject.prefix { $0 != " " })])
                let read = message["standard"]?["text"]?.stringValue?.filter { !$0.isNewline }
                #expect(read == text.filter { !$0.isNewline }, "\(name)")
                #expect(message["standard"]?["attachments"]?[0]?["name"] == "ü.bin")
                #expect(message["dkim"] == [true], "\(subject)")
            }
            client.close()
        }
    }

    @Test func refusesAsItDoes() async throws {
        try await MailSystem.with { system in
            let client = try system.client()
            let message = try Samples.message().composed()
            let bad = try await client.failure(.to("bad@example.com"), message)
            #expect(bad.bounce == .hard)
            #expect(bad.reply?.status == EnhancedStatus(5, 1, 1))
            let grey = try await client.failure(.to("grey@example.com"), message)
            #expect(!grey.isPermanent)
            #expect(grey.reply?.code == 451)
            let huge = try Samples.message(text: String(repeating: "0123456789\n", count: 200_000)).composed()
            #expect(try await client.failure(.to("ada@example.com"), huge).kind == .unsupported)
            let receipt = try await client.send(.to("ada@example.com", "bad@example.com"), message)
            #expect(receipt.refused.map(\.address.text) == ["bad@example.com"])
            // All over one connection, in spite of the refusals.
            #expect(client.connectionCount == 1)
            let stranger = try system.client { $0.login = nil }
            #expect(try await stranger.failure(.to("ada@example.com"), message).phase == .mail)
            let liar = try system.client { $0.login = .init(user: "deskwire", password: "wrong") }
            #expect(try await liar.failure(.to("ada@example.com"), message).kind == .authentication)
        }
    }

    /// What it can't deliver comes back as a report that names our envelope, our message and the recipient.
    @Test func reportsWhatItCanNotDeliver() async throws {
        try await MailSystem.with { system in
            let id = UUID()
            let receipt = try await system.client().send(
                .to("gone@example.com", id: id.uuidString), Samples.message().composed())
            #expect(receipt.accepted.count == 1)
            try await eventually("the report is there") { try system.delivered().count == 1 }
            let report = try #require(DeliveryReport(try MIMEEntity(try system.delivered()[0])))
            #expect(report.envelopeId == id.uuidString)
            #expect(report.messageId?.text == "<0192.m@acme.example>")
            #expect(report.recipients.map(\.address.text) == ["gone@example.com"])
            #expect(report.recipients.map(\.action) == [.failed])
        }
    }
}
