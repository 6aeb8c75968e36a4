// Pictures that articles show without another host.
import Contracts
import Database
import Markup
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Pictures of articles. Their files come and go by ``ImageRoutes``; what is here is what is known of them.
struct Images: Resource {
    static let store: ResourceStore<Images> = ResourceStore(Images())

    let path = "kb_images"
    let entity = "kb_image"
    let summary = "Pictures that articles show, kept here: PNG, JPEG, GIF or WebP."
    /// Creating has a route of its own, which takes the file.
    let operations: ResourceOperations = [.list, .get, .update, .delete]
    let permissions = ResourcePermissions(read: "knowledge.read", write: "knowledge.write")
    let fields: [Field] = [
        .text("name", 1...255).searchable.described("To be recognized by.").example("settings.png"),
        .text("url", 1...200).notNull.computed("'\(ImageAddress.root)' || t.tenant_id || '/' || t.id").described(
            "What stands in an article's Markdown: `![What is to be seen](url)`."),
        .choice("mediaType", ImageFile.Format.self).readOnly.notNull.filterable.described(
            "By the file's first bytes, whatever its upload said."),
        .integer("sizeBytes", 1...Int64(ImageFile.bytesMax)).readOnly.notNull.sortable,
        .integer("width", 1...Int64(ImageFile.sideMax)).readOnly.notNull.described("In pixels."),
        .integer("height", 1...Int64(ImageFile.sideMax)).readOnly.notNull.described("In pixels."),
        .text("sha256", 64...64).readOnly.notNull.filterable.described("Of the file, in hexadecimal digits.")
            .example("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ]

    func visible(to caller: Caller) -> SQL? { Self.shown(to: ArticleAudience(caller)) }

    /// Over the row `t`: who may read an article sees its pictures, and nobody else does; nil for all of them.
    static func shown(to audience: ArticleAudience) -> SQL? {
        guard let condition = audience.condition else { return nil }
        return """
            (t.tenant_id, t.id) IN (SELECT r.tenant_id, r.image_id FROM kb_article_images AS r
                JOIN kb_articles AS t ON t.tenant_id = r.tenant_id AND t.id = r.article_id
                WHERE t.deleted_at IS NULL AND (\(condition)))
            """
    }

    /// A picture stays for as long as an article shows it.
    func willDelete(_ draft: inout Draft, _ op: Operation) async throws {
        let row = try await op.tx.first(
            "SELECT FROM kb_article_images WHERE tenant_id = \(op.tenantId) AND image_id = \(draft.id) LIMIT 1")
        guard row == nil else {
            throw Problem.conflict(
                "An article shows the image. GET kb_articles?imageId=\(draft.id.text) lists those that do.",
                code: "still_referenced")
        }
    }
}

/// Where readers find an image: at no name that may change, so that an article's text may say it.
enum ImageAddress {
    static let root = "/v1/help-images/"

    /// The image that an address without host names, if it is one of the tenant's by its form.
    static func image(_ path: Substring, of tenantId: UUID) -> UUID? {
        let parts = path.dropFirst(root.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, UUID(text: parts[0]) == tenantId else { return nil }
        return UUID(text: parts[1])
    }
}

/// The images that an article shows or leads to: what decides who sees them.
struct ShownImages {
    /// By id, with what stands in the text.
    private(set) var addresses: [UUID: String] = [:]
    /// Those that can be none of the tenant's.
    private(set) var unknown: [String] = []
    /// Named as other sites would name them: nothing is wrong where there are none.
    private(set) var elsewhere: Set<UUID> = []

    init(in text: RichText, of tenantId: UUID) {
        for address in text.addresses {
            guard let root = address.firstRange(of: ImageAddress.root) else { continue }
            let image = ImageAddress.image(address[root.lowerBound...], of: tenantId)
            switch (image, root.lowerBound == address.startIndex) {
            case (let image?, true): addresses[image] = address
            case (nil, true): unknown.append(address)
            case (let image?, false): elsewhere.insert(image)
            case (nil, false): continue
            }
        }
    }

    /// Notes them for the article, in place of those that it has shown before; a 422 where there is no such image.
    /// - Parameter mayLack: takes those that there are.
    func keep(for articleId: UUID, mayLack: Bool = false, _ op: Operation) async throws {
        let wanted = Array(elsewhere.union(addresses.keys))
        var known: [UUID] = []
        if !wanted.isEmpty {
            known = try await op.tx.query(
                "SELECT id FROM kb_images WHERE tenant_id = \(op.tenantId) AND id = ANY(\(wanted))"
            ).map { try $0.get(0) }
        }
        let lacking = unknown + addresses.filter { !known.contains($0.key) }.map(\.value).sorted()
        guard mayLack || lacking.isEmpty else {
            throw Problem.invalid(
                lacking.map { Fault(.pointer("/body"), "unknown_image", "There is no image at \($0).") })
        }
        op.tx.enqueue(
            """
            DELETE FROM kb_article_images
            WHERE tenant_id = \(op.tenantId) AND article_id = \(articleId) AND image_id <> ALL(\(known))
            """)
        guard !known.isEmpty else { return }
        op.tx.enqueue(
            """
            INSERT INTO kb_article_images (tenant_id, article_id, image_id)
            SELECT \(op.tenantId), \(articleId), unnest(\(known)) ON CONFLICT DO NOTHING
            """)
    }

    /// What a deleted article showed may go.
    static func forget(of article: Record, _ op: Operation) {
        op.tx.enqueue(
            "DELETE FROM kb_article_images WHERE tenant_id = \(article.tenantId) AND article_id = \(article.id)")
    }
}
