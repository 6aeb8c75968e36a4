/// A host or mail domain: labels of letters, digits and inner hyphens (RFC 1123, section 2.1), or of the letters of any script,
/// which DNS knows as A-labels (RFC 5890).
public struct DomainName: Sendable, Hashable, CustomStringConvertible {
    /// In lower case, as given.
    public let text: String
    /// The same with A-labels.
    public let ascii: String

    public init(_ given: String) throws(MailFault) {
        guard !given.isEmpty else { throw MailFault("empty", "The domain is missing.") }
        guard given.utf8.count <= 1_020 else { throw Self.tooLong }
        text = given.lowercased()
        var labels: [String] = []
        for label in text.split(separator: ".", omittingEmptySubsequences: false) {
            labels.append(try Self.ascii(label: label))
        }
        guard labels.last?.utf8.allSatisfy({ (0x30...0x39).contains($0) }) == false else {
            throw MailFault("bad_format", "A domain's last label is not a number.")
        }
        ascii = labels.joined(separator: ".")
        guard ascii.utf8.count <= 253 else { throw Self.tooLong }
    }

    public var description: String { text }

    private static let tooLong = MailFault("too_long", "A domain has at most 253 octets, each label at most 63.")

    private static func ascii(label: Substring) throws(MailFault) -> String {
        guard !label.isEmpty, label.first != "-", label.last != "-" else {
            throw MailFault("bad_format", "A label of the domain is empty, or begins or ends with a hyphen.")
        }
        for scalar in label.unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "-": continue
            default:
                let properties = scalar.properties
                let isLetter =
                    switch properties.generalCategory {
                    case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark,
                        .decimalNumber:
                        scalar.value >= 0x80
                    default: false
                    }
                guard isLetter else {
                    throw MailFault("bad_format", "A domain has letters, digits, hyphens and dots.")
                }
            }
        }
        let ascii = label.utf8.allSatisfy { $0 < 0x80 } ? String(label) : "xn--" + Punycode.encode(label.unicodeScalars)
        guard ascii.utf8.count <= 63 else { throw tooLong }
        return ascii
    }
}

/// RFC 3492: Unicode in the letters that a domain name may have.
enum Punycode {
    private static let digits = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// The encoded label, without its prefix `xn--`.
    static func encode(_ label: some Collection<Unicode.Scalar>) -> String {
        var output = label.filter { $0.isASCII }.map { UInt8($0.value) }
        let basicCount = output.count
        if basicCount > 0 { output.append(0x2D) }
        var next: UInt32 = 128
        var delta = 0
        var bias = 72
        var handled = basicCount
        while handled < label.count {
            guard let smallest = label.lazy.map(\.value).filter({ $0 >= next }).min() else { break }
            delta += Int(smallest - next) * (handled + 1)
            next = smallest
            for scalar in label {
                if scalar.value < next { delta += 1 }
                guard scalar.value == next else { continue }
                append(delta, bias, to: &output)
                bias = adapted(delta, points: handled + 1, isFirst: handled == basicCount)
                delta = 0
                handled += 1
            }
            delta += 1
            next += 1
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Section 6.3: a number in digits whose weight depends on where they stand.
    private static func append(_ number: Int, _ bias: Int, to output: inout [UInt8]) {
        var rest = number
        var position = 36
        while true {
            let threshold = min(max(position - bias, 1), 26)
            guard rest >= threshold else { break }
            output.append(digits[threshold + (rest - threshold) % (36 - threshold)])
            rest = (rest - threshold) / (36 - threshold)
            position += 36
        }
        output.append(digits[rest])
    }

    /// Section 6.1.
    private static func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / points
        var steps = 0
        while delta > 455 {
            delta /= 35
            steps += 36
        }
        return steps + 36 * delta / (delta + 38)
    }
}
