/// The pages' own words.
struct HelpWords: Sendable {
    /// The language that they are in: of a page, or the one that stands in for it.
    let language: String
    let byName: [String: String]

    subscript(name: String) -> String { byName[name] ?? "" }

    static func of(_ locale: String) -> HelpWords {
        let language = HelpLanguage.language(of: locale)
        if let words = byLanguage[language] { return HelpWords(language: language, byName: words) }
        return HelpWords(language: "en", byName: english)
    }

    private static let byLanguage = [
        "ar": arabic, "de": german, "en": english, "es": spanish, "fr": french,
    ]

    private static let english = [
        "attachments": "Files", "corrected": "Nothing was found as you wrote it. Here is what was found for",
        "done": "Done", "find": "Search", "help": "How can we help?", "helpful": "Did this help?",
        "languages": "Other languages", "missing": "This page is not here", "more": "More results",
        "newest": "New articles", "no": "No", "nothing": "There are no articles yet.", "open": "Not done",
        "path": "Where you are", "results": "Search results", "search": "Search for help",
        "skip": "Skip to the content", "table": "Table", "thanks": "Thank you for telling us.",
        "tryToSearch": "It may have moved. Try to search for it.", "updated": "Updated", "yes": "Yes",
        "foundOne": "1 article", "found": "%d articles", "foundMany": "More than %d articles",
    ]

    private static let german = [
        "attachments": "Dateien", "corrected": "So geschrieben wurde nichts gefunden. Hier ist, was zu finden war für",
        "done": "Erledigt", "find": "Suchen", "help": "Wie können wir helfen?", "helpful": "Hat das geholfen?",
        "languages": "Andere Sprachen", "missing": "Diese Seite gibt es hier nicht", "more": "Weitere Treffer",
        "newest": "Neue Artikel", "no": "Nein", "nothing": "Es gibt noch keine Artikel.", "open": "Offen",
        "path": "Wo Sie sind", "results": "Suchergebnisse", "search": "Hilfe suchen", "skip": "Zum Inhalt",
        "table": "Tabelle", "thanks": "Danke für die Rückmeldung.",
        "tryToSearch": "Vielleicht ist sie umgezogen. Versuchen Sie die Suche.", "updated": "Stand", "yes": "Ja",
        "foundOne": "1 Artikel", "found": "%d Artikel", "foundMany": "Mehr als %d Artikel",
    ]

    private static let french = [
        "attachments": "Fichiers", "corrected": "Rien n’a été trouvé tel quel. Voici ce qui a été trouvé pour",
        "done": "Fait", "find": "Rechercher", "help": "Comment pouvons-nous vous aider ?",
        "helpful": "Cela vous a-t-il aidé ?", "languages": "Autres langues", "missing": "Cette page n’existe pas",
        "more": "Plus de résultats", "newest": "Nouveaux articles", "no": "Non",
        "nothing": "Il n’y a pas encore d’articles.", "open": "À faire", "path": "Vous êtes ici",
        "results": "Résultats de la recherche", "search": "Rechercher de l’aide", "skip": "Aller au contenu",
        "table": "Tableau", "thanks": "Merci de votre réponse.",
        "tryToSearch": "Elle a peut-être été déplacée. Essayez de la rechercher.", "updated": "Mis à jour le",
        "yes": "Oui", "foundOne": "1 article", "found": "%d articles", "foundMany": "Plus de %d articles",
    ]

    private static let spanish = [
        "attachments": "Archivos", "corrected": "No se encontró nada tal como lo escribió. Esto se encontró para",
        "done": "Hecho", "find": "Buscar", "help": "¿Cómo podemos ayudarle?", "helpful": "¿Le ha servido?",
        "languages": "Otros idiomas", "missing": "Esta página no está aquí", "more": "Más resultados",
        "newest": "Artículos nuevos", "no": "No", "nothing": "Todavía no hay artículos.", "open": "Pendiente",
        "path": "Dónde está", "results": "Resultados de la búsqueda", "search": "Buscar ayuda",
        "skip": "Ir al contenido", "table": "Tabla", "thanks": "Gracias por su respuesta.",
        "tryToSearch": "Puede que se haya movido. Pruebe a buscarla.", "updated": "Actualizado el", "yes": "Sí",
        "foundOne": "1 artículo", "found": "%d artículos", "foundMany": "Más de %d artículos",
    ]

    private static let arabic = [
        "attachments": "الملفات", "corrected": "لم نجد ما كتبته كما هو. هذا ما وجدناه عن", "done": "تم",
        "find": "بحث", "help": "كيف يمكننا مساعدتك؟", "helpful": "هل أفادك هذا؟", "languages": "لغات أخرى",
        "missing": "هذه الصفحة غير موجودة", "more": "المزيد من النتائج", "newest": "مقالات جديدة", "no": "لا",
        "nothing": "لا توجد مقالات بعد.", "open": "لم يتم", "path": "موقعك الحالي", "results": "نتائج البحث",
        "search": "ابحث عن المساعدة", "skip": "انتقل إلى المحتوى", "table": "جدول", "thanks": "شكرًا لك على رأيك.",
        "tryToSearch": "ربما نُقلت. جرّب البحث عنها.", "updated": "آخر تحديث", "yes": "نعم", "foundOne": "مقالة واحدة",
        "found": "عدد المقالات: %d", "foundMany": "أكثر من %d مقالة",
    ]
}

/// What pages need to know of a language.
enum HelpLanguage {
    static func language(of locale: String) -> String { String(locale.prefix { $0 != "-" }) }

    /// `rtl` or `ltr`, for the attribute `dir`.
    static func direction(of locale: String) -> String {
        let subtags = locale.split(separator: "-")
        let script = subtags.dropFirst().first { $0.count == 4 }.map(String.init)
        let isFromTheRight =
            script.map { ["adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"].contains($0) }
            ?? fromTheRight.contains(language(of: locale))
        return isFromTheRight ? "rtl" : "ltr"
    }

    private static let fromTheRight: Set<String> = [
        "ar", "arc", "arz", "ckb", "dv", "fa", "glk", "he", "iw", "ks", "mzn", "nqo", "pnb", "prs", "ps", "sd", "syr",
        "ug", "ur", "yi",
    ]

    /// What speakers call it; the tag where that is not known.
    static func name(of locale: String) -> String {
        guard let name = names[language(of: locale)] else { return locale }
        return locale.contains("-") ? "\(name) (\(locale.drop { $0 != "-" }.dropFirst().uppercased()))" : name
    }

    private static let names = [
        "ar": "العربية", "bg": "Български", "bn": "বাংলা", "ca": "Català", "cs": "Čeština", "da": "Dansk",
        "de": "Deutsch", "el": "Ελληνικά", "en": "English", "es": "Español", "et": "Eesti", "eu": "Euskara",
        "fa": "فارسی", "fi": "Suomi", "fr": "Français", "ga": "Gaeilge", "he": "עברית", "hi": "हिन्दी",
        "hr": "Hrvatski", "hu": "Magyar", "hy": "Հայերեն", "id": "Indonesia", "it": "Italiano", "ja": "日本語",
        "ko": "한국어", "lt": "Lietuvių", "lv": "Latviešu", "nb": "Norsk bokmål", "ne": "नेपाली", "nl": "Nederlands",
        "no": "Norsk", "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский", "sk": "Slovenčina",
        "sl": "Slovenščina", "sr": "Српски", "sv": "Svenska", "ta": "தமிழ்", "th": "ไทย", "tr": "Türkçe",
        "uk": "Українська", "ur": "اردو", "vi": "Tiếng Việt", "yi": "ייִדיש", "zh": "中文",
    ]
}
