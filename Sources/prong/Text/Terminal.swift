// Standard output and error: whole writes, and whether a person watches.
import Glibc

/// A terminal shows indented JSON and a progress bar; a pipe gets compact lines.
func isTerminal(_ fd: Int32) -> Bool {
    isatty(fd) == 1
}

/// The terminal's width in columns, 80 where it does not say.
func terminalColumns(_ fd: Int32) -> Int {
    var size = winsize()
    guard ioctl(fd, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
}

/// Writes all of it, waiting where the reader is slow.
func writeAll(_ bytes: [UInt8], to fd: Int32) throws(Failure) {
    var offset = 0
    while offset < bytes.count {
        let written = bytes[offset...].withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if written >= 0 {
            offset += written
        } else if errno == EAGAIN {
            var ready = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
            _ = poll(&ready, 1, -1)
        } else if errno != EINTR {
            throw Failure(.failed, "cannot write the results: \(errnoText(errno))")
        }
    }
}

func printLines(_ lines: [String]) throws(Failure) {
    guard !lines.isEmpty else { return }
    try writeAll(Array((lines.joined(separator: "\n") + "\n").utf8), to: STDOUT_FILENO)
}

/// A sentence for the person at the terminal or the log of the script.
func complain(_ sentence: String) {
    let text = sentence.split(separator: "\n", omittingEmptySubsequences: false)
        .map { printable(String($0)) }.joined(separator: "\n")
    try? writeAll(Array("prong: \(text)\n".utf8), to: STDERR_FILENO)
}

/// Prints JSON that came from the daemon: indented for a person, one line for a program.
func printJSON(_ json: [UInt8], to fd: Int32 = STDOUT_FILENO) throws(Failure) {
    try writeAll(JSONLayout.lay(json, indented: isTerminal(fd)) + [0x0a], to: fd)
}

func errnoText(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "errno \(number)" }
    return String(cString: text)
}
