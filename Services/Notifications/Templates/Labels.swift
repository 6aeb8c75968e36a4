// What the platform's own words are called by people.

/// The words for values that the platform has few of: statuses, priorities, metrics.
enum Labels {
    private static let languages = ["en", "de"]

    private static let german = [
        "open": "offen", "in_progress": "in Arbeit", "answered": "beantwortet",
        "waiting_for_response": "wartet auf Antwort", "on_hold": "zurückgestellt", "resolved": "gelöst",
        "closed": "geschlossen", "low": "niedrig", "normal": "normal", "high": "hoch", "urgent": "dringend",
        "question": "Frage", "incident": "Störung", "problem": "Problem", "task": "Aufgabe", "change": "Änderung",
        "email": "E-Mail", "web_form": "Formular", "chat": "Chat", "api": "API", "phone": "Telefon",
        "import": "Import", "first_response": "Erste Antwort", "next_response": "Nächste Antwort",
        "resolution": "Lösung", "requester": "Anfragender", "cc": "Kopie", "follower": "Beobachter",
        "collaborator": "Mitarbeitender",
    ]

    /// The language that a recipient gets them in.
    static func language(_ locale: String?, tenant: String?) -> String {
        TemplateLocale.chain(locale, tenant: tenant).first { languages.contains($0) } ?? TemplateLocale.last
    }

    /// `in progress` of `in_progress`; a value that is not among them as it is, without its underscores.
    static func label(of value: String, in language: String) -> String {
        let own = language == "de" ? german[value] : nil
        return own ?? value.replacing("_", with: " ")
    }
}
