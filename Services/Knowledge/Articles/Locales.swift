import Web

/// Languages as articles name them.
enum Locales {
    /// A BCP 47 tag in lower case; nil for what can't be one.
    static func normalized(_ tag: String) -> String? {
        let locale = tag.lowercased()
        let parts = locale.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let isWellFormed =
            (2...3).contains(parts[0].count)
            && parts.allSatisfy { part in
                (1...8).contains(part.count)
                    && part.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
            }
        return isWellFormed ? locale : nil
    }

    /// A body's tag; a 422 for what can't be one.
    static func checked(_ tag: String) throws(Problem) -> String {
        guard let locale = normalized(tag) else {
            throw .invalid([Fault(.pointer("/locale"), "format", formatDetail)])
        }
        return locale
    }

    /// A query's tag; a 400 for what can't be one.
    static func checked(parameter tag: String) throws(Problem) -> String {
        guard let locale = normalized(tag) else {
            throw .badRequest("The query has faults.", errors: [Fault(.parameter("locale"), "format", formatDetail)])
        }
        return locale
    }

    private static let formatDetail = "It is a language tag such as en or pt-br."
}
