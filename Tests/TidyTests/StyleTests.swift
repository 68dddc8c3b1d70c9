// The style, as a test: sizes, columns, names, and what must not be in any file.
import Testing

struct StyleTests {
    private let sources = SourceTree.swiftSources
    private let everySwift = SourceTree.swiftSources + SourceTree.swiftTests

    @Test func `files have at most 400 lines`() {
        for file in everySwift + SourceTree.cSources {
            #expect(file.lines.count <= 400, "\(file.path): \(file.lines.count) lines")
        }
    }

    @Test func `lines have at most 100 columns`() {
        for file in everySwift + SourceTree.cSources {
            for (index, line) in file.lines.enumerated()
            where line.utf8.count > 100 && line.count > 100 {
                Issue.record("\(file.path):\(index + 1): \(line.count) columns")
            }
        }
    }

    @Test func `functions have at most 60 lines`() throws {
        let here = try #require(SourceTree.swiftTests.first { $0.name == "StyleTests.swift" })
        #expect(FunctionLength.all(in: here).count > 10, "functions are found")
        for file in everySwift {
            for function in FunctionLength.all(in: file) where function.lines > 60 {
                Issue.record("\(file.path):\(function.start): \(function.lines) lines")
            }
        }
    }

    @Test func `each file opens with what it is for`() {
        for file in everySwift + SourceTree.cSources {
            // A feature test macro has to stand above everything that includes a header.
            let first = file.lines.first { !$0.hasPrefix("#define _GNU_SOURCE") } ?? ""
            #expect(first.hasPrefix("//") || first.hasPrefix("/*"), "\(file.path): \(first)")
        }
        for script in SourceTree.scripts {
            let opening = script.lines.prefix(3)
            let explains = opening.contains {
                ($0.hasPrefix("# ") || $0.hasPrefix("\"\"\"")) && $0.count > 12
            }
            #expect(explains, "\(script.path) does not say what it is for")
        }
    }

    @Test func `sources have no try!, no force unwrap and no forced cast`() {
        let pattern = /\btry!|\bas!|[\w\)\]\}]!(?!=)(?!\w)/
        expectNone(in: sources, holding: ["!"]) { $0.firstMatch(of: pattern) != nil }
    }

    @Test func `no name says nothing`() {
        let empty = ["Util", "Helper", "Manager", "Common"]
        let pattern =
            /\b(?:class|struct|enum|protocol|actor|typealias)\s+\w*(?:Util|Helper|Manager|Common)/
        // What systemd is called, by systemd.
        let term = "ServiceManager"
        for file in everySwift where !file.name.contains(term) {
            #expect(!empty.contains { file.name.contains($0) }, "\(file.path)")
        }
        expectNone(in: everySwift, holding: empty) {
            !$0.contains(term) && $0.firstMatch(of: pattern) != nil
        }
    }

    @Test func `nothing is left to be done`() {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        for file in everything {
            for (index, line) in file.lines.enumerated() {
                for word in words where line.utf8Contains(word) && containsWord(word, line) {
                    Issue.record("\(file.path):\(index + 1): \(line)")
                }
            }
        }
    }

    private func containsWord(_ word: String, _ line: String) -> Bool {
        guard let range = line.firstRange(of: word) else { return false }
        let before = line[..<range.lowerBound].last
        let after = line[range.upperBound...].first
        let isPart: (Character?) -> Bool = { $0.map { $0.isLetter || $0.isNumber } ?? false }
        return !isPart(before) && !isPart(after)
    }

    @Test func `no path of a machine and no registry's host`() {
        let banned = [
            "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "pypi" + ".org", "deb.debian" + ".org",
            "files.pythonhosted" + ".org", "registry.npmjs" + ".org", "proxy.golang" + ".org",
            "crates" + ".io",
        ]
        for file in everything {
            for (index, line) in file.lines.enumerated() {
                for text in banned where line.utf8Contains(text) {
                    Issue.record("\(file.path):\(index + 1): \(text)")
                }
            }
        }
    }

    /// All text of the repository but what git itself keeps.
    private var everything: [SourceFile] {
        let folders = SourceTree.files(
            in: ["Sources", "Tests", "Config", "Packaging", ".ci"], ending: [])
        return folders + ["README.md", "Package.swift"].compactMap(SourceTree.read)
    }

    @Test func `no test sleeps a fixed time to be right`() {
        expectNone(
            in: SourceTree.swiftTests.filter { $0.target != "DaemonHarness" }, holding: ["sleep"]
        ) { $0.firstMatch(of: /\bThread\.sleep|\bTask\.sleep|(?:^|[^u\w])sleep\(/) != nil }
    }
}

/// Where a function starts and how many lines it has, by its indentation: the formatter puts the
/// closing brace under the first letter of the declaration.
struct FunctionLength {
    let start: Int
    let lines: Int

    static func all(in file: SourceFile) -> [FunctionLength] {
        // (attributes and modifiers) and one of the words that open a body
        let opening =
            #/
            ^(\s*)
            (?:(?:@[\w(),\x20".:=\#+\-`]+|package|private|fileprivate|internal|public|static|final
                |override|mutating|borrowing|consuming|nonisolated|convenience|required)\s+)*
            (?:func\s|init[?(<]|deinit\b|subscript[(<])
            /#
        let keywords = ["func ", "init", "deinit", "subscript"]
        var found: [FunctionLength] = []
        let code = file.code
        for (index, line) in code.enumerated() {
            guard keywords.contains(where: line.utf8Contains),
                let match = line.firstMatch(of: opening)
            else { continue }
            let indent = String(match.1)
            let rest = code[(index + 1)...]
            if line.hasSuffix("}")
                || !file.lines[index...].prefix(8).contains(where: { $0.contains("{") })
            {
                continue
            }
            guard let end = rest.firstIndex(where: { $0.hasPrefix(indent + "}") }) else { continue }
            found.append(FunctionLength(start: index + 1, lines: end - index + 1))
        }
        return found
    }
}
