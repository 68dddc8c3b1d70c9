// The queue's end of its link to the supervisor: the heartbeat comes as often as was asked for.

import Glibc
import Kernel
import NIOCore
import Ops
import Testing
import WireFormat

@testable import QueueProcess

@Suite struct SupervisorPortTests {
    @Test func `the queue's heart beats as often as the supervisor wants`() throws {
        let pair = try UnixSocket.packetPair()
        let (ours, theirs) = (pair.ours.number, pair.theirs.number)
        pair.forget()
        defer { close(ours) }
        let thread = LoopThread()
        let link = SupervisorLink(descriptor: theirs, generation: 1)
        thread.loop.execute {
            let port = SupervisorPort(link: link, loop: thread.loop, heartbeatMilliseconds: 10)
            port.start()
        }
        var room = [UInt8](repeating: 0, count: SupervisorLinkFrame.bytesPerFrame)
        let started = Clock.monotonicMilliseconds()
        for _ in 0..<20 {
            let count = recv(ours, &room, room.count, 0)
            let (report, _) = try SupervisorLinkFrame.decodeReport(Array(room[..<max(0, count)]))
            #expect(report == .heartbeat(Heartbeat()))
        }
        // At one a second it would have taken nineteen.
        #expect(Clock.monotonicMilliseconds() - started < 10_000)
    }
}
