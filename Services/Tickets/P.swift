enum TicketsPlaceholder {}
