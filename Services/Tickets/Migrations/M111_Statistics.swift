// The server's statistics of tables that grow fast.
import Database

extension Migration {
    /// PostgreSQL takes statistics of a table when it comes by, once a minute as a rule. Before it does, next to no row seems
    /// to have no `deleted_at`, so any index of the rows without one seems as good as the right one: an import would read
    /// most of the table for each of its rows. The function runs as the owner of the schema, who alone may do it.
    static let statistics = Migration(
        version: 111, name: "statistics",
        sql: """
            CREATE FUNCTION refresh_ticket_statistics() RETURNS void
            LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
            BEGIN
                IF pg_stat_get_mod_since_analyze('tickets'::regclass) > 500 + (
                    SELECT greatest(reltuples, 0) / 2 FROM pg_class WHERE oid = 'tickets'::regclass)
                THEN
                    ANALYZE tickets;
                END IF;
            END
            $$;
            """)
}
