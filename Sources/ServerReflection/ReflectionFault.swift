// Why nothing could be learned from a server, in words that go behind its target's name.

package enum ReflectionFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// It knows neither version of the service.
    case notOffered
    /// There was no connection, or it broke before the first answer.
    case unreachable(String)
    /// The call ended before all was said, with this gRPC code.
    case ended(code: Int32, message: String)
    /// Not all was said in time.
    case tooSlow(milliseconds: Int)
    /// More than the bound on something.
    case tooMuch(String)
    /// What it says makes no sense.
    case nonsense(String)
    /// There is nothing to call.
    case noServices(String)
    /// No connection can be made of the target's settings.
    case noClient(String)
    /// The target's credentials gave none for the call.
    case noToken(String)

    package var description: String {
        switch self {
        case .notOffered:
            "it offers no server reflection (neither v1 nor v1alpha)"
        case .unreachable(let message):
            "it could not be reached" + (message.isEmpty ? "" : " (\(printable(message)))")
        case .ended(let code, let message):
            "its reflection ended with \(codeName(code))"
                + (message.isEmpty ? "" : " (\(printable(message)))")
        case .tooSlow(let milliseconds):
            "its reflection did not answer within \(milliseconds) ms"
        case .tooMuch(let what): "its reflection answers more than prong takes: \(what)"
        case .nonsense(let what): "its reflection answers nonsense: \(what)"
        case .noServices(let what): "its reflection shows nothing to call: \(what)"
        case .noClient(let why): "it cannot be asked: \(why)"
        case .noToken(let why): "there is no token for its reflection: \(why)"
        }
    }
}

/// A gRPC code as prong writes it everywhere. The table is JobLogic's too (`StatusCode`): neither
/// module sees the other, and the one that this builds on knows messages, not calls.
func codeName(_ code: Int32) -> String {
    let names = [
        "ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found",
        "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
        "aborted", "out_of_range", "unimplemented", "internal", "unavailable", "data_loss",
        "unauthenticated",
    ]
    return names.indices.contains(Int(code)) ? names[Int(code)] : "code \(code)"
}

/// Text of a server's in a message: one line, printable, and short even where it is not.
func printable(_ text: String) -> String {
    let longest = 200
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(longest) {
        let isControl = scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value
        line.append(isControl ? "\u{FFFD}" : scalar)
    }
    return String(line) + (text.unicodeScalars.count > longest ? "…" : "")
}
