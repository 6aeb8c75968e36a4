// `--print-config`: the one documentation of the settings, made from their declarations.

enum SettingsTable {
    /// A Markdown table of the settings.
    static func markdown(_ settings: [Setting], service: String) -> String {
        var text = """
            ## Settings of \(service)

            Each is read from the environment, else from the file that `CONFIG_FILE` names (key in lower case, or nested:
            `database: {url: …}`), else the default holds. `<NAME>_FILE` gives a file to read the value from.

            | Name | Type | Default | Secret | Meaning |
            | --- | --- | --- | --- | --- |

            """
        for setting in settings {
            let fallback = setting.defaultValue.map { "`\($0)`" } ?? (setting.isRequired ? "required" : "none")
            let columns = [
                "`\(setting.name)`", setting.typeName, fallback, setting.isSecret ? "yes" : "no",
                escaped(setting.meaning),
            ]
            text += "| \(columns.joined(separator: " | ")) |\n"
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("\n", with: " ")
    }
}
