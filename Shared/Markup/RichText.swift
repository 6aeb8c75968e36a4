/// A text with structure, safe to put into a page, and the same as plain text.
public struct RichText: Sendable, Hashable {
    /// A fragment made only of what ``HTMLPolicy`` allows; every start tag has its end tag.
    public let html: String
    /// What a reader sees, without markup; blocks stand on lines of their own.
    public let text: String
    /// Where its links lead and its pictures are, in order.
    public let addresses: [String]

    public init(html: String, text: String, addresses: [String] = []) {
        self.html = html
        self.text = text
        self.addresses = addresses
    }
}
