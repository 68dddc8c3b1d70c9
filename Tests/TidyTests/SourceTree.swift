// Reads the repository as text: what the tidy tests look at. It imports no product and builds
// nothing.
import Foundation
import Testing

struct SourceFile: Sendable {
    /// Relative to the repository.
    let path: String
    let lines: [String]

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The target it belongs to: the second part of `Sources/TARGET/…` or `Tests/TARGET/…`.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }

    /// The lines as code: comments and the contents of string literals blanked out.
    let code: [String]

    init(path: String, lines: [String]) {
        self.path = path
        self.lines = lines
        code = path.hasSuffix(".swift") ? CodeText.strip(lines) : lines
    }
}

/// Records an issue for each line of code that `isWrong`. `hint` is a text that every wrong line
/// holds: it spares the search with a pattern.
func expectNone(
    in files: [SourceFile], holding hints: [String], at location: SourceLocation = #_sourceLocation,
    _ isWrong: (String) -> Bool
) {
    for file in files {
        for (index, line) in file.code.enumerated()
        where hints.contains(where: line.utf8Contains) && isWrong(line) {
            Issue.record("\(file.path):\(index + 1): \(line)", sourceLocation: location)
        }
    }
}

extension String {
    /// `contains` without Unicode's rules: thousands of lines are searched in a debug build.
    func utf8Contains(_ text: String) -> Bool {
        strstr(self, text) != nil
    }
}

enum SourceTree {
    static let root: String = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// Files below `folders` with one of `endings`, in the order of their paths.
    static func files(in folders: [String], ending endings: [String]) -> [SourceFile] {
        folders.flatMap { folder in
            paths(below: folder).filter { path in
                endings.contains { path.hasSuffix(".\($0)") } || endings.isEmpty
            }
        }
        .sorted()
        .compactMap(read)
    }

    static let swiftSources = files(in: ["Sources"], ending: ["swift"])
    static let swiftTests = files(in: ["Tests"], ending: ["swift"])
    static let cSources = files(in: ["Sources"], ending: ["c", "h", "cpp", "hpp"])
    static let scripts = files(in: ["Packaging", "Tests"], ending: []).filter { file in
        file.lines.first?.hasPrefix("#!") == true || file.path.hasSuffix(".py")
    }

    static func read(_ path: String) -> SourceFile? {
        guard let data = FileManager.default.contents(atPath: "\(root)/\(path)"),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return SourceFile(path: path, lines: lines)
    }

    private static func paths(below folder: String) -> [String] {
        let top = "\(root)/\(folder)"
        let found = (try? FileManager.default.subpathsOfDirectory(atPath: top)) ?? []
        return found.map { "\(folder)/\($0)" }.filter { path in
            var isFolder: ObjCBool = false
            let full = "\(root)/\(path)"
            _ = FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
            return !isFolder.boolValue && !path.contains("/__pycache__/")
                && !path.contains("/corpus/")
        }
    }
}

/// Blanks comments and string literals, line by line, so that a search finds code only.
enum CodeText {
    private enum Place { case code, blockComment, string, longString }

    static func strip(_ lines: [String]) -> [String] {
        var place = Place.code
        return lines.map { line in
            if place == .string { place = .code }
            let isPlain = place == .code && !line.utf8.contains { $0 == quote || $0 == slash }
            return isPlain ? line : strip(Array(line.utf8), &place)
        }
    }

    private static let quote = UInt8(ascii: "\"")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let backslash = UInt8(ascii: "\\")

    private static func strip(_ line: [UInt8], _ place: inout Place) -> String {
        var result: [UInt8] = []
        var index = 0
        func has(_ bytes: UInt8...) -> Bool {
            index + bytes.count <= line.count
                && line[index..<(index + bytes.count)].elementsEqual(bytes)
        }
        while index < line.count {
            switch place {
            case .blockComment:
                if has(star, slash) { (place, index) = (.code, index + 1) }
            case .longString:
                if has(quote, quote, quote) { (place, index) = (.code, index + 2) }
            case .string:
                if line[index] == backslash {
                    index += 1
                } else if line[index] == quote {
                    place = .code
                }
            case .code:
                if has(slash, slash) { return String(decoding: result, as: UTF8.self) }
                if has(slash, star) {
                    (place, index) = (.blockComment, index + 1)
                } else if has(quote, quote, quote) {
                    (place, index) = (.longString, index + 2)
                } else {
                    if line[index] == quote { place = .string }
                    result.append(line[index])
                }
            }
            index += 1
        }
        return String(decoding: result, as: UTF8.self)
    }
}
