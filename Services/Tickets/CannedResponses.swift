// Ready-made replies.
import Contracts
import Database
import Web

/// Replies that agents use again and again.
struct CannedResponses: Resource {
    let path = "canned_responses"
    let entity = "canned_response"
    let summary = "Ready-made replies that agents insert into messages."
    let permissions = ResourcePermissions(read: "tickets.read", write: "tickets.update")
    let fields: [Field] = [
        .text("name", 1...200).required.filterable.sortable.searchable.example("Reset your password"),
        .text("shortcut", 1...50).filterable.described("What agents type to insert it; one per organization.")
            .example("pw"),
        .text("content", 1...65_535).required.searchable,
        .uuid("groupId").filterable.described("The group that it is for; all without it."),
        .boolean("isActive").defaults(to: true).filterable,
    ]

    static let migration: Migration? = Migration(
        version: 104, name: "canned_responses",
        sql: """
            CREATE TABLE canned_responses (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                name text NOT NULL,
                shortcut text,
                content text NOT NULL,
                group_id uuid,
                is_active boolean NOT NULL,
                CONSTRAINT canned_responses_pkey PRIMARY KEY (tenant_id, id),
                CONSTRAINT canned_responses_shortcut_key UNIQUE (tenant_id, shortcut)
            );
            CREATE INDEX canned_responses_id_idx ON canned_responses USING hash (id);
            SELECT secure_tenant_table('canned_responses');
            """)
}
