// A session against servers that are complete, half-built, wrong, hostile, and never done.

import Schema
import Testing

@testable import ServerReflection

@Suite struct ReflectionSessionTests {
    /// Answers as a server would that has these files, until the session is finished.
    struct FakeServer {
        var services: [String] = []
        /// By name: its imports.
        var files: [String: [String]] = [:]
        var fileOfService: [String: String] = [:]
        /// Whether a file comes with all that it imports.
        var sendsClosure = false
        private(set) var questions = 0

        init(services: [String: String], files: [String: [String]]) {
            self.services = services.keys.sorted()
            fileOfService = services
            self.files = files
        }

        func bytes(_ name: String) -> [UInt8] {
            var writer = MessageWriter()
            writer.text(1, name)
            for name in files[name] ?? [] { writer.text(3, name) }
            return writer.bytes
        }

        mutating func answer(_ request: [UInt8]) -> [UInt8] {
            questions += 1
            let text = String(decoding: request.dropFirst(2), as: UTF8.self)
            switch request[0] >> 3 {
            case 7: return Answer.services(services)
            case 4:
                guard let file = fileOfService[text] else { return Answer.refusal(5, "no") }
                return Answer.files(closure(of: file).map(bytes))
            case _:
                guard files[text] != nil else { return Answer.refusal(5, "no \(text)") }
                return Answer.files(closure(of: text).map(bytes))
            }
        }

        private func closure(of name: String) -> [String] {
            guard sendsClosure else { return [name] }
            var all = [name]
            for name in all.indices.lazy.map({ all[$0] }) {
                for next in files[name] ?? [] where !all.contains(next) { all.append(next) }
            }
            return all
        }
    }

    enum Answer {
        static func message(_ field: UInt32, _ inner: (inout MessageWriter) -> Void) -> [UInt8] {
            var body = MessageWriter()
            inner(&body)
            var writer = MessageWriter()
            writer.data(field, body.bytes)
            return writer.bytes
        }

        static func services(_ names: [String]) -> [UInt8] {
            message(6) { body in
                for name in names {
                    var service = MessageWriter()
                    service.text(1, name)
                    body.data(1, service.bytes)
                }
            }
        }

        static func files(_ files: [[UInt8]]) -> [UInt8] {
            message(4) { body in for file in files { body.data(1, file) } }
        }

        static func refusal(_ code: UInt8, _ text: String) -> [UInt8] {
            var body = MessageWriter()
            body.text(2, text)
            let inner = [0x08, code] + body.bytes
            var writer = MessageWriter()
            writer.data(7, inner)
            return writer.bytes
        }
    }

    private typealias Outcome = Result<ReflectedFiles, ReflectionFault>

    /// Runs a session; `reply` makes the answer to each request, nil: the server says no more.
    private func run(
        _ session: inout ReflectionSession, _ reply: ([UInt8]) -> [UInt8]?
    ) -> Outcome? {
        var effects = session.handle(.begin)
        var open = 0
        while !effects.isEmpty {
            let effect = effects.removeFirst()
            switch effect {
            case .open: open = 0
            case .finished(let outcome): return outcome
            case .send(let request):
                open += 1
                #expect(open <= ReflectionSession.questionsAtOnce)
                guard let answer = reply(request) else { continue }
                open -= 1
                effects += session.handle(.message(answer))
            }
        }
        return nil
    }

    private func learn(
        _ server: FakeServer, wanting services: [String] = [],
        _ limits: ReflectionLimits = ReflectionLimits()
    ) -> Outcome? {
        var server = server
        var session = ReflectionSession(services: services, limits: limits)
        return run(&session) { server.answer($0) }
    }

    private func fault(_ outcome: Outcome?) -> ReflectionFault? {
        if case .failure(let fault) = outcome { fault } else { nil }
    }

    private let twoServices = FakeServer(
        services: [
            "a.A": "a.proto", "b.B": "b.proto", "grpc.health.v1.Health": "health.proto",
            "grpc.reflection.v1alpha.ServerReflection": "reflection.proto",
        ],
        files: [
            "a.proto": ["common.proto"], "b.proto": ["common.proto", "b_types.proto"],
            "b_types.proto": ["common.proto"], "common.proto": [], "health.proto": [],
        ])

    @Test(arguments: [false, true])
    func `all services and all that they import are learned, imports first`(
        sendsClosure: Bool
    ) throws {
        var server = twoServices
        server.sendsClosure = sendsClosure
        let files = try #require(try learn(server)?.get().files)
        let names = files.map(\.name)
        #expect(names.sorted() == ["a.proto", "b.proto", "b_types.proto", "common.proto"])
        for file in files {
            for name in file.imports {
                let there = try #require(names.firstIndex(of: name))
                #expect(there < (names.firstIndex(of: file.name) ?? -1))
            }
        }
        let again = try #require(DescriptorFiles.parse(set: DescriptorFiles.set(of: files)))
        #expect(again == files)
    }

    @Test func `only the services that the settings name are asked for`() throws {
        let files = try #require(
            try learn(twoServices, wanting: ["grpc.health.v1.Health"])?.get().files)
        #expect(files.map(\.name) == ["health.proto"])
        let none = fault(learn(twoServices, wanting: ["c.C"]))
        #expect(none?.description.contains("none that `services` names") == true)
    }

    @Test func `a server without v1 is asked by v1alpha`() throws {
        var session = ReflectionSession(services: [])
        #expect(session.handle(.begin).first == .open(.v1))
        let again = session.handle(.ended(code: 12, message: "unknown service"))
        #expect(again == [.open(.v1alpha), .send(ReflectionQuestion.services.bytes)])
        let end = session.handle(.ended(code: 12, message: "unknown service"))
        #expect(end == [.finished(.failure(.notOffered))])
        #expect(session.handle(.message([])).isEmpty)
    }

    @Test func `an end after an answer is no reason to try v1alpha`() {
        var session = ReflectionSession(services: [])
        _ = session.handle(.begin)
        _ = session.handle(.message(Answer.services(["a.A"])))
        let end = session.handle(.ended(code: 12, message: "gone\u{1B}[2J"))
        guard case .finished(.failure(let fault))? = end.last else {
            Issue.record("it goes on")
            return
        }
        #expect(fault == .ended(code: 12, message: "gone\u{1B}[2J"))
        #expect(!fault.description.contains("\u{1B}"))
    }

    @Test func `an end is told by its code's name`() {
        for (code, name) in [(Int32(16), "unauthenticated"), (7, "permission_denied"), (99, "99")] {
            var session = ReflectionSession(services: [])
            _ = session.handle(.begin)
            let end = session.handle(.ended(code: code, message: "who are you"))
            guard case .finished(.failure(let fault))? = end.last else {
                Issue.record("it goes on")
                continue
            }
            #expect(fault.description.hasSuffix("\(name) (who are you)"), "\(fault)")
        }
    }

    @Test func `no connection is told as such`() {
        var session = ReflectionSession(services: [])
        _ = session.handle(.begin)
        let end = session.handle(.ended(code: 14, message: "refused"))
        #expect(end == [.finished(.failure(.unreachable("refused")))])
    }

    @Test func `time that is over ends it`() {
        var session = ReflectionSession(services: [])
        _ = session.handle(.begin)
        let end = session.handle(.timedOut(milliseconds: 5000))
        #expect(end == [.finished(.failure(.tooSlow(milliseconds: 5000)))])
    }

    @Test func `a file that is missing is replaced by an empty one and told`() throws {
        var server = twoServices
        server.files["common.proto"] = nil
        let reflected = try #require(try learn(server)?.get())
        #expect(reflected.files.contains { $0.name == "common.proto" && $0.imports.isEmpty })
        #expect(reflected.notes.count == 1)
        #expect(reflected.notes.first?.contains("does not have common.proto") == true)
    }

    @Test func `a service that is listed and not shown is left out and told`() throws {
        var server = twoServices
        server.fileOfService["b.B"] = nil
        let reflected = try #require(try learn(server)?.get())
        #expect(reflected.files.map(\.name) == ["common.proto", "a.proto"])
        #expect(reflected.notes.first?.contains("lists b.B and does not show it") == true)
        server.fileOfService["a.A"] = nil
        let none = fault(learn(server))
        #expect(none?.description.contains("of none of its services") == true)
    }

    @Test func `imports in a circle are nonsense, and end`() {
        var server = twoServices
        server.files["common.proto"] = ["b.proto"]
        #expect(fault(learn(server)) == .nonsense("the imports of its files lead in a circle"))
    }

    @Test func `a file twice is one, in two versions nonsense`() throws {
        let file = twoServices.bytes("common.proto")
        var other = file
        other += [0x12, 1, 0x61]
        for (second, isSound) in [(file, true), (other, false)] {
            var session = ReflectionSession(services: [])
            _ = session.handle(.begin)
            _ = session.handle(.message(Answer.services(["a.A"])))
            let end = session.handle(.message(Answer.files([file, second])))
            guard case .finished(let outcome)? = end.last else {
                Issue.record("it goes on")
                continue
            }
            #expect((fault(outcome) == nil) == isSound)
        }
    }

    @Test func `a server that makes up a new import for each file comes to the bound`() {
        var limits = ReflectionLimits()
        limits.filesMax = 50
        var session = ReflectionSession(services: [], limits: limits)
        var made = 0
        let outcome = run(&session) { request in
            guard request[0] >> 3 != 7 else { return Answer.services(["a.A"]) }
            made += 1
            var file = MessageWriter()
            let asked = String(decoding: request.dropFirst(2), as: UTF8.self)
            file.text(1, request[0] >> 3 == 3 ? asked : "start.proto")
            file.text(3, "made-\(made).proto")
            return Answer.files([file.bytes])
        }
        #expect(fault(outcome) == .tooMuch("more than 50 files"))
    }

    @Test func `one file with endless imports comes to the bound`() {
        var limits = ReflectionLimits()
        (limits.filesMax, limits.servicesMax) = (10, 10)
        var server = twoServices
        server.files["common.proto"] = (0..<1000).map { "x\($0).proto" }
        #expect(fault(learn(server, limits)) == .tooMuch("more than 10 files"))
        server.services = (0..<100).map { "s\($0)" }
        #expect(fault(learn(server, limits)) == .tooMuch("more than 10 services"))
    }

    private func learn(_ server: FakeServer, _ limits: ReflectionLimits) -> Outcome? {
        learn(server, wanting: [], limits)
    }

    @Test func `too many bytes come to the bound`() {
        var limits = ReflectionLimits()
        limits.bytesMax = 100
        let fault = fault(learn(twoServices, limits))
        guard case .tooMuch = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    static let garbage: [[UInt8]] = [
        [], [0xFF], Array(repeating: 0xFF, count: 100), Array("<html>not found</html>".utf8),
        [0x32, 0x05, 0x0A], Answer.files([[]]), Answer.files([[0xFF, 0xFF]]),
        Answer.files([[0x12, 1, 0x61]]), Answer.files([]), Answer.services([""]),
        Answer.services([]), [0x0A, 1, 0x61],
    ]

    @Test(arguments: garbage)
    func `garbage at any place is a fault, never a trap`(bytes: [UInt8]) {
        for place in 0..<4 {
            var server = twoServices
            var session = ReflectionSession(services: [])
            var answers = 0
            let outcome = run(&session) { request in
                answers += 1
                return answers == place + 1 ? bytes : server.answer(request)
            }
            #expect(outcome != nil)
            // an empty list in the place of a file is refused too
            #expect(fault(outcome) != nil)
        }
    }

    @Test func `an answer cut anywhere is a fault or a smaller answer, never a trap`() {
        for answer in [
            Answer.services(twoServices.services),
            Answer.files([twoServices.bytes("b.proto")]), Answer.refusal(5, "no"),
        ] {
            for count in 0..<answer.count {
                var session = ReflectionSession(services: [])
                _ = session.handle(.begin)
                _ = session.handle(.message(Array(answer.prefix(count))))
                _ = session.handle(.timedOut(milliseconds: 1))
            }
        }
    }
}
