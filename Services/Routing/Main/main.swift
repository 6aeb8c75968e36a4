import Routing
import ServiceKit

await ServiceRunner.main(RoutingService.self)
