// Settings and bundles as bytes: what goes in comes out, and broken bytes are an error.

import SeededRandom
import Settings
import Testing
import WireFormat

@Suite struct SettingsEncodingTests {
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `random settings come out as they went in`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var settings = random.settings()
        random.resolve(&settings)
        #expect(try Settings(encoded: settings.encoded()) == settings)
    }

    @Test func `settings cut anywhere are an error`() {
        var random = SeededRandom(seed: 5)
        let bytes = random.settings().encoded()
        for length in 0..<bytes.count {
            #expect(throws: SettingsDecodingError.self) {
                try Settings(encoded: Array(bytes[..<length]))
            }
        }
    }

    @Test func `a changed byte never traps`() {
        var random = SeededRandom(seed: 6)
        let bytes = random.settings().encoded()
        for index in bytes.indices {
            for value in [0, 0x7F, 0xFF] as [UInt8] {
                var broken = bytes
                broken[index] = value
                _ = try? Settings(encoded: broken)
            }
        }
    }

    private let header = BundleHeader(
        workers: 4, spawnMilliseconds: 10_000, stuckMilliseconds: 30_000,
        drainMilliseconds: 30_000, logLevel: 6, logFormat: 0, clientSocketPath: "/run/p/prong.sock",
        clientSocketMode: 0o660, clientSocketGroup: 33, workerSocketPath: "/run/p/workers.sock",
        lockPath: "/var/lib/p/prong.db.lock")

    private let learned = [
        Bundle.Learned(target: 0, state: .fresh, atMilliseconds: 1_763_700_000_000, reason: ""),
        Bundle.Learned(target: 1, state: .missing, atMilliseconds: 0, reason: "it is “down”"),
    ]

    private func bundle() throws -> (bytes: [UInt8], settings: Settings) {
        var settings = Settings()
        settings.targets = [Settings.Target(name: "a"), Settings.Target(name: "b")]
        let sources = [
            Bundle.Source(label: "/one", bytes: [1, 2, 3]),
            Bundle.Source(label: "/two", bytes: [UInt8](repeating: 9, count: 1_000)),
        ]
        let bytes = Bundle.encode(
            header: try header.encoded(), settings: settings, sources: sources,
            uses: [[1], [0, 1]], learned: learned)
        return (bytes, settings)
    }

    @Test func `a bundle holds header, settings and each target's sets`() throws {
        let (bytes, settings) = try bundle()
        #expect(try BundleHeader(decoding: bytes) == header)
        let decoded = try Bundle.decode(bytes)
        #expect(decoded.settings == settings)
        #expect(decoded.learned == learned)
        #expect(decoded.descriptorSets.map(\.target) == [0, 1, 1])
        #expect(decoded.descriptorSets.map(\.label) == ["/two", "/one", "/two"])
        #expect(decoded.bytes(of: decoded.descriptorSets[1]) == [1, 2, 3])
        #expect(decoded.descriptorSets[0].range == decoded.descriptorSets[2].range)
    }

    @Test func `a bundle cut anywhere in its body is an error`() throws {
        let bytes = try bundle().bytes
        for length in BundleHeader.byteCount..<bytes.count {
            #expect(throws: SettingsDecodingError.self) {
                try Bundle.decode(Array(bytes[..<length]))
            }
        }
        #expect(throws: SettingsDecodingError.self) { try Bundle.decode([]) }
    }

    @Test func `the supervisor's header refuses impossible numbers`() throws {
        var workers = header
        workers.workers = 0
        #expect(throws: BundleHeaderError.outOfRange(field: "workers")) { try workers.encoded() }
        var path = header
        path.clientSocketPath = "/" + String(repeating: "x", count: 107)
        #expect(throws: BundleHeaderError.outOfRange(field: "clientSocketPath")) {
            try path.encoded()
        }
        let good = try header.encoded()
        #expect(good.count == BundleHeader.byteCount)
        for index in good.indices {
            var broken = good
            broken[index] ^= 0xFF
            _ = try? BundleHeader(decoding: broken)
        }
        var version = good
        version[8] = 9
        #expect(throws: BundleHeaderError.version(9)) { try BundleHeader(decoding: version) }
        #expect(throws: BundleHeaderError.truncated) {
            try BundleHeader(decoding: Array(good.dropLast()))
        }
    }

    @Test func `a method's own policy goes before its service's, and that before all's`() {
        var target = Settings.Target(name: "t")
        func policy(_ service: String, _ method: String, _ ms: Int64) -> Settings.MethodPolicy {
            Settings.MethodPolicy(
                names: [Settings.MethodName(service: service, method: method)],
                timeoutMilliseconds: ms)
        }
        target.methodPolicies = [policy("", "", 1), policy("a.S", "", 2), policy("a.S", "M", 3)]
        #expect(target.methodPolicy(service: "a.S", method: "M")?.timeoutMilliseconds == 3)
        #expect(target.methodPolicy(service: "a.S", method: "N")?.timeoutMilliseconds == 2)
        #expect(target.methodPolicy(service: "b.S", method: "M")?.timeoutMilliseconds == 1)
    }
}
