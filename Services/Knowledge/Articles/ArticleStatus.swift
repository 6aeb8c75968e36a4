/// Where an article is on its way to its readers.
enum ArticleStatus: String, Sendable, CaseIterable {
    case draft
    case inReview = "in_review"
    case published
    case archived

    /// What a writer does with an article as a whole.
    enum Step: String, Sendable, CaseIterable {
        case submit, publish, unpublish, archive

        var target: ArticleStatus {
            switch self {
            case .submit: .inReview
            case .publish: .published
            case .unpublish: .draft
            case .archive: .archived
            }
        }
    }

    /// The steps that make sense from here; a step to where an article is already is none.
    var steps: [Step] {
        switch self {
        case .draft: [.submit, .publish, .archive]
        case .inReview: [.publish, .unpublish, .archive]
        case .published: [.unpublish, .archive]
        case .archived: [.unpublish]
        }
    }
}
