import Testing

@testable import Conditions

@Suite struct PatternTests {
    @Test func placeholder() throws { #expect(try Pattern("a").matches("cat")) }
}
