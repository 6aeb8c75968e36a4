import Contracts
import Database
import Foundation
import TestKit

/// A schema as services have it: tenants' tables, an append-only one, one without tenants.
enum Tickets {
    static let migrations: [Migration] = [
        .platform,
        Migration(
            version: 100, name: "tickets",
            sql: """
                CREATE TABLE tickets (
                    tenant_id   uuid           NOT NULL,
                    id          uuid           NOT NULL,
                    subject     text           NOT NULL,
                    status      text           NOT NULL DEFAULT 'open',
                    external_id text,
                    merged_into uuid,
                    created_at  timestamptz(3) NOT NULL DEFAULT now(),
                    CONSTRAINT tickets_pkey PRIMARY KEY (tenant_id, id),
                    CONSTRAINT tickets_external_id_key UNIQUE (tenant_id, external_id),
                    CONSTRAINT tickets_status_check CHECK (status IN ('open', 'closed')),
                    CONSTRAINT tickets_merged_into_fkey FOREIGN KEY (tenant_id, merged_into)
                        REFERENCES tickets (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
                    CONSTRAINT odd_name CHECK (subject <> 'odd')
                );
                SELECT secure_tenant_table('tickets');

                CREATE TABLE audits (
                    tenant_id uuid   NOT NULL,
                    position  bigint GENERATED ALWAYS AS IDENTITY,
                    text      text   NOT NULL,
                    PRIMARY KEY (tenant_id, position)
                );
                SELECT secure_append_only_table('audits');

                CREATE TABLE leases (name text PRIMARY KEY, owner text NOT NULL);
                SELECT open_table('leases');
                """),
    ]

    static func with<Result>(
        configure: (inout DatabaseConfiguration) -> Void = { _ in }, _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with("tests", migrations, configure: configure, body)
    }

    static func insert(_ tenant: UUID, _ id: UUID = .v7(), subject: String = "Printer on fire") -> SQL {
        "INSERT INTO tickets (tenant_id, id, subject) VALUES (\(tenant), \(id), \(subject))"
    }

    static let count: SQL = "SELECT count(*) FROM tickets"
}

extension TestDatabase {
    /// How many sessions of this database, the asking one apart, fulfil a condition on `pg_stat_activity`.
    func sessions(_ condition: String) async throws -> Int? {
        let rows = try await superuser(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND \(condition)
            """)
        return rows[0][0].flatMap { Int($0) }
    }
}

extension Database {
    /// The rows of one statement in a transaction of its own.
    @discardableResult
    func select(_ sql: SQL, as scope: Scope = .none) async throws -> [Row] {
        try await transaction(as: scope) { try await $0.query(sql) }
    }

    /// Files a ticket for a tenant.
    func file(_ tenant: UUID, _ id: UUID = .v7(), as scope: Scope? = nil) async throws {
        try await transaction(as: scope ?? .tenant(tenant)) { try await $0.execute(Tickets.insert(tenant, id)) }
    }

    /// How many tickets a scope sees.
    func ticketCount(as scope: Scope) async throws -> Int? {
        try await transaction(as: scope, readOnly: true) { try await $0.first(Tickets.count)?.get(0) }
    }
}
