#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An uploaded file was processed.
public struct MediaProcessingSucceeded: Event {
    public static let name = "media_processing.succeeded"
    public static let summary = "An uploaded file was processed."
    public static let category = "Assets + Media"
    public static let owner = "files"
    public static let notes = ["outputs": "What was made of it, such as thumbnails."]

    public var fileId: UUID
    public var processedAt: Timestamp
    public var outputs: [JSONObject]?
    public var durationMs: Int

    public init(fileId: UUID, processedAt: Timestamp, outputs: [JSONObject]? = nil, durationMs: Int) {
        self.fileId = fileId
        self.processedAt = processedAt
        self.outputs = outputs
        self.durationMs = durationMs
    }

    public var aggregate: Aggregate { Aggregate(type: "file", id: fileId) }

    public static var example: Self {
        MediaProcessingSucceeded(
            fileId: Example.id("file"), processedAt: Example.time(),
            outputs: [["kind": "thumbnail", "storageKey": "tenants/019b7d1c/files/vpn-log.png"]], durationMs: 412)
    }
}
