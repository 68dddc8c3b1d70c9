// A server's answers about its descriptors, one after the other: the session must come to an end
// within its bounds, and what it learns must be files in an order, each once.
import Schema
import ServerReflection

/// One byte chooses the bounds and what is wanted; then answers, each behind its length in two
/// bytes, lowest first.
func fuzzReflection(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    var limits = ReflectionLimits()
    if choice & 1 != 0 { (limits.filesMax, limits.servicesMax) = (4, 3) }
    if choice & 2 != 0 { limits.bytesMax = 600 }
    var session = ReflectionSession(services: choice & 4 != 0 ? ["a.S"] : [], limits: limits)
    var play = ReflectionPlay(questionsMax: 2 * (1 + limits.filesMax + limits.servicesMax))
    play.take(session.handle(.begin))
    for answer in pieces(bytes.dropFirst()) where play.end == nil {
        play.take(session.handle(.message(answer)))
    }
    if play.end == nil {
        let code: Int32 = choice & 8 != 0 ? 12 : 0
        play.take(session.handle(.ended(code: code, message: "over")))
    }
    // it may have begun again with the older version, which then never answers
    if play.end == nil { play.take(session.handle(.timedOut(milliseconds: 1))) }
    guard let end = play.end else { preconditionFailure("it goes on behind its end") }
    precondition(session.handle(.message([])).isEmpty, "it goes on behind its end")
    switch end {
    case .failure(let fault):
        precondition(!"\(fault)".unicodeScalars.contains { $0.value < 0x20 }, "not a line")
    case .success(let reflected): check(reflected)
    }
}

private struct ReflectionPlay {
    let questionsMax: Int
    private(set) var end: Result<ReflectedFiles, ReflectionFault>?
    private var questions = 0

    init(questionsMax: Int) { self.questionsMax = questionsMax }

    mutating func take(_ effects: [ReflectionSession.Effect]) {
        for effect in effects {
            precondition(end == nil, "something stands behind the end")
            switch effect {
            case .open: break
            case .send: questions += 1
            case .finished(let result): end = result
            }
        }
        precondition(questions <= questionsMax, "it asks without end")
    }
}

private func check(_ reflected: ReflectedFiles) {
    var known: Set<String> = []
    for file in reflected.files {
        precondition(known.isSuperset(of: file.imports), "it stands before what it imports")
        precondition(known.insert(file.name).inserted, "it is there twice")
    }
    let set = DescriptorFiles.set(of: reflected.files)
    precondition(DescriptorFiles.parse(set: set) == reflected.files, "a set loses something")
    _ = try? Schema(sets: [(label: "fuzz", bytes: set)])
}

/// What stands behind lengths of two bytes; the last piece may be shorter than it says.
func pieces(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
    var rest = bytes
    var pieces: [[UInt8]] = []
    while rest.count >= 2 {
        let count = Int(rest.removeFirst()) | Int(rest.removeFirst()) << 8
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
    }
    return pieces
}
