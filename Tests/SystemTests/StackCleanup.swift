import Foundation
import Synchronization

/// Takes the stack down when the test process ends, however its tests went.
enum StackCleanup {
    static let home = Mutex<String?>(nil)

    static func down() {
        guard let home = home.withLock({ $0 }) else { return }
        let process = Process()
        process.executableURL = Stack.root.appendingPathComponent("deploy/down")
        process.arguments = ["--wipe"]
        var environment = ProcessInfo.processInfo.environment
        environment["DESKWIRE_HOME"] = home
        process.environment = environment
        process.standardOutput = FileHandle.nullDevice
        try? process.run()
        process.waitUntilExit()
    }
}
