import Database

extension Migration {
    /// Lookups that are made before it is known whose pages are asked for.
    static let helpCenter = Migration(
        version: 103, name: "help_center",
        sql: "CREATE INDEX organizations_slug_idx ON organizations (slug) WHERE deleted_at IS NULL;")
}
