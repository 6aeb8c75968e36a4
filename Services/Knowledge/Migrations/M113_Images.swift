import Database

extension Migration {
    /// Pictures that articles show, and which show which.
    static let images = Migration(
        version: 113, name: "images",
        sql: """
            CREATE TABLE kb_images (
                tenant_id uuid NOT NULL,
                id uuid NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz(3) NOT NULL,
                updated_at timestamptz(3) NOT NULL,
                created_by uuid,
                updated_by uuid,
                name text,
                media_type text NOT NULL,
                size_bytes integer NOT NULL,
                width integer NOT NULL,
                height integer NOT NULL,
                sha256 text NOT NULL,
                PRIMARY KEY (tenant_id, id),
                CONSTRAINT kb_images_sha256_key UNIQUE (tenant_id, sha256)
            );
            CREATE INDEX kb_images_id_idx ON kb_images USING hash (id);
            SELECT secure_tenant_table('kb_images');

            -- Apart from what lists read.
            CREATE TABLE kb_image_contents (
                tenant_id uuid NOT NULL,
                image_id uuid NOT NULL,
                content bytea NOT NULL,
                PRIMARY KEY (tenant_id, image_id),
                FOREIGN KEY (tenant_id, image_id) REFERENCES kb_images ON DELETE CASCADE
            );
            -- Not compressed: the files are.
            ALTER TABLE kb_image_contents ALTER COLUMN content SET STORAGE EXTERNAL;
            SELECT secure_tenant_table('kb_image_contents');

            -- An article's pictures are noted before a new article's own row is written.
            CREATE TABLE kb_article_images (
                tenant_id uuid NOT NULL,
                article_id uuid NOT NULL,
                image_id uuid NOT NULL,
                PRIMARY KEY (tenant_id, article_id, image_id),
                FOREIGN KEY (tenant_id, article_id) REFERENCES kb_articles DEFERRABLE INITIALLY DEFERRED,
                FOREIGN KEY (tenant_id, image_id) REFERENCES kb_images
            );
            CREATE INDEX kb_article_images_image_id_idx ON kb_article_images (tenant_id, image_id);
            SELECT secure_tenant_table('kb_article_images');
            """)
}
