// The configuration file: YAML, of which JSON is a part, flattened to `key: text`.

import Yams

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads a configuration file. `database: {url: x}` and `database_url: x` say the same.
public enum SettingsFile {
    /// The largest file that is read.
    static let maximumSizeBytes = 1 << 20

    struct Unreadable: Error {}

    /// The content of a file of bounded size.
    public static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Unreadable() }
        defer { fclose(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            content.append(contentsOf: chunk[..<count])
            guard content.count <= maximumSizeBytes else { throw Unreadable() }
        }
        guard ferror(file) == 0 else { throw Unreadable() }
        return content
    }

    /// Keys in lower case, nested keys joined by `_`, sequences joined by commas; null counts as absent.
    static func parse(_ content: [UInt8]) throws -> [String: String] {
        let name = PlatformSettings.configFile.name
        guard let text = String(validating: content, as: UTF8.self) else {
            throw SettingFault(name, "names a file that is not UTF-8 text")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw SettingFault(name, "names a file that is neither YAML nor JSON\(place(of: error))")
        }
        guard let root, !(root.scalar.map { $0.string.isEmpty } ?? false) else { return [:] }
        guard case .mapping(let mapping) = root else {
            throw SettingFault(name, "names a file whose top level is not a mapping")
        }
        var values: [String: String] = [:]
        try flatten(mapping, prefix: "", into: &values)
        return values
    }

    private static func flatten(_ mapping: Node.Mapping, prefix: String, into values: inout [String: String]) throws {
        for (keyNode, node) in mapping {
            let key = prefix + (keyNode.string ?? "").lowercased()
            let value: String
            switch node {
            case .mapping(let nested):
                try flatten(nested, prefix: "\(key)_", into: &values)
                continue
            case .sequence(let items):
                value = try items.map { (item: Node) throws -> String in
                    guard let scalar = item.scalar else {
                        throw SettingFault(key, "in the configuration file must be a list of plain values")
                    }
                    return scalar.string
                }.joined(separator: ",")
            case .scalar(let scalar):
                if node.null != nil { continue }
                value = scalar.string
            case .alias:
                throw SettingFault(key, "in the configuration file is an alias, which is not supported")
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw SettingFault(key, "is given twice in the configuration file")
            }
        }
    }

    /// Line and column only: the parser's own message quotes the text around, which may hold a secret.
    private static func place(of error: YamlError) -> String {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            " (line \(mark.line), column \(mark.column))"
        default: ""
        }
    }
}
