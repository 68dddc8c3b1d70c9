// Where libFuzzer comes in. PRONG_FUZZ_TARGET names what is fuzzed; nothing but a trap, a hang or
// a broken promise (a precondition below) is a finding.
import Glibc

enum FuzzTarget: String, CaseIterable {
    case link, http, descriptors, envelope
    case jsonToWire = "json-to-wire"
    case wireToJSON = "wire-to-json"
    case toml
    case keyFile = "key-file"
    case tokenAnswer = "token-answer"
    case reflection
    case googleAPI = "google-api"

    static let current: FuzzTarget = {
        let name = getenv("PRONG_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let known = allCases.map(\.rawValue).joined(separator: ", ")
            stop("PRONG_FUZZ_TARGET must be one of \(known)")
        }
        return target
    }()

    func take(_ bytes: [UInt8]) {
        switch self {
        case .link: fuzzLink(bytes)
        case .http: HTTPFuzzing.shared.take(bytes)
        case .descriptors: fuzzDescriptors(bytes)
        case .envelope: fuzzEnvelope(bytes)
        case .jsonToWire: TranscodeFuzzing.shared.takeJSON(bytes)
        case .wireToJSON: TranscodeFuzzing.shared.takeWire(bytes)
        case .toml: fuzzTOML(bytes)
        case .keyFile: fuzzKeyFile(bytes)
        case .tokenAnswer: fuzzTokenAnswer(bytes)
        case .reflection: fuzzReflection(bytes)
        case .googleAPI: fuzzGoogleAPI(bytes)
        }
    }
}

/// Ends the program with a sentence: it was called wrongly.
func stop(_ sentence: String) -> Never {
    let line = Array("\(sentence)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(64)
}

private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// libFuzzer's loop, as a library; it reads the options from the command line.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments?>,
    _ callback: Callback
) -> CInt

/// The package manager makes this name the program's entry.
@_cdecl("FuzzProng_main")
func fuzzMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments) { start, count in
        FuzzTarget.current.take(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    }
}
