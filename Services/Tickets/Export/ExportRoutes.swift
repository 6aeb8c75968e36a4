// Tickets as a file, written as it is read: whatever the list shows for the same filters, in the same order.
import Contracts
import Database
import HTTPTypes
import Hummingbird
import NIOCore
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

enum ExportRoutes {
    static let all: [Route] = [export]

    private static let export = Route(
        .get, "tickets/export", permission: "tickets.export", summary: "Export tickets to a file",
        description: """
            Takes the list's filters and order. The file is read in pages, not in one transaction: a ticket that changes \
            meanwhile is in it as it was when its page was read.
            """,
        tag: "tickets",
        parameters: [Parameter("format", .choice(ImportFormat.allCases.map(\.rawValue)), "csv if not said.")]
            + TicketResource.store.selectionParameters,
        answers: [
            AnswerSpec(.ok, "The file.", schema: ["type": "string"], mediaType: "text/csv"),
            AnswerSpec(.ok, "The file.", schema: ["type": "string"], mediaType: "application/x-ndjson"),
        ],
        operationId: "exportTickets"
    ) { call in
        let format = call.arguments.string("format").flatMap(ImportFormat.init(rawValue:)) ?? .csv
        let pages = try TicketResource.store.pages(call)
        let body = ResponseBody { writer in
            if format == .csv { try await writer.write(ByteBuffer(bytes: TicketCSV.header)) }
            for try await tickets in pages {
                var bytes: [UInt8] = []
                for ticket in tickets {
                    switch format {
                    case .csv: try TicketCSV.append(ticket, to: &bytes)
                    case .ndjson:
                        bytes += try ticket.bytes()
                        bytes.append(UInt8(ascii: "\n"))
                    }
                }
                if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
            }
            try await writer.finish(nil)
        }
        return .content(.stream(body), type: format == .csv ? "text/csv; charset=utf-8" : "application/x-ndjson")
            .with(.contentDisposition, "attachment; filename=\"tickets.\(format.rawValue)\"")
    }
}

/// A ticket as a record of a CSV file, as the import reads it.
enum TicketCSV {
    static let columns = [
        "id", "number", "key", "subject", "description", "status", "priority", "type", "channel", "requesterId",
        "requesterEmail", "organizationId", "assigneeId", "groupId", "dueAt", "tags", "externalId", "customFields",
        "responseState", "firstRespondedAt", "resolvedAt", "closedAt", "reopenedCount", "lastMessageAt", "followUpOfId",
        "createdAt", "updatedAt", "createdBy", "updatedBy", "version",
    ]

    static let header = Array((columns.joined(separator: ",") + "\r\n").utf8)

    static func append(_ ticket: Record, to bytes: inout [UInt8]) throws {
        for (index, column) in columns.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            switch try ticket.json(column) {
            case .null: break
            case .string(let text): append(text, to: &bytes)
            case .array(let values): append(values.compactMap(\.stringValue).joined(separator: ";"), to: &bytes)
            case let other: append(other.text, to: &bytes)
            }
        }
        bytes += [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
    }

    /// A field, quoted where it must be.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        let special: (UInt8) -> Bool = { $0 == quote || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        guard text.utf8.contains(where: special) else {
            bytes.append(contentsOf: text.utf8)
            return
        }
        bytes.append(quote)
        for byte in text.utf8 {
            if byte == quote { bytes.append(quote) }
            bytes.append(byte)
        }
        bytes.append(quote)
    }
}
