import Contracts
import Database
import Foundation
import TestKit
import Testing

@Suite("Tenants and services are isolated by the database")
struct IsolationTests {
    @Test("A tenant sees its own rows, nobody any without a tenant, admin all")
    func scopes() async throws {
        try await Tickets.with { test async throws in
            let (mine, other) = (UUID.v7(), UUID.v7())
            for tenant in [mine, mine, other] {
                try await test.database.file(tenant)
            }
            #expect(try await test.database.ticketCount(as: .tenant(mine)) == 2)
            #expect(try await test.database.ticketCount(as: .tenant(other)) == 1)
            #expect(try await test.database.ticketCount(as: .tenant(.v7())) == 0)
            #expect(try await test.database.ticketCount(as: .none) == 0)
            #expect(try await test.database.ticketCount(as: .admin) == 3)
        }
    }

    @Test("A scope ends with its transaction, also on the same connection")
    func noLeak() async throws {
        try await Tickets.with(configure: { $0.maxConnections = 1 }) { test async throws in
            let tenant = UUID.v7()
            try await test.database.file(tenant)
            for scope in [Scope.tenant(tenant), .admin] {
                #expect(try await test.database.ticketCount(as: scope) == 1)
                #expect(try await test.database.ticketCount(as: .none) == 0)
            }
            #expect(test.database.statistics.opened == 1)
        }
    }

    @Test("Nothing is written for another tenant, nothing moves to another tenant")
    func writes() async throws {
        try await Tickets.with { test async throws in
            let (mine, other) = (UUID.v7(), UUID.v7())
            let theirs = UUID.v7()
            try await test.database.file(other, theirs)
            let insert = await #expect(throws: DatabaseError.self) {
                try await test.database.file(other, as: .tenant(mine))
            }
            #expect(insert?.kind == .permission)
            try await test.database.transaction(as: .tenant(mine)) { tx async throws in
                try await tx.execute(Tickets.insert(mine))
                #expect(try await tx.execute("UPDATE tickets SET subject = 'x' WHERE id = \(theirs)") == 0)
                #expect(try await tx.execute("DELETE FROM tickets WHERE id = \(theirs)") == 0)
            }
            let move = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .tenant(mine)) { tx async throws in
                    try await tx.execute("UPDATE tickets SET tenant_id = \(other)")
                }
            }
            #expect(move?.kind == .permission)
        }
    }

    @Test(
        "The service's role can't change the schema, nor rewrite what is append-only",
        arguments: [
            "UPDATE audits SET text = 'x'", "DELETE FROM audits", "TRUNCATE audits", "TRUNCATE tickets",
            "ALTER TABLE tickets DISABLE ROW LEVEL SECURITY", "DROP TABLE tickets", "CREATE TABLE more (x integer)",
            "CREATE TABLE public.more (x integer)", "DELETE FROM schema_migrations",
            "SET ROLE deskwire_tests_owner",
        ])
    func rights(statement: String) async throws {
        try await Tickets.with { test async throws in
            try await test.database.transaction(as: .admin) { tx async throws in
                try await tx.execute("INSERT INTO audits (tenant_id, text) VALUES (\(UUID.v7()), 'x')")
                try await tx.execute("INSERT INTO leases (name, owner) VALUES ('a', 'b')")
            }
            let error = await #expect(throws: DatabaseError.self) {
                try await test.database.transaction(as: .admin) { try await $0.execute(SQL(unsafe: statement)) }
            }
            #expect(error?.kind == .permission)
        }
    }

    @Test("A service can't read another one's schema, nor can its owner")
    func services() async throws {
        let schemas = [TestSchema("tests", Tickets.migrations), TestSchema("others", Tickets.migrations)]
        try await TestDatabase.with(schemas) { test async throws in
            #expect(try await test.database.ticketCount(as: .admin) == 0)
            for url in [test.url("others"), test.ownerURL("others")] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await test.open("others", configure: { $0.url = url }).transaction(as: .admin) {
                        tx async throws in
                        try await tx.query("SELECT * FROM tests.tickets")
                    }
                }
                #expect(error?.kind == .permission)
            }
        }
    }

    @Test("The role owns nothing and has no special attributes; every tenant table is secured")
    func attributes() async throws {
        try await Tickets.with { test async throws in
            let roles = try await test.superuser(
                """
                SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication,
                    (SELECT count(*) FROM pg_class WHERE relowner = r.oid)
                FROM pg_roles r WHERE rolname = 'deskwire_tests'
                """)
            #expect(roles == [["f", "0"]])
            let open = try await test.superuser(
                """
                SELECT relname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'tenant_id'
                WHERE relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)
                """)
            #expect(open.isEmpty)
        }
    }

    @Test("A superuser is refused: row-level security would not bind it")
    func superuser() async throws {
        try await Tickets.with { test async throws in
            let database = test.open(configure: { $0.url = test.superuserURL })
            let error = await #expect(throws: DatabaseError.self) { try await database.ticketCount(as: .none) }
            #expect(error?.kind == .misuse)
        }
    }

    @Test(
        "A table whose keys don't begin with the tenant can't be secured",
        arguments: [
            "CREATE TABLE bad (tenant_id uuid, id uuid PRIMARY KEY); SELECT secure_tenant_table('bad');",
            """
            CREATE TABLE bad (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id), UNIQUE (id));
            SELECT secure_tenant_table('bad');
            """,
            """
            CREATE TABLE bad (tenant_id uuid, id uuid, other uuid, PRIMARY KEY (tenant_id, id),
                FOREIGN KEY (other, tenant_id) REFERENCES bad (tenant_id, id));
            SELECT secure_tenant_table('bad');
            """,
            "CREATE TABLE bad (id uuid PRIMARY KEY); SELECT secure_append_only_table('bad');",
            "CREATE TABLE bad (tenant_id uuid PRIMARY KEY); SELECT open_table('bad');",
        ])
    func keys(sql: String) async throws {
        try await TestDatabase.with { test async throws in
            let error = await #expect(throws: MigrationError.self) {
                try await test.migrator().migrate([.platform, Migration(version: 100, name: "bad", sql: sql)])
            }
            #expect("\(String(describing: error))".contains("tenant_id"))
        }
    }
}
