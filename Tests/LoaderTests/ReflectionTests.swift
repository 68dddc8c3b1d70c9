// What the loader makes of targets with `reflection` that do not answer: it loads, says so, and
// uses what was told before. (Servers that answer are in Tests/peers.)

import Foundation
import LoaderProcess
import struct Settings.Bundle
import Testing

@Suite struct ReflectionTests {
    private let folder = ScratchFolder()

    private var cachePath: String { "\(folder.path)/prong.db.descriptors/t.binpb" }

    /// A target at a socket that nobody listens on.
    private func configuration(_ lines: String = "") -> String {
        folder.configuration(
            """
            [targets.t]
            address = "unix:\(folder.path)/nobody"
            credentials = "insecure"
            reflection = true
            \(lines)
            """)
    }

    private func bundle(_ lines: String = "") throws -> (Bundle, [LoadNotice]) {
        let loaded = try load(loadRequest(configuration(lines), makes: true))
        return (try Bundle.decode(try makeBundle(loaded)), loaded.notices)
    }

    /// - Parameters:
    ///   - address: where the server was that told it; nil: the target's.
    ///   - authority: by which name.
    private func cache(
        _ bytes: [UInt8], address: String? = nil, authority: String = ""
    ) throws {
        let teller =
            descriptorField(1001, address ?? "unix:\(folder.path)/nobody")
            + (authority.isEmpty ? [] : descriptorField(1002, authority))
        try cache(whole: teller + bytes)
    }

    private func cache(whole bytes: [UInt8]) throws {
        try FileManager.default.createDirectory(
            atPath: folder.path + "/prong.db.descriptors", withIntermediateDirectories: true)
        folder.write("prong.db.descriptors/t.binpb", bytes)
    }

    @Test func `a target that is down and never told anything is no reason not to start`() throws {
        let (bundle, notices) = try bundle()
        #expect(bundle.descriptorSets.isEmpty)
        #expect(bundle.learned.map(\.state) == [.missing])
        #expect(bundle.learned.first?.reason.contains("could not be reached") == true)
        #expect(notices.count == 1 && notices[0].isWarning)
        #expect(notices[0].text.hasPrefix("target t (unix:"))
        #expect(notices[0].text.contains("its methods are not known"))
    }

    @Test func `what it told before is used while it is down`() throws {
        try cache(smallDescriptorSet())
        let (bundle, notices) = try bundle()
        #expect(bundle.learned.map(\.state) == [.cached])
        #expect((bundle.learned.first?.atMilliseconds ?? 0) > 1_700_000_000_000)
        #expect(bundle.descriptorSets.map(\.label) == ["the reflection of t"])
        #expect(bundle.bytes(of: bundle.descriptorSets[0]) == smallDescriptorSet())
        #expect(notices.first?.text.contains("prong uses what it told before") == true)
    }

    @Test(arguments: [("unix:/elsewhere", ""), ("", "other.test"), ("unix:/elsewhere", "o.test")])
    func `what another server told under its name is not used, and that is said`(
        address: String, authority: String
    ) throws {
        try cache(
            smallDescriptorSet(), address: address.isEmpty ? nil : address, authority: authority)
        let (bundle, notices) = try bundle()
        #expect(bundle.descriptorSets.isEmpty)
        #expect(bundle.learned.map(\.state) == [.missing])
        let text = try #require(notices.first).text
        #expect(text.contains("told before under this name is of another server"), "\(text)")
        for part in [address, authority] where !part.isEmpty {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test func `the same server under the same name is the same`() throws {
        try cache(smallDescriptorSet(), authority: "own.test")
        #expect(try bundle("authority = \"own.test\"\n").0.learned.map(\.state) == [.cached])
    }

    @Test func `a cache that does not say whose it is is told and ignored`() throws {
        try cache(whole: smallDescriptorSet())
        let (bundle, notices) = try bundle()
        #expect(bundle.learned.map(\.state) == [.missing])
        #expect(notices.first?.text.contains("does not say which server told it") == true)
    }

    static let brokenCaches: [[UInt8]] = [
        [], [0xFF, 0xFF, 0xFF], Array("<html>".utf8), Array(smallDescriptorSet().dropLast(5)),
        // a method whose types are nowhere
        smallDescriptorSet().map { $0 == UInt8(ascii: "S") ? UInt8(ascii: "M") : $0 },
    ]

    @Test(arguments: brokenCaches)
    func `a broken cache is told and ignored`(bytes: [UInt8]) throws {
        try cache(bytes)
        let (bundle, notices) = try bundle()
        #expect(bundle.learned.map(\.state) == [.missing])
        #expect(notices.count == 1 && notices[0].isWarning, "\(notices)")
    }

    @Test func `a cache that is a folder is told and ignored`() throws {
        try FileManager.default.createDirectory(
            atPath: cachePath, withIntermediateDirectories: true)
        #expect(try bundle().0.learned.map(\.state) == [.missing])
    }

    @Test func `files come first, and a file that both have is taken from there`() throws {
        folder.write("t.binpb", smallDescriptorSet())
        try cache(smallDescriptorSet())
        let (bundle, _) = try bundle("descriptors = [\"t.binpb\"]\n")
        #expect(bundle.descriptorSets.map(\.label) == ["\(folder.path)/t.binpb"])
        #expect(bundle.learned.map(\.state) == [.cached])
    }

    @Test func `services that only the server could show are no fault of the file`() throws {
        let (bundle, _) = try bundle("services = [\"somewhere.Else\"]\n")
        #expect(bundle.learned.map(\.state) == [.missing])
    }

    @Test func `a check writes no cache and does not fail for a target that is down`() throws {
        let loaded = try load(loadRequest(configuration()))
        #expect(loaded.notices.count == 1)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/prong.db.descriptors"))
    }

    @Test func `loading again reads no configuration and keeps what is known`() throws {
        try cache(smallDescriptorSet())
        let first = try makeBundle(try load(loadRequest(configuration(), makes: true)))
        try FileManager.default.removeItem(atPath: cachePath)
        folder.write("prong.toml", "this is no configuration")
        let again = try loadAgain(first)
        let bundle = try Bundle.decode(try makeBundle(again))
        #expect(bundle.settings == (try Bundle.decode(first)).settings)
        #expect(bundle.learned.map(\.state) == [.cached])
        #expect(bundle.bytes(of: bundle.descriptorSets[0]) == smallDescriptorSet())
        #expect(again.notices.first?.text.contains("stays as it is") == true)
    }

    @Test func `a target without descriptors and without reflection is refused`() throws {
        let path = folder.configuration("[targets.t]\naddress = \"b:2\"")
        #expect(throws: LoadFailure.self) { try load(loadRequest(path, makes: true)) }
    }
}
