// `prong map` while the daemon goes away under it: what counts as an outage, and what is said of
// lines that were sent before.
import Foundation
import Glibc
import Synchronization
import Testing

@testable import prong

@Suite struct OutageTests {
    @Test func `an outage counts once, however many bodies were open`() {
        var outages = OutageCount()
        let marks = (0..<5).map { _ in outages.mark }
        for mark in marks { outages.noteLoss(openedAt: mark) }
        #expect(!outages.isOver)
        // Three in a row are allowed: two more, each of a body that was opened after the last.
        for _ in 0..<2 { outages.noteLoss(openedAt: outages.mark) }
        #expect(!outages.isOver)
        for mark in marks { outages.noteLoss(openedAt: mark) }
        #expect(!outages.isOver)
        outages.noteLoss(openedAt: outages.mark)
        #expect(outages.isOver)
    }

    @Test func `an answer between outages ends the row`() {
        var outages = OutageCount()
        for _ in 0..<10 {
            for _ in 0..<3 { outages.noteLoss(openedAt: outages.mark) }
            #expect(!outages.isOver)
            outages.noteAnswer()
        }
    }

    @Test func `a map with a key survives the loss of five bodies at once`() throws {
        let lost = 5
        let bodies = Counter()
        let ended = Mutex(0)
        let again = Mutex(0)
        let cut = DispatchSemaphore(value: 0)
        let daemon = MapTests.daemon { connection in
            let isFirst = bodies.next() <= lost
            connection.beginStream()
            var lines: [GotLine] = []
            connection.eachBatch {
                lines += $0; return true
            }
            if isFirst {
                ended.withLock { $0 += 1 }
                cut.wait()
                shutdown(connection.fd, Int32(SHUT_RDWR))
            } else {
                // No answer before all are there again: it would end the row of losses.
                again.withLock { [lines] in $0 += lines.count }
                #expect(eventually { again.withLock { $0 } == lost })
                _ = connection.chunk(lines.map(success).joined())
                connection.endStream()
            }
        }
        let running = RunningProng(["map", "Shout", "--key", "run"], socket: daemon.path)
        for number in 0..<lost {
            try running.input.write(contentsOf: Data("{\"n\":\(number)}\n".utf8))
            // The input's pause ends the body, so that the next line opens another.
            #expect(eventually { ended.withLock { $0 } == number + 1 })
        }
        try running.input.close()
        for _ in 0..<lost { cut.signal() }
        let outcome = running.finish()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == MapTests.lines(0..<lost))
    }

    @Test func `a line that was sent before the daemon went for good is named, not called unsent`()
        throws
    {
        let path = makeTemporaryFolder() + "/s.sock"
        let listener = listen(at: path)
        let connections = Counter()
        Thread.detachNewThread {
            while true {
                let fd = accept(listener, nil, nil)
                guard fd >= 0 else { return }
                let connection = FakeConnection(fd: fd)
                _ = connection.readHead()
                if connections.next() == 1 {
                    connection.answer(200, methodsAnswer)
                } else {
                    _ = connection.readChunk()
                    unlink(path)
                    close(listener)
                    close(fd)
                    return
                }
            }
        }
        let running = RunningProng(["map", "Shout", "--key", "run"], socket: path)
        try running.input.write(contentsOf: Data("{\"n\":1}\n".utf8))
        #expect(eventually { running.outputSoFar.contains("no answer for line 1") })
        try running.input.close()
        let outcome = running.finish()
        #expect(outcome.status == 69)
        #expect(!outcome.output.contains("it was not sent"), "\(outcome.output)")
        #expect(
            outcome.errors.contains("no answer for line 1; they may have been accepted"),
            "\(outcome.errors)")
    }
}
