import Gateway
import ServiceKit

if CommandLine.arguments.dropFirst().first == "--bootstrap" {
    await GatewayBootstrap.main()
} else {
    await ServiceRunner.main(GatewayService.self)
}
