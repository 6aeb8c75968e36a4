import Database
import Search

extension Migration {
    static let knowledge = Migration(version: 101, name: "knowledge", sql: structureSQL + articlesSQL)
}

private let structureSQL = """
    CREATE TABLE kb_categories (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        created_by uuid,
        updated_by uuid,
        parent_id uuid,
        name text NOT NULL,
        slug text NOT NULL,
        description text,
        position integer NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_categories_slug_key UNIQUE (tenant_id, slug),
        CONSTRAINT kb_categories_parent_id_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES kb_categories
    );
    CREATE INDEX kb_categories_parent_id_idx ON kb_categories (tenant_id, parent_id);
    CREATE INDEX kb_categories_id_idx ON kb_categories USING hash (id);
    SELECT secure_tenant_table('kb_categories');

    CREATE TABLE kb_sections (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        created_by uuid,
        updated_by uuid,
        category_id uuid NOT NULL,
        name text NOT NULL,
        slug text NOT NULL,
        description text,
        position integer NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_sections_slug_key UNIQUE (tenant_id, slug),
        CONSTRAINT kb_sections_category_id_fkey FOREIGN KEY (tenant_id, category_id) REFERENCES kb_categories
    );
    CREATE INDEX kb_sections_category_id_idx ON kb_sections (tenant_id, category_id);
    CREATE INDEX kb_sections_id_idx ON kb_sections USING hash (id);
    SELECT secure_tenant_table('kb_sections');

    """

private let articlesSQL = """
    \(SearchSchema.configurations)

    CREATE TABLE kb_articles (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz(3) NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        created_by uuid,
        updated_by uuid,
        deleted_at timestamptz(3),
        deleted_by uuid,
        section_id uuid NOT NULL,
        title text NOT NULL,
        slug text NOT NULL,
        body text NOT NULL,
        body_html text NOT NULL,
        body_text text NOT NULL,
        summary text,
        status text NOT NULL,
        visibility text NOT NULL,
        group_ids uuid[] NOT NULL,
        labels text[] NOT NULL,
        author_id uuid,
        owner_id uuid,
        review_by date,
        locale text NOT NULL,
        translation_of uuid,
        source_revision integer,
        revision integer NOT NULL,
        publish_at timestamptz(3),
        published_at timestamptz(3),
        archived_at timestamptz(3),
        position integer NOT NULL,
        attachments jsonb NOT NULL,
        search_title tsvector NOT NULL
            GENERATED ALWAYS AS (to_tsvector(search_configuration(locale), title)) STORED,
        search_document tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector(search_configuration(locale), title), 'A')
            || setweight(to_tsvector(search_configuration(locale), coalesce(summary, '')), 'B')
            || setweight(to_tsvector(search_configuration(locale), body_text), 'D')) STORED,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_articles_section_id_fkey FOREIGN KEY (tenant_id, section_id) REFERENCES kb_sections,
        CONSTRAINT kb_articles_translation_of_fkey FOREIGN KEY (tenant_id, translation_of) REFERENCES kb_articles
    );
    CREATE UNIQUE INDEX kb_articles_slug_key ON kb_articles (tenant_id, locale, slug) WHERE deleted_at IS NULL;
    CREATE UNIQUE INDEX kb_articles_translation_of_locale_key ON kb_articles (tenant_id, translation_of, locale)
        WHERE deleted_at IS NULL;
    CREATE INDEX kb_articles_section_id_idx ON kb_articles (tenant_id, section_id, status, position, id);
    CREATE INDEX kb_articles_publish_at_idx ON kb_articles (publish_at) WHERE publish_at IS NOT NULL;
    CREATE INDEX kb_articles_id_idx ON kb_articles USING hash (id);
    SELECT secure_tenant_table('kb_articles');
    \(SearchSchema.searchable("kb_articles", from: "deleted_at IS NULL"))

    -- Where an article was found before its slug changed.
    CREATE TABLE kb_article_redirects (
        tenant_id uuid NOT NULL,
        locale text NOT NULL,
        slug text NOT NULL,
        article_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, locale, slug),
        FOREIGN KEY (tenant_id, article_id) REFERENCES kb_articles
    );
    SELECT secure_tenant_table('kb_article_redirects');

    CREATE TABLE kb_article_revisions (
        tenant_id uuid NOT NULL,
        kb_article_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        created_by uuid,
        number integer NOT NULL,
        title text NOT NULL,
        summary text,
        body text NOT NULL,
        note text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_article_revisions_number_key UNIQUE (tenant_id, kb_article_id, number),
        FOREIGN KEY (tenant_id, kb_article_id) REFERENCES kb_articles
    );
    CREATE INDEX kb_article_revisions_id_idx ON kb_article_revisions USING hash (id);
    SELECT secure_append_only_table('kb_article_revisions');

    CREATE TABLE kb_article_feedback (
        tenant_id uuid NOT NULL,
        kb_article_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        created_by uuid,
        revision integer NOT NULL,
        person text NOT NULL,
        helpful boolean NOT NULL,
        comment text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_article_feedback_person_key UNIQUE (tenant_id, kb_article_id, revision, person),
        FOREIGN KEY (tenant_id, kb_article_id) REFERENCES kb_articles
    );
    CREATE INDEX kb_article_feedback_id_idx ON kb_article_feedback USING hash (id);
    SELECT secure_append_only_table('kb_article_feedback');

    CREATE TABLE kb_article_links (
        tenant_id uuid NOT NULL,
        kb_article_id uuid NOT NULL,
        id uuid NOT NULL,
        created_at timestamptz(3) NOT NULL,
        created_by uuid,
        ticket_id uuid NOT NULL,
        kind text NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT kb_article_links_ticket_id_key UNIQUE (tenant_id, kb_article_id, ticket_id, kind),
        FOREIGN KEY (tenant_id, kb_article_id) REFERENCES kb_articles
    );
    CREATE INDEX kb_article_links_ticket_id_idx ON kb_article_links (tenant_id, ticket_id);
    CREATE INDEX kb_article_links_id_idx ON kb_article_links USING hash (id);
    SELECT secure_tenant_table('kb_article_links');

    -- What was read and looked for, by day (UTC). Written in batches, so that readers never wait for it.
    CREATE TABLE kb_article_days (
        tenant_id uuid NOT NULL,
        article_id uuid NOT NULL,
        day date NOT NULL,
        views bigint NOT NULL,
        visitors bigint NOT NULL,
        PRIMARY KEY (tenant_id, article_id, day)
    );
    CREATE INDEX kb_article_days_day_idx ON kb_article_days (tenant_id, day);
    SELECT secure_tenant_table('kb_article_days');

    -- Who read what on which day; kept for as long as it takes to count a visitor once.
    CREATE TABLE kb_article_visitors (
        tenant_id uuid NOT NULL,
        day date NOT NULL,
        article_id uuid NOT NULL,
        visitor text NOT NULL,
        PRIMARY KEY (tenant_id, day, article_id, visitor)
    );
    SELECT secure_tenant_table('kb_article_visitors');

    CREATE TABLE kb_searches (
        tenant_id uuid NOT NULL,
        day date NOT NULL,
        locale text NOT NULL,
        query text NOT NULL,
        searches bigint NOT NULL,
        without_result bigint NOT NULL,
        clicks bigint NOT NULL,
        PRIMARY KEY (tenant_id, day, locale, query)
    );
    SELECT secure_tenant_table('kb_searches');
    """
