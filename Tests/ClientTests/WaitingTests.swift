// Waits without a bound: whoever waits for a call goes on while the daemon is busy, and hears when
// it stands still.
import Foundation
import Glibc
import Testing

@testable import prong

@Suite struct WaitingTests {
    private static let call = Request(method: .post, target: "/a.B/Slow", headers: [], body: [])

    @Test func `a wait goes on while the daemon answers that it is there`() throws {
        let looks = Counter()
        let enough = DispatchSemaphore(value: 0)
        let daemon = FakeDaemon { request, connection in
            if request.path == "/healthz" {
                connection.answer(503, "{}")
                if looks.next() == 2 { enough.signal() }
            } else {
                enough.wait()
                connection.answer(200, "{}")
            }
        }
        let client = Client(SocketPlace(path: daemon.path), patience: 3)
        #expect(try client.exchange(Self.call, within: nil).isSuccess)
        #expect(daemon.seen.filter { $0.path == "/healthz" }.count == 2)
    }

    @Test func `an answer that comes while the daemon is asked is taken`() throws {
        let asked = DispatchSemaphore(value: 0)
        let never = DispatchSemaphore(value: 0)
        let daemon = FakeDaemon { request, connection in
            if request.path == "/healthz" {
                asked.signal()
                never.wait()
            } else {
                asked.wait()
                connection.answer(200, "{}")
            }
        }
        let client = Client(SocketPlace(path: daemon.path), patience: 3)
        #expect(try client.exchange(Self.call, within: nil).isSuccess)
    }

    @Test func `a daemon that stands still within its answer is 69 too`() {
        let never = DispatchSemaphore(value: 0)
        let daemon = FakeDaemon { request, connection in
            if request.path != "/healthz" {
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
            }
            never.wait()
        }
        let client = Client(SocketPlace(path: daemon.path), patience: 0.5)
        #expect {
            try client.exchange(Self.call, within: nil)
        } throws: {
            ($0 as? Failure)?.status == .unavailable
        }
    }

    @Test func `a call without a timeout to a daemon that stands still ends with 69`() {
        // As a stopped process: connections are made by the kernel, and nobody takes them.
        let path = makeTemporaryFolder() + "/s.sock"
        _ = listen(at: path)
        let outcome = prong("call", "example.v1.Echo/Say", "{}", socket: path)
        #expect(outcome.status == 69)
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("stands still"), "\(outcome.errors)")
        #expect(outcome.errors.contains("may or may not have happened"), "\(outcome.errors)")
    }
}
