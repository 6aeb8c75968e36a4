/// Every event that is declared as a type.
public enum EventCatalog {
    /// All contracts, in the order of ``types``. Traps on a name declared twice.
    public static let all: [EventContract] = checked(types.map { contract(of: $0) })

    /// The catalogue together with contracts that services declare as values. Traps on a name declared twice.
    public static func all(adding others: [EventContract]) -> [EventContract] { checked(all + others) }

    /// The contract of this version, or of the newest one.
    public static func contract(named name: String, version: Int? = nil) -> EventContract? {
        guard let versions = byName[name] else { return nil }
        guard let version else { return versions.last }
        return versions.first { $0.version == version }
    }

    /// Ascending versions by name.
    private static let byName: [String: [EventContract]] = Dictionary(grouping: all, by: \.name)
        .mapValues { $0.sorted { $0.version < $1.version } }

    private static func contract<E: Event>(of type: E.Type) -> EventContract { type.contract }

    private static func checked(_ contracts: [EventContract]) -> [EventContract] {
        var seen: Set<String> = []
        for contract in contracts {
            precondition(seen.insert(contract.schemaRef).inserted, "\(contract.schemaRef) is declared twice")
        }
        return contracts
    }
}
