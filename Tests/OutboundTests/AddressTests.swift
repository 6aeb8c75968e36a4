import Foundation
import TestKit
import Testing

@testable import Outbound

@Suite("Addresses")
struct AddressTests {
    static let refused: [(String, String)] = [
        ("unspecified", "0.0.0.0 0.0.0.1 0.1.2.3 0.255.255.255 ::"),
        (
            "private",
            """
            10.0.0.0 10.0.0.1 10.1.2.3 10.255.255.255 172.16.0.0 172.16.0.1 172.20.10.2 172.31.255.254 172.31.255.255
            172.17.0.1 172.18.0.5 172.28.1.1 10.96.0.1 10.244.1.7 192.168.65.2 192.168.122.1 192.168.0.0 192.168.0.1 192.168.1.1 192.168.255.255
            """
        ),
        (
            "shared",
            "100.64.0.9 100.65.1.1 100.99.0.1 100.126.0.1 100.64.0.0 100.64.0.1 100.100.100.200 100.127.255.255"
        ),
        (
            "loopback",
            "127.0.0.0 127.0.0.1 127.0.0.53 127.0.1.1 127.1.2.3 127.255.255.255 127.0.0.2 127.10.20.30 127.127.127.127 ::1 0:0:0:0:0:0:0:1"
        ),
        (
            "link_local",
            """
            169.254.0.0 169.254.0.1 169.254.169.254 169.254.170.2 169.254.255.255 fe80:: fe80::1 fe80::1:2:3:4
            fe80::a9fe:a9fe febf:ffff::1
            """
        ),
        (
            "protocol",
            """
            192.0.0.0 192.0.0.1 192.0.0.8 192.0.0.170 192.0.0.171 192.0.0.192 192.0.0.255 2001:: 2001::1
            2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:7f00:1::1 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1
            2001:20::1 2001:2f:ffff::1 2001:1ff:ffff:ffff::1
            """
        ),
        (
            "documentation",
            """
            192.0.2.0 192.0.2.1 192.0.2.255 198.51.100.0 198.51.100.7 198.51.100.255 203.0.113.0 203.0.113.9 203.0.113.255
            2001:db8:: 2001:db8::1 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2001:DB8::A 3fff::1 3fff:fff:ffff::1
            """
        ),
        (
            "relay",
            """
            192.88.99.0 192.88.99.1 192.88.99.255 192.52.193.1 192.175.48.1 192.175.48.6 192.31.196.1 2620:4f:8000::1
            """
        ),
        ("benchmarking", "198.18.0.0 198.18.0.1 198.19.0.1 198.19.255.255"),
        (
            "multicast",
            """
            224.0.0.0 224.0.0.1 224.0.0.251 232.1.1.1 233.252.0.1 239.255.255.250 239.255.255.255 ff00:: ff01::1 ff02::1
            ff02::2 ff02::fb ff05::1:3 ff0e::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
            """
        ),
        (
            "reserved",
            "241.0.0.1 250.250.250.250 253.255.255.255 254.1.2.3 240.0.0.0 240.0.0.1 247.1.2.3 255.255.255.254 255.255.255.255 3ffe:: 3ffe::1 3ffe:ffff::1"
        ),
        ("host_service", "168.63.129.16"),
        (
            "embedded_ipv4",
            """
            ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:0a00:0001 ::ffff:192.168.1.1 ::ffff:169.254.169.254
            ::ffff:a9fe:a9fe ::ffff:8.8.8.8 ::FFFF:8.8.8.8 0:0:0:0:0:ffff:127.0.0.1 0:0:0:0:0:FFFF:7F00:0001
            ::ffff:100.64.0.1 ::ffff:172.16.0.1 ::ffff:0.0.0.0 ::ffff:255.255.255.255 ::ffff:0:127.0.0.1 ::ffff:0:7f00:1 ::ffff:0:8.8.8.8 ::127.0.0.1 ::7f00:1 ::10.0.0.1 ::8.8.8.8 ::2
            ::c0a8:101 ::ffff 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8
            64:ff9b::a00:1 64:ff9b:1::1 64:ff9b:1::127.0.0.1 64:ff9b:1:fffe::10.0.0.1 64:ff9b:1:ffff:ffff:ffff:ffff:ffff
            2002:: 2002:7f00:1:: 2002:7f00:1::1 2002:a00:1:: 2002:c0a8:101:: 2002:a9fe:a9fe:: 2002:808:808:: 2002:ffff:ffff::1
            2a00:1450::5efe:10.0.0.1 2a00:1450::5efe:7f00:1 2a00:1450::200:5efe:8.8.8.8 2600::0:5efe:192.168.0.1
            """
        ),
        ("discard", "100:: 100::1 100::ffff:ffff:ffff:ffff 100:0:0:1::1"),
        (
            "unique_local",
            "fc00:: fc00::1 fcff:ffff::1 fd00:: fd00::1 fd00:ec2::254 fd12:3456:789a::1 fdff:ffff:ffff::1"
        ),
        ("site_local", "fec0:: fec0::1 fec0:0:0:ffff::1 feff:ffff::1"),
        ("segment_routing", "5f00:: 5f00::1 5f00:ffff::1"),
        (
            "not_global",
            "1:: 100:1::1 200::1 1000::1 1fff::1 4000:: 4000::1 6000::1 8000::1 c000::1 e000::1 fe00::1 fa00::1"
        ),
    ].flatMap { reason, texts in texts.split { $0 == " " || $0 == "\n" }.map { (String($0), reason) } }

    static let allowed = """
        1.1.1.1 8.8.8.8 9.9.9.9 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
        168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
        192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0
        203.0.112.255 203.0.114.0 223.255.255.255 2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1
        2003::1 2400:cb00::1 2606:4700:4700::1111 2620:fe::fe 2a00:1450:4001:82a::200e 3ffd::1 3fff:1000::1
        2a00:1450::100:5efe:8.8.8.8
        """.split { $0 == " " || $0 == "\n" }.map(String.init)

    @Test("What not everybody can reach is refused", arguments: refused)
    func refuses(text: String, reason: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressPolicy().refusal(of: address) == reason)
    }

    @Test("The corpus is large")
    func corpus() {
        #expect(Self.refused.count >= 200)
        #expect(Set(Self.refused.map(\.0)).count == Self.refused.count)
    }

    @Test("What stands next to it is allowed", arguments: allowed)
    func allows(text: String) throws {
        #expect(AddressPolicy().refusal(of: try #require(IPAddress(text))) == nil)
    }

    @Test("An operator allows blocks, and nothing beside them")
    func operatorAllows() throws {
        let policy = AddressPolicy(
            allowed: try ["10.1.0.0/16", "fd00:1::/32", "127.0.0.2"].map { try #require(AddressBlock($0)) })
        for text in ["10.1.0.0", "10.1.255.255", "fd00:1::5", "127.0.0.2"] {
            #expect(policy.refusal(of: try #require(IPAddress(text))) == nil, "\(text)")
        }
        for text in ["10.0.255.255", "10.2.0.0", "fd00:2::5", "127.0.0.1", "::ffff:10.1.0.1", "64:ff9b::10.1.0.1"] {
            #expect(policy.refusal(of: try #require(IPAddress(text))) != nil, "\(text)")
        }
    }

    @Test(
        "A block that is none is refused",
        arguments: [
            "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10/8", "::/129", "fc00::1/7", "a/8", "10.0.0.0/+8",
            "1.1.1.1/8/8",
        ])
    func badBlocks(text: String) { #expect(AddressBlock(text) == nil) }

    @Test(
        "Other ways to write an address are none",
        arguments: [
            "", "1", "1.2", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "0x7f.0.0.1", "0177.0.0.1", "2130706433",
            "256.0.0.1",
            "1.2.3.256", "1..2.3", ".1.2.3.4", "1.2.3.4.", " 1.2.3.4", "1.2.3.4 ", "+1.2.3.4", "１.2.3.4", "1.2.3.-4",
            ":", ":::",
            "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::9", "::12345", "::g", "fe80::1%eth0",
            "::1.2.3",
            "::1.2.3.4.5", "::1.2.3.4:5", "1.2.3.4::", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:", "::ffff:01.2.3.4",
            "[::1]",
        ])
    func notAddresses(text: String) { #expect(IPAddress(text) == nil) }

    @Test("Reading agrees with the system's", arguments: 0..<8)
    func agreesWithSystem(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let pieces = [
            "0", "1", "255", "256", "ffff", "7f", "a", ".", ".", ":", ":", "::", "00", "127.0.0.1", "fe80", "g",
            "10000",
        ]
        for _ in 0..<4_000 {
            let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            var four = in_addr()
            var six = in6_addr()
            let expected: [UInt8]? =
                if inet_pton(AF_INET, text, &four) == 1 {
                    withUnsafeBytes(of: &four) { Array($0) }
                } else if inet_pton(AF_INET6, text, &six) == 1 {
                    withUnsafeBytes(of: &six) { Array($0) }
                } else {
                    nil
                }
            #expect(IPAddress(text)?.bytes == expected, "\(text)")
        }
    }

    @Test("An address reads back as it is written, and any bytes have one")
    func roundTrip() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2_000 {
            let bytes = (0..<(Bool.random(using: &random) ? 4 : 16)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let address = IPAddress(bytes: bytes)
            #expect(address?.bytes == bytes)
            #expect(address.flatMap { IPAddress($0.description) } == address)
        }
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }
}

@Suite("URLs")
struct URLTests {
    @Test(
        "What two programs could read differently is refused",
        arguments: [
            ("too_long", ["https://example.com/" + String(repeating: "a", count: 2_048)]),
            (
                "characters",
                [
                    "https://example.com/a b", "https://exa mple.com/", "https://example.com/\r\nX: y",
                    "https://example.com/\u{0}",
                    "https://example.com\\@127.0.0.1/", "https:\\\\127.0.0.1/", "https://ex\u{e4}mple.com/",
                    "https://１２７.0.0.1/",
                    "https://127。0。0。1/", "https://ⓔxample.com/", "https://example.com/\"", "https://example.com/<",
                    "\thttps://a.b/",
                    "https://exam\u{200b}ple.com/", "https://example.com/{a}", "https://example.com/`",
                    "https://\u{202e}moc.elpmaxe/",
                ]
            ),
            (
                "scheme",
                [
                    "", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd",
                    "gopher://127.0.0.1:25/x",
                    "javascript:alert(1)", "data:,x", "https:example.com", "https:/example.com", "dict://127.0.0.1/",
                    "ws://example.com/",
                    "jar:https://a.b!/", "://a.b/", "http", "ldap://127.0.0.1/", "unix:///run/x", "https+unix://a/",
                ]
            ),
            ("fragment", ["https://example.com/#", "https://example.com/a#b", "https://example.com#@127.0.0.1/"]),
            (
                "credentials",
                [
                    "https://user@example.com/", "https://user:secret@example.com/", "https://example.com@127.0.0.1/",
                    "https://@example.com/", "https://example.com%40@127.0.0.1/", "https://a:b@c@127.0.0.1/",
                    "https://127.0.0.1:80@example.com/",
                ]
            ),
            (
                "port",
                [
                    "https://example.com:/", "https://example.com:0/", "https://example.com:65536/",
                    "https://example.com:-1/",
                    "https://example.com:+443/", "https://example.com:443a/", "https://example.com:0x50/",
                    "https://example.com:999999/",
                ]
            ),
            (
                "host",
                [
                    "https:///", "https://::1/", "https://", "https://?a", "https://.", "https://a..b/",
                    "https://.a.b/",
                    "https://a.b./", "https://-a.b/",
                    "https://a-.b/", "https://a%2eb/", "https://%31%32%37.0.0.1/", "https://127.1/", "https://127.0.1/",
                    "https://2130706433/",
                    "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/",
                    "https://127.0.0.01/",
                    "https://127.0.0.1./", "https://256.256.256.256/", "https://1.2.3.4.5/",
                    "https://00000000127.0.0.1/", "https://0/",
                    "https://0x0/", "https://127.0.0.0x1/", "https://a.0x7f/", "https://example.1/",
                    "https://[127.0.0.1]/", "https://[::1/",
                    "https://[]/", "https://[fe80::1%25eth0]/", "https://[::1]a/", "https://a,b/", "https://a!b/",
                    "https://a;b.c/",
                    "https://a*b.c/", "https://\(String(repeating: "a", count: 64)).com/",
                    "https://\(String(repeating: "a.", count: 126))com/", "https://a$b.c/", "https://a&b/",
                    "https://(a)/",
                ]
            ),
        ].flatMap { reason, texts in texts.map { ($0, reason) } })
    func refuses(text: String, reason: String) {
        do {
            _ = try OutboundURL(text)
            Issue.record("\(text) is taken")
        } catch {
            #expect(error.kind == .invalidURL)
            #expect(error.reason == reason, "\(text)")
        }
    }

    @Test(
        "What is plain is taken as it is",
        arguments: [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://Example.COM:443/A?b=C", "https://example.com/A?b=C"),
            ("http://example.com:80?x=1", "http://example.com/?x=1"),
            ("http://example.com:443/", "http://example.com:443/"),
            ("https://xn--exmple-cua.com/%e4?q=%20&r=a@b", "https://xn--exmple-cua.com/%e4?q=%20&r=a@b"),
            ("https://a_b.example:8443/x", "https://a_b.example:8443/x"),
            ("https://93.184.216.34/", "https://93.184.216.34/"),
            ("https://[2606:4700::1111]:8443/", "https://[2606:4700:0:0:0:0:0:1111]:8443/"),
            ("https://localhost/", "https://localhost/"),
        ])
    func takes(text: String, whole: String) throws {
        let url = try OutboundURL(text)
        #expect(url.description == whole)
        #expect(try OutboundURL(whole) == url)
    }

    @Test(
        "Refused before anybody is asked",
        arguments: [
            ("https://127.0.0.1/", "loopback"), ("https://[::1]/", "loopback"),
            ("https://169.254.169.254/latest/meta-data/", "link_local"),
            ("https://[::ffff:127.0.0.1]/", "embedded_ipv4"), ("https://[::ffff:7f00:1]/", "embedded_ipv4"),
            ("http://example.com/", "not_encrypted"),
            ("https://example.com:22/", "port"), ("https://example.com:25/", "port"),
            ("https://example.com:6667/", "port"),
            ("https://example.com:1023/", "port"), ("https://1.1.1.1:10080/", "port"),
            ("https://10.0.0.1:22/", "private"),
        ])
    func refusedAtOnce(text: String, reason: String) throws {
        let client = try OutboundClient()
        let url = try OutboundURL(text)
        #expect(throws: OutboundError.self) { try client.check(url) }
        do { try client.check(url) } catch { #expect(error.reason == reason) }
    }

    @Test("Whatever is taken is taken the same again, and has no way out of its host", arguments: 0..<8)
    func fuzz(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let pieces = [
            "https", "http", "://", "/", "//", "@", ":", "a", "example", ".", "com", "127.0.0.1", "[", "]", "::1",
            "%2e", "?", "#", "\\", "443",
            "0x7f", "\u{0}", " ", "é", "-", "_", "80", "99999",
        ]
        var taken = 0
        for index in 0..<5_000 {
            let some = (0..<Int.random(in: 0...10, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let text = index % 3 == 0 ? random.text(maxLength: 60) : (index % 3 == 1 ? "https://" : "") + some
            guard let url = try? OutboundURL(text) else { continue }
            taken += 1
            #expect((try? OutboundURL(url.description)) == url, "\(text)")
            #expect(Foundation.URL(string: url.description)?.host() != nil, "\(text)")
            #expect(Foundation.URL(string: url.description)?.user() == nil, "\(text)")
        }
        #expect(taken > 20)
    }
}
