// email: what the service has of it, in one value.

import Database
import Mail
import ServiceKit
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything about email that the service adds to itself.
struct EmailFeature: Feature {
    /// None where the operator has named no server: then nothing is queued for it.
    let channels: [any Channel]
    private let database: Database
    private let box: SecretBox
    private let links: UnsubscribeLinks

    static let migrations: [Migration] = [.email]

    // MARK: Settings

    private static let serverSetting = "SMTP_URL"
    private static let authoritySetting = "SMTP_CA_FILE"
    private static let connectionsSetting = "SMTP_CONNECTIONS"
    private static let nameSetting = "SMTP_CLIENT_NAME"
    private static let fromSetting = "EMAIL_FROM"
    private static let returnSetting = "EMAIL_RETURN_PATH"
    private static let linkSetting = "EMAIL_LINK_URL"

    static let settings: [Setting] = [
        .url(
            serverSetting, schemes: ["smtp", "smtps"],
            """
            Server that takes our mail: `smtp://user:password@host:587?tls=starttls`, `smtps://…`, or `tls=none` for one on the same \
            machine. Without it no mail is queued.
            """
        ).secret.checked(fault { _ = try SMTPConfiguration(url: $0) }),
        .path(authoritySetting, "Certificates that the server is verified against; the system's when unset."),
        .integer(connectionsSetting, 1...100, default: 8, "Connections to the server at once, each with one mail."),
        .text(nameSetting, default: "localhost", "The name that we greet the server with.").checked(
            fault { _ = try DomainName($0) }),
        .text(fromSetting, default: "Deskwire <notifications@localhost>", "Sender of tenants that have set none.")
            .checked(
                fault { text in
                    guard try Mailbox.list(text).count == 1 else { throw MailFault("bad_format", "It is one address.") }
                }),
        .text(returnSetting, "Where servers report what can't be delivered; the sender when unset.").checked(
            fault { _ = try EmailAddress($0) }),
        .url(
            linkSetting, default: "http://127.0.0.1:8080",
            "Where recipients reach the gateway, for links to unsubscribe; one click works with https only."),
    ]

    /// A check of a setting by what reads it.
    private static func fault(_ read: @escaping @Sendable (String) throws -> Void) -> @Sendable (String) -> String? {
        { text in
            do {
                try read(text)
                return nil
            } catch {
                return "is not well-formed: \((error as? MailFault)?.hint ?? "")"
            }
        }
    }

    // MARK: Parts

    init(_ platform: Platform) throws {
        let settings = platform.settings
        var configuration = try settings.optionalText(Self.serverSetting).map { try SMTPConfiguration(url: $0) }
        configuration?.authorityFile = settings.optionalText(Self.authoritySetting)
        configuration?.connectionsMax = settings.integer(Self.connectionsSetting)
        configuration?.clientName = settings.text(Self.nameSetting)
        configuration?.timeouts = Self.timeouts
        var link = settings.text(Self.linkSetting)
        while link.last == "/" { link.removeLast() }
        try self.init(
            database: platform.database, server: configuration,
            from: Mailbox.list(settings.text(Self.fromSetting)).first,
            returnPath: settings.optionalText(Self.returnSetting).map { try EmailAddress($0) }, linkURL: link,
            keys: SecretKeys(settings))
    }

    init(
        database: Database, server: SMTPConfiguration?, from: Mailbox? = nil, returnPath: EmailAddress? = nil,
        linkURL: String = "https://help.example", keys: SecretKeys, memory: Duration = .seconds(10)
    ) throws {
        self.database = database
        box = keys.box(for: "email keys")
        links = UnsubscribeLinks(baseURL: linkURL, keys: keys.keys(for: "unsubscribe links"))
        guard let server else {
            channels = []
            return
        }
        let usual = try from ?? Mailbox(name: "Deskwire", EmailAddress("notifications@localhost"))
        channels = [
            EmailChannel(
                client: try SMTPClient(server),
                senders: EmailSenders(database: database, box: box, usual: usual, memory: memory),
                returnPath: returnPath, links: links, emails: OutboundEmails(usual: usual.address))
        ]
    }

    /// All steps together take less than a delivery's lease.
    private static var timeouts: SMTPConfiguration.Timeouts {
        var timeouts = SMTPConfiguration.Timeouts(each: .seconds(15))
        timeouts.end = .seconds(60)
        return timeouts
    }

    var resources: [any Resource] { [EmailSettings(), EmailSignatures(), DKIMKeys(box: box), EmailReports()] }

    var routes: [Route] {
        EmailReports.routes + UnsubscribeRoutes(database: database, keys: links.keys).all
    }
}
