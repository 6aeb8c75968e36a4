// The business calendars that a tenant's conditions can ask about.
import BusinessTime
import Conditions
import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct OpeningHours: Sendable {
    private let calendars: [UUID: WorkingHours]
    /// What is meant where a condition names none.
    private let standard: UUID?

    static let none = OpeningHours([:], standard: nil)

    init(_ calendars: [UUID: WorkingHours], standard: UUID?) {
        self.calendars = calendars
        self.standard = standard
    }

    /// For conditions: nil for a calendar that is not known, or an instant that no calendar reaches.
    var answer: Facts.BusinessHours {
        { calendarId, instant in
            guard let calendar = (calendarId ?? standard).flatMap({ calendars[$0] }) else { return nil }
            return try? calendar.isOpen(at: instant)
        }
    }

    /// - Parameter standard: by the settings; else it is the oldest calendar.
    static func read(_ tenantId: UUID, standard: UUID?, in tx: Transaction) async throws -> OpeningHours {
        let rows = try await tx.query(
            """
            SELECT id, timezone, weekly_hours, holidays, date_overrides, breaks FROM business_calendars
            WHERE tenant_id = \(tenantId) AND created_at IS NOT NULL AND deleted_at IS NULL ORDER BY created_at, id
            """)
        var calendars: [UUID: WorkingHours] = [:]
        for row in rows {
            var document: JSONObject = ["timezone": .string(try row.get("timezone", as: String?.self) ?? "")]
            for (key, column) in [
                ("weeklyHours", "weekly_hours"), ("dateOverrides", "date_overrides"), ("breaks", "breaks"),
            ] {
                document[key] = try row.get(column, as: JSON?.self) ?? [:]
            }
            document["holidays"] = .array((try row.get("holidays", as: [String]?.self) ?? []).map { .string($0) })
            // One that can't be read is not known: conditions on it do not hold.
            calendars[try row.get("id", as: UUID.self)] = (try? BusinessCalendar(.object(document))).map(
                WorkingHours.init)
        }
        return OpeningHours(calendars, standard: try standard ?? rows.first?.get("id", as: UUID.self))
    }
}
