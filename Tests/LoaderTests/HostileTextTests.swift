// Text made to break the parser: deep, long, cut and random. Nothing may trap; most is an error.

import LoaderProcess
import Settings
import Testing

@Suite struct HostileTextTests {
    private func isRefused(_ text: String) -> Bool {
        (try? ConfigurationText.parse(Array(text.utf8))) == nil
    }

    @Test func `key chains too long for a tree are refused with their place`() throws {
        let chain = String(repeating: "a.", count: 200_000) + "a"
        for text in ["\(chain) = 1", "[\(chain)]", "[[\(chain)]]", "x = {\(chain) = 1}"] {
            #expect(isRefused(text))
        }
        let quoted = String(repeating: "\"a\" . 'b'\t.", count: 50_000) + "c = 1"
        #expect(isRefused("s = '''x'''''\nt = \"\"\"\\\"\"\"\"\n" + quoted))
        let error = #expect(throws: SettingsError.self) {
            try ConfigurationText.parse(Array("b = 1\n[\(chain)]".utf8))
        }
        #expect(error?.complaints.first?.place?.line == 2)
    }

    @Test func `dots that make no chain are no matter`() throws {
        let dots = String(repeating: "a.", count: 100)
        for text in ["x = \"\(dots)\"", "x = '\(dots)'", "x = \"\"\"\n\(dots)\"\"\"", "# \(dots)"] {
            #expect(!isRefused(text), "\(text)")
        }
        let numbers = (1...100).map { "\($0).5" }.joined(separator: ", ")
        #expect(!isRefused("x = [\(numbers)]"))
    }

    @Test func `deep lists and tables are refused`() {
        #expect(isRefused("x = " + String(repeating: "[", count: 100_000)))
        #expect(isRefused("x = " + String(repeating: "{a=", count: 100_000)))
    }

    @Test func `a text over a mebibyte is refused`() {
        #expect(isRefused(String(repeating: "# x\n", count: 300_000)))
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `random changes of a good text never trap`(seed: UInt64) {
        var state = seed
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(below))
        }
        let good = Array(EffectiveSettings.toml(Settings()).utf8)
        for _ in 0..<50 {
            var text = good
            for _ in 0...random(6) {
                let place = random(text.count)
                switch random(3) {
                case 0: text[place] = UInt8(random(256))
                case 1: text.removeSubrange(place..<min(text.count, place + 1 + random(9)))
                case _: text.insert(contentsOf: Array("\"[{=.'\n#".utf8), at: place)
                }
                if text.isEmpty { text = good }
            }
            fuzzConfiguration(text)
        }
    }
}
