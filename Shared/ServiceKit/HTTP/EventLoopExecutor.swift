import NIOCore

/// Runs tasks on an event loop. What serves a connection runs where the connection's bytes come in: nothing is handed
/// from thread to thread between reading a request and writing its answer.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
