import Database

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who of those that share some work is alive: a row each in a table of the service, renewed by signs of life. What somebody
/// has taken on is theirs for as long as their row is there, so that a sign of life is one small write however much that is.
///
/// Whoever deletes an expired row has decided that its owner is gone, and gives what the owner had to others in the same
/// transaction. An owner that was only stopped finds its work in other hands; what it had is to be fenced by those who use this.
public struct Membership: Sendable {
    /// This member.
    public let me: UUID
    /// How long a member that gives no sign of life is waited for.
    public let timeToLive: Duration
    private let table: String

    public init(_ table: String, me: UUID, timeToLive: Duration) {
        self.table = table
        self.me = me
        self.timeToLive = timeToLive
    }

    /// The columns of such a table, for its migration.
    public static let columns = """
        (
            member uuid PRIMARY KEY,
            expires_at timestamptz NOT NULL,
            is_stopping boolean NOT NULL
        ) WITH (fillfactor = 50)
        """

    /// Says that this member is alive, and whether it still takes anything on.
    public func renew(isStopping: Bool = false, in tx: Transaction) {
        let seconds = timeToLive / .seconds(1)
        // A sign of life need not outlast a crash of the database, nor wait for its disk.
        tx.enqueue("SELECT set_config('synchronous_commit', 'off', true)")
        tx.enqueue(
            """
            INSERT INTO \(identifier: table) (member, expires_at, is_stopping)
            VALUES (\(me), clock_timestamp() + make_interval(secs => \(seconds)), \(isStopping))
            ON CONFLICT (member) DO UPDATE SET expires_at = excluded.expires_at, is_stopping = excluded.is_stopping
            """)
    }

    /// Deletes the rows of members that gave no sign of life for too long, and answers whose they were.
    public var removal: SQL {
        """
        DELETE FROM \(identifier: table)
        WHERE member IN (
            SELECT member FROM \(identifier: table) WHERE expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED)
        RETURNING member
        """
    }

    /// This member is no more.
    public func leave(in tx: Transaction) {
        tx.enqueue("DELETE FROM \(identifier: table) WHERE member = \(me)")
    }
}
