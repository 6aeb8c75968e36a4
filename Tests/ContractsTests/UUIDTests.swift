import Contracts
import Foundation
import Testing

@Suite struct UUIDTests {
    @Test func isAVersionSevenId() throws {
        let before = Timestamp.now
        let id = UUID.v7()
        let bytes = id.uuid
        #expect(bytes.6 >> 4 == 7)
        #expect(bytes.8 >> 6 == 0b10)
        let made = try #require(id.v7Timestamp)
        // Other tests' bursts may have pushed the counter a little ahead of the clock.
        #expect(made >= before && made < before + .seconds(60))
        #expect(UUID().v7Timestamp == nil)
    }

    @Test func growsStrictly() {
        let ids = (0..<20_000).map { _ in UUID.v7().text }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    }

    /// Each task sees its own ids grow, and no id is given twice.
    @Test func growsStrictlyUnderConcurrency() async {
        let batches = await withTaskGroup(of: [UUID].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<5_000).map { _ in UUID.v7() } }
            }
            return await group.reduce(into: [[UUID]]()) { $0.append($1) }
        }
        for batch in batches {
            let texts = batch.map(\.text)
            #expect(zip(texts, texts.dropFirst()).allSatisfy { $0 < $1 })
        }
        #expect(Set(batches.joined()).count == 40_000)
    }

    @Test func readsAndWritesText() throws {
        for _ in 0..<200 {
            let id = UUID()
            #expect(id.text == id.uuidString.lowercased())
            #expect(UUID(text: id.text) == id)
            #expect(UUID(text: id.uuidString) == id)
            #expect(UUID(text: ("x" + id.text).dropFirst()) == id)
        }
    }

    @Test(arguments: [
        "", "019b7d1c", "019b7d1c-6e00-7000-8000-00000000000", "019b7d1c-6e00-7000-8000-0000000000000",
        "019b7d1c06e00-7000-8000-000000000000", "019b7d1g-6e00-7000-8000-000000000000",
        "{019b7d1c-6e00-7000-8000-0000000000}", "019b7d1c6e00700080000000000000000000",
        "019b7d1c-6e00-7000-8000-00000000000é", "-19b7d1c-6e00-7000-8000-000000000000",
    ])
    func refuses(text: String) {
        #expect(UUID(text: text) == nil)
    }

    @Test func derivesTheSameIdFromTheSameText() {
        let id = UUID(derivedFrom: "ada@example.com")
        #expect(id == UUID(derivedFrom: "ada@example.com"))
        #expect(id != UUID(derivedFrom: "bob@example.com"))
        #expect(id.uuid.6 >> 4 == 8)
        #expect(id.uuid.8 >> 6 == 0b10)
    }
}
