import Testing

@testable import Gateway

@Suite("Roles, passwords, keys")
struct IdentityRulesTests {
    @Test("every permission of a role exists", arguments: Role.allCases)
    func known(role: Role) {
        #expect(role.permissions.subtracting([Permission.every]).isSubset(of: Permission.names))
    }

    @Test("permission names are unique and of the form object.action")
    func names() {
        #expect(Permission.names.count == Permission.all.count)
        for name in Permission.names { #expect(name.split(separator: ".").count == 2) }
    }

    @Test("what roles are for")
    func meaning() {
        #expect(!Role.lightAgent.permissions.contains("tickets.reply"))
        #expect(Role.lightAgent.permissions.contains("tickets.comment"))
        #expect(!Role.customer.permissions.contains("tickets.read"))
        #expect(Role.supervisor.permissions.isSuperset(of: Role.agent.permissions))
        #expect(Role.permissions(of: ["agent", "tenant_admin"]) == ["*"])
        #expect(Role.permissions(of: ["nonsense"]) == [])
    }

    @Test("scopes narrow, never widen")
    func scopes() {
        let agent = Role.agent.permissions
        #expect(agent.narrowed(to: ["*"]) == agent)
        #expect(agent.narrowed(to: ["tickets.read", "users.write"]) == ["tickets.read"])
        #expect(Set(["*"]).narrowed(to: ["tickets.read"]) == ["tickets.read"])
        #expect(Set(["*"]).covers(agent))
        #expect(!agent.covers(["users.write"]))
    }

    @Test(
        "weak passwords",
        arguments: [
            ("short", PasswordRules.Fault.tooShort), ("elevenchars", .tooShort), ("aaaaaaaaaaaaaa", .repetitive),
            ("abcabcabcabcabc", .repetitive), ("password1234", .breached), ("P@ssw0rd!!!!2026", .breached),
            ("Qwertyuiop123456", .breached), ("Welcome-2026-!!!", .breached), ("passwordpassword", .breached),
            ("correct horse battery staple", .breached), ("my-jane.miller-pass", .containsEmail),
            ("supercompanyname-42x", .containsEmail), ("twelve\u{0}chars-long", .controlCharacter),
            (String(repeating: "ab1-", count: 80) + "x", .tooLong),
        ])
    func weak(password: String, fault: PasswordRules.Fault) {
        let faults = PasswordRules.faults(in: password, email: "jane.miller@companyname.example.com")
        #expect(faults.contains(fault), "\(faults)")
    }

    @Test(
        "good passwords",
        arguments: ["violet-Harbor-93-lamp", "ÄpfelUndBirnen!77", "x8#Kq2$vLm9@", "fourteen tall poplars"])
    func good(password: String) {
        #expect(PasswordRules.faults(in: password, email: "jane.miller@companyname.example.com") == [])
    }

    @Test("API keys: random, recognisable, hashed; garbage is not a key")
    func apiKeys() {
        let one = ApiKeySecret.random()
        #expect(one.text.hasPrefix("dw_live_"))
        #expect(one.text != ApiKeySecret.random().text)
        #expect(ApiKeySecret(one.text) == one)
        #expect(one.hashText.count == 64)
        #expect(!one.hint.contains(one.text.dropFirst(12).dropLast(4)))
        for garbage in [
            "", "dw_live_", "dw_live_short", "dw_test_" + one.text.dropFirst(8), one.text + "!",
            one.text + String(repeating: "a", count: 200),
        ] {
            #expect(ApiKeySecret(garbage) == nil)
        }
    }

    @Test("a password hash is salted, tells right from wrong, survives storing; foreign text is no hash")
    func hashes() throws {
        let cheap = PasswordHash.Cost(log2Rounds: 10)
        let hash = try PasswordHash(of: "violet-Harbor-93-lamp", cost: cheap)
        let other = try PasswordHash(of: "violet-Harbor-93-lamp", cost: cheap)
        #expect(hash.stored != other.stored)
        let read = try #require(PasswordHash(stored: hash.stored))
        #expect(read == hash)
        #expect(try read.matches("violet-Harbor-93-lamp"))
        #expect(try !read.matches("violet-Harbor-93-lamq"))
        #expect(read.isOutdated)
        for text in ["", "scrypt", "scrypt$15$8$1$$", "bcrypt$15$8$1$AAAA$AAAA", "scrypt$40$8$1$AAAA$AAAA"] {
            #expect(PasswordHash(stored: text) == nil)
        }
    }

    @Test("the hasher says no to a user who isn't there, after the same work")
    func decoy() async throws {
        let hasher = PasswordHasher()
        #expect(try await !hasher.matches("anything at all", stored: nil))
        let stored = try await hasher.hash("violet-Harbor-93-lamp")
        #expect(try await hasher.matches("violet-Harbor-93-lamp", stored: stored))
    }
}
