/// What the fields that many events share mean, for the descriptions in schemas and documents.
///
/// An event describes fields of its own, or differently, in its `notes`.
enum FieldGlossary {
    /// The description of a field, nil where its name says it all.
    static func note(for field: String) -> String? {
        if let note = notes[field] { return note }
        if field.hasSuffix("ByUserId") { return "The user who did it." }
        return nil
    }

    private static let notes: [String: String] = [
        // The envelope.
        "eventId": "Unique; a repeated delivery repeats it.",
        "tenantId": "The organization that the event belongs to.",
        "occurredAt": "When it happened.",
        "actorType": "What kind of actor did it.",
        "actorUserId": "The user who did it, or the API key; absent where the system or a contact did.",
        "actorContactId": "The customer who did it.",
        "version": "The aggregate's version after the change; the events of one change share it.",
        "sequence": "The aggregate's own event counter: 1, 2, 3 … without gaps.",
        "causationId": "The event or request behind this event.",
        "idempotencyKey": "The key that the producer was given with the request.",
        "simulated": "True for an event that was made up to test an integration.",
        // The events' own.
        "snapshot": "The entity exactly as GET shows it.",
        "updatedFields": "The names of the fields that changed.",
        "changes": "The changed fields only, each before and after.",
        "reason": "Why, in the actor's words.",
        "number": "The ticket's number within its tenant.",
        "attachmentsCount": "How many files came with it.",
        "currency": "ISO 4217, such as EUR.",
        "timezone": "An IANA zone, such as Europe/Berlin.",
        "errorCode": "The code by which the provider knows the error.",
        "errorMessage": "What went wrong, for people.",
        "retryable": "Whether trying again can help.",
        "providerMessageId": "The id that the mail provider gave the message.",
        "storageKey": "Where the bytes are kept.",
        "queueId": "The group whose queue holds the ticket.",
        "durationMs": "In milliseconds.",
        "contentType": "A MIME type, such as application/pdf.",
    ]

    /// The schema with a description at each of its members that has none.
    static func annotate(_ schema: JSON, notes own: [String: String]) -> JSON {
        guard var properties = schema["properties"]?.objectValue else { return schema }
        for (name, member) in properties where member["description"] == nil {
            guard let note = own[name] ?? note(for: name) else { continue }
            properties[name] = JSONSchema.described(member, note)
        }
        var annotated = schema
        annotated["properties"] = .object(properties)
        return annotated
    }
}
