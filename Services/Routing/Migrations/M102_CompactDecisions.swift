// Decisions are written by the hundred, and read one by one.
import Database

extension Migration {
    static let compactDecisions = Migration(
        version: 102, name: "compact_decisions",
        sql: """
            -- As text, which is written as it comes, and compressed by what is fastest at it where the server can.
            ALTER TABLE routing_decisions ALTER COLUMN candidates TYPE json USING candidates::json;
            DO $$
            BEGIN
                ALTER TABLE routing_decisions ALTER COLUMN candidates SET COMPRESSION lz4;
            EXCEPTION WHEN feature_not_supported THEN
                NULL;
            END
            $$;
            ALTER TABLE routing_decisions ADD COLUMN loss_counts jsonb NOT NULL DEFAULT '{}';
            """)
}
