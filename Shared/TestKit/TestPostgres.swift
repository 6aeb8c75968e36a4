import Foundation

/// A PostgreSQL server of a test's own, for tests that stop and kill it.
public final class TestPostgres: Sendable {
    private let directory: String
    private let port: Int

    /// The server's URL for a superuser.
    public var url: String { "postgresql://postgres@127.0.0.1:\(port)/postgres" }

    /// Runs `body` with a new server, which is gone afterwards.
    public static func with<Result>(_ body: (TestPostgres) async throws -> Result) async throws -> Result {
        let server = try await TestPostgres()
        do {
            try await server.start()
            let result = try await body(server)
            try await server.remove()
            return result
        } catch {
            try? await server.remove()
            throw error
        }
    }

    private init() async throws {
        port = try Self.freePort()
        directory = NSTemporaryDirectory() + "/deskwire-postgres-\(getpid())-\(port)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if geteuid() == 0 { try await Shell.run(["chown", "postgres:", directory]) }
        try await run(
            "initdb", "-D", directory + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale",
            "--no-sync")
    }

    /// Starts the server and waits until it answers.
    ///
    /// As a child of this process: a server that `pg_ctl` starts keeps the pipe that its output was read from.
    public func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = try await command(
            "postgres", "-D", directory + "/data", "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-c",
            "unix_socket_directories=", "-c", "fsync=off")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let address = ["-h", "127.0.0.1", "-p", "\(port)"]
        try await eventually("the server answers") {
            (try? await Shell.run(["pg_isready", "-q"] + address)) != nil
        }
    }

    /// Stops the server: `immediate` is as good as a crash.
    public func stop(mode: String = "immediate") async throws {
        try await run("pg_ctl", "stop", "-w", "-m", mode, "-D", directory + "/data")
    }

    private func remove() async throws {
        try? await stop()
        try FileManager.default.removeItem(atPath: directory)
    }

    private func run(_ program: String, _ arguments: String...) async throws {
        try await Shell.run(try await command(program, arguments))
    }

    private func command(_ program: String, _ arguments: String...) async throws -> [String] {
        try await command(program, arguments)
    }

    /// PostgreSQL's programs refuse to run as root.
    private func command(_ program: String, _ arguments: [String]) async throws -> [String] {
        let programs = try await Shell.run(["pg_config", "--bindir"]).trimmingCharacters(in: .whitespacesAndNewlines)
        let asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return (geteuid() == 0 ? asPostgres : []) + [programs + "/" + program] + arguments
    }

    /// A port that nobody listens on at the moment.
    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
            }
        }
        guard code == 0 else { throw TestSetupError("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
