import ArgumentParser

/// Measures a running stack and the bounds of the machine it runs on, in one run, and prints both side by side.
/// `deploy/bench` brings the stack up and calls it.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the running stack against the bounds of this machine.",
        discussion: "Reads the environment that deploy/up writes. Needs wrk, psql and pgbench on the PATH.")

    @Option(help: "Seconds of each load.")
    var seconds = 10

    @Option(help: "Rows of the import and tickets of the list.")
    var rows = 100_000

    @Option(help: "Prepared outbox rows of the drain.")
    var outboxRows = 300_000

    @Option(help: "Running clocks beside which alerts fall due.")
    var clocks = 1_000_000

    @Option(help: "Articles that are searched.")
    var articles = 100_000

    @Option(
        help:
            "Only these measures: memory, start, import, list, get, create, latency, drain, deadlines, sweeper, conditions, routing, mail, webhooks, knowledge; repeatable."
    )
    var only: [String] = []

    func run() async throws {
        var table = ResultTable()
        // These need no stack.
        if !only.isEmpty, Set(only).isSubset(of: ["deadlines", "conditions"]) {
            if only.contains("deadlines") { try DeadlineMeasure(seconds: seconds).run(into: &table) }
            if only.contains("conditions") { try ConditionMeasure(seconds: seconds).run(into: &table) }
            return print(table.text)
        }
        let stack = try StackUnderTest()
        func wants(_ measures: String...) async throws -> Bool {
            guard only.isEmpty || measures.contains(where: only.contains) else { return false }
            try await stack.settle()
            return true
        }

        if try await wants("start") { try await StartMeasure(stack: stack).run(into: &table) }
        if try await wants("memory") {
            table.add("resident memory, idle", stack.residentMegabytes(), least: "60 MB each", aim: "30 MB each")
        }
        if try await wants("create") { try await CreateMeasure(stack: stack, seconds: seconds).run(into: &table) }
        if try await wants("memory") {
            table.add(
                "resident memory, most so far", stack.residentMegabytes(peak: true), least: "200 MB each",
                aim: "100 MB each")
        }
        if try await wants("latency") { try await LatencyMeasure(stack: stack, seconds: seconds).run(into: &table) }
        if try await wants("import") { try await ImportMeasure(stack: stack, rows: rows).run(into: &table) }
        if try await wants("get", "list") {
            try await ReadMeasure(stack: stack, seconds: seconds, tickets: rows).run(into: &table)
        }
        if try await wants("conditions") { try ConditionMeasure(seconds: seconds).run(into: &table) }
        if try await wants("mail") { try await MailMeasure(stack: stack, seconds: seconds).run(into: &table) }
        if try await wants("webhooks") { try await WebhookMeasure(stack: stack, seconds: seconds).run(into: &table) }
        if try await wants("routing") { try await RoutingMeasure(stack: stack, seconds: seconds).run(into: &table) }
        if try await wants("deadlines") { try DeadlineMeasure(seconds: seconds).run(into: &table) }
        if try await wants("sweeper") { try await SweeperMeasure(stack: stack, running: clocks).run(into: &table) }
        if try await wants("knowledge") {
            try await KnowledgeMeasure(stack: stack, articles: articles, seconds: seconds).run(into: &table)
        }
        if try await wants("drain") { try await DrainMeasure(stack: stack, rows: outboxRows).run(into: &table) }
        print(table.text)
    }
}

/// The table of results, printed as Markdown.
struct ResultTable {
    private var rows: [[String]] = [["measure", "measured", "bound in this run", "ratio", "least", "aim"]]

    mutating func add(
        _ measure: String, _ measured: String, bound: String = "", ratio: Double? = nil, least: String, aim: String
    ) {
        let share = ratio.map { "\(Int(($0 * 100).rounded())) %" } ?? ""
        rows.append([measure, measured, bound, share, least, aim])
        print("  \(measure): \(measured)" + (bound.isEmpty ? "" : " (bound \(bound), \(share))"))
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            "| " + zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: " | ")
                + " |"
        }
        lines.insert("|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|", at: 1)
        return lines.joined(separator: "\n")
    }
}
