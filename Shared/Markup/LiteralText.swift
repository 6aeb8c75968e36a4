/// Less-than signs that their writer meant as such. People write `<your name>`, `List<String>`, `x <y` and `<jane@example.com>`
/// where HTML is read, and a parser of HTML takes them for tags and leaves them out.
enum LiteralText {
    /// The text with such signs escaped: those that begin no tag, tags that never end, and tags without attributes whose
    /// name is no element's. Tags that office programs write for themselves (`<o:p>`) are left out. What this gets wrong is
    /// shown or left out wrongly, and is no danger: all goes through the parser and the policy afterwards.
    static func escaped(_ html: String) -> Source {
        var reader = Reader(bytes: Array(html.utf8))
        return Source(bytes: reader.read(), hasMarkup: reader.hasMarkup)
    }

    struct Source {
        let bytes: [UInt8]
        /// Whether anything is left that is more than text.
        let hasMarkup: Bool
    }

    private struct Reader {
        var bytes: [UInt8]
        var place = 0
        var output: [UInt8] = []
        var hasMarkup = false
        /// Names without meaning that began as a tag with attributes; their end is one, too.
        var tags: Set<String> = []

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func read() -> [UInt8] {
            // libxml2 ends a document at a NUL.
            bytes.removeAll { $0 == 0 }
            guard bytes.contains(less) else { return bytes }
            output.reserveCapacity(bytes.count + 64)
            while place < bytes.count {
                guard bytes[place] == less else {
                    output.append(bytes[place])
                    place += 1
                    continue
                }
                switch piece() {
                case .text:
                    output += "&lt;".utf8
                    place += 1
                case .markup(let end):
                    output += bytes[place..<end]
                    place = end
                    hasMarkup = true
                case .nothing(let end):
                    place = end
                    hasMarkup = true
                }
            }
            return output
        }

        private enum Piece {
            case text
            case markup(end: Int)
            case nothing(end: Int)
        }

        /// What begins with the sign at the present place.
        private mutating func piece() -> Piece {
            switch byte(place + 1) {
            case UInt8(ascii: "!"), UInt8(ascii: "?"):
                // A comment's content is nobody's text.
                guard bytes[place...].starts(with: "<!--".utf8) else { return .markup(end: place + 1) }
                var end = place + 4
                while end < bytes.count, !bytes[end...].starts(with: "-->".utf8) { end += 1 }
                return .markup(end: min(end + 3, bytes.count))
            case slash: return isLetter(byte(place + 2)) ? tag(name: place + 2, isEnd: true) : .text
            case let next: return isLetter(next) ? tag(name: place + 1, isEnd: false) : .text
            }
        }

        private mutating func tag(name start: Int, isEnd: Bool) -> Piece {
            var nameEnd = start
            while nameEnd < bytes.count, !isSpace(bytes[nameEnd]), bytes[nameEnd] != slash, bytes[nameEnd] != greater {
                nameEnd += 1
            }
            let name = String(decoding: bytes[start..<nameEnd], as: UTF8.self).lowercased()
            // An address in angle brackets.
            if name.hasSuffix(":"), byte(nameEnd) == slash, byte(nameEnd + 1) == slash { return .text }
            var place = nameEnd
            while place < bytes.count, bytes[place] != greater {
                // A tag in a tag: the first one was none.
                if bytes[place] == less { return .text }
                place += 1
                if bytes[place - 1] == UInt8(ascii: "="), let end = endOfQuotes(after: place) { place = end }
            }
            guard place < bytes.count else { return .text }
            if HTMLPolicy.isElement(name) { return .markup(end: place + 1) }
            if isOffice(name) { return .nothing(end: place + 1) }
            let rest = bytes[nameEnd..<place]
            let isBare = rest.allSatisfy { isSpace($0) || $0 == slash }
            // `<Int, T>`: no element can have such a name.
            let isOdd = !rest.contains(UInt8(ascii: "=")) && !name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == 0x2D }
            if isEnd ? !tags.contains(name) : isBare || isOdd { return .text }
            tags.insert(name)
            return .markup(end: place + 1)
        }

        /// A name with a prefix, `o:p`, and no address, `mailto:jane@example.com`.
        private func isOffice(_ name: String) -> Bool {
            let parts = name.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            return parts.count == 2
                && parts.allSatisfy { part in
                    part.first.map(isLetter) ?? false && part.allSatisfy { $0.isLetterOrDigit || $0 == 0x2D }
                }
        }

        /// Past the closing quote of a value; nil where it has no quotes, or only one.
        private func endOfQuotes(after equals: Int) -> Int? {
            var place = equals
            while place < bytes.count, isSpace(bytes[place]) { place += 1 }
            let quote = byte(place)
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
            return bytes[(place + 1)...].firstIndex(of: quote).map { $0 + 1 }
        }

        private func byte(_ place: Int) -> UInt8 { place < bytes.count ? bytes[place] : 0x20 }
        private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        private func isLetter(_ byte: UInt8) -> Bool { byte.isLetterOrDigit && !byte.isDigit }
        private var less: UInt8 { UInt8(ascii: "<") }
        private var greater: UInt8 { UInt8(ascii: ">") }
        private var slash: UInt8 { UInt8(ascii: "/") }
    }
}
