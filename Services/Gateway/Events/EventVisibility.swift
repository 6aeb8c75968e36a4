import Contracts
import Web

/// Which events a caller may see: those about objects that the caller may read.
enum EventVisibility {
    /// The permission behind the events of an object; other objects are open to whoever may read events.
    private static let permissions: [String: String] = [
        "user": "users.read", "organization": "organization.read", "api_key": "api_keys.read",
        "session": "sessions.read", "group": "groups.read", "agent": "users.read",
    ]

    /// Whole families of objects: `ticket`, `ticket_message`, `ticket_sla_stage` …
    private static let families: [(prefix: String, permission: String)] = [
        ("ticket_sla", "sla.read"), ("sla", "sla.read"), ("ticket", "tickets.read"), ("kb_", "knowledge.read"),
        ("notification", "notifications.read"), ("routing", "routing.read"),
        // Whom is written to, and what about.
        ("email", "notifications.write"), ("outbound_email", "notifications.write"),
    ]

    static func permission(of name: String) -> String? {
        let object = String(name.prefix { $0 != "." })
        if let permission = permissions[object] { return permission }
        return families.first { object.hasPrefix($0.prefix) }?.permission
    }

    /// Whether a caller with these permissions may see an event of that name at all.
    static func allows(_ caller: Caller, name: String) -> Bool {
        permission(of: name).map { caller.may($0) } ?? true
    }

    /// Whether the caller may see this one: an internal note is for those who may read internal notes, and a notification
    /// for whom it was sent to.
    static func allows(_ caller: Caller, _ event: FeedEvent) -> Bool {
        guard allows(caller, name: event.name) else { return false }
        if event.name.hasPrefix("notification."), !caller.platformAdmin, !caller.may("notifications.write") {
            guard let payload = try? JSON.parse(event.payload), let reader = caller.actorId else { return false }
            return payload["recipientId"] == .uuid(reader)
        }
        guard event.name.hasPrefix("ticket_message."), !caller.may("tickets.read_internal") else { return true }
        guard let payload = try? JSON.parse(event.payload) else { return false }
        let visibility = payload["visibility"]?.stringValue ?? payload["snapshot"]?["visibility"]?.stringValue
        return visibility == "public"
    }
}
