// What a service's executable can be asked to do.

/// The command line of a service.
enum Command: Sendable, Equatable {
    case run
    case checkConfig
    case printConfig
    case migrate
    case version
    case help

    struct Fault: Error, Equatable { var detail: String }

    init(_ arguments: some Sequence<String>) throws(Fault) {
        var found: Command?
        for argument in arguments {
            let command: Command =
                switch argument {
                case "--check-config": .checkConfig
                case "--print-config": .printConfig
                case "--migrate": .migrate
                case "--version": .version
                case "--help", "-h": .help
                default: throw Fault(detail: "unknown argument \(argument)")
                }
            guard found == nil || found == command else { throw Fault(detail: "give one option at most") }
            found = command
        }
        self = found ?? .run
    }

    static func help(_ service: String, _ summary: String) -> String {
        """
        deskwire-\(service) \(Release.version): \(summary)

        Usage: deskwire-\(service) [option]

        Without an option the service runs until SIGTERM. SIGHUP reads LOG_LEVEL again.

          --check-config   check the settings, report every fault, and end
          --print-config   print the settings as a Markdown table
          --migrate        bring the database schema up to date, and end
          --version        print the version
          --help           print this

        Exit codes: 0 done or stopped on request, 64 wrong usage, 69 the database is not there (--migrate),
        70 failed, 78 wrong settings.

        """
    }
}

/// How a service's process ends (the numbers of sysexits.h).
public enum ExitCode: Int32, Sendable {
    case ok = 0
    case usage = 64
    case unavailable = 69
    case failed = 70
    case configuration = 78
}

/// What is running.
public enum Release {
    public static let version = "0.1.0"
}
