import Contracts
import Testing

@testable import Tickets

@Suite struct ImportMappingTests {
    @Test(arguments: [("subject", true), ("customFields.room", true), ("number", false), ("customFields.", false)])
    func `a file may set what a caller may set`(field: String, may: Bool) {
        #expect((ImportMapping.refusal(ofField: field) == nil) == may)
    }

    @Test func `columns with a field's name map themselves, others are passed over`() throws {
        let plan = try ImportPlan(
            mapping: ImportMapping(columns: ["subject": "title"]),
            header: ["title", "Requester Email", "external_id", "customFields.room", "category", " status "])
        #expect(plan.targets == ["subject", "requesterEmail", "externalId", "customFields.room", nil, "status"])
        let values = try plan.values(
            of: CSVRow(["  Hello  ", "a@example.com", "17", "B 12", "ignored", "In Progress"]))
        #expect(
            values == [
                "subject": "Hello", "requesterEmail": "a@example.com", "externalId": "17", "status": "in_progress",
                "customFields": ["room": "B 12"],
            ])
    }

    @Test func `empty cells set nothing, tags are parted`() throws {
        let plan = try ImportPlan(mapping: ImportMapping(), header: ["subject", "description", "tags", "priority"])
        #expect(
            try plan.values(of: CSVRow(["", " \n", "VPN; mail|x,", ""])) == [
                "description": " \n", "tags": ["VPN", "mail", "x"],
            ])
        #expect(try plan.values(of: CSVRow([" ", "", "", "High"])) == ["priority": "high"])
    }

    @Test func `a record of another width and a field that is no text are faults`() throws {
        let plan = try ImportPlan(mapping: ImportMapping(), header: ["subject", "tags"])
        #expect(throws: SourceFault.self) { try plan.values(of: CSVRow(["x"])) }
        #expect(throws: SourceFault.self) { try plan.values(of: CSVRow(["a\u{0}b", ""])) }
    }

    @Test func `a header must have the mapped columns, once, and a subject`() {
        for (columns, header, code) in [
            (["subject": "title"], ["body"], "unknown_column"),
            (["subject": "title"], ["title", "title"], "ambiguous_column"),
            (["subject": "title", "description": "title"], ["title"], "duplicate_column"),
            ([:], ["body"], "subject_not_mapped"),
        ] {
            #expect { try ImportPlan(mapping: ImportMapping(columns: columns), header: header) } throws: {
                ($0 as? SourceFault)?.code == code
            }
        }
    }

    @Test func `objects map by key`() {
        let mapping = ImportMapping(columns: ["subject": "title", "customFields.level": "level"])
        #expect(
            mapping.values(of: [
                "title": "T", "level": 3, "priority": "high", "other": true, "externalId": .null,
                "customFields": ["kept": 1],
            ]) == ["subject": "T", "priority": "high", "customFields": ["kept": 1, "level": 3]])
    }
}
