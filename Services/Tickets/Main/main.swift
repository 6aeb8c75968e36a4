import ServiceKit
import Tickets

await ServiceRunner.main(TicketsService.self)
