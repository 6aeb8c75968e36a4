import TestKit
import Testing

@testable import ServiceKit

@Suite("Settings")
struct SettingsTests {
    static let declared: [Setting] = [
        PlatformSettings.configFile,
        .text("EXCHANGE_NAME", default: "support", "Exchange."),
        .integer("HTTP_PORT", 0...65_535, default: 8080, "Port."),
        .url("DATABASE_URL", schemes: ["postgresql"], "Database.").required.secret,
        .boolean("TRACING", default: false, "Tracing."),
        .choice("LOG_LEVEL", ["debug", "info"], default: "info", "Level."),
        .list("SERVICES", "Services."),
        .seconds("GRACE_SECONDS", 0...60, default: 10, "Grace."),
    ]

    static let database = "postgresql://app:hunter2hunter2@db/deskwire"

    func settings(
        _ environment: [String: String], files: [String: String] = [:]
    ) throws(SettingFaults) -> Settings {
        try Settings(Self.declared, environment: environment) { path in
            guard let text = files[path] else { throw SettingsFile.Unreadable() }
            return Array(text.utf8)
        }
    }

    func faults(_ environment: [String: String], files: [String: String] = [:]) -> [String] {
        do {
            _ = try settings(environment, files: files)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }

    @Test("the environment wins over the file, the file over the default")
    func precedence() throws {
        let file = ["c.yaml": "http_port: 9000\nexchange_name: acme\ndatabase_url: \(Self.database)\n"]
        let settings = try settings(["CONFIG_FILE": "c.yaml", "HTTP_PORT": "9001"], files: file)
        #expect(settings.integer("HTTP_PORT") == 9001)
        #expect(settings.text("EXCHANGE_NAME") == "acme")
        #expect(settings.text("LOG_LEVEL") == "info")
        #expect(settings.origin("HTTP_PORT") == .environment)
        #expect(settings.origin("EXCHANGE_NAME") == .file)
        #expect(settings.origin("LOG_LEVEL") == .default)
    }

    @Test(
        "YAML nested, YAML flat and JSON say the same",
        arguments: [
            "http:\n  port: 9000\nservices: [a, b]\ntracing: yes\ndatabase: {url: \"postgresql://x/y\"}",
            "http_port: 9000\nservices: \"a, b\"\ntracing: on\ndatabase_url: postgresql://x/y",
            #"{"HTTP": {"port": 9000}, "services": ["a", "b"], "tracing": true, "database_url": "postgresql://x/y"}"#,
        ])
    func fileForms(text: String) throws {
        let settings = try settings(["CONFIG_FILE": "c"], files: ["c": text])
        #expect(settings.integer("HTTP_PORT") == 9000)
        #expect(settings.list("SERVICES") == ["a", "b"])
        #expect(settings.boolean("TRACING"))
        #expect(settings.seconds("GRACE_SECONDS") == .seconds(10))
    }

    @Test("all faults are reported at once, by name")
    func allFaults() {
        let found = faults(
            [
                "HTTP_PORT": "99999", "LOG_LEVEL": "loud", "TRACING": "perhaps", "GRACE_SECONDS": "nan",
                "CONFIG_FILE": "c",
            ], files: ["c": "htp_port: 1\nmystery:\n  deep: true\n"])
        #expect(
            found == [
                "htp_port in the configuration file is not a setting of this service",
                "mystery_deep in the configuration file is not a setting of this service",
                "HTTP_PORT must be a whole number from 0 to 65535, and is \"99999\"",
                "DATABASE_URL is required",
                "TRACING must be true or false, and is \"perhaps\"",
                "LOG_LEVEL must be one of debug, info, and is \"loud\"",
                "GRACE_SECONDS must be a number of seconds from 0 to 60, and is \"nan\"",
            ])
    }

    @Test("a secret comes from a file, and never shows")
    func secrets() throws {
        let files = ["/run/db": "\(Self.database)\n", "bad": "mysql://u:hunter2hunter2@h"]
        let settings = try settings(["DATABASE_URL_FILE": "/run/db"], files: files)
        #expect(settings.text("DATABASE_URL") == Self.database)
        #expect(settings.redacted.map(\.value) == ["****"])
        let wrong = faults(["DATABASE_URL_FILE": "bad"], files: files)
        #expect(wrong == ["DATABASE_URL must be a URL beginning with postgresql://"])
        #expect(
            faults(["DATABASE_URL_FILE": "absent"]) == ["DATABASE_URL comes from a file that can't be read: absent"])
        #expect(
            faults(["DATABASE_URL_FILE": "/run/db", "DATABASE_URL": Self.database], files: files)
                == ["DATABASE_URL is given twice, directly and as a file"])
    }

    @Test("a file's own secret reference stands behind the environment")
    func layeredSecrets() throws {
        let files = ["c": "database_url_file: /run/db", "/run/db": "postgresql://file/x"]
        #expect(try settings(["CONFIG_FILE": "c"], files: files).text("DATABASE_URL") == "postgresql://file/x")
        let both = try settings(["CONFIG_FILE": "c", "DATABASE_URL": "postgresql://env/x"], files: files)
        #expect(both.text("DATABASE_URL") == "postgresql://env/x")
    }

    @Test("an empty variable counts as unset")
    func emptyVariables() throws {
        #expect(try settings(["DATABASE_URL": Self.database, "HTTP_PORT": ""]).integer("HTTP_PORT") == 8080)
        #expect(faults(["DATABASE_URL": ""]) == ["DATABASE_URL is required"])
    }

    @Test(
        "a file that can't be understood is a fault without its content",
        arguments: [
            ("- a\n- b", "top level is not a mapping"), ("a: [", "neither YAML nor JSON"),
            ("a: b: c: hunter2hunter2", "neither YAML nor JSON"),
            ("http_port: 1\nhttp: {port: 2}", "given twice"), ("services: [{a: b}]", "list of plain values"),
        ])
    func badFiles(text: String, expected: String) {
        let found = faults(["CONFIG_FILE": "c", "DATABASE_URL": Self.database], files: ["c": text])
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
        #expect(!found.joined().contains("hunter2"))
    }

    @Test("an empty file says nothing")
    func emptyFile() throws {
        for text in ["", "\n", "{}", "# nothing\n"] {
            let environment = ["CONFIG_FILE": "c", "DATABASE_URL": Self.database]
            #expect(try settings(environment, files: ["c": text]).integer("HTTP_PORT") == 8080)
        }
    }

    @Test("any value of any setting is either taken or named as a fault, and a secret is never repeated")
    func randomValues() {
        var generator = SeededGenerator(seed: 20_260_102)
        let pool = ["", "0", "-1", "9e99", "true", "postgresql://u:hunter2@h/d", "\u{0}", "ü\n", "a,b", "info", " "]
        for _ in 0..<2_000 {
            var environment: [String: String] = [:]
            for setting in Self.declared where setting.name != "CONFIG_FILE" {
                environment[setting.name] = pool.randomElement(using: &generator)
            }
            do {
                let settings = try settings(environment)
                for setting in Self.declared {
                    if let value = settings.optionalText(setting.name) { #expect(setting.fault(in: value) == nil) }
                }
            } catch {
                #expect(!error.faults.isEmpty)
                #expect(!error.description.contains("hunter2"))
                #expect(error.faults.allSatisfy { fault in Self.declared.contains { $0.name == fault.name } })
            }
        }
    }

    @Test("the table documents every setting and no secret's value")
    func table() {
        let text = SettingsTable.markdown(PlatformSettings.all, service: "sla")
        for setting in PlatformSettings.all { #expect(text.contains("| `\(setting.name)` |")) }
        #expect(
            text.contains(
                "| `HTTP_PORT` | integer, 0 to 65535 | `8080` | no | Port to listen on; 0 takes a free one. |"))
        #expect(text.contains("| `DATABASE_URL` | URL (postgresql, postgres) | required | yes |"))
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.allSatisfy { $0.replacing("\\|", with: "").count(where: { $0 == "|" }) == 6 })
    }

    @Test("every platform default satisfies its own declaration")
    func defaults() {
        for setting in PlatformSettings.all {
            if let value = setting.defaultValue { #expect(setting.fault(in: value) == nil, "\(setting.name)") }
        }
    }

    @Test(
        "the platform's own checks",
        arguments: [
            ("INTERNAL_CONTEXT_KEY", "short", "must have at least 32 bytes"),
            ("EXCHANGE_NAME", "Sup port", "must be 1 to 64 lower-case letters, digits, _ or -"),
            ("AMQP_URL", "amqp://", "must be a URL with a host and without spaces"),
            ("AMQP_URL", "http://x", "must be a URL beginning with amqp:// or amqps://"),
        ])
    func platformChecks(name: String, value: String, fault: String) throws {
        let setting = try #require(PlatformSettings.all.first { $0.name == name })
        #expect(setting.fault(in: value) == fault)
    }
}
