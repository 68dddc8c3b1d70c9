// How a system call fails in Swift: the call's name and errno, as a typed error. EINTR is retried
// here and nowhere else. Must not know what a failure means: that is the caller's decision.

import Glibc

/// A system call that failed.
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C function's name, and the path or name it was about where there is one.
    package let call: String
    package let errno: CInt

    package init(_ call: String, errno: CInt) {
        self.call = call
        self.errno = errno
    }

    /// errno's own text, e.g. "no such file or directory".
    package var reason: String {
        guard let text = strerror(errno) else { return "error \(errno)" }
        let reason = String(cString: text)
        return reason.prefix(1).lowercased() + reason.dropFirst()
    }

    package var description: String { "\(call): \(reason)" }
}

/// Runs a call that returns -1 and sets errno, again while a signal interrupts it.
@discardableResult
package func check<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = errno
        if code == EINTR { continue }
        // A descriptor that is not open is never the world's fault.
        precondition(code != EBADF && code != EFAULT, "\(call()) was given a bad argument")
        throw SystemError(call(), errno: code)
    }
}
