// Which calls reached the server: counts in memory, and a line each in a file that survives even a
// KILL of the server, because each line is one write(2) with O_APPEND before the call is answered.

import Glibc

final class Ledger {
    private(set) var total: UInt64 = 0
    /// By key, over all methods.
    private(set) var counts: [String: UInt64] = [:]
    /// By method and key.
    private var methodCounts: [String: UInt64] = [:]
    private let descriptor: Int32?

    init(path: String?) throws(Failure) {
        guard let path else {
            descriptor = nil
            return
        }
        let opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard opened >= 0 else { throw Files.failure("cannot open the ledger", path) }
        descriptor = opened
    }

    /// Notes a call and says how many of this method had this key so far, this one included. Calls
    /// without a key are only counted in the total.
    @discardableResult
    func note(method: String, key: String) -> UInt64 {
        total += 1
        if let descriptor {
            Files.writeAll(Array("\(Self.oneWord(key))\t\(method)\n".utf8), to: descriptor)
        }
        guard !key.isEmpty else { return 0 }
        counts[key, default: 0] += 1
        let count = (methodCounts["\(method) \(key)"] ?? 0) + 1
        methodCounts["\(method) \(key)"] = count
        return count
    }

    /// Counts what a call of this key did, beside the calls themselves and not in the file: `Count`
    /// knows it as "KEY/what".
    func note(_ what: String, of key: String) {
        guard !key.isEmpty else { return }
        counts["\(key)/\(what)", default: 0] += 1
    }

    private static func oneWord(_ key: String) -> String {
        String(key.map { $0 == "\t" || $0.isNewline ? "?" : $0 })
    }
}
