// What is asked of one server until all of its services and everything that they import is known.
// A value without IO: events in, effects out. Whoever carries them out keeps the time.
//
//     begin ─▶ list services ─▶ a file for each service ─▶ each import that did not come along
//        ▲                                                        │ none is left
//        └── v1 unimplemented: the same by v1alpha                ▼
//                                                             finished
//
// Up to `questionsAtOnce` questions are on their way, so that a far server costs few round trips;
// answers come in the order of the questions. Each answer uses up a question, and there are only so
// many questions, so that no server can make this endless.

/// Bounds on what one server may say.
package struct ReflectionLimits: Equatable, Sendable {
    /// All answers together.
    package var bytesMax = 64 << 20
    /// Several times what Google's whole public API has.
    package var filesMax = 20_000
    package var servicesMax = 5_000

    package init() {}
}

/// What a server told.
package struct ReflectedFiles: Equatable, Sendable {
    /// Each once, behind all that it imports.
    package var files: [DescriptorFile]
    /// What was left out, in words.
    package var notes: [String]
}

package struct ReflectionSession: Sendable {
    package enum Event: Sendable {
        case begin
        /// A ServerReflectionResponse.
        case message([UInt8])
        /// The call is over.
        case ended(code: Int32, message: String)
        case timedOut(milliseconds: Int)
    }

    package enum Effect: Equatable, Sendable {
        /// Start the call; a former one is over.
        case open(ReflectionVersion)
        /// A ServerReflectionRequest, behind those before it.
        case send([UInt8])
        /// End the call, nothing more is wanted. Always the last effect.
        case finished(Result<ReflectedFiles, ReflectionFault>)
    }

    private enum Phase: Equatable { case idle, asking, finished }

    static let questionsAtOnce = 16
    /// gRPC's UNIMPLEMENTED.
    private static let unimplemented: Int32 = 12
    /// gRPC's UNAVAILABLE.
    private static let unavailable: Int32 = 14

    private let limits: ReflectionLimits
    /// Full names that are wanted; empty: all but those that every server has.
    private let wanted: [String]
    private var phase = Phase.idle
    private var version = ReflectionVersion.v1
    private var hasAnswered = false
    private var bytesSeen = 0
    private var open: [ReflectionQuestion] = []
    private var waiting: [ReflectionQuestion] = []
    /// Services and files that were ever put into `waiting`.
    private var asked: Set<ReflectionQuestion> = []
    private var files: [DescriptorFile] = []
    private var placeOfFile: [String: Int] = [:]
    private var servicesFound = 0
    private var notes: [String] = []

    /// - Parameter services: the target's `services`.
    package init(services: [String], limits: ReflectionLimits = ReflectionLimits()) {
        wanted = services
        self.limits = limits
    }

    package mutating func handle(_ event: Event) -> [Effect] {
        switch (phase, event) {
        case (.idle, .begin): return begin()
        case (.asking, .message(let bytes)): return hear(bytes)
        case (.asking, .ended(let code, let message)): return end(code, message)
        case (.asking, .timedOut(let milliseconds)), (.idle, .timedOut(let milliseconds)):
            return fail(.tooSlow(milliseconds: milliseconds))
        case (.asking, .begin), (.finished, _), (.idle, _): return []
        }
    }

    private mutating func begin() -> [Effect] {
        phase = .asking
        open = []
        waiting = [.services]
        return [.open(version)] + ask()
    }

    /// As many questions as may be on their way; finished when there are none.
    private mutating func ask() -> [Effect] {
        var effects: [Effect] = []
        while open.count < Self.questionsAtOnce, let question = waiting.popLast() {
            if case .file(let name) = question, placeOfFile[name] != nil { continue }
            open.append(question)
            effects.append(.send(question.bytes))
        }
        return open.isEmpty ? finish() : effects
    }

    private mutating func end(_ code: Int32, _ message: String) -> [Effect] {
        if code == Self.unavailable, !hasAnswered { return fail(.unreachable(message)) }
        guard code == Self.unimplemented, !hasAnswered else {
            return fail(.ended(code: code, message: message))
        }
        guard version == .v1 else { return fail(.notOffered) }
        version = .v1alpha
        return begin()
    }

    private mutating func fail(_ fault: ReflectionFault) -> [Effect] {
        phase = .finished
        return [.finished(.failure(fault))]
    }

    private mutating func finish() -> [Effect] {
        guard servicesFound > 0 else {
            let why = notes.first.map { ": \($0)" } ?? ""
            return fail(.noServices("it has the descriptors of none of its services\(why)"))
        }
        guard let ordered = DescriptorFiles.ordered(files) else {
            return fail(.nonsense("the imports of its files lead in a circle"))
        }
        phase = .finished
        return [.finished(.success(ReflectedFiles(files: ordered, notes: notes)))]
    }

    // MARK: answers

    private mutating func hear(_ bytes: [UInt8]) -> [Effect] {
        hasAnswered = true
        bytesSeen += bytes.count
        guard bytesSeen <= limits.bytesMax else {
            return fail(.tooMuch("\(limits.bytesMax >> 20) MiB and no end"))
        }
        guard let answer = ReflectionAnswer(bytes) else {
            return fail(.nonsense("\(bytes.count) bytes that are no answer"))
        }
        do throws(ReflectionFault) {
            try take(answer, to: open.removeFirst())
        } catch {
            return fail(error)
        }
        return ask()
    }

    private mutating func take(
        _ answer: ReflectionAnswer, to question: ReflectionQuestion
    ) throws(ReflectionFault) {
        switch (question, answer) {
        case (.services, .services(let names)): try choose(names)
        case (.services, .refused(let code, let message)):
            throw .ended(code: code, message: message)
        case (.service(let name), .files(let files)):
            try add(files)
            servicesFound += 1
            if files.isEmpty { throw .nonsense("no file for \(printable(name))") }
        case (.service(let name), .refused(let code, let message)):
            note("it lists \(name) and does not show it (\(codeName(code)), \(message))")
        case (.file(let name), .files(let files)):
            try add(files)
            guard placeOfFile[name] == nil else { return }
            throw .nonsense("another file than \(printable(name)), which was asked for")
        case (.file(let name), .refused): try addMissing(name)
        case (.services, .files), (.service, .services), (.file, .services):
            throw .nonsense("an answer to another question")
        }
    }

    /// Of a hostile server's notes a few are enough.
    private mutating func note(_ text: String) {
        if notes.count < 10 { notes.append(printable(text)) }
    }

    private mutating func choose(_ names: [String]) throws(ReflectionFault) {
        guard names.count <= limits.servicesMax else {
            throw .tooMuch("more than \(limits.servicesMax) services")
        }
        let listed = Set(names)
        for name in wanted where !listed.contains(name) {
            note("it does not list \(name), which `services` names")
        }
        let chosen =
            wanted.isEmpty
            ? names.filter { !Self.isInfrastructure($0) } : wanted.filter(listed.contains)
        guard !chosen.isEmpty else {
            throw .noServices(
                wanted.isEmpty
                    ? "it lists \(names.count) services, of which none is its own"
                    : "it lists \(names.count) services, and none that `services` names")
        }
        for name in chosen {
            guard !name.isEmpty, name.utf8.count <= DescriptorFile.nameBytesMax else {
                throw .nonsense("a service without a name")
            }
            try want(.service(name))
        }
    }

    /// What nearly every server has and nobody calls through prong, unless `services` names it.
    private static func isInfrastructure(_ service: String) -> Bool {
        service.hasPrefix("grpc.reflection.") || service.hasPrefix("grpc.health.")
    }

    private mutating func want(_ question: ReflectionQuestion) throws(ReflectionFault) {
        guard asked.insert(question).inserted else { return }
        guard asked.count <= limits.servicesMax + limits.filesMax else { throw tooManyFiles }
        waiting.append(question)
    }

    private var tooManyFiles: ReflectionFault { .tooMuch("more than \(limits.filesMax) files") }

    private mutating func add(_ answered: [[UInt8]]) throws(ReflectionFault) {
        for bytes in answered {
            guard let file = DescriptorFile(bytes: bytes) else {
                throw .nonsense("\(bytes.count) bytes that are no descriptor of a file")
            }
            try add(file)
        }
    }

    private mutating func add(_ file: DescriptorFile) throws(ReflectionFault) {
        if let known = placeOfFile[file.name] {
            guard files[known].bytes == file.bytes else {
                throw .nonsense("two versions of \(printable(file.name))")
            }
            return
        }
        guard files.count < limits.filesMax else { throw tooManyFiles }
        placeOfFile[file.name] = files.count
        files.append(file)
        for name in file.imports where placeOfFile[name] == nil { try want(.file(name)) }
    }

    private mutating func addMissing(_ name: String) throws(ReflectionFault) {
        note("it does not have \(name), which another of its files imports")
        guard placeOfFile[name] == nil else { return }
        try add(DescriptorFile(missing: name))
    }
}
