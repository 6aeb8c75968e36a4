// Addresses that nothing is sent to any more.

import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why nothing is sent to an address.
enum SuppressionReason: String, CaseIterable, Sendable {
    case hardBounce = "hard_bounce"
    case complaint, unsubscribed
    /// The far side says that there is nobody.
    case gone
    case manual

    /// Whether it holds for mail, too, that nobody can unsubscribe from.
    var coversMandatory: Bool { self != .unsubscribed }
}

/// The suppression list: kept by bounces and complaints, and by hand. Deleting an entry lifts it.
struct Suppressions: Resource {
    static let store: ResourceStore<Suppressions> = ResourceStore(Suppressions())

    let path = "notification_suppressions"
    let entity = "notification_suppression"
    let summary = "Addresses that nothing is sent to any more."
    let permissions = ResourcePermissions(read: "notifications.write", write: "notifications.write")
    let operations: ResourceOperations = [.list, .get, .create, .delete]
    let stamps: ResourceStamps = .all
    let fields: [Field] = [
        .choice("channel", ChannelName.all).required.filterable,
        .text("address", 1...500).required.filterable.searchable.example("gone@example.com"),
        .choice("reason", SuppressionReason.self).defaults(to: .string(SuppressionReason.manual.rawValue)).filterable,
        .text("detail", 0...1_000),
    ]

    func willCreate(_ draft: inout Draft, _ op: Operation) async throws {
        if let address = draft.values.string("address") { draft.values.set("address", sql: "lower(\(address))") }
    }

    /// Puts an address on the list. Where it is on it already, the reason stays, unless the new one is the stronger: an address that
    /// nobody has any more is written to by nothing, though its owner had unsubscribed before.
    static func suppress(
        _ address: String, on channel: String, _ reason: SuppressionReason, detail: String?, _ op: Operation
    ) async throws {
        let values: Values = [
            "channel": channel, "address": address, "reason": reason.rawValue, "detail": detail ?? "",
        ]
        do {
            try await op.tx.savepoint { _ in _ = try await store.create(values, in: op) }
        } catch let error as DatabaseError where error.kind == .unique {
            guard reason.coversMandatory else { return }
            let listed = try await store.select(
                "t.channel = \(channel) AND t.address = lower(\(address))", in: op.tx, tenantId: op.tenantId,
                forUpdate: true)
            guard let entry = listed.first,
                entry.string("reason").flatMap(SuppressionReason.init(rawValue:))?.coversMandatory == false
            else { return }
            // An entry is never changed: another stands in its place.
            try await store.delete(entry, in: op)
            _ = try await store.create(values, in: op)
        }
    }

    /// Puts the address of a delivery that can't ever succeed on the list.
    static func suppress(
        delivery: UUID, tenantId: UUID, _ settlement: DeliveryOutcome.Settlement, now: Timestamp, in tx: Transaction
    ) async throws {
        let row = try await tx.first(
            "SELECT address, channel FROM notification_deliveries WHERE tenant_id = \(tenantId) AND id = \(delivery)")
        guard let (address, channel) = try row?.decode((String, String).self) else { return }
        let detail = [settlement.reason, settlement.detail].compactMap(\.self).joined(separator: ": ")
        try await suppress(
            address, on: channel, channel == ChannelName.email ? .hardBounce : .gone,
            detail: detail, Operation(tx: tx, tenantId: tenantId, now: now))
    }
}
