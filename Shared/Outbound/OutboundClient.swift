import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Sends HTTP/1.1 requests to addresses that strangers gave: webhooks, push services.
///
/// The name is resolved here, the addresses are checked, and the very address that was checked is connected to; the name is
/// not looked up again, so that it can't mean another host by then. TLS asks for, and checks, the name. Each request has a
/// connection of its own, no proxy of the environment is used, no redirect is followed, no cookie is kept.
public struct OutboundClient: Sendable {
    public struct Limits: Sendable {
        /// For one address.
        public var connectTime: TimeAmount = .seconds(5)
        /// For all of it: looking the name up, connecting, sending, the answer.
        public var totalTime: TimeAmount = .seconds(15)
        /// What is kept of an answer's body; the connection is closed when there is more.
        public var bodyBytes = 64 * 1024
        /// Addresses of a name that are tried.
        public var addresses = 4

        public init() {}
    }

    public let policy: AddressPolicy
    /// Whether `http://` will do.
    public let allowsPlain: Bool
    private let limits: Limits
    private let resolver: any HostResolver
    private let tls: NIOSSLContext

    /// - Parameter authorityFile: Certificates of authorities (PEM) to trust beside the system's.
    public init(
        policy: AddressPolicy = AddressPolicy(), allowsPlain: Bool = false, limits: Limits = Limits(),
        resolver: any HostResolver = SystemResolver.shared, authorityFile: String? = nil
    ) throws {
        self.policy = policy
        self.allowsPlain = allowsPlain
        self.limits = limits
        self.resolver = resolver
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorityFile { configuration.additionalTrustRoots = [.file(authorityFile)] }
        tls = try NIOSSLContext(configuration: configuration)
    }

    /// Refuses what can be refused without asking anybody: for when a URL is saved.
    public func check(_ url: OutboundURL) throws(OutboundError) {
        var isExempt = false
        if case .address(let address) = url.host {
            if let reason = policy.refusal(of: address) { throw .refused(reason) }
            isExempt = policy.isExempt(address)
        }
        guard url.isSecure || allowsPlain else {
            throw OutboundError(.refused, reason: "not_encrypted", hint: "Only https:// is allowed.")
        }
        guard isExempt || PortPolicy.allows(url.port) else {
            throw OutboundError(.refused, reason: "port", hint: "Requests to this port are not sent.")
        }
    }

    /// Sends the request. What throws says that no answer came; whether the far side acted is known only where ``OutboundError``
    /// says that there was no connection.
    public func send(_ request: OutboundRequest) async throws(OutboundError) -> OutboundAnswer {
        try await result(of: request).get()
    }

    private func result(of request: OutboundRequest) async -> Result<OutboundAnswer, OutboundError> {
        let deadline = NIODeadline.now() + limits.totalTime
        if case .failure(let refusal) = Result(catching: { () throws(OutboundError) in try check(request.url) }) {
            return .failure(refusal)
        }
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let addresses: [IPAddress]
        switch await permitted(request.url, by: deadline, on: loop) {
        case .success(let found): addresses = found
        case .failure(let error): return .failure(error)
        }
        var failure = OutboundError.unreachable
        for address in addresses.prefix(limits.addresses) where !Task.isCancelled {
            let attempt = Attempt(
                request: request, address: address, tls: request.url.isSecure ? tls : nil, deadline: deadline,
                connectTime: limits.connectTime, bodyBytes: limits.bodyBytes)
            switch await attempt.run(on: loop) {
            case .success(let answer): return .success(answer)
            case .failure(let error):
                failure = error
                // Only where nothing was sent may it be sent elsewhere.
                guard error.kind == .unreachable else { return .failure(error) }
            }
        }
        return .failure(Task.isCancelled ? .cancelled : failure)
    }

    /// The addresses that may be connected to.
    private func permitted(
        _ url: OutboundURL, by deadline: NIODeadline, on loop: any EventLoop
    ) async -> Result<[IPAddress], OutboundError> {
        let found: [IPAddress]
        switch url.host {
        case .address(let address): found = [address]
        case .name(let name):
            guard let answer = await resolve(name, by: deadline, on: loop) else { return .failure(.timeout) }
            found = answer
        }
        guard !found.isEmpty else {
            return .failure(OutboundError(.unknownHost, hint: "The host's name has no address."))
        }
        var refusal: OutboundError?
        let permitted = found.filter { address in
            if let reason = policy.refusal(of: address) {
                refusal = .refused(reason)
                return false
            }
            return true
        }
        return permitted.isEmpty ? .failure(refusal ?? .unreachable) : .success(permitted)
    }

    /// Nil when it takes too long. A call that blocks can't be ended; it ends by itself, with nobody waiting for it.
    private func resolve(_ name: String, by deadline: NIODeadline, on loop: any EventLoop) async -> [IPAddress]? {
        let promise = loop.makePromise(of: [IPAddress]?.self)
        let alarm = loop.scheduleTask(deadline: deadline) { promise.succeed(nil) }
        Task { [resolver] in promise.succeed(await resolver.addresses(of: name)) }
        let found = try? await promise.futureResult.get()
        alarm.cancel()
        return found ?? nil
    }
}

extension OutboundError {
    static func refused(_ reason: String) -> OutboundError {
        OutboundError(.refused, reason: reason, hint: "Requests to such addresses are not sent.")
    }

    static let unreachable = OutboundError(.unreachable, hint: "The host takes no connection.")
    static let timeout = OutboundError(.timeout, hint: "The answer did not come in time.")
    static let cancelled = OutboundError(.cancelled, hint: "The request was given up.")
    static let dropped = OutboundError(.dropped, hint: "The connection ended before an answer.")
}
