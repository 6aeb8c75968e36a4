import Contracts
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why something happens at this moment: what events take over that don't say it themselves.
///
/// A request binds it once (request id, actor), a consumer binds it around each handler (the event that it handles).
public struct MessagingContext: Sendable {
    /// The tenant for which something is done; needed where a transaction's scope does not tell.
    public var tenantId: UUID?
    public var actor: Actor?
    /// The request or event behind it.
    public var causationId: String?
    public var idempotencyKey: String?
    /// W3C trace context, used where no tracer is installed that has its own.
    public var traceparent: String?

    public init(
        tenantId: UUID? = nil, actor: Actor? = nil, causationId: String? = nil, idempotencyKey: String? = nil,
        traceparent: String? = nil
    ) {
        self.tenantId = tenantId
        self.actor = actor
        self.causationId = causationId
        self.idempotencyKey = idempotencyKey
        self.traceparent = traceparent
    }

    /// The context of the running task.
    @TaskLocal public static var current = MessagingContext()
}

/// W3C trace context in and out of a message, through whatever tracer the process has.
enum TraceContext {
    static let header = "traceparent"

    /// The running span's `traceparent`; without a tracer, the one that came with the request or message.
    static func current() -> String? {
        if let context = ServiceContext.current {
            var carrier: [String: String] = [:]
            InstrumentationSystem.instrument.inject(context, into: &carrier, using: DictionaryInjector())
            if let value = carrier[header] { return value }
        }
        return MessagingContext.current.traceparent
    }

    /// The service context that a received `traceparent` stands for.
    static func extracted(from traceparent: String?) -> ServiceContext {
        var context = ServiceContext.topLevel
        if let traceparent {
            InstrumentationSystem.instrument.extract(
                [header: traceparent], into: &context, using: DictionaryExtractor())
        }
        return context
    }
}

private struct DictionaryInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key.lowercased()] = value
    }
}

private struct DictionaryExtractor: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? {
        carrier[key.lowercased()]
    }
}
