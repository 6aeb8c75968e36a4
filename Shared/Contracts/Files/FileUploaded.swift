#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A file was uploaded.
public struct FileUploaded: Event {
    public static let name = "file.uploaded"
    public static let summary = "A file was uploaded."
    public static let category = "Assets + Media"
    public static let owner = "files"

    public var fileId: UUID
    public var uploadedByUserId: UUID
    public var uploadedAt: Timestamp
    public var fileName: String
    public var contentType: String
    public var sizeBytes: Int
    public var storageKey: String

    public init(
        fileId: UUID, uploadedByUserId: UUID, uploadedAt: Timestamp, fileName: String, contentType: String,
        sizeBytes: Int, storageKey: String
    ) {
        self.fileId = fileId
        self.uploadedByUserId = uploadedByUserId
        self.uploadedAt = uploadedAt
        self.fileName = fileName
        self.contentType = contentType
        self.sizeBytes = sizeBytes
        self.storageKey = storageKey
    }

    public var aggregate: Aggregate { Aggregate(type: "file", id: fileId) }

    public static var example: Self {
        FileUploaded(
            fileId: Example.id("file"), uploadedByUserId: Example.id("agent"), uploadedAt: Example.time(),
            fileName: "vpn-log.txt", contentType: "text/plain", sizeBytes: 18230,
            storageKey: "tenants/019b7d1c/files/vpn-log.txt")
    }
}
