import Database
import Messaging

extension Migration {
    static let notifications = Migration(
        version: 102, name: "notifications", sql: copiesSQL + noticesSQL + deliverySQL + choicesSQL)
}

private let stamps = """
    tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        created_by uuid,
        updated_by uuid
    """

private let copiesSQL = """
    ALTER TABLE users ADD COLUMN phone text;
    CREATE INDEX users_roles_idx ON users USING gin (roles);
    CREATE INDEX agents_group_ids_idx ON agents USING gin (group_ids);

    -- Who takes part in a ticket, from the ticket's events.
    CREATE TABLE ticket_participants (
        tenant_id uuid NOT NULL,
        ticket_id uuid NOT NULL,
        participant_id uuid NOT NULL,
        role text NOT NULL,
        user_id uuid,
        email text,
        PRIMARY KEY (tenant_id, ticket_id, participant_id)
    );
    SELECT secure_tenant_table('ticket_participants');

    """

private let noticesSQL = """
    -- One row says one thing to one recipient, however often the event behind it comes.
    CREATE TABLE notifications (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        event_id uuid NOT NULL,
        type text NOT NULL,
        recipient_id uuid NOT NULL,
        recipient_kind text NOT NULL,
        author_id uuid,
        context_type text,
        context_id uuid,
        locale text NOT NULL,
        title text NOT NULL,
        body text NOT NULL,
        is_mandatory boolean NOT NULL,
        in_inbox boolean NOT NULL,
        read_at timestamptz(3),
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notifications_event_id_key UNIQUE (tenant_id, event_id, type, recipient_id)
    );
    CREATE INDEX notifications_inbox_idx ON notifications (tenant_id, recipient_id, id) WHERE in_inbox;
    CREATE INDEX notifications_unread_idx ON notifications (tenant_id, recipient_id) WHERE in_inbox AND read_at IS NULL;
    CREATE INDEX notifications_created_at_idx ON notifications (created_at);
    CREATE INDEX notifications_context_id_idx ON notifications (tenant_id, context_id);
    CREATE INDEX notifications_id_idx ON notifications USING hash (id);
    SELECT secure_tenant_table('notifications');

    """

private let deliverySQL = """
    CREATE TABLE notification_deliveries (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        notification_id uuid NOT NULL,
        channel text NOT NULL,
        recipient_id uuid NOT NULL,
        recipient_name text,
        address text NOT NULL,
        state text NOT NULL CONSTRAINT notification_deliveries_state_check
            CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'read', 'skipped')),
        -- Why it is skipped, or a code of what went wrong last.
        reason text,
        detail text,
        attempts integer NOT NULL,
        -- Queued: when it is to be sent. Sending: when it is taken for abandoned.
        due_at timestamptz(3),
        -- The process that sends it, or did last.
        worker uuid,
        digest text NOT NULL,
        -- The delivery that took this one along.
        digest_id uuid,
        subject text NOT NULL,
        text text NOT NULL,
        html text,
        template_id uuid,
        provider_message_id text,
        sent_at timestamptz(3),
        delivered_at timestamptz(3),
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_deliveries_address_key UNIQUE (tenant_id, notification_id, channel, address),
        FOREIGN KEY (tenant_id, notification_id) REFERENCES notifications
    ) WITH (fillfactor = 70);
    CREATE INDEX notification_deliveries_due_idx ON notification_deliveries (channel, due_at)
        WHERE state IN ('queued', 'sending') AND digest = 'immediate';
    CREATE INDEX notification_deliveries_worker_idx ON notification_deliveries (worker) WHERE state = 'sending';
    CREATE INDEX notification_deliveries_digest_idx ON notification_deliveries (due_at)
        WHERE state = 'queued' AND digest <> 'immediate' AND digest_id IS NULL;
    CREATE INDEX notification_deliveries_digest_id_idx ON notification_deliveries (tenant_id, digest_id)
        WHERE digest_id IS NOT NULL;
    CREATE INDEX notification_deliveries_failed_idx ON notification_deliveries (tenant_id, id) WHERE state = 'failed';
    CREATE INDEX notification_deliveries_provider_message_id_idx
        ON notification_deliveries (tenant_id, provider_message_id) WHERE provider_message_id IS NOT NULL;
    CREATE INDEX notification_deliveries_id_idx ON notification_deliveries USING hash (id);
    SELECT secure_tenant_table('notification_deliveries');

    -- The processes that send and are alive.
    CREATE TABLE delivery_members \(Membership.columns);
    SELECT open_table('delivery_members');

    CREATE TABLE notification_suppressions (
        \(stamps),
        channel text NOT NULL,
        address text NOT NULL,
        reason text NOT NULL,
        detail text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_suppressions_address_key UNIQUE (tenant_id, channel, address)
    );
    CREATE INDEX notification_suppressions_id_idx ON notification_suppressions USING hash (id);
    SELECT secure_tenant_table('notification_suppressions');

    -- How much went out within a window of time, by tenant and by recipient.
    CREATE TABLE notification_rates (
        tenant_id uuid NOT NULL,
        key text NOT NULL,
        window_start timestamptz(3) NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (tenant_id, key, window_start)
    ) WITH (fillfactor = 70);
    CREATE INDEX notification_rates_window_start_idx ON notification_rates (window_start);
    SELECT secure_tenant_table('notification_rates');

    CREATE TABLE scheduled_messages (
        \(stamps),
        send_at timestamptz(3) NOT NULL,
        status text NOT NULL,
        user_ids uuid[] NOT NULL,
        addresses text[] NOT NULL,
        channels text[] NOT NULL,
        subject text NOT NULL,
        body text NOT NULL,
        ticket_id uuid,
        sent_at timestamptz(3),
        cancelled_at timestamptz(3),
        PRIMARY KEY (tenant_id, id)
    );
    CREATE INDEX scheduled_messages_due_idx ON scheduled_messages (send_at) WHERE status = 'scheduled';
    CREATE INDEX scheduled_messages_id_idx ON scheduled_messages USING hash (id);
    SELECT secure_tenant_table('scheduled_messages');

    """

private let choicesSQL = """
    CREATE TABLE notification_rules (
        \(stamps),
        name text NOT NULL,
        type text NOT NULL,
        event text NOT NULL,
        enabled boolean NOT NULL,
        conditions jsonb NOT NULL,
        recipients text[] NOT NULL,
        user_ids uuid[] NOT NULL,
        addresses text[] NOT NULL,
        channels text[] NOT NULL,
        template_id uuid,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE INDEX notification_rules_id_idx ON notification_rules USING hash (id);
    SELECT secure_tenant_table('notification_rules');

    CREATE TABLE notification_templates (
        \(stamps),
        type text NOT NULL,
        channel text NOT NULL,
        locale text NOT NULL,
        subject text NOT NULL,
        text text NOT NULL,
        html text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_templates_locale_key UNIQUE (tenant_id, type, channel, locale)
    );
    CREATE INDEX notification_templates_id_idx ON notification_templates USING hash (id);
    SELECT secure_tenant_table('notification_templates');

    CREATE TABLE notification_template_revisions (
        tenant_id uuid NOT NULL,
        notification_template_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        created_by uuid,
        number bigint NOT NULL,
        subject text NOT NULL,
        text text NOT NULL,
        html text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_template_revisions_number_key UNIQUE (tenant_id, notification_template_id, number)
    );
    CREATE INDEX notification_template_revisions_id_idx ON notification_template_revisions USING hash (id);
    SELECT secure_append_only_table('notification_template_revisions');

    CREATE TABLE notification_preferences (
        \(stamps),
        user_id uuid NOT NULL,
        type text,
        channels jsonb NOT NULL,
        digest text,
        digest_at text,
        quiet_hours jsonb,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_preferences_type_key UNIQUE NULLS NOT DISTINCT (tenant_id, user_id, type)
    );
    CREATE INDEX notification_preferences_id_idx ON notification_preferences USING hash (id);
    SELECT secure_tenant_table('notification_preferences');

    CREATE TABLE notification_defaults (
        \(stamps),
        type text,
        channels jsonb NOT NULL,
        digest text,
        digest_at text,
        quiet_hours jsonb,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT notification_defaults_type_key UNIQUE NULLS NOT DISTINCT (tenant_id, type)
    );
    CREATE INDEX notification_defaults_id_idx ON notification_defaults USING hash (id);
    SELECT secure_tenant_table('notification_defaults');
    """
