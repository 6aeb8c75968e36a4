// An import as a resource: how far it is and what became of its rows.
import Contracts
import Database
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where an import stands.
enum ImportStatus: String, CaseIterable, Sendable {
    /// The file is coming in.
    case uploading
    /// The file is here, and waits for its turn.
    case queued
    case running
    case completed
    case failed
    case cancelled

    var isOver: Bool { self == .completed || self == .failed || self == .cancelled }
}

enum ImportFormat: String, CaseIterable, Sendable {
    case csv, ndjson
}

/// Imports of tickets. Made by `POST tickets/import`; their progress is written with the rows it counts, so that what an
/// import says of itself is always true, whenever it is killed.
struct Imports: Resource {
    static let store: ResourceStore<Imports> = ResourceStore(Imports())

    let path = "ticket_imports"
    let entity = "ticket_import"
    let summary = "Imports of tickets from files."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = .all
    let permissions = ResourcePermissions(read: "tickets.import", write: "tickets.import")
    let events = ResourceEvents.generic
    let audited = true
    let fields: [Field] = [
        .choice("status", ImportStatus.self).readOnly.notNull.filterable,
        .choice("format", ImportFormat.self).readOnly.notNull.filterable,
        .boolean("dryRun").readOnly.notNull.filterable.described("Everything is checked, nothing is filed."),
        .json("mapping").readOnly.notNull.described("Field → column, where they are named otherwise.")
            .example(["subject": "title"]),
        .text("delimiter", 0...1).readOnly,
        .text("fileName", 0...255).readOnly.filterable,
        .integer("totalBytes", 0...Int64.max).readOnly.notNull,
        .integer("totalRows", 0...Int64.max).readOnly.described("Known once the file is here."),
        .text("contentHash", 0...64).readOnly.filterable.described("SHA-256 of the file."),
        .integer("processedBytes", 0...Int64.max).readOnly.notNull,
        .integer("processedRows", 0...Int64.max).readOnly.notNull,
        .integer("createdRows", 0...Int64.max).readOnly.notNull
            .described("Tickets filed; in a dry run, those that would be."),
        .integer("skippedRows", 0...Int64.max).readOnly.notNull.described("Filed before."),
        .integer("failedRows", 0...Int64.max).readOnly.notNull.described("With faults; see its errors."),
        .text("failure", 0...2_000).readOnly.described("Why the whole import failed."),
        .timestamp("startedAt").readOnly,
        .timestamp("finishedAt").readOnly,
        .integer("nextLine", 0...Int64.max).hidden,
        .strings("header").nullable.hidden,
        .json("actor").hidden,
        .text("actorName").hidden,
        .text("requestId").hidden,
        .uuid("leaseOwner").hidden,
        .timestamp("leaseExpiresAt").hidden,
    ]
}

/// What was wrong with the rows of an import.
struct ImportErrors: Resource {
    static let store: ResourceStore<ImportErrors> = ResourceStore(ImportErrors())

    let path = "errors"
    let entity = "ticket_import_error"
    let table = "ticket_import_errors"
    let summary = "What is wrong with the rows of a file, in the order of the file."
    let operations: ResourceOperations = .readOnly
    let stamps: ResourceStamps = [.createdAt]
    let parent: Parent? = .of(Imports(), field: "ticketImportId", column: "import_id")
    let permissions = ResourcePermissions(read: "tickets.import", write: "tickets.import")
    let defaultSort = "id"
    let fields: [Field] = [
        .integer("line", 1...Int64.max).readOnly.notNull.filterable.rangeFilterable
            .described("The line of the file that the row begins on, from 1."),
        .integer("row", 1...Int64.max).column("row_number").readOnly.notNull.filterable
            .described("The row's number, from 1, the header not counted."),
        .text("field", 0...200).readOnly.filterable.described("The field of a ticket that is at fault, if it is one."),
        .text("code", 1...100).readOnly.notNull.filterable,
        .text("detail", 1...2_000).readOnly.notNull,
    ]
}
