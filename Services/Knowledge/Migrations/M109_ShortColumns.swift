import Database

extension Migration {
    /// Keeps in its row what a search reads of hundreds of articles: beside a long `search_document`, which stays there, even short
    /// columns would be put elsewhere. It counts for rows that are written from now on.
    static let shortColumns = Migration(
        version: 109, name: "short_columns",
        sql: """
            ALTER TABLE kb_articles
                ALTER COLUMN title SET STORAGE MAIN, ALTER COLUMN slug SET STORAGE MAIN,
                ALTER COLUMN summary SET STORAGE MAIN, ALTER COLUMN labels SET STORAGE MAIN,
                ALTER COLUMN group_ids SET STORAGE MAIN, ALTER COLUMN search_title SET STORAGE MAIN;
            """)
}
