// Addresses whose knowledge is all that it takes to write to somebody: they are kept like passwords.

import Contracts
import Crypto
import Outbound
import Web

/// What may be said of an address that is a secret.
enum SealedAddress {
    /// Where it leads to, `https://hooks.slack.com`, after a check that it may be written to.
    static func origin(of url: String, _ client: OutboundClient) throws(OutboundError) -> String {
        let parsed = try OutboundURL(url)
        try client.check(parsed)
        return parsed.origin
    }

    /// Tells that two are the same. They are too long to be found by trying.
    static func hash(_ url: String) -> String {
        Base64URL.encode(Array(SHA256.hash(data: Array(url.utf8))))
    }
}
