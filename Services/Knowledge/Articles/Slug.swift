import Foundation

/// The last part of an address that people read: lower case, words with hyphens between them.
enum Slug {
    static let lengthMax = 100

    /// Letters of all scripts stay letters; Latin ones lose their accents, so that an address can be typed anywhere. Nil
    /// where no letter and no digit is left.
    static func normalized(_ text: String) -> String? {
        var slug = ""
        var isGap = false
        for character in text.lowercased().precomposedStringWithCanonicalMapping {
            let plain = transliterated(character)
            guard !plain.isEmpty else {
                isGap = !slug.isEmpty
                continue
            }
            if slug.count + plain.count + 1 > lengthMax { break }
            if isGap { slug += "-" }
            isGap = false
            slug += plain
        }
        return slug.isEmpty ? nil : slug
    }

    private static let letters: [Character: String] = ["ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"]

    private static func transliterated(_ character: Character) -> String {
        if let known = letters[character] { return known }
        guard character.isLetter || character.isNumber else { return "" }
        let base = String(character).decomposedStringWithCanonicalMapping.unicodeScalars.filter {
            $0.properties.generalCategory != .nonspacingMark
        }
        let plain = String(String.UnicodeScalarView(base))
        // Marks of other scripts are part of the letter.
        return plain.utf8.allSatisfy { $0 < 0x80 } ? plain : String(character)
    }

    /// The slug itself or, where it is taken, the slug with the lowest number from 2 on that is free.
    static func free(_ slug: String, taken: Set<String>) -> String {
        if !taken.contains(slug) { return slug }
        var number = 2
        while taken.contains("\(slug)-\(number)") { number += 1 }
        return "\(slug)-\(number)"
    }
}
