import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Hands messages to a server over a few connections that are kept for the next message (RFC 5321, RFC 2920).
public final class SMTPClient: Sendable {
    /// What somebody who sends is given: a connection, or the right to make one.
    private enum Lease {
        case connection(SMTPConnection)
        case slot
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Lease, any Error>
    }

    private struct State {
        var idle: [(connection: SMTPConnection, expiry: Scheduled<Void>)] = []
        /// Connections and those that are being made.
        var open = 0
        var waiters = CircularBuffer<Waiter>()
        var lastWaiter: UInt64 = 0
        var isClosed = false
    }

    public let configuration: SMTPConfiguration
    private let tls: NIOSSLContext?
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    /// Reads the trusted authorities, which may fail; connects to nobody yet.
    public init(
        _ configuration: SMTPConfiguration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws {
        self.configuration = configuration
        self.group = group
        guard configuration.encryption != .none else {
            tls = nil
            return
        }
        var settings = TLSConfiguration.makeClientConfiguration()
        if let file = configuration.authorityFile { settings.trustRoots = .file(file) }
        tls = try NIOSSLContext(configuration: settings)
    }

    /// Connections that are open, idle or not.
    public var connectionCount: Int { state.withLock { $0.open } }

    /// Hands a message over: `message` as `MailMessage.composed` made it. Returning means that the server has it.
    public func send(_ envelope: SMTPEnvelope, _ message: [UInt8]) async throws(SMTPError) -> SMTPReceipt {
        let handover = try await handOver(envelope, message)
        handover.release()
        return handover.receipt
    }

    /// The same, with the connection held until ``SMTPHandover/release()``: for who must note first that the server has the message.
    /// Should he die before, then a message that he repeats is the last of its connection, and no reply to it was built upon.
    public func handOver(_ envelope: SMTPEnvelope, _ message: [UInt8]) async throws(SMTPError) -> SMTPHandover {
        do {
            return try await attempt(envelope, message)
        } catch {
            throw (error as? SMTPError) ?? SMTPError(.connectionLost, .connect, String(describing: error))
        }
    }

    /// Says goodbye to idle connections; those at work end after their message. Nothing can be sent any more.
    public func close() {
        let (idle, waiters) = state.withLock { state in
            state.isClosed = true
            defer { (state.idle, state.waiters) = ([], []) }
            state.open -= state.idle.count
            return (state.idle, state.waiters)
        }
        for (connection, expiry) in idle {
            expiry.cancel()
            connection.quit()
        }
        for waiter in waiters { waiter.continuation.resume(throwing: Self.closedError) }
    }

    private static let closedError = SMTPError(.closed, .connect, "The client is closed.")

    /// One try, and a second over a new connection where a kept one turns out to be dead: it says nothing about the message.
    private func attempt(_ envelope: SMTPEnvelope, _ message: [UInt8]) async throws -> SMTPHandover {
        let (connection, isKept) = try await lease()
        do {
            return try await deliver(envelope, message, over: connection)
        } catch let error as SMTPError where isKept && Self.isStale(error) {
            let (fresh, _) = try await lease(freshOnly: true)
            return try await deliver(envelope, message, over: fresh)
        }
    }

    private static func isStale(_ error: SMTPError) -> Bool {
        switch error.kind {
        case .connectionLost: [.mail, .reset].contains(error.phase)
        case .refused: error.reply?.code == 421 && [.mail, .reset].contains(error.phase)
        default: false
        }
    }

    private func deliver(
        _ envelope: SMTPEnvelope, _ message: [UInt8], over connection: SMTPConnection
    ) async throws -> SMTPHandover {
        do {
            let receipt = try await connection.deliver(envelope, message)
            return SMTPHandover(receipt: receipt) { self.giveBack(connection) }
        } catch {
            // A refusal leaves the conversation in order; after anything else nobody knows where it stands.
            let kind = (error as? SMTPError)?.kind
            let isInOrder = kind == .unsupported || kind == .invalidMessage || kind == .refused
            if isInOrder, (error as? SMTPError)?.reply?.code != 421 {
                giveBack(connection)
            } else {
                discard(connection)
            }
            throw error
        }
    }

    // MARK: Leases

    private func lease(freshOnly: Bool = false) async throws -> (SMTPConnection, isKept: Bool) {
        switch try await nextLease(freshOnly: freshOnly) {
        case .connection(let connection):
            guard freshOnly else { return (connection, true) }
            connection.quit()
        case .slot: break
        }
        do {
            let connection = try await SMTPConnection.open(configuration, tls: tls, group: group)
            connection.closed.whenComplete { _ in self.remove(connection) }
            return (connection, false)
        } catch {
            passOnSlot()
            throw error
        }
    }

    private func nextLease(freshOnly: Bool) async throws -> Lease {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Lease, any Error>) in
                let result: Result<Lease, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closedError) }
                    if Task.isCancelled { return .failure(Self.cancelledError) }
                    if state.open < configuration.connectionsMax, freshOnly || state.idle.isEmpty {
                        state.open += 1
                        return .success(.slot)
                    }
                    // The latest one first: the others may then grow old and go.
                    if let (connection, expiry) = state.idle.popLast() {
                        expiry.cancel()
                        return .success(.connection(connection))
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let at = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiters.remove(at: at)
            }
            waiter?.continuation.resume(throwing: Self.cancelledError)
        }
    }

    private static let cancelledError = SMTPError(.cancelled, .connect, "The task was cancelled.")

    /// A connection that can take the next message goes to who waits longest, or is kept for a while.
    private func giveBack(_ connection: SMTPConnection) {
        guard connection.isOpen, connection.messageCount < configuration.messagesPerConnectionMax else {
            return discard(connection)
        }
        let limit = TimeAmount(configuration.idleLimit)
        let (waiter, isKept) = state.withLock { state -> (Waiter?, Bool) in
            if state.isClosed { return (nil, false) }
            if let waiter = state.waiters.popFirst() { return (waiter, true) }
            let expiry = connection.eventLoop.scheduleTask(in: limit) { self.remove(connection) }
            state.idle.append((connection, expiry))
            return (nil, true)
        }
        if let waiter { return waiter.continuation.resume(returning: .connection(connection)) }
        guard isKept else { return discard(connection) }
        // It may have ended just before it was among the idle ones.
        if !connection.isOpen { remove(connection) }
    }

    /// An idle connection grew old, or its server hung up.
    private func remove(_ connection: SMTPConnection) {
        let removed = state.withLock { state -> Scheduled<Void>? in
            guard let at = state.idle.firstIndex(where: { $0.connection === connection }) else { return nil }
            return state.idle.remove(at: at).expiry
        }
        guard let removed else { return }
        removed.cancel()
        discard(connection)
    }

    private func discard(_ connection: SMTPConnection) {
        connection.quit()
        passOnSlot()
    }

    /// There may be one connection more.
    private func passOnSlot() {
        let waiter = state.withLock { state -> Waiter? in
            if let waiter = state.waiters.popFirst() { return waiter }
            state.open -= 1
            return nil
        }
        waiter?.continuation.resume(returning: .slot)
    }
}
