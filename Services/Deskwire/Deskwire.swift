import ArgumentParser

/// The operator's command: what runs, what waits, what failed; files in and out; the events as they happen.
///
/// It speaks to Deskwire over the gateway's HTTP interface alone, so it works from any machine that an API key works from.
@main
struct Deskwire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deskwire",
        abstract: "Operate a Deskwire installation over its gateway.",
        discussion: """
            Where to connect comes from the options or from the environment: DESKWIRE_URL, DESKWIRE_TENANT,
            DESKWIRE_API_KEY (tenant work), DESKWIRE_ADMIN_KEY (platform work). `deploy/up` writes them to
            $DESKWIRE_HOME/env:  source .deskwire/env && deskwire status

            Exit status: 0 done; 1 done in part or refused (the output says what); 64 wrong usage; 69 not reachable.
            """,
        subcommands: [
            Status.self, Import.self, Export.self, Events.self, DeadLetters.self, Demo.self, ContractsCommand.self,
        ])
}
