// How the copies of other services' entities are searched here.
import Database

extension Migration {
    /// Users by address, in any case of letters.
    static let projectionLookups = Migration(
        version: 102, name: "projection_lookups",
        sql: """
            ALTER TABLE tenant_users ADD COLUMN email_key text GENERATED ALWAYS AS (lower(email)) STORED;
            CREATE INDEX tenant_users_email_key_idx ON tenant_users (tenant_id, email_key);
            """)
}
