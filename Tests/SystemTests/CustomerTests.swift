import AsyncHTTPClient
import Contracts
import Foundation
import NIOCore
import NIOHTTP1
import TestKit
import Testing

extension SystemTests {
    /// What a customer gets to see of a desk: mail, digests, and articles in the help center.
    @Suite(.serialized) struct CustomerTests {
        /// An organization with an agent and a customer.
        private struct Shop {
            let client: Client
            let tenant: String
            let slug: String
            let customerId: String
            let mailbox: String
            let environment: Stack.Environment
            var path: String { "/v1/tenants/\(tenant)" }

            init(in environment: Stack.Environment) async throws {
                self.environment = environment
                slug = "shop-\(UUID().uuidString.prefix(8).lowercased())"
                mailbox = "customer@\(slug).example.com"
                let admin = try await Client.admin()
                tenant =
                    try await admin.made(
                        "/v1/admin/organizations", ["name": "Shop", "slug": .string(slug), "plan": "unlimited"])["id"]?
                    .stringValue ?? ""
                let key = try await admin.made(
                    "/v1/admin/api_keys", ["tenantId": .string(tenant), "name": "desk", "roles": ["tenant_admin"]])
                client = Client(url: try environment.url, key: key["key"]?.stringValue ?? "")
                let users = "/v1/tenants/\(tenant)/users"
                customerId =
                    try await client.made(
                        users, ["email": .string(mailbox), "displayName": "Customer", "roles": ["customer"]])["id"]?
                    .stringValue ?? ""
                try await eventually("the customer is known", within: .seconds(60)) { [client, tenant, customerId] in
                    let known = try await client.send(.GET, "/v1/tenants/\(tenant)/notifications/users").json["data"]
                    return known?.arrayValue?.contains { $0["id"]?.stringValue == customerId } == true
                }
            }

            func ticket(_ subject: String) async throws -> String {
                try await client.made(
                    path + "/tickets", ["subject": .string(subject), "requesterId": .string(customerId)])["id"]?
                    .stringValue ?? ""
            }

            /// Mail that the customer has got so far.
            var letters: [String] {
                environment.mail.messages.filter { $0.recipients.contains { $0.contains(mailbox) } }
                    .map { String(decoding: $0.bytes, as: UTF8.self) }
            }
        }

        @Test(.timeLimit(.minutes(5))) func aCustomerIsMailedGetsADigestAndFindsTheArticle() async throws {
            let environment = try await Stack.shared.environment()
            let shop = try await Shop(in: environment)
            let (client, path) = (shop.client, shop.path)
            let subscriber = try Subscriber(in: environment)

            // The ticket is filed and solved: a letter each.
            let ticket = try await shop.ticket("No dial tone")
            _ = try await client.made("\(path)/tickets/\(ticket)/status", ["status": "resolved"])
            try await eventually("the customer is mailed twice") { shop.letters.count >= 2 }
            #expect(shop.letters.count { $0.contains("Subject: We have your request: No dial tone") } == 1)
            #expect(shop.letters.count { $0.contains("Subject: Resolved: No dial tone") } == 1)

            // From now on once an hour, and the hour is over sooner here.
            _ = try await client.made(
                "\(path)/notification_preferences", ["userId": .string(shop.customerId), "digest": "hourly"])
            for subject in ["Printer jam", "Lost badge"] { _ = try await shop.ticket(subject) }
            try await eventually("two letters wait for the digest") {
                let waiting = try await client.send(.GET, "\(path)/notification_deliveries?channel=email&state=queued")
                return waiting.json["data"]?.arrayValue?.count == 2
            }
            #expect(shop.letters.count == 2)
            _ = try await SystemTests.psql(
                try environment["DESKWIRE_DATABASE_URL"],
                """
                UPDATE notifications.notification_deliveries SET due_at = now()
                WHERE tenant_id = '\(shop.tenant)' AND state = 'queued' AND digest = 'hourly'
                """)
            try await eventually("the digest arrives") { shop.letters.count >= 3 }
            let digest = try #require(shop.letters.last)
            #expect(digest.contains("Subject: 2 notifications"))
            #expect(digest.contains("Printer jam") && digest.contains("Lost badge"))

            // What solved it is written down, published, and of use.
            let category = try await client.made("\(path)/kb_categories", ["name": "Telephones"])["id"] ?? .null
            let section =
                try await client.made(
                    "\(path)/kb_sections", ["name": "Lines", "categoryId": category])["id"] ?? .null
            let article = try await client.made(
                "\(path)/kb_articles",
                ["title": "When there is no dial tone", "body": "Plug the cable in.", "sectionId": section])
            let id = article["id"]?.stringValue ?? ""
            _ = try await client.made(
                "\(path)/kb_articles/\(id)/links", ["ticketId": .string(ticket), "kind": "solved"])
            let page = "/v1/help/\(shop.slug)/en/articles/\(article["slug"]?.stringValue ?? "")"
            #expect(try await client.send(.GET, page).status == 404)
            _ = try await client.done(.POST, "\(path)/kb_articles/\(id)/publish", [:])
            let shown = try await client.send(.GET, page)
            #expect(shown.status == 200 && String(decoding: shown.bytes, as: UTF8.self).contains("Plug the cable in."))
            let voted = try await client.send(
                .POST, page + "/feedback", headers: [("content-type", "application/x-www-form-urlencoded")],
                body: Array("helpful=yes".utf8))
            #expect(voted.isSuccess)
            let figures = try await client.send(.GET, "\(path)/kb_articles/\(id)?expand=figures").json["figures"]
            #expect(figures?["helpful"] == 1, "\(figures?.text ?? "")")

            try await Self.checkEvents(of: shop, ticket: ticket, article: id, subscriber)
        }

        /// Every step has its event, what follows from another comes after it, and no aggregate's events are out of order.
        private static func checkEvents(
            of shop: Shop, ticket: String, article: String, _ subscriber: Subscriber
        ) async throws {
            func events() throws -> [Subscriber.Delivery] {
                var seen: Set<String> = []
                return try subscriber.deliveries().filter {
                    $0.payload["tenantId"]?.stringValue == shop.tenant && seen.insert($0.eventId).inserted
                }
            }
            func place(_ name: String, of id: String, after earlier: Int = -1) async throws -> Int {
                var found: Int?
                try await eventually("\(name) arrives", within: .seconds(60)) {
                    let all = try events()
                    found = all.indices.first {
                        $0 > earlier && all[$0].name.hasSuffix("." + name) && all[$0].payload.text.contains(id)
                    }
                    return found != nil
                }
                return found ?? -1
            }
            let created = try await place("ticket.created", of: ticket)
            let told = try await place("outbound_email.sent", of: ticket, after: created)
            let solved = try await place("ticket.status_changed", of: ticket, after: created)
            let toldAgain = try await place("outbound_email.sent", of: ticket, after: max(solved, told))
            let written = try await place("kb_article.created", of: article, after: toldAgain)
            let linked = try await place("kb_article.linked", of: article, after: written)
            let published = try await place("kb_article.published", of: article, after: linked)
            _ = try await place("kb_article_feedback.created", of: article, after: published)

            var last: [String: Int64] = [:]
            for delivery in try events() {
                let sequence = delivery.payload["sequence"]?.intValue
                #expect(sequence == last[delivery.stream].map { $0 + 1 } ?? sequence, "\(delivery.line.text)")
                last[delivery.stream] = sequence
            }
            let mails = try events().filter {
                $0.name.hasSuffix(".notification.sent") && $0.payload["channel"] == "email"
                    && $0.payload["recipientId"]?.stringValue == shop.customerId
            }
            // Two by themselves, and two with the digest that they are in.
            #expect(mails.count == 5)
        }
    }
}
