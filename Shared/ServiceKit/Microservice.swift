// What a service is: a table of contents that the runner turns into a process.

import Contracts
import Database
import Messaging
import ServiceLifecycle
import Web

/// A service of the platform.
///
/// ```swift
/// public struct SLAService: Microservice {
///     public static let name = "sla"
///     public static let summary = "Deadlines of tickets, their pauses, warnings and breaches."
///     public static let migrations: [Migration] = [.policies, .clocks]
///     public static let resources: [any Resource] = [Policies(), Clocks()]
///     public init(_ platform: Platform) {}
///     public var handlers: [MessageHandler] { [MessageHandler(StartClock())] }
/// }
/// ```
public protocol Microservice: Sendable {
    /// The schema, the queues, the path of its own routes: `sla`.
    static var name: String { get }
    /// One line for `--help` and the API document.
    static var summary: String { get }
    /// Settings beside the platform's.
    static var settings: [Setting] { get }
    /// The service's own migrations, from version 100 on.
    static var migrations: [Migration] { get }
    /// Resources that need nothing but their declaration. Those that bring their table's migration add it to the
    /// service's own.
    static var resources: [any Resource] { get }
    /// What is wrong with settings that are each well-formed: what they must be together.
    static func faults(in settings: Settings) -> [SettingFault]

    /// Called before anything runs. The database and the broker may not be there yet: nothing is asked of them here.
    init(_ platform: Platform) async throws

    /// Every resource that it serves; the static ones, unless it says otherwise.
    var resources: [any Resource] { get }
    /// What it serves otherwise.
    var routes: [Route] { get }
    /// What it does about events.
    var handlers: [MessageHandler] { get }
    /// What it does by itself, once the database is there. One that fails is started again.
    var jobs: [any Service] { get }
    /// Contracts of events that no type declares.
    var contracts: [EventContract] { get }
    /// What must work, beside the platform's own, for the service to be ready.
    var healthChecks: [HealthCheck] { get }
    /// How it knows who is calling; by the gateway's signed context, unless it says otherwise.
    var authentication: Authentication? { get }
    /// What a request may cost.
    var limits: ServiceAPI.Limits { get }
    /// What a connection may cost.
    var connections: ConnectionLimits { get }
    /// Answers what none of its routes does.
    var fallback: ServiceAPI.Fallback? { get }
    /// What stands before its whole interface, made once: the gateway's edge.
    func front(of api: ServiceAPI) -> ServiceAPI.Front?
    /// Told the port that HTTP is answered on, once it is.
    func listening(on port: Int) async
}

extension Microservice {
    public static var settings: [Setting] { [] }
    public static var migrations: [Migration] { [] }
    public static var resources: [any Resource] { [] }
    public static func faults(in settings: Settings) -> [SettingFault] { [] }
    public var resources: [any Resource] { Self.resources }
    public var routes: [Route] { [] }
    public var handlers: [MessageHandler] { [] }
    public var jobs: [any Service] { [] }
    public var contracts: [EventContract] { [] }
    public var healthChecks: [HealthCheck] { [] }
    public var authentication: Authentication? { nil }
    public var limits: ServiceAPI.Limits { ServiceAPI.Limits() }
    public var connections: ConnectionLimits { ConnectionLimits() }
    public var fallback: ServiceAPI.Fallback? { nil }
    public func front(of api: ServiceAPI) -> ServiceAPI.Front? { nil }
    public func listening(on port: Int) async {}

    /// All settings of the process.
    static var allSettings: [Setting] { PlatformSettings.all + settings }

    /// All migrations of the schema: what every service has, then its own.
    public static var allMigrations: [Migration] {
        let own = migrations + resources.compactMap { type(of: $0).migration }
        return [.platform, .messaging, .web] + own.sorted { $0.version < $1.version }
    }
}
