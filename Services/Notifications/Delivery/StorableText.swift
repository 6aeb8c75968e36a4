// Text from elsewhere, on its way into a row.

extension String {
    /// What PostgreSQL's text holds, every character but NUL; and no more of it than so many Unicode scalars.
    func storable(upTo count: Int = .max) -> String {
        guard utf8.contains(0) || utf8.count > count else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.lazy.filter { $0 != "\0" }.prefix(count)))
    }
}
