/// What a password must be: long enough, not built from the owner's e-mail address, and not one of those that every
/// guessing list begins with.
enum PasswordRules {
    static let leastCharacters = 12
    static let mostBytes = 256

    enum Fault: String, Sendable, CaseIterable {
        case tooShort = "too_short"
        case tooLong = "too_long"
        case controlCharacter = "control_character"
        case containsEmail = "contains_email"
        case repetitive
        case breached

        var detail: String {
            switch self {
            case .tooShort: "A password has at least \(PasswordRules.leastCharacters) characters."
            case .tooLong: "A password has at most \(PasswordRules.mostBytes) bytes."
            case .controlCharacter: "A password has no control characters."
            case .containsEmail: "A password does not contain a part of the e-mail address."
            case .repetitive: "A password is more than a few characters repeated."
            case .breached: "This password is on lists of stolen passwords."
            }
        }
    }

    /// All faults of a password at once.
    static func faults(in password: String, email: String) -> [Fault] {
        var faults: [Fault] = []
        if password.count < leastCharacters { faults.append(.tooShort) }
        if password.utf8.count > mostBytes { faults.append(.tooLong) }
        if password.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            faults.append(.controlCharacter)
        }
        let lower = password.lowercased()
        if emailParts(email).contains(where: lower.contains) { faults.append(.containsEmail) }
        if isRepetitive(lower) { faults.append(.repetitive) }
        if BreachedPasswords.contains(lower) { faults.append(.breached) }
        return faults
    }

    /// The words of an address that are long enough to be telling: local part, its pieces, the domain's name.
    static func emailParts(_ email: String) -> [String] {
        let sides = email.lowercased().split(separator: "@", maxSplits: 1)
        guard let local = sides.first else { return [] }
        var parts = local.split { !$0.isLetter && !$0.isNumber }.map(String.init)
        parts.append(String(local))
        if sides.count == 2 {
            let labels = sides[1].split(separator: ".")
            parts.append(contentsOf: labels.dropLast().map(String.init))
        }
        return parts.filter { $0.count >= 4 }
    }

    /// Whether the text is one piece of up to four characters over and over.
    private static func isRepetitive(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count > 4 else { return false }
        return (1...4).contains { period in
            bytes.indices.dropFirst(period).allSatisfy { bytes[$0] == bytes[$0 - period] }
        }
    }
}
