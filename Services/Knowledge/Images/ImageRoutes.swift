// The files of pictures: how they come, and how they are shown.
import Contracts
import Crypto
import Database
import HTTPTypes
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ImageRoutes {
    static let all: [Route] = [upload, content, shown]

    private static let upload = Route(
        .post, "kb_images", permission: "knowledge.write", summary: "Upload an image",
        description: """
            The body is the file: PNG, JPEG, GIF or WebP, which its first bytes must say. The same file is kept once: another \
            upload answers the image that there is, with 200, and changes nothing.
            """,
        tag: "kb_images",
        parameters: [Parameter("name", .text(length: 1...255, format: nil), "To be recognized by.")],
        body: .bytes(ImageFile.Format.allCases.map(\.rawValue), bytesMax: ImageFile.bytesMax),
        answers: [.entity("KbImage", .created), .entity("KbImage")], operationId: "createKbImage"
    ) { call in
        guard let tenantId = call.tenantId else {
            throw Problem.badRequest(errors: [Fault(.parameter("tenantId"), "required", "It says whose image it is.")])
        }
        let file = try ImageFile.checked(call.bytes)
        let name = call.arguments.string("name")
        return try await call.write { op in
            let (image, isNew) = try await keep(file, call.bytes, name: name, op.on(tenant: tenantId))
            var headers: HTTPFields = [.eTag: "\"\(image.version)\""]
            if isNew { headers[.location] = call.location(image.id.text) }
            return .json(bytes: try image.bytes(), status: isNew ? .created : .ok, headers: headers)
        }
    }

    /// Keeps a file, or finds the image that it is already.
    static func keep(
        _ file: ImageFile, _ bytes: [UInt8], name: String? = nil, _ op: Operation
    ) async throws -> (image: Record, isNew: Bool) {
        let digest = SHA256.hash(data: bytes).hexadecimal
        let lock = "kb_images:\(op.tenantId.text):\(digest)"
        // Of two at once, the second one finds what the first one has kept.
        op.tx.enqueue("SELECT pg_advisory_xact_lock(hashtextextended(\(lock), 0))")
        let known = try await Images.store.select("t.sha256 = \(digest)", in: op.tx, tenantId: op.tenantId).first
        if let known { return (known, false) }
        var values: Values = [
            "mediaType": file.format.rawValue, "sizeBytes": Int64(bytes.count), "width": Int64(file.width),
            "height": Int64(file.height), "sha256": digest,
        ]
        if let name { values.set("name", name) }
        let image = try await Images.store.create(values, in: op)
        op.tx.enqueue(
            """
            INSERT INTO kb_image_contents (tenant_id, image_id, content) VALUES (\(op.tenantId), \(image.id), \(bytes))
            """)
        return (image, true)
    }

    private static let content = Route(
        .get, "kb_images/{kbImageId}/content", permission: "knowledge.read", summary: "Get an image's file",
        tag: "kb_images", answers: files, operationId: "getKbImageContent"
    ) { call in
        let id = try call.id("kbImageId")
        return try await call.read { tx in
            let image = try await Images.store.find(id, in: tx, tenantId: call.tenantId, caller: call.caller)
            // It is for this caller, and for no cache that others use.
            return try await file(of: image, call, in: tx).with(.cacheControl, "private, max-age=31536000, immutable")
        }
    }

    /// What everybody sees: the pictures of articles that everybody reads.
    private static let shown = Route(
        .get, "help-images/{organizationId}/{kbImageId}", on: [.platform], access: .open,
        summary: "An image of an article", tag: "help", answers: files, operationId: "showKbImage"
    ) { call in
        let (tenantId, id) = (try call.id("organizationId"), try call.id("kbImageId"))
        return try await call.database.transaction(as: .tenant(tenantId), readOnly: true) { tx in
            var condition: SQL = """
                t.id = \(id)
                    AND EXISTS (SELECT FROM organizations AS o WHERE o.tenant_id = t.tenant_id AND o.deleted_at IS NULL)
                """
            if let shown = Images.shown(to: .everybody) { condition += " AND \(shown)" }
            let image = try await Images.store.select(condition, in: tx, tenantId: tenantId).first
            return try await file(of: image, call, in: tx)
                .with(.cacheControl, "public, max-age=31536000, immutable")
                // Whoever shows the article elsewhere may show its pictures.
                .with(.crossOriginResourcePolicy, "cross-origin")
        }
    }

    /// An image's file never changes; 304 for who has it, without reading it.
    private static func file(of image: Record?, _ call: Call, in tx: Transaction) async throws -> Answer {
        guard let image, let digest = image.string("sha256"), let type = image.string("mediaType") else {
            throw Problem.notFound("There is no such kb_image.")
        }
        // What is opened by itself is a picture and nothing else, even for a program that reads something else in it.
        let head = Answer.content(.empty, type: type).with(.contentSecurityPolicy, "default-src 'none'; sandbox")
        var answer = head.tagged("\"\(digest)\"", ifNoneMatch: call.headers[.ifNoneMatch])
        guard answer.status == .ok else { return answer }
        let row = try await tx.first(
            """
            SELECT content FROM kb_image_contents
            WHERE tenant_id = \(image.tenantId) AND image_id = \(image.id)
            """)
        guard let row else { throw Problem.notFound("There is no such kb_image.") }
        answer.content = .bytes(try row.get(0))
        return answer
    }

    private static let files: [AnswerSpec] =
        ImageFile.Format.allCases.map { AnswerSpec(.ok, "The file.", schema: [:], mediaType: $0.rawValue) }
        + [AnswerSpec(.notModified, "What the reader has is what there is.")]
}

extension Sequence<UInt8> {
    /// Two digits for each.
    var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
