// swift-tools-version: 6.2
import PackageDescription

// Declared above the package: a constant declared below it silently takes no effect (SwiftPM #6597).
let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["DESKWIRE_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// A package product, named by how the code imports it.
let external: [String: Target.Dependency] = [
    "ArgumentParser": .product(name: "ArgumentParser", package: "swift-argument-parser"),
    "AsyncHTTPClient": .product(name: "AsyncHTTPClient", package: "async-http-client"),
    "Configuration": .product(name: "Configuration", package: "swift-configuration"),
    "Crypto": .product(name: "Crypto", package: "swift-crypto"),
    "CryptoExtras": .product(name: "CryptoExtras", package: "swift-crypto"),
    "HTTPTypes": .product(name: "HTTPTypes", package: "swift-http-types"),
    "Hummingbird": .product(name: "Hummingbird", package: "hummingbird"),
    "HummingbirdCore": .product(name: "HummingbirdCore", package: "hummingbird"),
    "HummingbirdTesting": .product(name: "HummingbirdTesting", package: "hummingbird"),
    "JWTKit": .product(name: "JWTKit", package: "jwt-kit"),
    "Logging": .product(name: "Logging", package: "swift-log"),
    "Metrics": .product(name: "Metrics", package: "swift-metrics"),
    "Mustache": .product(name: "Mustache", package: "swift-mustache"),
    "NIOCore": .product(name: "NIOCore", package: "swift-nio"),
    "NIOHTTP1": .product(name: "NIOHTTP1", package: "swift-nio"),
    "NIOHTTPTypes": .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    "NIOHTTPTypesHTTP1": .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    "NIOPosix": .product(name: "NIOPosix", package: "swift-nio"),
    "NIOSSL": .product(name: "NIOSSL", package: "swift-nio-ssl"),
    "OrderedCollections": .product(name: "OrderedCollections", package: "swift-collections"),
    "ServiceLifecycle": .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    "ServiceLifecycleTestKit": .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
    "Tracing": .product(name: "Tracing", package: "swift-distributed-tracing"),
    "UnixSignals": .product(name: "UnixSignals", package: "swift-service-lifecycle"),
    "Yams": .product(name: "Yams", package: "Yams"),
]

/// What a target may import: our modules by name, package products by name. Unknown names are our own modules.
func dependencies(_ names: [String]) -> [Target.Dependency] {
    names.map { external[$0] ?? .target(name: $0) }
}

func shared(_ name: String, _ uses: String...) -> Target {
    .target(name: name, dependencies: dependencies(uses), path: "Shared/\(name)", swiftSettings: settings)
}

/// A service is a library, so that tests can import it, and a few lines of `Main/` that make it an executable.
func service(_ name: String, _ uses: String...) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies(serviceBase + uses), path: "Services/\(name)", exclude: ["Main"],
            swiftSettings: settings),
        .executableTarget(
            name: "\(name)Main", dependencies: dependencies([name, "ServiceKit"]), path: "Services/\(name)/Main",
            swiftSettings: settings),
    ]
}

func tests(_ name: String, _ uses: String...) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies(uses), path: "Tests/\(name)Tests",
        exclude: name == "Contracts" ? ["Golden"] : [], swiftSettings: settings)
}

let serviceBase = ["Contracts", "Database", "Messaging", "Web", "ServiceKit", "Logging", "Hummingbird", "HTTPTypes"]

let package = Package(
    name: "deskwire",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "deskwire-gateway", targets: ["GatewayMain"]),
        .executable(name: "deskwire-tickets", targets: ["TicketsMain"]),
        .executable(name: "deskwire-routing", targets: ["RoutingMain"]),
        .executable(name: "deskwire-sla", targets: ["SLAMain"]),
        .executable(name: "deskwire-notifications", targets: ["NotificationsMain"]),
        .executable(name: "deskwire-knowledge", targets: ["KnowledgeMain"]),
        .executable(name: "deskwire", targets: ["Deskwire"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", path: "Shared/CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(
            name: "CRabbitMQ", path: "Shared/CRabbitMQ", pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(
            name: "CMarkGFM", path: "Shared/CMarkGFM", pkgConfig: "libcmark-gfm",
            providers: [.apt(["libcmark-gfm-dev", "libcmark-gfm-extensions-dev"])]),
        .systemLibrary(
            name: "CLibXML2", path: "Shared/CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),

        shared("Contracts"),
        shared("Conditions", "Contracts"),
        shared("BusinessTime", "Contracts"),
        shared("Markup", "CMarkGFM", "CLibXML2"),
        shared("Mail", "Contracts", "Crypto", "CryptoExtras", "Logging", "NIOCore", "NIOPosix", "NIOSSL"),
        shared("Database", "Contracts", "CLibPQ", "Logging", "ServiceLifecycle"),
        shared("Search", "Database"),
        shared("AMQP", "CRabbitMQ", "Logging", "ServiceLifecycle"),
        shared("Messaging", "Contracts", "Database", "AMQP", "Logging", "Metrics", "ServiceLifecycle", "Tracing"),
        shared(
            "Web", "Contracts", "Database", "Messaging", "Crypto", "HTTPTypes", "Hummingbird", "Logging", "Metrics",
            "NIOCore", "Tracing"),
        shared(
            "ServiceKit", "Contracts", "Database", "AMQP", "Messaging", "Web", "AsyncHTTPClient", "Configuration",
            "Crypto", "HTTPTypes", "Hummingbird", "HummingbirdCore", "Logging", "Metrics", "NIOCore", "NIOHTTP1",
            "NIOHTTPTypes",
            "NIOHTTPTypesHTTP1", "NIOPosix", "ServiceLifecycle", "Tracing", "UnixSignals", "Yams"),
        shared("Outbound", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL"),
        shared("Projections", "Contracts", "Database", "Messaging", "Web", "HTTPTypes", "Logging"),
        shared(
            "TestKit", "Contracts", "Database", "AMQP", "Messaging", "Web", "ServiceKit", "Hummingbird",
            "HummingbirdTesting", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL"),

        .executableTarget(
            name: "Deskwire",
            dependencies: dependencies(["Contracts", "ArgumentParser", "AsyncHTTPClient", "NIOCore", "NIOHTTP1"]),
            path: "Services/Deskwire", swiftSettings: settings),

        .executableTarget(
            name: "Bench",
            dependencies: dependencies([
                "AMQP", "BusinessTime", "Conditions", "Contracts", "ArgumentParser", "AsyncHTTPClient",
                "NIOCore",
                "NIOHTTP1", "NIOPosix",
            ]),
            path: "Benchmarks/Bench", swiftSettings: settings),

        tests("Contracts", "Contracts"),
        tests("Conditions", "Conditions", "Contracts"),
        tests("BusinessTime", "BusinessTime", "Contracts", "TestKit"),
        tests("Markup", "Markup", "TestKit"),
        tests("Mail", "Mail", "Contracts", "TestKit", "Crypto", "Logging", "NIOCore", "NIOPosix", "NIOSSL"),
        tests("Database", "Database", "Contracts", "TestKit"),
        tests("AMQP", "AMQP", "TestKit", "Logging", "NIOCore", "NIOPosix"),
        tests("Messaging", "Messaging", "Contracts", "Database", "AMQP", "TestKit", "Logging", "ServiceLifecycle"),
        tests(
            "Web", "Web", "Contracts", "Database", "Messaging", "HTTPTypes", "Hummingbird", "HummingbirdTesting",
            "Logging", "NIOCore", "TestKit"),
        tests(
            "Gateway", "Gateway", "AMQP", "Contracts", "Database", "Messaging", "Web", "ServiceKit", "TestKit",
            "AsyncHTTPClient",
            "Crypto", "HTTPTypes", "Hummingbird", "JWTKit", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix"),
        tests(
            "ServiceKit", "ServiceKit", "Contracts", "Database", "AMQP", "Messaging", "Web", "TestKit",
            "AsyncHTTPClient",
            "HTTPTypes", "Hummingbird", "Logging", "Metrics", "NIOCore", "NIOHTTP1", "NIOPosix", "ServiceLifecycle",
            "ServiceLifecycleTestKit", "Tracing"),
        tests("Projections", "Projections", "Contracts", "Database", "Messaging", "Web", "TestKit"),
        tests(
            "Tickets", "Tickets", "AMQP", "Contracts", "Database", "Messaging", "Web", "ServiceKit", "HTTPTypes",
            "Hummingbird",
            "HummingbirdTesting", "Logging", "NIOCore", "TestKit"),
        tests(
            "Routing", "Routing", "Tickets", "BusinessTime", "Conditions", "Contracts", "Database", "Messaging",
            "Projections",
            "Web", "ServiceKit", "HTTPTypes", "Hummingbird", "HummingbirdTesting", "Logging", "NIOCore", "TestKit"),
        tests(
            "SLA", "SLA", "AMQP", "BusinessTime", "Conditions", "Contracts", "Database", "Messaging", "Projections",
            "Web", "ServiceKit", "HTTPTypes", "Hummingbird", "HummingbirdTesting", "Logging", "NIOCore", "TestKit"),
        tests("Outbound", "Outbound", "TestKit", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL"),
        tests("Search", "Search", "Database", "TestKit"),
        tests(
            "Knowledge", "Knowledge", "Contracts", "Database", "Markup", "Messaging", "Search", "Web", "ServiceKit",
            "HTTPTypes",
            "Hummingbird", "HummingbirdTesting", "Logging", "NIOCore", "TestKit"),
        tests(
            "Notifications", "Notifications", "AMQP", "BusinessTime", "Contracts", "Crypto", "Database", "Mail",
            "Messaging", "Outbound", "Web", "ServiceKit", "HTTPTypes", "ServiceLifecycle", "ServiceLifecycleTestKit",
            "Hummingbird", "HummingbirdTesting", "Logging", "NIOCore", "TestKit"),
        tests("System", "Contracts", "TestKit", "AsyncHTTPClient", "NIOCore", "NIOHTTP1"),
        tests("Tidy", "Contracts"),
    ]
        + service(
            "Gateway", "AsyncHTTPClient", "Crypto", "CryptoExtras", "JWTKit", "Metrics", "NIOCore", "NIOHTTP1",
            "NIOPosix",
            "Tracing")
        + service("Tickets", "Crypto", "Markup", "NIOCore", "Projections")
        + service("Routing", "BusinessTime", "Conditions", "Projections")
        + service("SLA", "BusinessTime", "Conditions", "Metrics", "Projections")
        + service(
            "Notifications", "BusinessTime", "Conditions", "Crypto", "Mail", "Markup", "Mustache", "Outbound",
            "Projections", "ServiceLifecycle")
        + service("Knowledge", "Crypto", "Markup", "Mustache", "Projections", "Search")
)
