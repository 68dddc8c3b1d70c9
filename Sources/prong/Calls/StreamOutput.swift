// A streamed answer on its way to standard output: a line for each message as it comes. The last
// line says how it ended; without one it was cut. Writing waits for whoever reads, and so does the
// daemon.
import Glibc

final class StreamOutput {
    private enum End { case well, failed([UInt8]) }

    private var splitter = LineSplitter()
    private var end: End?

    func take(_ part: ArraySlice<UInt8>) throws(Failure) {
        splitter.feed(part)
        try writeLines()
    }

    /// The whole answer has come: was the call a success?
    func finish() throws(Failure) {
        splitter.finish()
        try writeLines()
        switch end {
        case .well: return
        case .failed(let error): throw Failure(.failed, "", json: error)
        case nil:
            throw Failure(
                .unavailable, "the stream was cut: its last line is missing; see the daemon's log")
        }
    }

    private func writeLines() throws(Failure) {
        while let line = splitter.next() {
            guard case .text(let text) = line else {
                throw Failure(.unavailable, "a line of the answer is too long")
            }
            if text.isEmpty { continue }
            if let message = rawMember("message", of: text) {
                try writeAll(JSONLayout.lay(message, indented: false) + [0x0a], to: STDOUT_FILENO)
            } else if let error = rawMember("error", of: text) {
                end = .failed(error)
            } else if rawMember("end", of: text) != nil {
                end = .well
            }
        }
    }
}
