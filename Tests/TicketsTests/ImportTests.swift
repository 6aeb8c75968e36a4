import Contracts
import Database
import Foundation
import HTTPTypes
import TestKit
import Testing
import Web

@testable import Tickets

@Suite struct ImportTests {
    @Test func `good rows are filed, bad ones are named with their line`() async throws {
        try await Harness.with { harness in
            try await harness.user(.v7(), email: "jane@example.com", roles: ["customer"])
            let file = """
                title,body,priority,requester,tags,extra\r
                First,"two\r
                lines",HIGH,Jane@example.com,VPN; mail,1\r
                ,no title,low,,,2\r
                Second,,urgent,,,3\r
                Third,x,gigantic,not-an-address,,4\r
                too,short\r
                "bad"quote,x,low,,,5\r
                Fourth,x,,,,6\r
                """
            let job = try await harness.importFile(
                file, "map.subject=title&map.description=body&map.requesterEmail=requester&fileName=t.csv")
            #expect(job.text("status") == "completed")
            #expect(job.number("totalRows") == 7 && job.number("processedRows") == 7)
            #expect(job.number("createdRows") == 3 && job.number("failedRows") == 4 && job.number("skippedRows") == 0)
            #expect(job.number("processedBytes") == job.number("totalBytes"))
            let tickets = try await harness.get("tickets?sort=number").data
            #expect(tickets.map { $0.text("subject") } == ["First", "Second", "Fourth"])
            #expect(tickets.map { $0.text("key") } == ["T-1", "T-2", "T-3"])
            #expect(tickets[0].text("description") == "two\r\nlines" && tickets[0].text("priority") == "high")
            #expect(tickets[0]["tags"] == ["mail", "vpn"] && tickets[0]["requesterId"] != .null)
            #expect(tickets.allSatisfy { $0.text("channel") == "import" })
            let errors = try await harness.get("ticket_imports/\(job.id)/errors").data
            #expect(
                errors.map {
                    "\($0.number("line")!) \($0.number("row")!) \($0.text("field") ?? "-") \($0.text("code")!)"
                } == [
                    "4 2 subject required", "6 4 priority unknown_value", "6 4 requesterEmail bad_format",
                    "7 5 - wrong_field_count", "8 6 - text_after_quote",
                ])
            for ticket in tickets {
                let events = try await harness.events(of: ticket.id)
                #expect(events.first?.payload["snapshot"] == ticket)
                #expect(events.map(\.sequence) == Array(1...Int64(events.count)))
                let stays = try await harness.get("tickets/\(ticket.id)/status_durations").data
                #expect(stays.count == 1)
                let audit = try await harness.get("tickets/\(ticket.id)/audits").data
                #expect(audit.count == 1 && audit[0]["actorUserId"]?.uuidValue == Harness.agentId)
                let then = try await harness.get("tickets/\(ticket.id)?asOf=\(ticket.text("createdAt")!)").json
                #expect(then == ticket)
            }
            // What an import says of itself is told by its events too.
            let told = try await harness.events(of: job.id)
            var copy = told.first?.payload["snapshot"]
            for event in told.dropFirst() {
                for (field, change) in event.payload["changes"]?.objectValue ?? [:] { copy?[field] = change["new"] }
            }
            #expect(copy == job)
            let left = try await harness.test.superuser("SELECT count(*) FROM tickets.ticket_import_chunks")
            #expect(left == [["0"]])
        }
    }

    @Test func `the same file again files nothing, another does`() async throws {
        try await Harness.with { harness in
            let file = "subject\none\ntwo\n\none\n"
            #expect(try await harness.importFile(file).number("createdRows") == 3)
            let again = try await harness.importFile(file)
            #expect(again.number("createdRows") == 0 && again.number("skippedRows") == 3)
            #expect(try await harness.importFile(file + "three\n").number("createdRows") == 4)
            let named = "subject,externalId\na,1\nb,2\na,1\n"
            let first = try await harness.importFile(named)
            #expect(first.number("createdRows") == 2 && first.number("skippedRows") == 1)
            let more = try await harness.importFile("subject,externalId\nb,2\nc,3\n")
            #expect(more.number("createdRows") == 1 && more.number("skippedRows") == 1)
            let numbers = try await harness.get("tickets?sort=number&limit=200").data.compactMap { $0.number("number") }
            #expect(numbers == Array(1...Int64(numbers.count)))
        }
    }

    @Test func `a dry run files nothing and says what would be`() async throws {
        try await Harness.with { harness in
            let job = try await harness.importFile("subject\none\n\"\"\n two \n,\n", "dryRun=true")
            #expect(job.number("createdRows") == 2 && job["dryRun"] == true)
            #expect(try await harness.get("tickets").data.isEmpty)
            #expect(try await harness.importFile("subject\none\n").number("createdRows") == 1)
        }
    }

    @Test func `objects a line are rows too`() async throws {
        try await Harness.with { harness in
            let file = """
                {"title":"One","priority":"low","customFields":{"a":1},"junk":true}
                {"title":2}
                not json
                {"title":"Two","tags":["X"],"dueAt":"2026-05-01T10:00:00Z"}
                """
            let job = try await harness.importFile(file, "map.subject=title", type: "application/x-ndjson")
            #expect(job.number("createdRows") == 2 && job.number("failedRows") == 2)
            let tickets = try await harness.get("tickets?sort=number").data
            #expect(tickets.map { $0.text("subject") } == ["One", "Two"])
            #expect(tickets[0]["customFields"] == ["a": 1] && tickets[1].text("dueAt") == "2026-05-01T10:00:00.000Z")
            let errors = try await harness.get("ticket_imports/\(job.id)/errors").data
            #expect(errors.map { $0.text("code") } == ["wrong_type", "invalid_json"])
        }
    }

    @Test func `a file that can't be imported is refused at once, and leaves nothing`() async throws {
        try await Harness.with { harness in
            for (file, query, status, fault) in [
                ("a,b\n1,2\n", "", 422, " subject_not_mapped"), ("a\n1\n", "map.subject=title", 422, " unknown_column"),
                ("", "", 422, " no_header"), ("subject\nx\n", "map.number=subject", 400, "map.number unknown_field"),
                ("subject\nx\n", "delimiter=%22", 400, "delimiter bad_format"),
                ("subject\nx\n", "format=xml", 400, "format unknown_value"), ("\"a\"b\n", "", 422, " text_after_quote"),
            ] {
                let reply = try await harness.upload(file, query)
                #expect(reply.status == status && reply.faults == [fault], "\(reply.text)")
            }
            let type = try await harness.upload("x", type: "application/pdf")
            #expect(type.status == 415)
            #expect(try await harness.get("ticket_imports").data.isEmpty)
            #expect(try await harness.send(.delete, "ticket_imports").status == 405)
        }
    }

    @Test func `an import that was killed goes on where it was`() async throws {
        try await Harness.with { harness in
            var file = "subject,body\n"
            for row in 1...2_300 { file += "row \(row),\"\(String(repeating: "x", count: 200))\n\"\n" }
            let reply = try await harness.upload(file)
            // The first instance is gone after some batches, without a word.
            let dying = ImportRunner(database: harness.database)
            let work = Task { try await dying.runNext() }
            try await eventually("some rows are filed") {
                try await harness.get("ticket_imports/\(reply.json.id)").json.number("createdRows")! > 0
            }
            work.cancel()
            _ = try? await work.value
            let halfway = try await harness.get("ticket_imports/\(reply.json.id)").json
            try await harness.test.superuser(
                "UPDATE tickets.ticket_imports SET lease_expires_at = now() - interval '1 second'")
            let next = ImportRunner(database: harness.database)
            while try await next.runNext() {}
            let job = try await harness.get("ticket_imports/\(reply.json.id)").json
            #expect(halfway.number("createdRows")! < 2_300)
            #expect(job.text("status") == "completed" && job.number("createdRows") == 2_300)
            let rows = try await harness.test.superuser(
                "SELECT count(*), count(DISTINCT subject), max(number) FROM tickets.tickets")
            #expect(rows == [["2300", "2300", "2300"]])
        }
    }

    @Test func `who has lost an import writes nothing more of it`() async throws {
        try await Harness.with { harness in
            let reply = try await harness.upload("subject\n" + (1...3).map { "row \($0)\n" }.joined())
            let job = try #require(try await ImportClaim.next(for: .v7(), in: harness.database))
            try await harness.test.superuser(
                "UPDATE tickets.ticket_imports SET lease_expires_at = now() - interval '1 second'")
            let other = try #require(try await ImportClaim.next(for: .v7(), in: harness.database))
            let row = job.interpreter.row(
                SourceRecord(
                    content: .fields(CSVRow(["row 1"])), line: 2, row: 1,
                    end: SourcePosition(offset: 14, line: 3, row: 1)))
            await #expect(throws: ImportLost.self) {
                try await harness.database.transaction(as: .tenant(harness.tenant)) { tx in
                    try await ImportBatch(job: job, rows: [row], isLast: false).write(in: tx)
                }
            }
            try await harness.database.transaction(as: .tenant(harness.tenant)) { tx in
                try await ImportBatch(job: other, rows: [row], isLast: false).write(in: tx)
            }
            try await harness.ok(.post, "ticket_imports/\(reply.json.id)/cancel")
            await #expect(throws: ImportLost.self) {
                try await harness.database.transaction(as: .tenant(harness.tenant)) { tx in
                    try await ImportBatch(job: other, rows: [row], isLast: true).write(in: tx)
                }
            }
            #expect(try await harness.get("tickets").data.count == 1)
        }
    }

    @Test func `an upload that broke off is failed, not forgotten`() async throws {
        try await Harness.with { harness in
            let reply = try await harness.upload("subject\nx\n")
            try await harness.test.superuser(
                "UPDATE tickets.ticket_imports SET status = 'uploading', lease_expires_at = now() - interval '1 second'"
            )
            try await ImportRunner(database: harness.database).failInterruptedUploads()
            let job = try await harness.get("ticket_imports/\(reply.json.id)").json
            #expect(job.text("status") == "failed" && job.text("failure") == "The upload was interrupted.")
        }
    }

    @Test func `two imports of one file at once file it once`() async throws {
        try await Harness.with { harness in
            let file = "subject\n" + (1...1_200).map { "row \($0)\n" }.joined()
            for _ in 0..<2 { #expect(try await harness.upload(file).status == 202) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask { while try await ImportRunner(database: harness.database).runNext() {} }
                }
                try await group.waitForAll()
            }
            let jobs = try await harness.get("ticket_imports").data
            #expect(jobs.reduce(0) { $0 + $1.number("createdRows")! } == 1_200)
            #expect(jobs.reduce(0) { $0 + $1.number("skippedRows")! } == 1_200)
            let rows = try await harness.test.superuser("SELECT count(*), max(number) FROM tickets.tickets")
            #expect(rows == [["1200", "1200"]])
        }
    }

    /// Beside the repository, or beside the directory that it is in.
    private static let realFile =
        ["../shared/data/it_support_tickets.csv", "../../shared/data/it_support_tickets.csv"]
        .first(where: FileManager.default.fileExists)

    @Test(.enabled(if: realFile != nil, "it needs ../shared/data/it_support_tickets.csv"))
    func `the real file comes in, but for its empty titles`() async throws {
        let text = try String(contentsOfFile: try #require(Self.realFile), encoding: .utf8)
        try await Harness.with { harness in
            let query = "map.subject=title&map.description=body&map.customFields.urgency=urgency"
            let job = try await harness.importFile(text, query)
            #expect(job.number("totalRows") == 5_431)
            #expect(job.number("createdRows") == 5_324 && job.number("failedRows") == 107)
            let errors = try await harness.get("ticket_imports/\(job.id)/errors?limit=200").data
            #expect(errors.count == 107)
            #expect(errors.allSatisfy { $0.text("field") == "subject" && $0.text("code") == "required" })
            #expect(errors.first?.number("line") == 2)
            let again = try await harness.importFile(text, query)
            #expect(again.number("createdRows") == 0 && again.number("skippedRows") == 5_324)
            let counts = try await harness.test.superuser(
                """
                SELECT (SELECT count(*) FROM tickets.tickets), (SELECT max(number) FROM tickets.tickets),
                    (SELECT count(*) FROM tickets.events WHERE name = 'ticket.created'),
                    (SELECT count(*) FROM tickets.audits WHERE entity_type = 'ticket'),
                    (SELECT count(*) FROM tickets.ticket_status_durations)
                """)
            #expect(counts == [["5324", "5324", "5324", "5324", "5324"]])
        }
    }
}
