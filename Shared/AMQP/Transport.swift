import CRabbitMQ
import Glibc

/// A non-blocking socket, encrypted or not. Used by the connection's thread only.
final class Transport {
    enum Progress {
        case bytes(Int)
        /// Nothing now: try again when the socket is ready.
        case later
        case ended
    }

    let descriptor: Int32
    private var tls: TLSSession?

    /// Whether TLS wants to write before it can go on reading.
    private(set) var wantsWrite = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        tls = nil
        close(descriptor)
    }

    /// Connects, and for `amqps` shakes hands, before `deadline`. Gives up early when `isStopped` says so.
    static func open(
        _ configuration: AMQPConfiguration, deadline: ContinuousClock.Instant, isStopped: () -> Bool
    ) throws(AMQPError) -> Transport {
        let address = configuration.address
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(address.host, String(address.port), &hints, &found)
        guard status == 0 else {
            let reason = gai_strerror(status).map { String(cString: $0) } ?? "unknown"
            throw AMQPError(.notConnected, "\(address.host): \(reason)")
        }
        defer { freeaddrinfo(found) }

        var failure = AMQPError(.notConnected, "\(address.host): no address")
        var candidate = found
        while let current = candidate {
            candidate = current.pointee.ai_next
            do {
                let transport = try connect(to: current.pointee, deadline: deadline, isStopped: isStopped)
                if address.usesTLS {
                    try transport.startTLS(configuration, deadline: deadline, isStopped: isStopped)
                }
                return transport
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func connect(
        to info: addrinfo, deadline: ContinuousClock.Instant, isStopped: () -> Bool
    ) throws(AMQPError) -> Transport {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.ai_family, flags, info.ai_protocol)
        guard descriptor >= 0 else { throw systemError("socket") }
        let transport = Transport(descriptor: descriptor)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))

        if Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) != 0 {
            guard errno == EINPROGRESS else { throw systemError("connect") }
            try transport.wait(for: Int16(POLLOUT), deadline: deadline, isStopped: isStopped)
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { throw systemError("connect", code: code) }
        }
        return transport
    }

    private func startTLS(
        _ configuration: AMQPConfiguration, deadline: ContinuousClock.Instant, isStopped: () -> Bool
    ) throws(AMQPError) {
        let session = try TLSSession(configuration, descriptor: descriptor)
        while true {
            switch try session.handshake() {
            case .done:
                tls = session
                return
            case .wantsRead: try wait(for: Int16(POLLIN), deadline: deadline, isStopped: isStopped)
            case .wantsWrite: try wait(for: Int16(POLLOUT), deadline: deadline, isStopped: isStopped)
            }
        }
    }

    /// Waits for the socket, looking at `isStopped` ten times a second.
    func wait(
        for events: Int16, deadline: ContinuousClock.Instant, isStopped: () -> Bool
    ) throws(AMQPError) {
        while true {
            guard !isStopped() else { throw AMQPError(.closed, "stopped while connecting") }
            guard ContinuousClock.now < deadline else { throw AMQPError(.timedOut, "the broker does not answer") }
            var poller = pollfd(fd: descriptor, events: events, revents: 0)
            if poll(&poller, 1, 100) > 0 { return }
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(AMQPError) -> Progress {
        if let tls {
            wantsWrite = false
            let progress = try tls.read(into: buffer)
            if case .later = progress { wantsWrite = tls.wantsWrite }
            return progress
        }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .later
            default: throw systemError("read", kind: .connectionLost)
            }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Progress {
        if let tls { return try tls.write(bytes) }
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .later
            default: throw systemError("write", kind: .connectionLost)
            }
        }
    }
}

private func systemError(_ call: String, code: Int32 = errno, kind: AMQPError.Kind = .notConnected) -> AMQPError {
    AMQPError(kind, "\(call): \(String(cString: strerror(code)))")
}

/// TLS over a socket, by OpenSSL, with the broker's certificate and host name verified.
private final class TLSSession {
    enum Handshake {
        case done, wantsRead, wantsWrite
    }

    private let context: OpaquePointer
    private let tls: OpaquePointer
    private(set) var wantsWrite = false

    init(_ configuration: AMQPConfiguration, descriptor: Int32) throws(AMQPError) {
        let settings = configuration.tls
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw AMQPError(.tls, Self.reason()) }
        SSL_CTX_set_verify(context, settings.verifiesPeer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        guard deskwire_tls_require_1_2(context) == 1, let tls = SSL_new(context) else {
            SSL_CTX_free(context)
            throw AMQPError(.tls, Self.reason())
        }
        self.context = context
        self.tls = tls
        if let fault = Self.loadFiles(settings, into: tls, context) { throw AMQPError(.tls, fault) }

        let host = configuration.address.host
        var address = [UInt8](repeating: 0, count: 16)
        let isNumeric = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
        if isNumeric {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host)
        } else {
            _ = deskwire_tls_set_server_name(tls, host)
            SSL_set1_host(tls, host)
        }
        deskwire_tls_set_write_mode(tls)
        guard SSL_set_fd(tls, descriptor) == 1 else { throw AMQPError(.tls, Self.reason()) }
    }

    deinit {
        SSL_free(tls)
        SSL_CTX_free(context)
    }

    /// Loads authorities and our own certificate; answers what is wrong with them.
    private static func loadFiles(
        _ settings: AMQPConfiguration.TLS, into tls: OpaquePointer, _ context: OpaquePointer
    ) -> String? {
        ERR_clear_error()
        if let file = settings.authorityFile {
            guard SSL_CTX_load_verify_file(context, file) == 1 else {
                return "certificate authorities in \(file): \(reason())"
            }
        } else if SSL_CTX_set_default_verify_paths(context) != 1 {
            return reason()
        }
        if let file = settings.certificateFile {
            guard SSL_use_certificate_chain_file(tls, file) == 1 else { return "certificate in \(file): \(reason())" }
            let keyFile = settings.keyFile ?? file
            guard SSL_use_PrivateKey_file(tls, keyFile, SSL_FILETYPE_PEM) == 1 else {
                return "key in \(keyFile): \(reason())"
            }
        }
        return nil
    }

    func handshake() throws(AMQPError) -> Handshake {
        ERR_clear_error()
        let result = SSL_connect(tls)
        if result == 1 { return .done }
        switch SSL_get_error(tls, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        default:
            let verdict = SSL_get_verify_result(tls)
            if verdict != Int(X509_V_OK), let text = X509_verify_cert_error_string(verdict) {
                throw AMQPError(.tls, "the broker's certificate is refused: \(String(cString: text))")
            }
            throw AMQPError(.tls, "handshake: \(Self.reason())")
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(AMQPError) -> Transport.Progress {
        ERR_clear_error()
        wantsWrite = false
        var count = 0
        let result = SSL_read_ex(tls, buffer.baseAddress, buffer.count, &count)
        return try progress(result, count)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(AMQPError) -> Transport.Progress {
        ERR_clear_error()
        var count = 0
        let result = SSL_write_ex(tls, bytes.baseAddress, bytes.count, &count)
        return try progress(result, count)
    }

    private func progress(_ result: Int32, _ count: Int) throws(AMQPError) -> Transport.Progress {
        if result == 1 { return .bytes(count) }
        switch SSL_get_error(tls, result) {
        case SSL_ERROR_WANT_READ: return .later
        case SSL_ERROR_WANT_WRITE:
            wantsWrite = true
            return .later
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: throw AMQPError(.connectionLost, "TLS: \(Self.reason())")
        }
    }

    /// OpenSSL's reason for the latest failure on this thread.
    private static func reason() -> String {
        let code = ERR_get_error()
        guard code != 0 else { return errno == 0 ? "the peer closed the connection" : String(cString: strerror(errno)) }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Wakes a thread out of `poll`. Any thread may signal.
final class WakeUp: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        precondition(descriptor >= 0, "no file descriptor left for an eventfd")
    }

    deinit { close(descriptor) }

    func signal() { eventfd_write(descriptor, 1) }

    func clear() {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
    }
}
