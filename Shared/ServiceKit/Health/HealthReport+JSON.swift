// `/health/ready` as JSON: the verdict, then each check.

import Contracts

extension HealthReport {
    /// `{"status":"ready","checks":{"database":{"status":"up"}, …}}`
    var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("status")
        json.string(isReady ? "ready" : "not_ready")
        json.key("checks")
        json.beginObject()
        for entry in entries {
            json.key(entry.name)
            json.beginObject()
            json.key("status")
            switch entry.state {
            case .up: json.string("up")
            case .down(let reason):
                json.string("down")
                json.key("reason")
                json.string(reason)
            }
            json.endObject()
        }
        json.endObject()
        json.endObject()
        return json.bytes
    }
}
