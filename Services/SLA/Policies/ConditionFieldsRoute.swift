// What the conditions of policies can be made of, for editors.

import Conditions
import Contracts
import HTTPTypes
import Web

enum ConditionFieldsRoute {
    static let route = Route(
        .get, "sla/condition_fields", on: [.tenant], permission: "sla.read",
        summary: "The fields and operators that conditions of policies can use, and their JSON Schema", tag: "sla",
        answers: [
            AnswerSpec(
                .ok, "The fields.",
                schema: [
                    "type": "object", "required": ["fields", "schema"],
                    "properties": ["fields": ["type": "array"], "schema": ["type": "object"]],
                ])
        ], operationId: "listSLAConditionFields"
    ) { _ in
        .json(["fields": Vocabulary.slaPolicies.json, "schema": Vocabulary.slaPolicies.jsonSchema])
    }
}
