/// A short list of passwords of twelve and more characters that are guessed first, and the shapes they come in:
/// a well-known word or keyboard walk, dressed with digits and punctuation, is no better than the bare word.
enum BreachedPasswords {
    /// `password` is lower case.
    static func contains(_ password: String) -> Bool {
        if whole.contains(password) { return true }
        // Digits and punctuation around a word add little; inside it they are letters in disguise.
        let inner = password.drop { !$0.isLetter }.reversed().drop { !$0.isLetter }.reversed()
        let core = String(String.UnicodeScalarView(inner.flatMap(\.unicodeScalars).compactMap(undress)))
        return whole.contains(core)
            || cores.contains { word in
                // "password" twice, thrice … is still "password".
                core == word
                    || word.count >= 4 && core.count % word.count == 0
                        && core == String(repeating: word, count: core.count / word.count)
            }
    }

    /// Reads the usual disguises as the letters they stand for.
    private static func undress(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "0": "o"
        case "1", "!": "i"
        case "3": "e"
        case "4", "@": "a"
        case "5", "$": "s"
        case "7": "t"
        case " ", "-", "_", ".": nil
        default: scalar
        }
    }

    private static let whole: Set<String> = [
        "123456789012", "1234567890123", "12345678901234", "123456789123", "123456789123456789", "1234567891011",
        "012345678910", "0123456789012", "987654321098", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv", "1qazxsw23edc", "q1w2e3r4t5y6", "qazwsxedcrfv", "qwer1234asdf", "qwertyuiop12",
        "qwertyuiop123", "qwerty123456", "qwerty1234567", "qwerty12345678", "qwertyuiop[]", "asdfghjkl123",
        "asdf1234asdf", "zxcvbnm12345", "abc123abc123", "abcd1234abcd", "abcdefghijkl", "abcdefgh1234", "aaaaaaaaaaaa",
        "111111111111", "000000000000", "121212121212", "123123123123", "123321123321", "password1234", "password12345",
        "password123456", "passw0rd1234", "p@ssw0rd1234", "p@ssword1234", "password2024", "password2025",
        "password2026",
        "welcome12345", "welcome123456", "welcome2024!", "welcome2025!", "welcome2026!", "changeme1234",
        "changeme12345",
        "letmein12345", "letmein123456", "iloveyou1234", "iloveyou12345", "administrator", "administrator1",
        "administrator123", "admin1234567", "admin12345678", "adminadmin123", "trustno1trustno1",
        "correcthorsebatterystaple",
        "correct horse battery staple", "thisisapassword", "mypassword123", "mypassword1234", "secretpassword",
        "supersecret123", "superman1234", "football1234", "baseball1234", "dragon123456", "monkey123456",
        "sunshine1234",
        "princess1234", "charlie12345", "michael12345", "jordan123456", "computer1234", "internet1234", "whatever1234",
        "starwars1234", "pokemon12345", "batman123456", "shadow123456", "master123456", "freedom12345", "liverpool123",
        "chelsea12345", "arsenal12345", "unknown12345", "samsung12345", "google123456", "facebook1234", "linkedin1234",
        "helpdesk1234", "support12345", "customer1234", "service12345", "deskwire1234", "test12345678", "testtesttest",
        "temp12345678", "default12345", "guest1234567", "oracle123456", "manager12345", "company12345", "january2025!",
        "february2025", "summer2024!!", "summer2025!!", "winter2024!!", "winter2025!!", "spring2025!!", "autumn2025!!",
    ]

    /// Words that stay weak whatever digits and punctuation surround them.
    private static let cores: Set<String> = [
        "password", "passwort", "motdepasse", "contrasena", "passw", "passphrase", "qwerty", "qwertyuiop", "qwertz",
        "qwertzuiop", "azerty", "azertyuiop", "asdf", "asdfgh", "asdfghjkl", "zxcvbn", "zxcvbnm", "abc", "abcd",
        "abcdef",
        "welcome", "willkommen", "changeme", "letmein", "iloveyou", "admin", "administrator", "root", "toor", "user",
        "guest", "test", "testing", "demo", "default", "secret", "supersecret", "mypassword", "thisismypassword",
        "login",
        "master", "monkey", "dragon", "superman", "batman", "football", "baseball", "sunshine", "princess", "shadow",
        "starwars", "pokemon", "helpdesk", "support", "service", "customer", "company", "deskwire", "summer", "winter",
        "spring", "autumn", "january", "february", "march", "april", "june", "july", "august", "september", "october",
        "november", "december", "monday", "friday", "sunday",
    ]
}
