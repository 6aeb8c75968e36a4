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

extension Database {
    /// How many tickets a scope sees.
    func ticketCount(as scope: Scope) async throws -> Int? {
        try await transaction(as: scope, readOnly: true) { try await $0.first(Tickets.count)?.get(0) }
    }
}
