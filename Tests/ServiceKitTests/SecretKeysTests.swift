import Contracts
import Foundation
import ServiceKit
import Testing

@Suite("Secrets at rest")
struct SecretKeysTests {
    private static let (old, new) = (String(repeating: "a", count: 32), String(repeating: "b", count: 32))

    @Test("open with their key, for their purpose and at their place alone; a former key opens, too")
    func box() throws {
        let box = SecretKeys(Self.old).box(for: "x")
        let sealed = try box.seal([1, 2, 3], at: "tenant", "row")
        #expect(try box.seal([1, 2, 3], at: "tenant", "row") != sealed)
        #expect(box.open(sealed, at: "tenant", "row") == [1, 2, 3])
        #expect(
            SecretKeys(Self.new, previous: [Self.old]).box(for: "x").open(sealed, at: "tenant", "row") == [1, 2, 3])
        #expect(SecretKeys(Self.new).box(for: "x").open(sealed, at: "tenant", "row") == nil)
        #expect(SecretKeys(Self.old).box(for: "y").open(sealed, at: "tenant", "row") == nil)
        for place in ["row", "tenant/other", ""] { #expect(box.open(sealed, at: place) == nil) }
        #expect(box.open(sealed, at: "other", "row") == nil)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(box.open(changed, at: "tenant", "row") == nil)
        }
        #expect(box.open(Array(sealed.dropLast()), at: "tenant", "row") == nil)
        #expect(box.open([], at: "tenant", "row") == nil)
    }

    @Test("fit into a text column")
    func text() throws {
        let (tenantId, id) = (UUID.v7(), UUID.v7())
        let box = SecretKeys(Self.new, previous: [Self.old]).box(for: "x")
        let sealed = try box.seal("https://example.com/ü", tenantId: tenantId, id: id)
        #expect(sealed.utf8.allSatisfy { $0 < 0x80 } && !sealed.contains("example"))
        #expect(box.open(sealed, tenantId: tenantId, id: id) == "https://example.com/ü")
        #expect(box.open(sealed, tenantId: .v7(), id: id) == nil)
        #expect(box.open(sealed, tenantId: tenantId, id: .v7()) == nil)
        #expect(box.open("not sealed", tenantId: tenantId, id: id) == nil)
    }

    @Test("need a key that is set and long enough")
    func settings() throws {
        #expect(SecretKeys.settings.map(\.isRequired) == [true, false])
        #expect(SecretKeys.settings.map(\.isSecret) == [true, true])
        #expect(throws: SettingFaults.self) {
            try Settings(SecretKeys.settings, environment: ["SECRETS_KEY": String(repeating: "x", count: 31)])
        }
        #expect(throws: SettingFaults.self) { try Settings(SecretKeys.settings, environment: [:]) }
        let settings = try Settings(
            SecretKeys.settings, environment: ["SECRETS_KEY": Self.new, "SECRETS_PREVIOUS_KEY": Self.old])
        let sealed = try SecretKeys(Self.old).box(for: "x").seal([7], at: "here")
        #expect(SecretKeys(settings).box(for: "x").open(sealed, at: "here") == [7])
    }
}
