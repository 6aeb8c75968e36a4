import Contracts
import Foundation
import NIOHTTP1
import Testing

extension SystemTests {
    /// One organization never sees another's rows: not by guessing ids, not by naming its path, not in the database.
    @Suite(.serialized) struct IsolationTests {
        static let schemas = ["gateway", "tickets", "routing", "sla", "notifications", "knowledge"]

        @Test func everyTenantTableIsForcedUnderRowLevelSecurity() async throws {
            let faults = try await sql(
                """
                SELECT n.nspname || '.' || c.relname FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                WHERE n.nspname IN (\(schemaList)) AND c.relkind IN ('r', 'p')
                    AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                        AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid))
                """)
            #expect(faults.isEmpty, "without forced row-level security or without a policy: \(faults)")
        }

        @Test func everyKeyOfATenantTableBeginsWithTheTenant() async throws {
            let faults = try await sql(
                """
                SELECT n.nspname || '.' || c.relname || ' ' || k.conname FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f')
                WHERE n.nspname IN (\(schemaList)) AND k.conkey[1] <> a.attnum
                UNION ALL
                SELECT n.nspname || '.' || c.relname || ' ' || i.indexrelid::regclass FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
                WHERE n.nspname IN (\(schemaList)) AND i.indkey[0] <> a.attnum
                UNION ALL
                SELECT n.nspname || '.' || c.relname || ' has no primary key' FROM pg_class AS c
                JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                WHERE n.nspname IN (\(schemaList)) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p')
                """)
            #expect(faults.isEmpty, "keys that do not begin with tenant_id: \(faults)")
        }

        @Test(arguments: schemas) func withoutATenantNoRowIsSeen(schema: String) async throws {
            let tables = try await sql(
                """
                SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                WHERE n.nspname = '\(schema)' AND c.relkind IN ('r', 'p')
                """)
            #expect(!tables.isEmpty)
            let counts = tables.map { "SELECT '\($0)', count(*) FROM \(schema).\"\($0)\"" }.joined(
                separator: " UNION ALL ")
            let seen = try await sql("SET ROLE deskwire_\(schema); \(counts)").filter { !$0.hasSuffix("|0") }
            #expect(seen.isEmpty, "rows seen without a tenant: \(seen)")
        }

        @Test(arguments: schemas) func aServiceReadsNoOtherSchema(schema: String) async throws {
            let readable = try await sql(
                """
                SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname IN (\(schemaList)) AND n.nspname <> '\(schema)' AND c.relkind IN ('r', 'p', 'v', 'm')
                    AND (has_schema_privilege('deskwire_\(schema)', n.oid, 'USAGE')
                        OR has_table_privilege('deskwire_\(schema)', c.oid, 'SELECT'))
                """)
            #expect(readable.isEmpty, "deskwire_\(schema) can read \(readable)")
        }

        @Test(arguments: schemas) func aServiceRoleOwnsNothingAndBypassesNothing(schema: String) async throws {
            let owned = try await sql(
                """
                SELECT c.relname FROM pg_class AS c WHERE c.relowner = 'deskwire_\(schema)'::regrole
                UNION ALL SELECT rolname FROM pg_roles WHERE rolname = 'deskwire_\(schema)' AND (rolbypassrls OR rolsuper)
                """)
            #expect(owned.isEmpty)
            let audits = try await sql(
                """
                SELECT p FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p
                WHERE has_table_privilege('deskwire_\(schema)', '\(schema).audits', p)
                """)
            #expect(audits.isEmpty, "audit rows can be changed: \(audits)")
        }

        @Test func anotherOrganizationsIdsAreNotFoundOnAnyRoute() async throws {
            let (owner, path) = try await Client.tenant()
            let stranger = try await Self.strangersClient()
            let ticket = try await owner.send(.POST, path + "/tickets", json: ["subject": "Not yours"])
            let ticketId = try #require(ticket.json["id"]?.stringValue, "\(ticket.status) \(ticket.json.text)")
            let document = try await owner.send(.GET, "/openapi.json").json
            let ownPath = "/v1/tenants/\(stranger.tenant)"
            var asked = 0
            for (route, methods) in document["paths"]?.objectValue ?? JSONObject()
            where route.hasPrefix("/v1/tenants/{tenantId}") {
                for (method, _) in methods.objectValue ?? JSONObject() {
                    guard let verb = ["get", "post", "patch", "put", "delete"].first(where: { $0 == method }) else {
                        continue
                    }
                    let suffix = String(route.dropFirst("/v1/tenants/{tenantId}".count))
                    let rest = suffix.replacing(/\{[^}]+\}/, with: ticketId)
                    // By naming the other organization's path, and (where the route takes an id) under one's own path.
                    let places = [path + rest] + (suffix.contains("{") ? [ownPath + rest] : [])
                    for place in places {
                        let takesBody = ["post", "patch", "put"].contains(verb)
                        for body in takesBody ? Self.bodies(for: suffix) : [nil] {
                            let answer = try await stranger.client.send(
                                HTTPMethod(rawValue: verb.uppercased()), place, body: body, timeoutSeconds: 5)
                            asked += 1
                            #expect(
                                answer.status == 404,
                                "\(verb) \(place.replacing(ticketId, with: "ID")): \(answer.status)")
                        }
                    }
                }
            }
            #expect(asked > 40)
            let untouched = try await owner.send(.GET, path + "/tickets/\(ticketId)")
            #expect(untouched.json == ticket.json)
        }

        @Test(arguments: schemas) func aServiceRefusesAContextThatTheGatewayDidNotSign(schema: String) async throws {
            guard schema != "gateway" else { return }
            let environment = try await Stack.shared.environment()
            let client = Client(url: try environment["DESKWIRE_\(schema.uppercased())_URL"], key: "none")
            let path =
                "/v1/tenants/\(try environment.tenant)/" + (schema == "tickets" ? "tickets" : "\(schema)/tickets")
            let claims = Data(#"{"roles":["platform_admin"],"permissions":["*"]}"#.utf8).base64EncodedString()
            for context in [nil, "", "x", "\(claims).\(claims)", "\(claims)."] {
                let headers = context.map { [("x-deskwire-context", $0)] } ?? []
                let answer = try await client.send(.GET, path, headers: headers)
                #expect(answer.status == 401, "context \(context ?? "none"): \(answer.status)")
            }
        }

        /// Nothing, nonsense, an empty object, and what the route accepts: whatever the body says, the ticket is not there.
        private static func bodies(for suffix: String) -> [[UInt8]?] {
            let accepted: [String: JSON] = [
                "assign": ["assigneeId": .string(UUID.v7().text)],
                "assignments": ["assigneeId": .string(UUID.v7().text)],
                "close": ["reason": "done"],
                "messages": ["body": "Hello", "type": "public_reply"],
                "participants": ["role": "cc", "email": "somebody@example.com"],
                "priority": ["priority": "high"],
                "status": ["status": "resolved"],
                "tags": ["name": "vpn"],
                "transfer": ["groupId": .string(UUID.v7().text)],
            ]
            let action = suffix.split(separator: "/").last.map(String.init) ?? ""
            return [nil, Array("{".utf8), Array("{}".utf8), Array(#"{"colour":1}"#.utf8)]
                + (accepted[action].map { [$0.serialized()] } ?? [])
        }

        private var schemaList: String { Self.schemas.map { "'\($0)'" }.joined(separator: ", ") }

        private func sql(_ text: String) async throws -> [String] {
            let environment = try await Stack.shared.environment()
            return try await SystemTests.psql(try environment["DESKWIRE_DATABASE_URL"], text)
                .split(separator: "\n").map(String.init)
        }

        /// The administrator of a second organization.
        private static func strangersClient() async throws -> (client: Client, tenant: String) {
            let admin = try await Client.admin()
            let organization = try await admin.send(
                .POST, "/v1/admin/organizations",
                json: [
                    "name": "Another organization",
                    "slug": .string("other-\(UUID().uuidString.prefix(8).lowercased())"),
                ])
            let tenant = try #require(
                organization.json["id"]?.stringValue, "\(organization.status) \(organization.json.text)")
            let key = try await admin.send(
                .POST, "/v1/admin/api_keys",
                json: ["tenantId": .string(tenant), "name": "stranger", "roles": ["tenant_admin"]])
            let secret = try #require(key.json["key"]?.stringValue, "\(key.status) \(key.json.text)")
            return (Client(url: admin.url, key: secret), tenant)
        }
    }
}
