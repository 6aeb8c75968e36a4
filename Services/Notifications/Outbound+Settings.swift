// How requests leave for addresses that strangers gave.

import Outbound
import ServiceKit

/// What an operator sets about requests to addresses that tenants and their users gave.
enum OutboundSettings {
    private static let networks = "OUTBOUND_ALLOWED_NETWORKS"
    private static let plain = "OUTBOUND_ALLOW_HTTP"
    private static let authority = "OUTBOUND_CA_FILE"

    static let all: [Setting] = [
        .list(
            networks,
            "Networks (CIDR) that webhooks and the like may reach although they are private; any port. None by default."
        ).checked { text in
            blocks(text).contains { $0 == nil } ? "must be networks such as 10.1.0.0/16, with commas between them" : nil
        },
        .boolean(plain, default: false, "Whether webhooks and the like may use http:// rather than https://."),
        .path(authority, "Certificates (PEM) of authorities that receivers may use beside the system's."),
    ]

    static func client(_ settings: Settings) throws -> OutboundClient {
        try OutboundClient(
            policy: AddressPolicy(allowed: settings.list(networks).compactMap { AddressBlock($0) }),
            allowsPlain: settings.boolean(plain), authorityFile: settings.optionalText(authority))
    }

    private static func blocks(_ text: String) -> [AddressBlock?] {
        text.split(separator: ",").map { AddressBlock($0.filter { $0 != " " }) }
    }
}
