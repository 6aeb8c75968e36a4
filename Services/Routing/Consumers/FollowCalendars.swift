// What conditions answer depends on the calendars that they name.
import Contracts
import Database
import Messaging

/// After the copy of the calendars has taken the same events in: what waits is placed again.
struct FollowCalendars: BatchEventHandler {
    let name = "follow_calendars"
    let patterns = ["created", "updated", "deleted", "restored"].map { "business_calendar.\($0)" }

    func handle(_ messages: [RawMessage], in tx: Transaction) async throws {
        // All take the tenants' rows in this order.
        for tenantId in Set(messages.map(\.envelope.tenantId)).sorted() { RuleBookStore.changed(tenantId, in: tx) }
    }
}
