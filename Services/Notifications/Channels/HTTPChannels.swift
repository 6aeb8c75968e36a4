// The channels over HTTP, as the service has them.

import Database
import Outbound
import ServiceKit
import Web

/// Text messages, push messages and chats: those that an operator has set up.
struct HTTPChannels: Feature {
    static let migrations: [Migration] = [.pushSubscriptions, .slackHooks]
    static let settings: [Setting] = SMSChannel.settings + WebPushChannel.settings

    let channels: [any Channel]
    let resources: [any Resource]
    let routes: [Route]
    let sources: [AddressSource]

    init(_ platform: Platform) throws {
        let client = try OutboundSettings.client(platform.settings)
        let keys = SecretKeys(platform.settings)
        let (pushBox, slackBox) = (keys.box(for: "push subscriptions"), keys.box(for: "slack hooks"))
        let push = WebPushChannel(platform.settings, database: platform.database, client: client, box: pushBox)
        var channels: [any Channel] = [SlackChannel(database: platform.database, client: client, box: slackBox)]
        if let sms = SMSChannel(platform.settings, client: client) { channels.append(sms) }
        if let push { channels.append(push) }
        self.channels = channels
        resources = [PushSubscriptions(), SlackHooks()]
        routes = [
            PushSubscriptions.createRoute(pushBox, client), PushSubscriptions.keyRoute(push?.identity),
            SlackHooks.createRoute(slackBox, client),
        ]
        sources = [
            AddressSource(channel: "push") { users, tenantId, tx in
                try await PushSubscriptions.addresses(of: users, tenantId: tenantId, in: tx)
            },
            AddressSource(channel: "slack") { users, tenantId, tx in
                try await SlackHooks.addresses(of: users, tenantId: tenantId, in: tx)
            },
        ]
    }
}
