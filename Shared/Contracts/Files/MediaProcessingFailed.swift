#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The processing of an uploaded file failed.
public struct MediaProcessingFailed: Event {
    public static let name = "media_processing.failed"
    public static let summary = "The processing of an uploaded file failed."
    public static let category = "Assets + Media"
    public static let owner = "files"

    public var fileId: UUID
    public var failedAt: Timestamp
    public var errorCode: String?
    public var errorMessage: String
    public var retryable: Bool?

    public init(
        fileId: UUID, failedAt: Timestamp, errorCode: String? = nil, errorMessage: String, retryable: Bool? = nil
    ) {
        self.fileId = fileId
        self.failedAt = failedAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
        self.retryable = retryable
    }

    public var aggregate: Aggregate { Aggregate(type: "file", id: fileId) }

    public static var example: Self {
        MediaProcessingFailed(
            fileId: Example.id("file"), failedAt: Example.time(), errorCode: "timeout",
            errorMessage: "The other side did not answer within 30 seconds.", retryable: true)
    }
}
