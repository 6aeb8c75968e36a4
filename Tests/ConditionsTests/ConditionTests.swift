import Conditions
import Contracts
import Foundation
import Testing

/// A vocabulary with a field of each type.
let sample = Vocabulary([
    .text("ticket.subject"),
    .choice("ticket.status", ["open", "closed"]),
    .choice("ticket.priority", ["low", "normal", "high", "urgent"]).ordered,
    .number("ticket.replies"),
    .boolean("requester.isVip"),
    .id("ticket.groupId"),
    .timestamp("ticket.createdAt"),
    .texts("ticket.tags"),
    .timeOfDay("time.ofDay"),
    .open("ticket.customFields"),
])

let sampleSchema = sample.jsonSchema

let group = "0190a5d8-0000-7000-8000-000000000001"

func facts(_ ticket: JSONObject, changes: JSONObject = [:], hours: Facts.BusinessHours? = nil) -> Facts {
    var facts = Facts(sample, businessHours: hours)
    facts.set("ticket", to: ticket, changes: changes)
    facts.set("requester.isVip", to: true)
    facts.set("time.ofDay", to: "23:30")
    return facts
}

let ticket: JSONObject = [
    "subject": "My VPN is Down", "status": "open", "priority": "high", "replies": 3, "groupId": .string(group),
    "createdAt": "2026-03-01T10:00:00.000Z", "tags": ["network", "remote"],
    "customFields": ["plan": "Gold", "seats": 25, "beta": true, "products": ["a", "b"]],
]

@Suite struct ConditionTests {
    @Test(
        arguments: [
            ("ticket.subject", "eq", "my vpn is down", true), ("ticket.subject", "neq", "My VPN is Down", false),
            ("ticket.subject", "contains", "vpn", true), ("ticket.subject", "not_contains", "vpn", false),
            ("ticket.subject", "starts_with", "MY", true), ("ticket.subject", "ends_with", "down", true),
            ("ticket.subject", "ends_with", "up", false), ("ticket.subject", "matches", "VPN.*Down$", true),
            ("ticket.subject", "matches", "vpn", false), ("ticket.subject", "matches", "(?i)vpn", true),
            ("ticket.subject", "in", ["a", "MY VPN IS DOWN"], true), ("ticket.status", "eq", "open", true),
            ("ticket.status", "not_in", ["closed"], true), ("ticket.priority", "gt", "normal", true),
            ("ticket.priority", "gte", "high", true), ("ticket.priority", "lt", "high", false),
            ("ticket.priority", "between", ["normal", "high"], true), ("ticket.replies", "lte", 3, true),
            ("ticket.replies", "between", [4, 9], false), ("ticket.replies", "in", [1, 3.0], true),
            ("requester.isVip", "eq", true, true), ("ticket.groupId", "eq", .string(group.uppercased()), true),
            ("ticket.createdAt", "lt", "2026-03-01T11:00:00+01:00", false),
            ("ticket.createdAt", "gte", "2026-03-01T11:00:00+01:00", true),
            ("ticket.tags", "contains", "Network", true), ("ticket.tags", "contains", "net", false),
            ("ticket.tags", "in", ["x", "remote"], true), ("ticket.tags", "not_in", ["x", "remote"], false),
            ("time.ofDay", "between", ["22:00", "06:00"], true), ("time.ofDay", "between", ["08:00", "18:00"], false),
            ("ticket.customFields.plan", "eq", "gold", true), ("ticket.customFields.seats", "gt", 20, true),
            ("ticket.customFields.beta", "eq", true, true), ("ticket.customFields.products", "contains", "b", true),
            ("ticket.customFields.plan", "gt", 5, false), ("ticket.customFields.missing", "exists", false, true),
            ("ticket.customFields.missing", "neq", "x", true), ("ticket.customFields.missing", "eq", "x", false),
            ("ticket.subject", "exists", true, true), ("ticket.subject", "changed", true, false),
        ] as [(String, String, JSON, Bool)]) func operators(field: String, op: String, value: JSON, outcome: Bool)
        throws
    {
        let condition = try Condition(
            ["field": .string(field), "operator": .string(op), "value": value], over: sample)
        let facts = facts(ticket)
        #expect(condition.holds(for: facts) == outcome)
        #expect(condition.explain(facts).outcome == outcome)
        #expect(ConditionSet([condition]).first(for: facts) == (outcome ? 0 : nil))
    }

    @Test(
        arguments: [
            (["all": []], true), ([:], true), (.null, true),
            (["any": [leaf("ticket.status", "eq", "closed"), leaf("ticket.replies", "gt", 1)]], true),
            (["none": [leaf("ticket.status", "eq", "closed")]], true),
            (["all": [leaf("ticket.status", "eq", "open")], "none": [leaf("ticket.replies", "eq", 3)]], false),
            (["all": [["any": [["none": [leaf("ticket.replies", "eq", 4)]]]]]], true),
        ] as [(JSON, Bool)]) func groups(document: JSON, outcome: Bool) throws
    {
        #expect(try Condition(document, over: sample).holds(for: facts(ticket)) == outcome)
    }

    @Test func changes() throws {
        let facts = facts(
            ticket,
            changes: [
                "priority": ["previous": "low", "new": "high"],
                "customFields": ["previous": ["plan": "Silver", "seats": 25, "beta": true], "new": .null],
            ])
        func holds(_ field: String, _ value: JSON) throws -> Bool {
            try Condition(leaf(field, "changed", value), over: sample).holds(for: facts)
        }
        #expect(try holds("ticket.priority", true))
        #expect(try holds("ticket.priority", ["from": "low"]))
        #expect(try holds("ticket.priority", ["from": "low", "to": "high"]))
        #expect(try !holds("ticket.priority", ["to": "low"]))
        #expect(try holds("ticket.status", false))
        #expect(try !holds("ticket.status", ["to": "open"]))
        #expect(try holds("ticket.customFields.plan", ["from": "silver", "to": "gold"]))
        #expect(try !holds("ticket.customFields.seats", true))
        #expect(try holds("ticket.customFields.products", ["from": .null]))
    }

    @Test func businessHoursComeFromOutside() throws {
        let calendar = UUID(uuidString: group)!
        let hours: Facts.BusinessHours = { id, instant in
            id == nil ? true : id == calendar ? instant < Timestamp(rfc3339: "2026-03-01T09:00:00Z")! : nil
        }
        let facts = facts(ticket, hours: hours)
        func holds(_ value: JSON) throws -> Bool {
            try Condition(leaf("ticket.createdAt", "within_business_hours", value), over: sample).holds(for: facts)
        }
        #expect(try holds(true))
        #expect(try !holds(.string(group)))
        #expect(try !holds(.uuid(UUID())))
    }

    @Test func anExplanationShowsEachLeafWithItsValue() throws {
        let condition = try Condition(
            [
                "all": [leaf("ticket.priority", "gte", "high")],
                "any": [leaf("ticket.tags", "contains", "vpn"), leaf("ticket.subject", "contains", "vpn")],
            ], over: sample)
        let explanation = condition.explain(facts(ticket))
        #expect(
            explanation.json == [
                "outcome": true,
                "all": [
                    [
                        "outcome": true, "field": "ticket.priority", "operator": "gte", "value": "high",
                        "actual": "high",
                    ]
                ],
                "any": [
                    [
                        "outcome": false, "field": "ticket.tags", "operator": "contains", "value": "vpn",
                        "actual": ["network", "remote"],
                    ],
                    [
                        "outcome": true, "field": "ticket.subject", "operator": "contains", "value": "vpn",
                        "actual": "My VPN is Down",
                    ],
                ],
            ])
    }

    @Test(
        arguments: [
            (leaf("ticket.nothing", "eq", "x"), ["/c/field unknown_field"]),
            (leaf("ticket.subject", "like", "x"), ["/c/operator unknown_operator"]),
            (leaf("ticket.subject", "gt", "x"), ["/c/operator not_applicable"]),
            (leaf("ticket.status", "eq", "opened"), ["/c/value unknown_value"]),
            (leaf("ticket.status", "in", ["open", "x", 3]), ["/c/value/1 unknown_value", "/c/value/2 wrong_type"]),
            (leaf("ticket.status", "in", []), ["/c/value empty"]),
            (leaf("ticket.replies", "between", [5, 1]), ["/c/value empty_range"]),
            (leaf("ticket.replies", "between", [1]), ["/c/value wrong_type"]),
            (leaf("ticket.replies", "eq", "3"), ["/c/value wrong_type"]),
            (leaf("ticket.createdAt", "gt", "yesterday"), ["/c/value wrong_type"]),
            (leaf("ticket.createdAt", "lt", "9999-13-01T00:00:00Z"), ["/c/value wrong_type"]),
            (leaf("time.ofDay", "gt", "25:00"), ["/c/value wrong_type"]),
            (leaf("ticket.groupId", "eq", "first line"), ["/c/value wrong_type"]),
            (leaf("ticket.subject", "matches", "(a"), ["/c/value bad_pattern"]),
            (leaf("ticket.subject", "matches", "((a{1000}){1000}){1000}"), ["/c/value too_complex"]),
            (leaf("ticket.subject", "changed", ["to": 5]), ["/c/value/to wrong_type"]),
            (leaf("ticket.subject", "exists", "yes"), ["/c/value wrong_type"]),
            (["field": "ticket.subject"], ["/c/operator required"]),
            (["operator": "eq"], ["/c/field required"]),
            (["field": "ticket.subject", "operator": "eq"], ["/c/value required"]),
            (["all": [["some": []]]], ["/c/all/0/some unknown_key"]),
            (["any": []], ["/c/any empty"]),
            (["all": [[:]]], ["/c/all/0 empty"]),
            (["all": 3], ["/c/all wrong_type"]),
            ("open", ["/c wrong_type"]),
            (
                ["all": ["x", leaf("a", "b", 1)]],
                ["/c/all/0 wrong_type", "/c/all/1/field unknown_field", "/c/all/1/operator unknown_operator"]
            ),
            (nested(6), ["/c/all/0/all/0/all/0/all/0/all/0 too_deep"]),
            (["all": .array(Array(repeating: leaf("ticket.replies", "eq", 1), count: 201))], ["/c/all too_many"]),
            (leaf("ticket.subject", "contains", .string(String(repeating: "x", count: 1001))), ["/c/value too_long"]),
            (["field": "ticket.customFields.", "operator": "exists"], ["/c/field unknown_field"]),
        ] as [(JSON, [String])]) func faultsNameTheirPlace(document: JSON, faults: [String])
    {
        let error = #expect(throws: ConditionFaults.self) { try Condition(document, over: sample, at: "/c") }
        #expect(error?.faults.map { "\($0.pointer) \($0.code)" } == faults)
    }

    @Test func fiveLevelsAreFine() throws {
        #expect(try Condition(nested(5), over: sample).holds(for: facts(ticket)))
    }

    @Test(arguments: 0..<20) func anExplanationsOutcomeIsTheEvaluations(seed: Int) throws {
        var random = Random(seed: UInt64(seed))
        var conditions: [Condition] = []
        let facts = facts(ticket)
        for _ in 0..<100 {
            let document = random.document(depth: 4)
            let condition = try Condition(document, over: sample)
            let expected = naive(document, ticket)
            #expect(condition.holds(for: facts) == expected, "\(document)")
            #expect(condition.explain(facts).outcome == expected, "\(document)")
            #expect(JSONSchema.validate(document, against: sampleSchema).isEmpty, "\(document)")
            conditions.append(condition)
        }
        let set = ConditionSet(conditions)
        let expected = conditions.indices.filter { conditions[$0].holds(for: facts) }
        #expect(set.all(for: facts) == expected)
        #expect(set.first(for: facts) == expected.first)
    }

    @Test(arguments: 0..<20) func anyDocumentIsTakenOrRefused(seed: Int) {
        var random = Random(seed: UInt64(seed))
        for _ in 0..<300 {
            let document = random.json(depth: 4)
            guard let condition = try? Condition(document, over: sample) else { continue }
            _ = condition.explain(facts(ticket))
        }
    }

    @Test func theSchemaRefusesWhatTheServiceRefuses() {
        let schema = sample.jsonSchema
        for document in [
            leaf("ticket.nothing", "eq", "x"), leaf("ticket.subject", "gt", "x"), leaf("ticket.status", "eq", "opened"),
            ["some": []], leaf("ticket.replies", "eq", "3"),
        ] as [JSON] {
            #expect(!JSONSchema.validate(document, against: schema).isEmpty, "\(document)")
        }
    }

    @Test func theVocabularyListsWhatAMenuNeeds() {
        let priority = sample.json.arrayValue?.first { $0["name"] == "ticket.priority" }
        #expect(priority?["values"] == ["low", "normal", "high", "urgent"])
        #expect(priority?["operators"]?.arrayValue?.contains("gte") == true)
        #expect(priority?["source"] == "ticket")
    }
}

func leaf(_ field: String, _ op: String, _ value: JSON) -> JSON {
    ["field": .string(field), "operator": .string(op), "value": value]
}

/// Groups inside of groups, so many of them.
func nested(_ depth: Int) -> JSON {
    depth == 0 ? leaf("ticket.replies", "eq", 3) : ["all": [nested(depth - 1)]]
}

/// The language once more, the slow and obvious way, for a few operators.
func naive(_ document: JSON, _ ticket: JSONObject) -> Bool {
    guard let field = document["field"]?.stringValue, let op = document["operator"]?.stringValue else {
        let (all, any, none) = (document["all"], document["any"], document["none"])
        return (all?.arrayValue ?? []).allSatisfy { naive($0, ticket) }
            && (none?.arrayValue ?? []).allSatisfy { !naive($0, ticket) }
            && (any == nil || any!.arrayValue!.contains { naive($0, ticket) })
    }
    let actual = ticket[String(field.dropFirst(7))] ?? .null
    let value = document["value"] ?? .null
    switch op {
    case "eq": return actual == value
    case "neq": return actual != value
    case "in": return value.arrayValue!.contains(actual)
    case "not_in": return !value.arrayValue!.contains(actual)
    case "gt": return actual.intValue.map { $0 > value.intValue! } ?? false
    case "lte": return actual.intValue.map { $0 <= value.intValue! } ?? false
    case "contains": return actual.arrayValue.map { $0.contains(value) } ?? false
    case "not_contains": return !(actual.arrayValue.map { $0.contains(value) } ?? false)
    default: return actual.isNull != value.boolValue!
    }
}

extension Random {
    mutating func document(depth: Int) -> JSON {
        if depth == 0 || next(3) == 0 { return randomLeaf() }
        var object: JSONObject = [:]
        for key in ["all", "any", "none"] where next(2) == 0 {
            object[key] = .array((0...next(3)).map { _ in document(depth: depth - 1) })
        }
        return object.isEmpty ? randomLeaf() : .object(object)
    }

    private mutating func randomLeaf() -> JSON {
        switch next(4) {
        case 0:
            let op = pick(["eq", "neq", "in", "not_in"])
            let values = ["open", "closed"].map { JSON.string($0) }
            return leaf("ticket.status", op, op.hasSuffix("in") ? .array([pick(values)]) : pick(values))
        case 1: return leaf("ticket.replies", pick(["eq", "neq", "gt", "lte"]), .int(Int64(next(6))))
        case 2: return leaf("ticket.tags", pick(["contains", "not_contains"]), .string(pick(["network", "other"])))
        default: return leaf(pick(["ticket.subject", "ticket.createdAt"]), "exists", .bool(next(2) == 0))
        }
    }

    mutating func json(depth: Int) -> JSON {
        switch depth == 0 ? next(5) : next(9) {
        case 0: return .null
        case 1: return .bool(next(2) == 0)
        case 2: return .int(Int64(next(100)) - 50)
        case 3: return .string(pick(["open", "a", "(", "08:00", group, "2026-01-01T00:00:00Z"]))
        case 4: return .double(0.5)
        case 5: return .array((0..<next(4)).map { _ in json(depth: depth - 1) })
        case 6:
            return leaf(
                pick(sample.fields.map(\.name)), pick(ConditionOperator.allCases.map(\.rawValue)),
                json(depth: depth - 1))
        default:
            var object: JSONObject = [:]
            for key in ["all", "any", "none", "field", "operator", "value", "x"] where next(3) == 0 {
                object[key] = json(depth: depth - 1)
            }
            return .object(object)
        }
    }
}
