// The client's pure parts: JSON, responses, durations, times, tables, names, progress.
import Testing

@testable import prong

@Suite struct JSONTests {
    static func layout(_ text: String, _ indented: Bool) -> String {
        String(decoding: JSONLayout.lay(Array(text.utf8), indented: indented), as: UTF8.self)
    }

    @Test func `laying out keeps order, escapes and the text of numbers`() {
        let text = #" { "b" : 1.50e+3 , "a":[ ] ,"c":{},"d":[1, "A\n"], "e":null} "#
        #expect(Self.layout(text, false) == #"{"b":1.50e+3,"a":[],"c":{},"d":[1,"A\n"],"e":null}"#)
        #expect(
            Self.layout(text, true) == """
                {
                  "b": 1.50e+3,
                  "a": [],
                  "c": {},
                  "d": [
                    1,
                    "A\\n"
                  ],
                  "e": null
                }
                """)
        #expect(Self.layout("no json\n", true) == "no json")
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "[1 2]", "{},", "{} {}", "tru",
        "\"a", "\"a\n\"", "{\"a\":1,}", "[}", "\"\\", "nul", "{\"a\":1 \"b\":2}", ",",
    ])
    func `what is no single value is refused`(text: String) {
        #expect(throws: JSONFault.self) { try JSONScanner.checkOneValue(Array(text.utf8)) }
    }

    @Test func `deep nesting is refused, not followed`() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: JSONFault.self) { try JSONScanner.checkOneValue(deep) }
    }

    @Test func `random damage never traps`() throws {
        var random = SystemRandomNumberGenerator()
        let seed = Array(#"{"a":[1,-2.5e3,{"b":"x\u00e9\"y"}],"c":true,"d":null}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            if let value = try? JSONValue(parsing: bytes) {
                _ = try JSONValue(parsing: value.jsonBytes)
            }
            _ = JSONLayout.lay(bytes, indented: true)
            _ = try? JobAnswer(parsing: bytes)
        }
    }

    @Test func `a value knows its text, numbers and members`() throws {
        let value = try JSONValue(
            parsing: Array(#"{"a":"x\u0041\ud83d\ude00\ud800\/","n":"12","m":1e3,"b":false}"#.utf8))
        #expect(value["a"]?.text == "xA😀\u{fffd}/")
        #expect(value["n"]?.integer == 12)
        #expect(value["m"]?.integer == 1000)
        #expect(value["b"]?.text == "no")
        #expect(value["z"] == nil)
        #expect(quote("a\"\\\n\u{1}é") == "\"a\\\"\\\\\\n\\u0001é\"")
    }
}

@Suite struct ResponseParserTests {
    static func parse(_ text: String, piece: Int) throws -> (events: [ResponseParser.Event], Bool) {
        var parser = ResponseParser()
        var events: [ResponseParser.Event] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try parser.feed(bytes[start..<min(start + piece, bytes.count)], into: &events)
        }
        let isWhole = parser.endOfStream(into: &events)
        return (events, isWhole)
    }

    static func body(_ events: [ResponseParser.Event]) -> String {
        var body: [UInt8] = []
        for case .body(let part) in events { body += part }
        return String(decoding: body, as: UTF8.self)
    }

    @Test(arguments: 1...40)
    func `the pieces in which a response comes do not matter`(piece: Int) throws {
        let responses = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a b \r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nA: b\r\n\r\nhello",
        ]
        for response in responses {
            let (events, isWhole) = try Self.parse(response, piece: piece)
            #expect(isWhole)
            #expect(Self.body(events) == "hello")
            #expect(events.last == .end)
        }
    }

    @Test func `a cut response is not whole`() throws {
        for text in [
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ] {
            #expect(try !Self.parse(text, piece: 7).1)
        }
    }

    @Test(arguments: [
        "SSH-2.0\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
    ])
    func `a response that is none is an error, not a trap`(text: String) {
        #expect(throws: ResponseFault.self) { try Self.parse(text, piece: 1000) }
    }

    @Test func `a head without end is bounded`() {
        let text = "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 100_000)
        #expect(throws: ResponseFault.self) { try Self.parse(text, piece: 4096) }
    }
}

@Suite struct TextTests {
    @Test(arguments: [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000),
        ("0s", 0),
    ])
    func `durations are a number and a unit`(text: String, milliseconds: Int) {
        #expect(DurationText(text)?.milliseconds == Int64(milliseconds))
    }

    @Test(arguments: [
        "", "s", "5", "5 s", "-5s", "1.5s", "5S", "1h30m", "99999999999999999999s", "٣s",
    ])
    func `nothing else is a duration`(text: String) {
        #expect(DurationText(text) == nil)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:30:45.678Z", 951_827_445_678),
        ("2030-01-31T12:00:00+02:00", 1_896_084_000_000),
        ("1969-12-31T23:59:59.9Z", -100),
    ])
    func `times are read and written as RFC 3339`(text: String, milliseconds: Int) {
        let time = Timestamp(text)
        #expect(time?.milliseconds == Int64(milliseconds))
        #expect(time.flatMap { Timestamp($0.text) } == time)
    }

    @Test(arguments: [
        "", "2030-01-31", "2030-02-30T00:00:00Z", "2030-01-31T24:00:00Z", "2030-01-31T12:00:00",
        "2030-13-01T00:00:00Z", "2030-01-31T12:00:00+25:00", "2030-01-31T12:00:00Zx",
    ])
    func `no other text is a time`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `ages, sizes and rates have two units at most`() {
        let ages = [0, 2.54, 12, 60, 200, 3600, 18_600, 90_000, 864_000].map {
            ageText(seconds: $0)
        }
        #expect(
            ages == ["0.0s", "2.5s", "12s", "1m", "3m 20s", "1h", "5h 10m", "1d 1h", "10d"])
        #expect(
            [0, 1023, 1536, 12_897_484, 1 << 40].map { sizeText(bytes: $0) }
                == ["0 B", "1023 B", "1.5 KiB", "12.3 MiB", "1.0 TiB"])
        #expect(
            [0, 0.44, 17.9, 12_345].map { rateText(perSecond: $0) }
                == ["0.0/s", "0.4/s", "17/s", "12.3k/s"])
        #expect(decimal(-0.25, places: 2) == "-0.25")
        #expect(decimal(.infinity, places: 1) == "-")
    }

    @Test func `columns line up and empty cells are dashes`() {
        var table = Table([.init("NAME"), .init("COUNT", .right), .init("NOTE")])
        table.add(["é", "5", "x\ny"])
        table.add(["longer", "12345"])
        #expect(
            table.lines == ["NAME    COUNT  NOTE", "é           5  x?y", "longer  12345  -"])
    }

    @Test func `patterns match with stars and question marks`() {
        #expect(globMatches("*/Get*", "a.B/GetThing"))
        #expect(globMatches("*say*", "a.Echo/Say"))
        #expect(globMatches("?.B/*", "a.B/C"))
        #expect(!globMatches("*/Get", "a.B/GetThing"))
        #expect(!globMatches("", "a"))
        #expect(globMatches("***", ""))
    }

    @Test func `line numbers are named as ranges`() {
        var ranges = LineRanges()
        for number in [7, 3, 8, 9, 1] { ranges.add(number) }
        #expect(ranges.text == "lines 1, 3, 7-9")
        for number in stride(from: 20, to: 100, by: 2) { ranges.add(number) }
        #expect(ranges.text.hasSuffix("and 23 more ranges"))
    }

    @Test(arguments: [
        (["health", "--bogus"], true), (["--socket", "/x", "health"], true),
        (["--socket=/x", "health"], true), (["--socket", "health", "list"], false),
        (["show", "health", "--bogus"], false), (["--bogus"], false), ([], false),
    ])
    func `only the command health has codes of its own`(arguments: [String], isHealth: Bool) {
        #expect(namesHealth(arguments) == isHealth)
    }

    @Test func `the socket is the option's, the environment's or the default`() {
        func choose(
            _ option: String? = nil, _ environment: [String: String] = [:], root: Bool = false,
            exists: Bool = false
        ) -> String {
            SocketPlace.choose(
                option: option, environment: { environment[$0] }, isRoot: root,
                exists: { _ in exists }
            ).path
        }
        let both = ["PRONG_SOCKET": "/e", "XDG_RUNTIME_DIR": "/x"]
        #expect(choose("/o", both, root: true) == "/o")
        #expect(choose(nil, both, root: true) == "/e")
        #expect(choose(nil, ["XDG_RUNTIME_DIR": "/x"]) == "/x/prong/prong.sock")
        #expect(choose(nil, ["XDG_RUNTIME_DIR": "/x"], exists: true) == SocketPlace.systemPath)
        #expect(choose(nil, ["XDG_RUNTIME_DIR": "/x"], root: true) == SocketPlace.systemPath)
        #expect(choose() == SocketPlace.systemPath)
    }
}

@Suite struct MapPartsTests {
    @Test(arguments: 1...9)
    func `lines are cut the same in whatever pieces they come`(piece: Int) {
        let text = Array("one\r\n\ntwo\nthree is too long\nfour".utf8)
        var splitter = LineSplitter(lineBytesMax: 6)
        var lines: [String] = []
        func take() {
            while let line = splitter.next() {
                switch line {
                case .text(let bytes): lines.append(String(decoding: bytes, as: UTF8.self))
                case .tooLong: lines.append("(too long)")
                }
            }
        }
        for start in stride(from: 0, to: text.count, by: piece) {
            splitter.feed(text[start..<min(start + piece, text.count)])
            take()
        }
        splitter.finish()
        take()
        #expect(lines == ["one", "", "two", "(too long)", "four"])
    }

    @Test func `results leave the reorder buffer in order, whatever order they come in`() {
        for _ in 0..<50 {
            var buffer = ReorderBuffer()
            var out: [UInt8] = []
            for place in (0..<UInt8(100)).shuffled() {
                let isFirst = buffer.put([place], at: Int(place))
                #expect(isFirst)
                while let result = buffer.takeNext() { out += result }
            }
            #expect(out == Array(0..<100))
            #expect(buffer.bytes == 0)
            let isFirst = buffer.put([0], at: 5)
            #expect(!isFirst)
        }
    }

    @Test func `progress estimates the total from the bytes read, and the time from the rate`() {
        func at(_ seconds: Double) -> MonotonicInstant {
            MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
        }
        var progress = Progress(startedAt: at(0), bytesTotal: 1000)
        #expect(progress.total == nil)
        #expect(progress.secondsLeft == nil)
        progress.read = 50
        progress.bytesRead = 500
        progress.done = 20
        progress.sample(at: at(1))
        #expect(progress.total == 100)
        #expect(progress.fraction == 0.2)
        #expect(progress.perSecond == 20)
        #expect(progress.secondsLeft == 4)
        #expect(
            progress.text(columns: 80)
                == "[########................................]   20%  20/~100  20/s  4.0s left")
        progress.isInputEnded = true
        progress.failed = 1
        #expect(progress.total == 50)
        #expect(progress.text(columns: 30).count < 30)
        #expect(progress.summary(at: at(2)) == "20 lines, 1 failed in 2.0s (10/s)")
        progress.sample(at: at(3))
        #expect(progress.perSecond < 20)
    }

    @Test func `an unknown total shows only what is done and how fast`() {
        let start = MonotonicInstant(nanoseconds: 0)
        var progress = Progress(startedAt: start, bytesTotal: nil)
        progress.read = 10
        progress.done = 5
        progress.sample(at: MonotonicInstant(nanoseconds: 1_000_000_000))
        #expect(progress.text(columns: 80) == "5 lines  5.0/s")
    }

    @Test func `an answer's result is taken as it came`() throws {
        func result(_ text: String) throws -> JobAnswer.Result {
            try JobAnswer(parsing: Array(text.utf8)).result
        }
        #expect(
            try result(#"{"state":"succeeded","line":1,"response":{ "a":1}}"#)
                == .succeeded(Array(#"{ "a":1}"#.utf8)))
        #expect(try result(#"{"line":1,"state":"succeeded"}"#) == .succeeded(Array("{}".utf8)))
        #expect(
            try result(#"{"line":1,"state":"succeeded","responses":[1]}"#)
                == .succeeded(Array("[1]".utf8)))
        #expect(
            try result(#"{"line":1,"error":{"code":"x"}}"#)
                == .refused(Array(#"{"code":"x"}"#.utf8)))
        #expect(
            try result(#"{"line":1,"state":"failed","error":{"code":"x"}}"#)
                == .failed(Array(#"{"code":"x"}"#.utf8)))
        #expect(
            try result(#"{"line":1,"state":"succeeded","responseBase64":"AA=="}"#)
                == .succeeded(Array(#"{"responseBase64":"AA=="}"#.utf8)))
        #expect(try result(#"{"line":1,"state":"running","id":"a"}"#) == .unfinished)
        #expect(throws: JSONFault.self) { try result(#"{"state":"failed"}"#) }
        #expect(throws: JSONFault.self) { try result(#"{"line":0}"#) }
        #expect(throws: JSONFault.self) { try result("nonsense") }
    }

    @Test func `base64 of every length is checked and made`() {
        #expect(Base64.encode([]) == "")
        #expect(Base64.encode([0x66]) == "Zg==")
        #expect(Base64.encode([0x66, 0x6f]) == "Zm8=")
        #expect(Base64.encode([0x66, 0x6f, 0x6f]) == "Zm9v")
        for text in ["", "Zg==", "Zg", "Zm8=", "Zm9v", "-_-_"] {
            #expect(Base64.isValid(Array(text.utf8)[...]))
        }
        for text in ["Z", "Zg===", "Z g=", "\"", "====", "Zm=v"] {
            #expect(!Base64.isValid(Array(text.utf8)[...]))
        }
    }
}

@Suite struct MethodNameTests {
    static let methods = [
        "a.v1.Echo/Say", "a.v1.Echo/SayAll", "b.Echo/Say", "b.Other/Get", "c.EchoEcho/Say",
    ]

    @Test func `a tail begins at a dot or the slash`() {
        #expect(
            MethodMatch.find("b.Echo/Say", among: Self.methods) == .one(.init(full: "b.Echo/Say")))
        #expect(MethodMatch.find("Get", among: Self.methods) == .one(.init(full: "b.Other/Get")))
        #expect(
            MethodMatch.find("Echo/Say", among: Self.methods)
                == .ambiguous([.init(full: "a.v1.Echo/Say"), .init(full: "b.Echo/Say")]))
        #expect(
            MethodMatch.find("v1.Echo/Say", among: Self.methods)
                == .one(.init(full: "a.v1.Echo/Say")))
    }

    @Test func `what is nearly a name is suggested, what is not is not`() {
        guard case .none(let nearest) = MethodMatch.find("echo/sayal", among: Self.methods) else {
            Issue.record("found")
            return
        }
        #expect(nearest.first == .init(full: "a.v1.Echo/SayAll"))
        #expect(MethodMatch.find("xyzzyplugh", among: Self.methods) == .none(nearest: []))
        #expect(MethodMatch.find("", among: Self.methods) == .none(nearest: []))
        #expect(editDistance("kitten", "sitting") == 3)
    }

    @Test func `what looks full is tried at once`() {
        #expect(MethodName.looksFull("a.B/C"))
        for text in ["B/C", "C", "/a.B/C", "a.B/", "a.B/C/D"] {
            #expect(!MethodName.looksFull(text))
        }
    }
}
