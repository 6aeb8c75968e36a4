/// One name in the spellings of its places: column, JSON key, component.
enum Name {
    /// `createdAt` → `created_at`
    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
    }

    /// `canned_response` → `cannedResponse`
    static func camelCase(_ name: String) -> String {
        let capitalized = capitalized(name)
        return capitalized.prefix(1).lowercased() + capitalized.dropFirst()
    }

    /// `canned_response`, `tenant-users` → `CannedResponse`, `TenantUsers`
    static func capitalized(_ name: String) -> String {
        name.split { $0 == "_" || $0 == "-" }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    /// `canned_response` → `canned response`
    static func words(_ name: String) -> String { name.split { $0 == "_" || $0 == "-" }.joined(separator: " ") }
}
