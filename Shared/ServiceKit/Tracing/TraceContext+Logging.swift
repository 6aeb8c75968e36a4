// Every line that is logged while a trace is worked for says which.

import Logging
import Tracing

extension Logger.MetadataProvider {
    /// `trace.id` and `span.id` of the current task.
    public static var trace: Logger.MetadataProvider {
        Logger.MetadataProvider {
            guard let trace = ServiceContext.current?.traceContext else { return [:] }
            return ["trace.id": .string(trace.traceID.hex), "span.id": .string(trace.spanID.hex)]
        }
    }
}
