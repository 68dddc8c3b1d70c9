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

/// A file's text; what is not there is empty. Reads to the end whatever the file's size says:
/// the files of /proc have none.
package func textOfFile(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(descriptor, &room, room.count)
        guard count > 0 else { break }
        bytes += room[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

package func lastLines(_ count: Int, of text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).suffix(count)
        .joined(separator: "\n")
}
