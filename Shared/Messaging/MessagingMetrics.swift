import Metrics

/// Every metric that messaging reports, with what it means. All have the dimension `service`.
///
/// | name | kind | meaning |
/// | --- | --- | --- |
/// | `outbox_pending` | gauge | committed events that the broker has not confirmed yet, counted up to 100,000 |
/// | `outbox_age_seconds` | gauge | age of the oldest of them |
/// | `outbox_published_total` | counter | events confirmed by the broker |
/// | `outbox_refused_total` | counter | events that the broker refused or returned; their aggregates wait |
/// | `consumer_handled_total` | counter | messages handled, by `handler` |
/// | `consumer_duplicates_total` | counter | messages that had been handled before, by `handler` |
/// | `consumer_retries_total` | counter | failed attempts that will be repeated, by `handler` |
/// | `consumer_dead_letters_total` | counter | messages given up, by `handler` and `reason` |
/// | `consumer_discarded_total` | counter | messages that a handler declined, by `handler` |
/// | `consumer_parked` | gauge | messages that wait for another attempt, or behind one that does |
/// | `consumer_batch_size` | recorder | messages handled in one transaction |
/// | `consumer_batch_seconds` | timer | time from a batch's receipt to its acknowledgement |
/// | `consumer_lag_seconds` | recorder | from the oldest event of a batch, as it happened, to the end of its handling |
/// | `consumer_queue_ready` | gauge | messages ready in the service's queues |
/// | `dead_letters` | gauge | messages in the service's dead-letter queue |
public enum MessagingMetrics {
    static func published(_ count: Int, service: String) {
        guard count > 0 else { return }
        Counter(label: "outbox_published_total", dimensions: [("service", service)]).increment(by: Int64(count))
    }

    static func refused(_ count: Int, service: String) {
        Counter(label: "outbox_refused_total", dimensions: [("service", service)]).increment(by: Int64(count))
    }

    static func outbox(pending: Int, ageSeconds: Double, service: String) {
        Gauge(label: "outbox_pending", dimensions: [("service", service)]).record(pending)
        Gauge(label: "outbox_age_seconds", dimensions: [("service", service)]).record(ageSeconds)
    }

    enum HandlerCount: String {
        case handled = "consumer_handled_total"
        case duplicates = "consumer_duplicates_total"
        case retries = "consumer_retries_total"
        case discarded = "consumer_discarded_total"
    }

    static func count(_ what: HandlerCount, _ count: Int, service: String, handler: String) {
        guard count > 0 else { return }
        Counter(label: what.rawValue, dimensions: [("service", service), ("handler", handler)])
            .increment(by: Int64(count))
    }

    static func deadLettered(service: String, handler: String, reason: String) {
        Counter(
            label: "consumer_dead_letters_total",
            dimensions: [("service", service), ("handler", handler), ("reason", reason)]
        ).increment()
    }

    static func batch(size: Int, duration: Duration, service: String) {
        Recorder(label: "consumer_batch_size", dimensions: [("service", service)]).record(size)
        Timer(label: "consumer_batch_seconds", dimensions: [("service", service)]).record(duration: duration)
    }

    static func lag(seconds: Double, service: String) {
        Recorder(label: "consumer_lag_seconds", dimensions: [("service", service)]).record(seconds)
    }

    static func parked(_ count: Int, service: String) {
        Gauge(label: "consumer_parked", dimensions: [("service", service)]).record(count)
    }

    static func queues(ready: Int, deadLetters: Int, service: String) {
        Gauge(label: "consumer_queue_ready", dimensions: [("service", service)]).record(ready)
        Gauge(label: "dead_letters", dimensions: [("service", service)]).record(deadLetters)
    }
}
