import Contracts
import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ResourceStore {
    /// The parameters by which a list is chosen and sorted, for routes that give the same rows in another form.
    public var selectionParameters: [Parameter] {
        let paging: Set<String> = ["limit", "cursor", "offset", "includeTotal", "expand"]
        return layout.listParameters.filter { !paging.contains($0.name) }
    }

    /// All rows that a request selects, page by page. What is wrong with the request is thrown here.
    public func pages(_ call: Call, rows: Int = 500) throws -> RecordPages<R> {
        var request = try pageRequest(
            call.arguments, place: String(call.path), caller: call.caller, now: call.now)
        request.limit = Int64(rows)
        return RecordPages(store: self, call: call, request: request)
    }
}

/// The rows of a list from its first to its last. Each page is a transaction of its own that goes on behind the last row of
/// the page before, so reading holds nothing open however long it takes; rows that come or change meanwhile may be in it or
/// not.
public struct RecordPages<R: Resource>: AsyncSequence, Sendable {
    let store: ResourceStore<R>
    let call: Call
    let request: PageRequest

    public struct AsyncIterator: AsyncIteratorProtocol {
        let store: ResourceStore<R>
        let call: Call
        var request: PageRequest?

        public mutating func next() async throws -> [Record]? {
            guard var request else { return nil }
            let projection = store.layout.base
            let rows = try await call.read { [store, call] tx in
                try await tx.query(
                    store.pageStatement(
                        request, projection, tenantId: call.tenantId, parentId: nil, caller: call.caller))
            }
            let shown = rows.prefix(Int(request.limit))
            if rows.count > shown.count, let last = shown.last {
                request.cursor = try store.cursor(after: last, request, projection)
                self.request = request
            } else {
                self.request = nil
            }
            return try shown.map { try Record($0, projection) }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(store: store, call: call, request: request) }
}
