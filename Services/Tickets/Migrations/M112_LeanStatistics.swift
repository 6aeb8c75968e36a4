// Statistics of the tickets at less cost.
import Database

extension Migration {
    /// What the lookups of an import ask of the statistics are three columns: leaving out the long ones takes less than half
    /// the time. By the pages of the table rather than by the rows that changed, because only an `ANALYZE` of all columns
    /// counts for the server as one.
    static let leanStatistics = Migration(
        version: 112, name: "lean_statistics",
        sql: """
            CREATE OR REPLACE FUNCTION refresh_ticket_statistics() RETURNS void
            LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
            BEGIN
                IF pg_relation_size('tickets') / current_setting('block_size')::integer > 20 + 2 * (
                    SELECT relpages FROM pg_class WHERE oid = 'tickets'::regclass)
                THEN
                    ANALYZE tickets (tenant_id, external_id, deleted_at);
                END IF;
            END
            $$;
            """)
}
