// The values of all settings, resolved once at start: environment over file over defaults, every fault at once.

import Configuration

/// What is wrong with one setting. Never contains a secret's value.
public struct SettingFault: Error, Sendable, Equatable, CustomStringConvertible {
    public var name: String
    public var detail: String

    public init(_ name: String, _ detail: String) {
        self.name = name
        self.detail = detail
    }

    public var description: String { "\(name) \(detail)" }
}

/// Everything that is wrong with the configuration.
public struct SettingFaults: Error, Sendable, Equatable, CustomStringConvertible {
    public var faults: [SettingFault]

    public var description: String { faults.map(\.description).joined(separator: "\n") }
}

/// The settings of a process, checked: a getter for a declared setting can't fail.
public struct Settings: Sendable {
    /// Where a value came from.
    public enum Origin: String, Sendable { case environment, file, `default` }

    public let declarations: [Setting]
    private var values: [String: String] = [:]
    private var origins: [String: Origin] = [:]

    /// Resolves every declaration, or throws all faults at once.
    ///
    /// - Parameters:
    ///   - environment: an empty variable counts as unset, as Compose files leave them.
    ///   - readFile: reads `CONFIG_FILE` and the `*_FILE` secrets.
    public init(
        _ declarations: [Setting],
        environment: [String: String],
        readFile: (String) throws -> [UInt8] = SettingsFile.read
    ) throws(SettingFaults) {
        precondition(Set(declarations.map(\.name)).count == declarations.count, "a setting is declared twice")
        self.declarations = declarations
        var faults: [SettingFault] = []
        let environment = environment.filter { !$0.value.isEmpty }
        var file: [String: String] = [:]
        if let path = environment[PlatformSettings.configFile.name] {
            do {
                file = try SettingsFile.parse(try readFile(path))
            } catch let fault as SettingFault {
                faults.append(fault)
            } catch {
                faults.append(
                    SettingFault(PlatformSettings.configFile.name, "names a file that can't be read: \(path)"))
            }
        }

        // Secrets from files are put in place per layer, so that an environment variable still wins over the file.
        var fromEnvironment: [String: String] = [:]
        var fromFile: [AbsoluteConfigKey: ConfigValue] = [:]
        for setting in declarations {
            let inEnvironment = Settings.indirect(
                environment[setting.name], environment["\(setting.name)_FILE"], setting.name, readFile, &faults)
            if let inEnvironment { fromEnvironment[setting.name] = inEnvironment }
            let inFile = Settings.indirect(
                file.removeValue(forKey: setting.fileKey), file.removeValue(forKey: "\(setting.fileKey)_file"),
                setting.fileKey, readFile, &faults)
            if let inFile { fromFile[[setting.fileKey]] = ConfigValue(.string(inFile), isSecret: setting.isSecret) }
        }
        for unknown in file.keys.sorted() {
            faults.append(SettingFault(unknown, "in the configuration file is not a setting of this service"))
        }

        let secrets = Set(declarations.filter(\.isSecret).map(\.name))
        let layers: [(origin: Origin, reader: ConfigReader)] = [
            (
                .environment,
                ConfigReader(
                    provider: EnvironmentVariablesProvider(
                        environmentVariables: fromEnvironment, secretsSpecifier: .specific(secrets)))
            ),
            (.file, ConfigReader(provider: InMemoryProvider(name: "file", values: fromFile))),
            (
                .default,
                ConfigReader(
                    provider: InMemoryProvider(
                        name: "defaults",
                        values: Dictionary(
                            uniqueKeysWithValues: declarations.compactMap { setting in
                                setting.defaultValue.map {
                                    ([setting.fileKey], ConfigValue(.string($0), isSecret: setting.isSecret))
                                }
                            })))
            ),
        ]
        for setting in declarations {
            let key = ConfigKey([setting.fileKey])
            let found = layers.lazy.compactMap { layer in
                layer.reader.string(forKey: key, isSecret: setting.isSecret).map { (layer.origin, $0) }
            }.first
            guard let (origin, value) = found else {
                if setting.isRequired, !faults.contains(where: { $0.name == setting.name }) {
                    faults.append(SettingFault(setting.name, "is required"))
                }
                continue
            }
            if let fault = setting.fault(in: value) {
                faults.append(SettingFault(setting.name, fault + (setting.isSecret ? "" : Settings.shown(value))))
            }
            values[setting.name] = value
            origins[setting.name] = origin
        }
        guard faults.isEmpty else { throw SettingFaults(faults: faults) }
    }

    /// The faulty value, when it is short and plain; a longer one might be a secret under a wrong name.
    private static func shown(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                || [43, 45, 46, 95].contains($0)
        }
        return isPlain && value.utf8.count <= 20 ? ", and is \"\(value)\"" : ""
    }

    /// A setting's value, from itself or from the file that `<NAME>_FILE` names; both is a fault.
    private static func indirect(
        _ value: String?, _ path: String?, _ name: String, _ readFile: (String) throws -> [UInt8],
        _ faults: inout [SettingFault]
    ) -> String? {
        guard let path else { return value }
        guard value == nil else {
            faults.append(SettingFault(name, "is given twice, directly and as a file"))
            return nil
        }
        do {
            guard let text = String(validating: try readFile(path), as: UTF8.self) else {
                faults.append(SettingFault(name, "comes from a file that is not UTF-8 text: \(path)"))
                return nil
            }
            return text.trimmed
        } catch {
            faults.append(SettingFault(name, "comes from a file that can't be read: \(path)"))
            return nil
        }
    }

    // MARK: Reading

    /// The value of a text, choice, URL or path that is required or has a default.
    public func text(_ name: String) -> String {
        guard let value = optionalText(name) else {
            preconditionFailure("\(name) has neither a value nor a default")
        }
        return value
    }

    /// The value if there is one.
    public func optionalText(_ name: String) -> String? {
        precondition(declarations.contains { $0.name == name }, "\(name) is not declared")
        return values[name]
    }

    public func integer(_ name: String) -> Int {
        guard let value = Int(text(name)) else { preconditionFailure("\(name) is not declared as an integer") }
        return value
    }

    public func boolean(_ name: String) -> Bool {
        guard let value = Setting.boolean(text(name)) else {
            preconditionFailure("\(name) is not declared as a boolean")
        }
        return value
    }

    /// The items, empty when unset.
    public func list(_ name: String) -> [String] {
        Setting.list(optionalText(name) ?? "")
    }

    public func seconds(_ name: String) -> Duration {
        guard let value = Double(text(name)) else { preconditionFailure("\(name) is not declared in seconds") }
        return .seconds(value)
    }

    /// Where the value came from; nil when there is none.
    public func origin(_ name: String) -> Origin? { origins[name] }

    /// What differs from the defaults, secrets redacted: for the log at start.
    public var redacted: [(name: String, value: String)] {
        declarations.compactMap { setting in
            guard let value = values[setting.name], origins[setting.name] != .default else { return nil }
            return (setting.name, setting.isSecret ? "****" : value)
        }
    }
}
