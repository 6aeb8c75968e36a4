import SLA
import ServiceKit

await ServiceRunner.main(SLAService.self)
