import Foundation

/// A private certificate authority and a server certificate of it, made by openssl for one test.
public struct TestAuthority: Sendable {
    private let folder: URL

    /// The authority's own certificate, for who shall trust it.
    public var certificate: String { folder.appending(path: "ca.pem").path }
    /// The server's certificate and its key.
    public var serverCertificate: String { folder.appending(path: "server.pem").path }
    public var serverKey: String { folder.appending(path: "server.key").path }
    public var identity: TCPProxy.Identity {
        TCPProxy.Identity(certificateFile: serverCertificate, keyFile: serverKey)
    }

    /// Makes the files; the server is known by names such as `IP:127.0.0.1` or `DNS:mail.example`.
    public static func make(subjectAlternativeName: String, days: Int = 2) async throws -> TestAuthority {
        let folder = FileManager.default.temporaryDirectory.appending(path: "deskwire-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func openssl(_ arguments: String...) async throws {
            try await Shell.run(["openssl"] + arguments)
        }
        func path(_ name: String) -> String { folder.appending(path: name).path }
        try await openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority",
            "-keyout", path("ca.key"), "-out", path("ca.pem"))
        try await openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", path("server.key"),
            "-out", path("server.csr"))
        try "subjectAltName=\(subjectAlternativeName)\n"
            .write(toFile: path("names"), atomically: true, encoding: .utf8)
        try await openssl(
            "x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "\(days)", "-extfile", path("names"), "-out", path("server.pem"))
        return TestAuthority(folder: folder)
    }

    /// Deletes its files.
    public func remove() { try? FileManager.default.removeItem(at: folder) }
}
