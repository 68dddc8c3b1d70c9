// `prong map` against a scripted daemon: order, failures, splitting, pipes, lost connections.
import Foundation
import Glibc
import Synchronization
import Testing

@Suite struct MapTests {
    /// Answers methods, and hands streams to the script.
    static func daemon(
        _ stream: @escaping @Sendable (FakeConnection) -> Void
    ) -> FakeDaemon {
        FakeDaemon(streams: true) { request, connection in
            if request.path == "/v1/methods" {
                connection.answer(200, methodsAnswer)
            } else if request.path == "/v1/jobs" {
                stream(connection)
            } else {
                connection.answer(404, #"{"code":"not_found","message":"no such path"}"#)
            }
        }
    }

    /// Answers every line as soon as it is there.
    static func prompt() -> FakeDaemon {
        daemon { connection in
            connection.beginStream()
            connection.eachBatch { batch in
                batch.isEmpty || connection.chunk(batch.map(success).joined())
            }
            connection.endStream()
        }
    }

    static func lines(_ numbers: Range<Int>) -> String {
        numbers.map { "{\"n\":\($0)}\n" }.joined()
    }

    @Test func `results that come out of order are printed in the order of the input`() {
        let daemon = Self.daemon { connection in
            var all: [GotLine] = []
            connection.eachBatch {
                all += $0; return true
            }
            connection.beginStream()
            for line in all.reversed() { _ = connection.chunk(success(line)) }
            connection.endStream()
        }
        let input = Self.lines(0..<500)
        let outcome = prong("map", "Shout", socket: daemon.path, input: input)
        #expect(outcome.status == 0)
        #expect(outcome.output == input)
        #expect(outcome.errors == "")
        #expect(daemon.seen.last?.query == "wait=1d")
    }

    @Test func `unordered results come as they end and may carry their line's number`() {
        let daemon = Self.daemon { connection in
            var all: [GotLine] = []
            connection.eachBatch {
                all += $0; return true
            }
            connection.beginStream()
            for line in all.reversed() { _ = connection.chunk(success(line)) }
            connection.endStream()
        }
        let outcome = prong(
            "map", "Shout", "--unordered", "--number", socket: daemon.path,
            input: Self.lines(0..<3))
        #expect(
            outcome.output == """
                {"line":3,"response":{"n":2}}
                {"line":2,"response":{"n":1}}
                {"line":1,"response":{"n":0}}

                """)
    }

    @Test func `a line that fails keeps its place and stops nothing`() {
        let daemon = Self.daemon { connection in
            connection.beginStream()
            connection.eachBatch { batch in
                for line in batch {
                    let answer =
                        switch line.n {
                        case 1: #"{"line":\#(line.number),"error":{"code":"not_found","x":1}}"#
                        case 2:
                            #"{"state":"unknown","id":"j2","line":\#(line.number),"#
                                + #""error":{"code":"unknown","message":"m"}}"#
                        case 3: #"{"line":\#(line.number),"id":"j3","state":"cancelled"}"#
                        default: success(line).trimmingCharacters(in: .newlines)
                        }
                    _ = connection.chunk(answer + "\n")
                }
                return true
            }
            connection.endStream()
        }
        let input =
            "{\"n\":0}\n\n{\"n\":1}\n  \n{\"n\":2}\r\nnonsense\n{\"n\":3}\n{},\"a\":1\n{\"n\":4}"
        let outcome = prong("map", "Shout", socket: daemon.path, input: input)
        #expect(outcome.status == 1)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 7)
        #expect(lines[0] == #"{"n":0}"#)
        #expect(lines[1] == #"{"error":{"code":"not_found","x":1}}"#)
        #expect(lines[2] == #"{"error":{"code":"unknown","message":"m"}}"#)
        #expect(lines[3].contains("line 6: it is no JSON"))
        #expect(lines[4] == #"{"error":{"code":"canceled","message":"job j3 is cancelled"}}"#)
        #expect(lines[5].contains("line 8: it is no JSON"))
        #expect(lines[6] == #"{"n":4}"#)
        #expect(outcome.errors.contains("5 of 7 lines failed"))
    }

    @Test func `long inputs are split into bodies of at most 100000 lines`() {
        let sizes = Mutex<[Int]>([])
        let daemon = Self.daemon { connection in
            var total = 0
            connection.beginStream()
            connection.eachCount { lines in
                total += lines.count
                return lines.isEmpty || connection.chunk(successes(lines))
            }
            connection.endStream()
            sizes.withLock { [total] in $0.append(total) }
        }
        let input = String(repeating: "{}\n", count: 100_500)
        let outcome = prong("map", "Shout", socket: daemon.path, input: input)
        #expect(outcome.status == 0)
        let expected = Array(1...100_000) + Array(1...500)
        #expect(outcome.output == expected.map { "\($0)\n" }.joined())
        #expect(sizes.withLock { $0.sorted() } == [500, 100_000])
    }

    @Test func `a first line that never ends its job does not fill the memory`() throws {
        let go = DispatchSemaphore(value: 0)
        let answered = Mutex(0)
        let bodies = Counter()
        let daemon = Self.daemon { connection in
            let isFirst = bodies.next() == 1
            connection.beginStream()
            connection.eachCount { lines in
                let ready = isFirst && lines.lowerBound == 1 ? lines.dropFirst() : lines
                answered.withLock { $0 += ready.count }
                return ready.isEmpty || connection.chunk(successes(ready))
            }
            if isFirst {
                go.wait()
                // The client went on past the line that waits, but not for ever.
                #expect(answered.withLock { $0 } == 199_999)
                _ = connection.chunk(successes([1]))
            }
            connection.endStream()
        }
        let input = String(repeating: "{}\n", count: 201_000)
        let running = RunningProng(["map", "Shout"], socket: daemon.path)
        Thread.detachNewThread {
            try? running.input.write(contentsOf: Data(input.utf8))
            try? running.input.close()
        }
        #expect(eventually { answered.withLock { $0 } >= 199_999 })
        #expect(running.outputSoFar == "")
        go.signal()
        let outcome = running.finish()
        #expect(outcome.status == 0)
        #expect(outcome.output.utf8.count { $0 == 0x0a } == 201_000)
        #expect(outcome.output.hasPrefix("1\n2\n3\n"))
    }

    @Test func `results come while the input is still open`() throws {
        let daemon = Self.prompt()
        let running = RunningProng(["map", "Shout"], socket: daemon.path)
        try running.input.write(contentsOf: Data("{\"n\":1}\n".utf8))
        #expect(eventually { running.outputSoFar == "{\"n\":1}\n" })
        try running.input.write(contentsOf: Data("{\"n\":2}\n".utf8))
        #expect(eventually { running.outputSoFar == "{\"n\":1}\n{\"n\":2}\n" })
        try running.input.close()
        #expect(running.finish().status == 0)
    }

    @Test func `an input that pauses ends the body, so that no request idles`() throws {
        let ended = Mutex(0)
        let daemon = Self.daemon { connection in
            connection.beginStream()
            connection.eachBatch { batch in
                batch.isEmpty || connection.chunk(batch.map(success).joined())
            }
            connection.endStream()
            ended.withLock { $0 += 1 }
        }
        let running = RunningProng(["map", "Shout"], socket: daemon.path)
        try running.input.write(contentsOf: Data("{\"n\":1}\n".utf8))
        #expect(eventually { ended.withLock { $0 } == 1 })
        try running.input.write(contentsOf: Data("{\"n\":2}\n".utf8))
        try running.input.close()
        let outcome = running.finish()
        #expect(outcome.output == "{\"n\":1}\n{\"n\":2}\n")
        #expect(outcome.status == 0)
    }

    @Test func `lines without an answer are named when the connection is cut`() {
        let bodies = Counter()
        let daemon = Self.daemon { connection in
            connection.beginStream()
            let isFirst = bodies.next() == 1
            connection.eachBatch { batch in
                let ready = isFirst ? batch.filter { $0.number != 2 && $0.number < 5 } : batch
                if !ready.isEmpty { _ = connection.chunk(ready.map(success).joined()) }
                return !isFirst
            }
            if isFirst { shutdown(connection.fd, Int32(SHUT_RDWR)) } else { connection.endStream() }
        }
        let outcome = prong(
            "map", "Shout", socket: daemon.path, input: Self.lines(0..<6))
        #expect(outcome.status == 75)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 6)
        #expect(lines[0] == #"{"n":0}"#)
        #expect(lines[1].contains("no answer for line 2"))
        #expect(lines[3] == #"{"n":3}"#)
        #expect(outcome.errors.contains("no answer for lines 2, 5-6"))
    }

    @Test func `with a key the lines without an answer are sent again under the same keys`() {
        let bodies = Counter()
        let keys = Mutex<[String]>([])
        let daemon = Self.daemon { connection in
            connection.beginStream()
            let isFirst = bodies.next() == 1
            connection.eachBatch { batch in
                keys.withLock { $0 += batch.map { String($0.text.suffix(8)) } }
                let ready = isFirst ? batch.filter { $0.number == 3 } : batch
                if !ready.isEmpty { _ = connection.chunk(ready.map(success).joined()) }
                return !isFirst
            }
            if isFirst { shutdown(connection.fd, Int32(SHUT_RDWR)) } else { connection.endStream() }
        }
        let input = Self.lines(0..<4)
        let outcome = prong("map", "Shout", "--key", "run", socket: daemon.path, input: input)
        #expect(outcome.status == 0)
        #expect(outcome.output == input)
        #expect(
            keys.withLock { $0 } == [1, 2, 3, 4, 1, 2, 4].map { "\"run-\($0)\"}" })
    }

    @Test func `a daemon that is gone stops the map with 69`() throws {
        let folder = makeTemporaryFolder()
        let path = folder + "/s.sock"
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
        let running = RunningProng(["map", "Shout"], socket: path)
        try running.input.write(contentsOf: Data("{\"n\":1}\n".utf8))
        #expect(eventually { running.outputSoFar.contains("no answer for line 1") })
        try running.input.write(contentsOf: Data("{\"n\":2}\n{\"n\":3}\n".utf8))
        try running.input.close()
        let outcome = running.finish()
        #expect(outcome.status == 69)
        #expect(outcome.errors.contains("stopped at line 2"))
        #expect(outcome.errors.contains("no daemon"))
    }

    @Test(arguments: [(403, "permission_denied", 77), (429, "resource_exhausted", 75)])
    func `a body that is refused as a whole stops the map`(
        status: Int, code: String, exit: Int32
    ) {
        let daemon = Self.daemon { connection in
            connection.eachBatch { _ in true }
            connection.answer(
                status, #"{"code":"\#(code)","message":"why"}"#,
                headers: status == 429 ? ["Retry-After": "1"] : [:])
        }
        let outcome = prong("map", "Shout", socket: daemon.path, input: Self.lines(0..<2))
        #expect(outcome.status == exit)
        #expect(
            outcome.output
                == String(
                    repeating: #"{"error":{"code":"\#(code)","message":"why"}}"# + "\n", count: 2)
        )
    }

    @Test func `jobs that outlast the stream are asked for singly`() {
        let daemon = FakeDaemon(streams: true) { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            case "/v1/jobs":
                connection.beginStream()
                connection.eachBatch { batch in
                    for line in batch {
                        _ = connection.chunk(
                            #"{"line":\#(line.number),"id":"j1","state":"running"}"# + "\n")
                    }
                    return true
                }
                connection.endStream()
            default:
                connection.answer(200, #"{"id":"j1","state":"succeeded","response":{"late":1}}"#)
            }
        }
        let outcome = prong("map", "Shout", socket: daemon.path, input: "{}\n")
        #expect(outcome.output == "{\"late\":1}\n")
        #expect(outcome.status == 0)
    }

    @Test func `binary lines are base64 both ways`() {
        let daemon = FakeDaemon(streams: true) { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            case "/v1/jobs":
                connection.beginStream()
                connection.eachBatch { batch in
                    for line in batch {
                        #expect(line.text.hasPrefix(#"{"requestBase64":"AAE=","method":"#))
                        _ = connection.chunk(success(line))
                    }
                    return true
                }
                connection.endStream()
            default:
                #expect(request.path == "/v1/jobs/j0/response")
                #expect(request.headers["accept"] == "application/proto")
                connection.answer(200, [0xff, 0xfe], type: "application/proto")
            }
        }
        let outcome = prong(
            "map", "Shout", "--binary", socket: daemon.path, input: "AAE=\n!!\n")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.first == "//4=")
        #expect(lines.last?.contains("it is not base64") == true)
        #expect(outcome.status == 1)
    }

    @Test func `a writer that reads nothing until it has written all is never blocked`() throws {
        let daemon = Self.prompt()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: prongPath)
        process.arguments = ["--socket", daemon.path, "map", "Shout"]
        let stdin = Pipe()
        let stdout = Pipe()
        process.standardInput = stdin
        process.standardOutput = stdout
        try process.run()
        let input = Self.lines(0..<20_000)
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = Collected(stdout.fileHandleForReading)
        output.wait()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(String(decoding: output.bytes, as: UTF8.self) == input)
    }

    @Test func `an empty input is done at once and a missing file is 66`() {
        let daemon = Self.prompt()
        let empty = prong("map", "Shout", socket: daemon.path)
        #expect(empty.status == 0)
        #expect(empty.output == "")
        let missing = prong("map", "Shout", "/nowhere/at/all", socket: daemon.path)
        #expect(missing.status == 66)
    }
}
