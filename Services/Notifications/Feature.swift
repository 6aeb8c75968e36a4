// A part of the service that stands on its own: email, webhooks, a channel with its settings.

import Contracts
import Database
import Messaging
import ServiceKit
import ServiceLifecycle
import Web

/// What a part brings. Adding one is its type in ``NotificationsService/parts``.
protocol Feature: Sendable {
    static var migrations: [Migration] { get }
    static var settings: [Setting] { get }
    /// Called before anything runs: nothing is asked of the database here.
    init(_ platform: Platform) throws

    var channels: [any Channel] { get }
    var sources: [AddressSource] { get }
    var resources: [any Resource] { get }
    var routes: [Route] { get }
    var handlers: [MessageHandler] { get }
    var jobs: [any Service] { get }
    /// What sends beside the channels' workers, for a process.
    func senders(of crew: Crew) -> [any Service]
    var contracts: [EventContract] { get }
}

extension Feature {
    static var migrations: [Migration] { [] }
    static var settings: [Setting] { [] }
    var channels: [any Channel] { [] }
    var sources: [AddressSource] { [] }
    var resources: [any Resource] { [] }
    var routes: [Route] { [] }
    var handlers: [MessageHandler] { [] }
    var jobs: [any Service] { [] }
    func senders(of crew: Crew) -> [any Service] { [] }
    var contracts: [EventContract] { [] }
}
