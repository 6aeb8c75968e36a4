import Database

/// What a schema needs so that its texts can be searched: the functions that a table's search column and its index are made of.
///
/// Row-level security lets an index help only with operators that are leakproof, and those of text search are not: under a
/// tenant's policy PostgreSQL would read all of the tenant's rows. So candidates come from a function that runs as the schema's
/// owner, whom a policy of its own lets see the rows; the function names the tenant by itself, answers nothing but ids and ranks,
/// and the rows are then read by these ids under the caller's policies, like any others.
public enum SearchSchema {
    /// `search_configuration(locale)`: how words of a language are reduced to their stems; `simple` where nobody knows.
    public static let configurations = """
        CREATE FUNCTION search_configuration(locale text) RETURNS regconfig
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE split_part(lower(locale), '-', 1)
            \(stemmers.map { "WHEN '\($0)' THEN 'pg_catalog.\($1)'::regconfig" }.joined(separator: "\n    "))
            ELSE 'pg_catalog.simple'::regconfig
        END;
        """

    /// By ISO 639-1 code.
    static let stemmers: [(String, String)] = [
        ("ar", "arabic"), ("ca", "catalan"), ("da", "danish"), ("de", "german"), ("el", "greek"), ("en", "english"),
        ("es", "spanish"), ("eu", "basque"), ("fi", "finnish"), ("fr", "french"), ("ga", "irish"), ("hi", "hindi"),
        ("hu", "hungarian"), ("hy", "armenian"), ("id", "indonesian"), ("it", "italian"), ("lt", "lithuanian"),
        ("nb", "norwegian"), ("ne", "nepali"), ("nl", "dutch"), ("nn", "norwegian"), ("no", "norwegian"),
        ("pt", "portuguese"), ("ro", "romanian"), ("ru", "russian"), ("sr", "serbian"), ("sv", "swedish"),
        ("ta", "tamil"), ("tr", "turkish"), ("yi", "yiddish"),
    ]

    /// Lets a table with the columns `tenant_id`, `id`, `locale`, `search_title` and `search_document` be searched: its indexes,
    /// the words that its texts use, and the functions that answer which rows match and which words are spelled alike.
    ///
    /// Where more rows match than can be ranked in time, those whose titles match come first.
    ///
    /// - `<table>_matching(query, locale, at_most)`: ids and ranks of the tenant's matching rows, any order.
    /// - `<table>_spelled_like(word, locale)`: words in use that are spelled like it, the most similar first.
    /// - Parameter rows: a condition on those that can be found at all.
    public static func searchable(_ table: String, from rows: String) -> String {
        """
        CREATE INDEX \(table)_search_idx ON \(table) USING gin (tenant_id, search_document) WHERE \(rows);
        CREATE INDEX \(table)_search_title_idx ON \(table) USING gin (tenant_id, search_title) WHERE \(rows);
        CREATE POLICY search ON \(table) FOR SELECT TO CURRENT_USER USING (true);

        CREATE FUNCTION \(table)_matching(query tsquery, wanted_locale text, at_most integer)
        RETURNS TABLE (id uuid, rank real) LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
            WITH candidates AS (
                (SELECT t.id FROM \(table) AS t
                WHERE t.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND \(rows)
                    AND t.search_title @@ query AND (wanted_locale IS NULL OR t.locale = wanted_locale)
                LIMIT at_most)
                UNION
                (SELECT t.id FROM \(table) AS t
                WHERE t.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND \(rows)
                    AND t.search_document @@ query AND (wanted_locale IS NULL OR t.locale = wanted_locale)
                LIMIT at_most)
            )
            SELECT t.id, ts_rank('{0.05, 0.1, 0.4, 1.0}', t.search_document, query, 1)
            FROM candidates AS c
            JOIN \(table) AS t ON t.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND t.id = c.id
            -- A title may match because it lacks what is unwanted.
            WHERE t.search_document @@ query
        $$;

        -- The words of the texts, as they are written.
        CREATE TABLE \(table)_words (
            tenant_id uuid NOT NULL,
            locale text NOT NULL,
            word text NOT NULL,
            -- In how many rows; counted now and then, for it is only to tell rare words from common ones.
            frequency integer NOT NULL DEFAULT 1,
            PRIMARY KEY (tenant_id, locale, word)
        );
        CREATE INDEX \(table)_words_spelling_idx ON \(table)_words USING gin (tenant_id, word public.gin_trgm_ops);
        SELECT secure_tenant_table('\(table)_words');
        CREATE POLICY search ON \(table)_words FOR SELECT TO CURRENT_USER USING (true);

        CREATE FUNCTION \(table)_spelled_like(wanted text, wanted_locale text)
        RETURNS TABLE (word text, similarity real) LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
            SELECT w.word, public.similarity(w.word, wanted)
            FROM \(table)_words AS w
            WHERE w.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
                AND (wanted_locale IS NULL OR w.locale = wanted_locale) AND w.word OPERATOR(public.%) wanted
            ORDER BY 2 DESC, w.frequency DESC, w.word
            LIMIT 3
        $$;
        REVOKE ALL ON FUNCTION \(table)_matching(tsquery, text, integer), \(table)_spelled_like(text, text) FROM PUBLIC;
        DO $do$ BEGIN
            EXECUTE format('GRANT EXECUTE ON FUNCTION \(table)_matching(tsquery, text, integer),
                \(table)_spelled_like(text, text) TO %I', current_setting('app.application_role'));
        END $do$;
        """
    }

    /// `word_pairs(document)`: marks of the words that stand next to each other in a text, for `@>`.
    ///
    /// A text search index knows which texts have two words, not which have them side by side: for words that many texts have,
    /// all of those would be unpacked and looked at. Marks are few enough (2^15) for an index of them to stay small, and tell
    /// all but a few in a hundred apart; those are looked at.
    public static let wordPairs = """
        CREATE FUNCTION word_pairs(document tsvector) RETURNS integer[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
            WITH words AS MATERIALIZED (
                SELECT u.lexeme, p AS place FROM unnest(document) AS u (lexeme, places, weights), unnest(u.places) AS p
            )
            SELECT array_agg(DISTINCT (hashtextextended(one.lexeme || ' ' || next.lexeme, 0) & 32767)::integer)
            FROM words AS one JOIN words AS next ON next.place = one.place + 1
        $$;
        """

    /// `word_pairs(document)` over words with nothing between them but such that don't count, in place of ``wordPairs``: else a
    /// phrase like "reset the password" would have no pair, and would be found where another word stands in place of `the`.
    public static func consecutiveWordPairs(_ table: String) -> String {
        """
        CREATE OR REPLACE FUNCTION word_pairs(document tsvector) RETURNS integer[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
            WITH words AS MATERIALIZED (
                SELECT u.lexeme, p AS place FROM unnest(document) AS u (lexeme, places, weights), unnest(u.places) AS p
            ), places AS MATERIALIZED (
                SELECT place, lead(place) OVER (ORDER BY place) AS following FROM (SELECT DISTINCT place FROM words) AS p
            )
            SELECT array_agg(DISTINCT (hashtextextended(one.lexeme || ' ' || next.lexeme, 0) & 32767)::integer)
            FROM words AS one JOIN places USING (place) JOIN words AS next ON next.place = places.following
        $$;
        REINDEX INDEX \(table)_pairs_idx;
        """
    }

    /// Lets phrases in a table that is ``searchable(_:from:)`` be found by their pairs of words. And keeps the words of a text
    /// in its row as long as they fit a page, where a row is written from now on: ranking reads those of hundreds.
    public static func phrases(_ table: String, from rows: String) -> String {
        """
        CREATE INDEX \(table)_pairs_idx ON \(table) USING gin (tenant_id, word_pairs(search_document)) WHERE \(rows);
        ALTER TABLE \(table) ALTER COLUMN search_document SET STORAGE MAIN;
        """
    }

    /// Narrows candidates to those that have all pairs of words of the phrases that are wanted, where the pairs have an index of
    /// their own: what ``SearchQuery/wordPairs(_:)`` answers.
    public static let byWordPairs = Narrowing([("pairs", "integer[]")], "word_pairs(t.search_document) @> pairs")

    /// A condition on candidates that a search may ask for, with the parameters that it is made of.
    public struct Narrowing: Sendable {
        let parameters: [(name: String, type: String)]
        let condition: String

        /// - Parameters:
        ///   - parameters: Names and types; the condition counts where the first of them is not null.
        ///   - condition: Over the row `t`, by those names.
        public init(_ parameters: [(name: String, type: String)], _ condition: String) {
            self.parameters = parameters
            self.condition = condition
        }
    }

    /// `<table>_candidates(query, at_most, …)`: ids of the tenant's matching rows, any order. In place of `<table>_matching`,
    /// which ranks all of them. By phrases, the rows' places (`ctid`) instead, which hold within the statement that asks: hundreds
    /// of rows are read faster by those.
    ///
    /// Where more rows match than are asked for, those whose titles match come first. What narrows a search narrows its
    /// candidates: else many matches elsewhere would hide the few that are wanted.
    ///
    /// - Parameter byPhrases: Whether it takes `likely` and `pairs` after `at_most`, for an index that has the pairs beside the
    ///   words: what ``SearchQuery/likely(_:)`` and ``SearchQuery/wordPairs(_:)`` answer. The index then says which texts have the
    ///   words and the pairs, and those are looked at for the phrase; asked for the phrase itself, PostgreSQL would work out the
    ///   pairs of every text that it looks at.
    public static func candidates(
        _ table: String, from rows: String, narrowedBy narrowings: [Narrowing], byPhrases: Bool = false
    ) -> String {
        let phrases = byPhrases ? [("likely", "tsquery"), ("pairs", "integer[]")] : []
        let parameters = [("query", "tsquery"), ("at_most", "integer")] + phrases + narrowings.flatMap(\.parameters)
        let found =
            byPhrases
            ? """
            t.search_document @@ coalesce(likely, query)
                    AND (pairs IS NULL OR word_pairs(t.search_document) @> pairs)
                    -- IS TRUE keeps it from being asked of the index.
                    AND (likely IS NULL OR (t.search_document @@ query) IS TRUE)
            """ : "t.search_document @@ query"
        let (answer, type) = byPhrases ? ("ctid", "tid") : ("id", "uuid")
        let types = parameters.map(\.1).joined(separator: ", ")
        let conditions = narrowings.map { "AND (\($0.parameters[0].name) IS NULL OR \($0.condition))" }
            .joined(separator: "\n        ")
        return """
            -- Planned for each query, since how many rows match makes the plan, and always by the text's indexes: PostgreSQL
            -- does not know what it costs to unpack a text in order to look at it.
            CREATE FUNCTION \(table)_candidates(\(parameters.map { "\($0) \($1)" }.joined(separator: ", ")))
            RETURNS SETOF \(type) LANGUAGE plpgsql STABLE SECURITY DEFINER
            SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan
            SET enable_seqscan = off SET enable_indexscan = off AS $$
            DECLARE
                tenant uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
                has_unwanted boolean := strpos(query::text, '!') > 0;
                given integer;
            BEGIN
                RETURN QUERY SELECT t.\(answer) FROM \(table) AS t
                WHERE t.tenant_id = tenant AND \(rows) AND t.search_title @@ query
                    -- A title may match because it lacks what is unwanted.
                    AND (NOT has_unwanted OR t.search_document @@ query)
                    \(conditions)
                LIMIT at_most;
                GET DIAGNOSTICS given = ROW_COUNT;
                RETURN QUERY SELECT t.\(answer) FROM \(table) AS t
                WHERE t.tenant_id = tenant AND \(rows) AND \(found) AND NOT t.search_title @@ query
                    \(conditions)
                LIMIT at_most - given;
            END
            $$;
            REVOKE ALL ON FUNCTION \(table)_candidates(\(types)) FROM PUBLIC;
            DO $do$ BEGIN
                EXECUTE format('GRANT EXECUTE ON FUNCTION \(table)_candidates(\(types)) TO %I',
                    current_setting('app.application_role'));
            END $do$;
            """
    }

    /// Notes the words of texts, so that misspellings of them are understood.
    public static func noting(words: SQL, locale: SQL, of table: String, tenantId: SQL) -> SQL {
        let target = SQL(unsafe: "\(table)_words")
        return """
            INSERT INTO \(target) (tenant_id, locale, word)
            SELECT \(tenantId), \(locale), w
            FROM unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', \(words)))) AS w
            WHERE length(w) BETWEEN 3 AND 40
            ON CONFLICT DO NOTHING
            """
    }
}
