import Database

/// What somebody typed into a search box, read as web searches are: all words are wanted; `"several words"` is a phrase,
/// `word*` a beginning, `-word` is unwanted, and `one OR other` asks for either.
///
/// Nothing is an error: what makes no sense as an operator is a word.
public struct SearchQuery: Sendable, Hashable {
    public enum Term: Sendable, Hashable {
        case word(String)
        case prefix(String)
        case phrase(String)

        /// As it was typed, without quotes and asterisk.
        public var text: String {
            switch self {
            case .word(let text), .prefix(let text), .phrase(let text): text
            }
        }
    }

    /// Of each group one term is wanted.
    public private(set) var wanted: [[Term]] = []
    public private(set) var unwanted: [Term] = []

    /// Terms beyond these are not looked for.
    public static let termsMax = 24

    public init(wanted: [[Term]], unwanted: [Term] = []) {
        self.wanted = wanted
        self.unwanted = unwanted
    }

    /// - Parameter isBeginning: The last word may be incomplete, as it is while somebody types.
    public init(_ text: String, isBeginning: Bool = false) {
        var rest = Substring(text)
        var joins = false
        var count = 0
        while count < Self.termsMax, let token = Self.token(&rest) {
            if case .word("OR") = token.term, !token.isUnwanted {
                joins = !wanted.isEmpty
                continue
            }
            count += 1
            if token.isUnwanted {
                unwanted.append(token.term)
            } else if joins {
                wanted[wanted.count - 1].append(token.term)
            } else {
                wanted.append([token.term])
            }
            joins = false
        }
        if isBeginning, text.last?.isWhitespace == false, case .word(let word)? = wanted.last?.last {
            wanted[wanted.count - 1].append(.prefix(word))
        }
    }

    public var isEmpty: Bool { wanted.isEmpty }

    /// The plain words, for those who look for other spellings.
    public var words: [String] {
        wanted.joined().compactMap { if case .word(let word) = $0 { word } else { nil } }
    }

    /// The query with words put in place of others.
    public func replacing(_ replacements: [String: String]) -> SearchQuery {
        var query = self
        query.wanted = wanted.map { group in
            group.map { if case .word(let word) = $0 { .word(replacements[word] ?? word) } else { $0 } }
        }
        return query
    }

    /// The query as it would be typed.
    public var text: String {
        func typed(_ term: Term) -> String {
            switch term {
            case .word(let text): text
            case .prefix(let text): text + "*"
            case .phrase(let text): "\"\(text)\""
            }
        }
        let groups = wanted.map { group in
            // A beginning beside its own word is the reader's, not the writer's.
            group.filter { if case .prefix(let text) = $0 { !group.contains(.word(text)) } else { true } }
                .map(typed).joined(separator: " OR ")
        }
        return (groups + unwanted.map { "-" + typed($0) }).joined(separator: " ")
    }

    private static func token(_ rest: inout Substring) -> (term: Term, isUnwanted: Bool)? {
        rest = rest.drop { $0.isWhitespace }
        guard let first = rest.first else { return nil }
        var isUnwanted = false
        if first == "-", let second = rest.dropFirst().first, !second.isWhitespace, second != "-" {
            isUnwanted = true
            rest.removeFirst()
        }
        if rest.first == "\"" {
            rest.removeFirst()
            let phrase = rest.prefix { $0 != "\"" }
            rest = rest[phrase.endIndex...].dropFirst()
            return phrase.isEmpty ? token(&rest) : (.phrase(String(phrase)), isUnwanted)
        }
        let word = rest.prefix { !$0.isWhitespace && $0 != "\"" }
        rest = rest[word.endIndex...]
        let stem = word.last == "*" ? String(word.prefix { $0 != "*" }) : ""
        return (stem.isEmpty ? .word(String(word)) : .prefix(stem), isUnwanted)
    }
}

extension SearchQuery {
    /// The query as PostgreSQL's `tsquery`, its words reduced to stems by a text search configuration.
    /// - Parameter configuration: SQL of type `regconfig`.
    public func tsquery(_ configuration: SQL) -> SQL {
        let groups = wanted.map { group -> SQL in
            "(\(SQL.joined(group.map { Self.tsquery($0, configuration) }, separator: " || ")))"
        }
        let others = unwanted.map { term -> SQL in "!! \(Self.tsquery(term, configuration))" }
        guard !groups.isEmpty else { return "''::tsquery" }
        return SQL.joined(groups + others, separator: " && ")
    }

    /// What an index of words can answer of the query, as `tsquery`: the words of phrases, wherever they stand. All that the query
    /// matches, and some more. Null where that is the query itself.
    /// - Parameter configuration: SQL of type `regconfig`.
    public func likely(_ configuration: SQL) -> SQL {
        func isPhrase(_ term: Term) -> Bool { if case .phrase = term { true } else { false } }
        guard (wanted.joined() + unwanted).contains(where: isPhrase) else { return "NULL::tsquery" }
        func loose(_ term: Term) -> Term { if case .phrase(let text) = term { .word(text) } else { term } }
        return SearchQuery(wanted: wanted.map { $0.map(loose) }, unwanted: unwanted.filter { !isPhrase($0) })
            .tsquery(configuration)
    }

    /// What is worth to be marked in a text that was found: any of the wanted terms, as `tsquery`.
    /// - Parameter configuration: SQL of type `regconfig`.
    public func marked(_ configuration: SQL) -> SQL {
        guard !wanted.isEmpty else { return "''::tsquery" }
        return .joined(wanted.joined().map { Self.tsquery($0, configuration) }, separator: " || ")
    }

    /// Letters by which the place of a wanted term in a text is guessed without reading it word by word, as SQL of type
    /// `text[]`: stems without their last letter, which endings change (`repli`, `reply`), in small and with a capital.
    /// - Parameter configuration: SQL of type `regconfig`.
    public func traces(_ configuration: SQL) -> SQL {
        let terms = wanted.joined().map(\.text)
        return """
            ARRAY(SELECT DISTINCT form
                FROM unnest(tsvector_to_array(to_tsvector(\(configuration), \(terms.joined(separator: "\n"))))) AS stem,
                    left(stem, greatest(3, length(stem) - 1)) AS trace,
                    unnest(ARRAY[trace, upper(left(trace, 1)) || substr(trace, 2)]) AS form)
            """
    }

    private static func tsquery(_ term: Term, _ configuration: SQL) -> SQL {
        switch term {
        case .word(let word): "plainto_tsquery(\(configuration), \(word))"
        case .phrase(let phrase): "phraseto_tsquery(\(configuration), \(phrase))"
        case .prefix(let prefix): "to_tsquery(\(configuration), \(quoted(prefix) + ":*"))"
        }
    }

    /// The pairs of words that a text with all wanted phrases has, as SQL; null where there are none.
    /// - Parameter configuration: SQL of type `regconfig`.
    public func wordPairs(_ configuration: SQL) -> SQL {
        let phrases = wanted.compactMap { group -> String? in
            guard group.count == 1, case .phrase(let phrase)? = group.first else { return nil }
            return phrase
        }
        guard !phrases.isEmpty else { return "NULL::integer[]" }
        return .joined(phrases.map { "word_pairs(to_tsvector(\(configuration), \($0)))" as SQL }, separator: " || ")
    }

    /// Any of the terms, for what is similar rather than what was asked for.
    public static func tsquery(any words: [String], _ configuration: SQL) -> SQL {
        guard !words.isEmpty else { return "''::tsquery" }
        return SQL.joined(words.map { "plainto_tsquery(\(configuration), \($0))" as SQL }, separator: " || ")
    }

    /// A word as `to_tsquery` takes it literally.
    private static func quoted(_ word: String) -> String {
        "'" + word.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }
}
