import Testing
import Web

@Suite("The UTF-8 check")
struct UTF8CheckTests {
    @Test("agrees with the standard library on random bytes")
    func utf8() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let interesting: [UInt8] = [
                0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4,
                0xF5, 0xFF,
            ]
            let bytes = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? interesting.randomElement(using: &generator)! : UInt8.random(in: 0...255, using: &generator)
            }
            var check = UTF8Check()
            let accepted = bytes.allSatisfy { check.feed($0) } && check.isComplete
            #expect(accepted == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }
}
