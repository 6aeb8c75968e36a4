import Contracts
import Foundation
import Testing

/// Random input with a seed: what the parser must do for every text, not only for those that we thought of.
@Suite struct JSONFuzzTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func parsingWhatWasSerializedGivesTheSameValue(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<400 {
            let value = JSON.random(using: &generator)
            #expect(try JSON.parse(value.serialized()) == value)
            #expect(try JSON.parse(value.prettyText) == value)
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func serializingWhatWasParsedIsStable(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed &+ 100)
        for _ in 0..<400 {
            let bytes = JSON.random(using: &generator).serialized()
            #expect(try JSON.parse(bytes).serialized() == bytes)
        }
    }

    /// Damaged texts: never a crash, and nothing accepted that Foundation refuses.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func damagedTextsAreReadOrRefused(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed &+ 200)
        var accepted = 0
        for _ in 0..<1500 {
            var bytes = JSON.random(using: &generator).serialized()
            for _ in 0..<Int.random(in: 1...3, using: &generator) { Self.damage(&bytes, using: &generator) }
            guard let value = try? JSON.parse(bytes) else { continue }
            accepted += 1
            #expect(try JSON.parse(value.serialized()) == value)
            #expect(throws: Never.self, "accepted \(bytes)") {
                _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            }
        }
        #expect(accepted > 50)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func noiseIsReadOrRefused(seed: UInt64) {
        var generator = SeededGenerator(seed: seed &+ 300)
        let alphabet = Array("{}[]\",:\\u0189aefnrtul-+.E \n\u{1}é😀".utf8) + [0x80, 0xFF, 0xED, 0xA0]
        for _ in 0..<4000 {
            let count = Int.random(in: 0..<40, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            if let error = Self.parseError(bytes) {
                #expect((0...bytes.count).contains(error.offset))
                #expect(error.line >= 1 && error.column >= 1)
            }
        }
    }

    /// Numbers read as the standard library reads them, to the last bit.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func numbersAreRoundedCorrectly(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed &+ 400)
        for _ in 0..<3000 {
            let digits = String(generator.next() >> UInt64.random(in: 0..<60, using: &generator))
            let exponent = Int.random(in: -30...30, using: &generator)
            let text = "\(digits).\(UInt16.random(in: 0...9999, using: &generator))e\(exponent)"
            #expect(try JSON.parse(text).doubleValue?.bitPattern == Double(text)?.bitPattern, "\(text)")
        }
    }

    private static func parseError(_ bytes: [UInt8]) -> JSONParseError? {
        do {
            _ = try JSON.parse(bytes)
            return nil
        } catch {
            return error
        }
    }

    private static func damage(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let position = Int.random(in: bytes.indices, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: position)
        case 2: bytes.insert(Array("{}[]\",:\\0e".utf8).randomElement(using: &generator)!, at: position)
        case 3: bytes.removeSubrange(position...)
        default: bytes.insert(contentsOf: bytes[position...].prefix(8), at: position)
        }
    }
}
