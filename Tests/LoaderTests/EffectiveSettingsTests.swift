// What is printed reads as the same; what is shipped is what the code does.

import Foundation
import LoaderProcess
import Settings
import Testing

@Suite struct EffectiveSettingsTests {
    @Test func `the printed defaults read as the defaults`() throws {
        #expect(try read(EffectiveSettings.toml(Settings())) == Settings())
    }

    @Test func `printed settings read as the same`() throws {
        let text = target(
            """
            metadata = { "x-team" = "a \\"b\\" \\\\ c" }
            timeout = "90s"
            idempotent = ["*/Get*"]
            [targets."x.y"]
            address = "[::1]:443"
            descriptors = ["/a/ü"]
            [listen]
            mode = "0007"
            """)
        let settings = try read(text)
        #expect(try read(EffectiveSettings.toml(settings)) == settings)
    }

    /// The lines "# key = value" and "key = value" of the shipped file, by table.
    private func shippedKeys(_ text: String) -> [String: String] {
        var keys: [String: String] = [:]
        var table = ""
        for line in text.split(separator: "\n") {
            let bare = line.drop { $0 == "#" || $0 == " " }
            // An example is indented by more than one space.
            if line.hasPrefix("#  ") { continue }
            if bare.hasPrefix("["), bare.hasSuffix("]") {
                table = bare.dropFirst().dropLast() + "."
                continue
            }
            let parts = bare.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].hasSuffix(" "), parts[1].hasPrefix(" ") else {
                continue
            }
            let name = parts[0].dropLast()
            guard name.allSatisfy({ $0.isLowercase || $0 == "_" }) else { continue }
            keys[table + name] = String(parts[1].dropFirst())
        }
        return keys
    }

    private func shippedText() throws -> String {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Config/prong.toml")
        return try String(contentsOf: file, encoding: .utf8)
    }

    @Test func `the shipped configuration shows every key once`() throws {
        let keys = Set(EffectiveSettings.defaults().map(\.key))
        #expect(Set(shippedKeys(try shippedText()).keys) == keys)
    }

    @Test func `the shipped configuration reads as the defaults`() throws {
        #expect(try read(try shippedText()) == Settings())
    }

    @Test func `the shipped configuration with every key uncommented reads as the defaults`()
        throws
    {
        var text = ""
        for line in try shippedText().split(separator: "\n") where !line.hasPrefix("#  ") {
            let bare = line.drop { $0 == "#" || $0 == " " }
            let isKey = !shippedKeys("[x]\n" + line).isEmpty
            if (bare.hasPrefix("[") && bare.hasSuffix("]")) || isKey { text += bare + "\n" }
        }
        text = text.replacing("address = \"\"", with: "address = \"a:1\"")
        text = text.replacing("descriptors = []", with: "descriptors = [\"d\"]")
        var settings = try read(text)
        #expect(settings.targets.count == 1)
        settings.targets = []
        #expect(settings == Settings())
    }
}
