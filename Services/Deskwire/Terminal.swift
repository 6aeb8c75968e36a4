#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the terminal can show: colours only on a terminal and never with NO_COLOR (no-color.org), progress only on a terminal.
enum Terminal {
    static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1
    static let usesColour =
        outputIsTerminal && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    enum Colour: String {
        case red = "31"
        case green = "32"
        case yellow = "33"
        case dim = "2"
        case bold = "1"
    }

    /// The text in a colour, or as it is where colours are not wanted.
    static func paint(_ text: String, _ colour: Colour) -> String {
        usesColour ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// One line to standard output, flushed, so that a pipe sees it at once.
    static func line(_ text: String) {
        print(text)
        fflush(nil)
    }

    /// One line to standard error.
    static func note(_ text: String) {
        write(text + "\n")
    }

    /// Rewrites the current line of standard error with a progress bar; silent where standard error is not a terminal.
    static func progress(_ label: String, done: Int64, total: Int64?, unit: String) {
        guard errorIsTerminal else { return }
        var text = "\r\u{1B}[2K\(label) "
        if let total, total > 0 {
            let width = 30
            let filled = min(width, Int(Double(done) / Double(total) * Double(width)))
            text += "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "] "
            text += "\(done) of \(total) \(unit)"
        } else {
            text += "\(done) \(unit)"
        }
        write(text)
    }

    /// Ends a progress line, so that what follows starts on its own.
    static func endProgress() {
        if errorIsTerminal { write("\n") }
    }

    /// Clears the screen for a watching command; nothing where output is not a terminal.
    static func clear() {
        if outputIsTerminal { print("\u{1B}[H\u{1B}[2J", terminator: "") }
    }

    private static func write(_ text: String) {
        var bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, &bytes, bytes.count)
    }
}

/// A table with aligned columns, for people; columns are as wide as their widest cell.
struct TextTable {
    let header: [String]
    var rows: [[String]] = []

    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            let line = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }.joined(separator: "  ")
            return index == 0 ? Terminal.paint(line, .bold) : line
        }.joined(separator: "\n")
    }
}
