// What all topics share: a daemon with the example server behind it, torn down whatever happens,
// and the evidence of a failed test kept. These tests see the programs from outside only.
import DaemonHarness
import Foundation
import Testing

/// Notes which tests have recorded an issue, so that their daemon's folder is kept.
enum Evidence {
    private static let failed = Locked<Set<Test.ID>>([])

    static func note() {
        if let id = Test.current?.id { failed.change { _ = $0.insert(id) } }
    }

    static var isWanted: Bool {
        guard let id = Test.current?.id else { return false }
        return failed.value.contains(id)
    }
}

final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: Value

    init(_ value: Value) { stored = value }

    var value: Value { lock.withLock { stored } }

    @discardableResult
    func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try lock.withLock { try body(&stored) }
    }
}

extension Trait where Self == IssueHandlingTrait {
    /// Keeps the daemon's folder when the test fails.
    static var keepsEvidence: Self {
        .compactMapIssues { issue in
            Evidence.note()
            return issue
        }
    }
}

/// A daemon that is ready, with the example server as its target `example`.
func withPool(
    lines: String = "", serverOptions: [String] = [],
    change: (inout DaemonSettings) -> Void = { _ in },
    _ body: (Daemon, ExampleServer) throws -> Void
) throws {
    let server = try ExampleServer(options: serverOptions)
    let settings = DaemonSettings(try server.target(lines: lines), change: change)
    try withDaemon(settings, failed: { Evidence.isWanted }) { daemon in
        try body(daemon, server)
    }
    server.stop()
}

/// A daemon without any target.
func withBareDaemon(
    change: (inout DaemonSettings) -> Void = { _ in }, _ body: (Daemon) throws -> Void
) throws {
    try withDaemon(
        DaemonSettings(change: change), failed: { Evidence.isWanted }, body)
}

/// A name that no other test uses, for the ledger and for keys.
func unique(_ purpose: String) -> String {
    "\(purpose)-\(UInt64.random(in: 0...UInt64.max))"
}

extension DaemonSettings {
    init(change: (inout DaemonSettings) -> Void) {
        self.init()
        change(&self)
    }
}

/// What the refusal of a request is: its HTTP status and its Connect code.
func expectRefusal(
    _ answer: HTTPResponse, _ status: Int, _ code: String, saying parts: String...,
    at location: SourceLocation = #_sourceLocation
) {
    #expect(answer.status == status, "\(answer)", sourceLocation: location)
    #expect(answer.code == code, "\(answer)", sourceLocation: location)
    #expect(
        answer[header: "content-type"] == "application/json", "\(answer.head)",
        sourceLocation: location)
    for part in parts {
        #expect(answer.message.contains(part), "\(answer)", sourceLocation: location)
    }
}

/// A port that was free a moment ago.
func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size)
            getsockname(descriptor, $0, &size)
        }
        return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
}
