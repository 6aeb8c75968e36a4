import AMQP

enum AMQPClientStub {
    /// A client that never connects.
    static func unconnected() throws -> AMQPClient {
        AMQPClient(try AMQPConfiguration(url: "amqp://127.0.0.1:1/", connectionName: "nobody"))
    }
}
