// A folder that a test owns: made with mkdtemp, removed at the end, kept when the test failed.
import Foundation

package final class ScratchFolder: Sendable {
    package let path: String

    package init(_ purpose: String = "prong") throws {
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(base)/\(purpose)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw HarnessFailure("mkdtemp under \(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    package func read(_ name: String) -> String { textOfFile(file(name)) }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// A file's text; what is not there is empty.
package func textOfFile(_ path: String) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { return "" }
    return String(decoding: data, as: UTF8.self)
}

package func lastLines(_ count: Int, of text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).suffix(count)
        .joined(separator: "\n")
}
