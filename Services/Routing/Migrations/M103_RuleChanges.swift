// What follows when rules change while tickets wait.
import Database

extension Migration {
    static let ruleChanges = Migration(
        version: 103, name: "rule_changes",
        sql: """
            -- Whether what waits has been placed by the present rules, and up to which entry if not.
            ALTER TABLE routing_revisions
                ADD COLUMN is_placed boolean NOT NULL DEFAULT true,
                ADD COLUMN placed_after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
            -- Somebody has named the agent: rules have no say.
            ALTER TABLE routing_queue_entries ADD COLUMN is_pinned boolean NOT NULL DEFAULT false;
            -- The opening hours of conditions that name no calendar.
            ALTER TABLE routing_settings ADD COLUMN calendar_id uuid;
            """)
}
