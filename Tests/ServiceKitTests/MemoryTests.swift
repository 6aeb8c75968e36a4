import Testing

@testable import ServiceKit

@Suite("Memory")
struct MemoryTests {
    @Test("finds the program's code and nothing else among its mappings")
    func code() {
        let maps = """
            55e0c0000000-55e0c3421000 r-xp 00000000 fe:00 4711                       /opt/a b/deskwire-gateway
            55e0c3422000-55e0c3586000 r--p 03421000 fe:00 4711                       /opt/a b/deskwire-gateway
            55e0c3586000-55e0c5b5c000 rw-p 03585000 fe:00 4711                       /opt/a b/deskwire-gateway
            7f0000000000-7f0000001000 r-xp 00000000 fe:00 815                        /usr/lib/libc.so.6
            7f0000002000-7f0000003000 r-xp 00000000 00:00 0                          [vdso]
            7f0000004000-7f0000005000 r-xp 00000000 00:00 0
            nonsense

            """
        #expect(
            Memory.codePages(in: maps, of: "/opt/a b/deskwire-gateway") == [0x55e0_c000_0000..<0x55e0_c342_1000])
        #expect(Memory.codePages(in: maps, of: "deskwire-gateway") == [])
    }

    @Test("a program goes on after it has let go of its code")
    func forgets() {
        for _ in 0..<3 {
            Memory.giveBack()
            Memory.forgetStart()
        }
        #expect((0..<1000).map { "\($0)" }.joined().count == 2890)
    }
}
