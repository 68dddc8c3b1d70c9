// `List`: texts in pages, as APIs of Google's kind have them; and a server whose tokens never end.

import GRPCClient

extension ExampleService {
    /// More items than this a page are not given, whatever is asked for.
    private static let pageSizeMax: UInt64 = 10_000

    func list(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        let request = try ListRequest(message)
        let count = ledger.note(method: method, key: request.key)
        guard request.failAt == 0 || count != request.failAt else {
            return call.finish(.unavailable, "as asked")
        }
        let response = page(request)
        guard request.delayMilliseconds > 0 else { return call.finish(.ok, response: response) }
        let due = CompletionQueue.now() + request.delayMilliseconds * 1_000_000
        let timer = timers.add(at: due) { call.finish(.ok, response: response) }
        call.watchCancel { [self] call in
            timers.remove(timer)
            call.finish(.cancelled)
        }
    }

    private func page(_ request: ListRequest) -> [UInt8] {
        let size = min(request.pageSize == 0 ? 10 : request.pageSize, Self.pageSizeMax)
        let first = min(UInt64(request.pageToken) ?? 0, request.total)
        let end = min(first + size, request.total)
        var writer = WireWriter()
        for number in first..<end {
            let padding = max(0, Int(request.itemBytes) - "\(number)".utf8.count)
            writer.text(1, "\(number)" + String(repeating: ".", count: padding))
        }
        if end < request.total { writer.text(2, request.repeats ? "again" : "\(end)") }
        writer.varint(3, request.total)
        return writer.bytes
    }
}

struct ListRequest {
    var pageSize: UInt64 = 0
    var pageToken = ""
    var key = ""
    var total: UInt64 = 0
    var repeats = false
    var itemBytes: UInt64 = 0
    var delayMilliseconds: UInt64 = 0
    var failAt: UInt64 = 0

    init(_ message: [UInt8]) throws(WireError) {
        var reader = WireReader(message)
        while let field = try reader.next() {
            switch field.number {
            case 1: pageSize = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 2: pageToken = field.text(in: message) ?? ""
            case 3: key = field.text(in: message) ?? ""
            case 4: total = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 5: repeats = field.number64 != 0
            case 6: itemBytes = min(field.number64 ?? 0, 1 << 20)
            case 7: delayMilliseconds = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 8: failAt = field.number64 ?? 0
            default: continue
            }
        }
    }
}
