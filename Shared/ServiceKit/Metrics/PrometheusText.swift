// The text that Prometheus scrapes, version 0.0.4.

enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ families: [String: MetricsRegistry.Family], _ samples: [MetricSample]) -> [UInt8] {
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            let observed = family.series.filter { $0.value.isObserved }
            if observed.isEmpty { continue }
            header(name, family.kind, family.help, &text)
            for (key, series) in observed.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                let names = family.labelNames[key] ?? []
                let labels = Array(zip(names, key.dropFirst(names.count)))
                switch series {
                case .counter(let counter): line(name, labels, counter.value, &text)
                case .gauge(let gauge): line(name, labels, gauge.value, &text)
                case .histogram(let histogram): buckets(name, labels, histogram, &text)
                }
            }
        }
        var described: Set<String> = []
        let grouped = samples.map { ($0, self.name($0.name)) }.filter { families[$0.1] == nil }.sorted { $0.1 < $1.1 }
        for (sample, name) in grouped {
            if described.insert(name).inserted { header(name, sample.kind, sample.help, &text) }
            line(name, sample.labels.map { (labelName($0.0), $0.1) }, sample.value, &text)
        }
        return Array(text.utf8)
    }

    private static func header(_ name: String, _ kind: MetricKind, _ help: String, _ text: inout String) {
        if !help.isEmpty {
            text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
        }
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    private static func buckets(
        _ name: String, _ labels: [(String, String)], _ histogram: HistogramSeries, _ text: inout String
    ) {
        let snapshot = histogram.snapshot
        var count: UInt64 = 0
        for (bound, inBucket) in zip(histogram.bounds, snapshot.counts) {
            count += inBucket
            line("\(name)_bucket", labels + [("le", number(bound))], Double(count), &text)
        }
        count += snapshot.counts.last ?? 0
        line("\(name)_bucket", labels + [("le", "+Inf")], Double(count), &text)
        line("\(name)_sum", labels, snapshot.sum, &text)
        line("\(name)_count", labels, Double(count), &text)
    }

    private static func line(_ name: String, _ labels: [(String, String)], _ value: Double, _ text: inout String) {
        text += name
        if !labels.isEmpty {
            text += "{"
            for (index, label) in labels.enumerated() {
                text += "\(index == 0 ? "" : ",")\(label.0)=\"\(escaped(label.1))\""
            }
            text += "}"
        }
        text += " \(number(value))\n"
    }

    /// Whole numbers without a fraction; the three that are none by Prometheus's names.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Setting.plain(value)
    }

    /// Backslash, quote and newline, as the format demands; other controls become spaces, so a value stays on its line.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
            }
        }
        return text
    }

    /// A metric's name: letters, digits, `_` and `:`; anything else becomes `_`.
    static func name(_ label: String) -> String { sanitized(label, colon: true) }

    /// A label's name: as a metric's, without colons.
    static func labelName(_ label: String) -> String { sanitized(label, colon: false) }

    private static func sanitized(_ label: String, colon: Bool) -> String {
        var bytes = label.utf8.map { (byte: UInt8) -> UInt8 in
            switch byte {
            case 65...90, 97...122, 48...57, 95: byte
            case 58 where colon: byte
            default: 95
            }
        }
        if bytes.first.map({ (48...57).contains($0) }) ?? true { bytes.insert(95, at: 0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value, cut at a character so that it is no longer than this.
    static func bounded(_ value: String, bytes: Int) -> String {
        guard value.utf8.count > bytes else { return value }
        var text = ""
        for character in value {
            guard text.utf8.count + String(character).utf8.count <= bytes else { break }
            text.append(character)
        }
        return text
    }
}
