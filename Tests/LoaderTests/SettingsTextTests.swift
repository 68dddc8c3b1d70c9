// Configuration text: what is accepted, and what each fault says.

import LoaderProcess
import Settings
import Testing

/// The settings of a text, with the system's places.
func read(_ text: String) throws -> Settings {
    try SettingsReader.read(
        try ConfigurationText.parse(Array(text.utf8)), places: .success(.system))
}

/// The complaints about a text, as they are printed.
func complaints(_ text: String) -> [String] {
    do {
        _ = try read(text)
        return []
    } catch let error as SettingsError {
        return error.complaints.map(\.description)
    } catch {
        return ["\(error)"]
    }
}

/// The least that a target needs, with more lines behind.
func target(_ lines: String) -> String {
    "[targets.t]\naddress = \"a:1\"\ndescriptors = [\"d\"]\n" + lines
}

@Suite struct SettingsTextTests {
    @Test func `an empty text gives the defaults`() throws {
        #expect(try read("") == Settings())
    }

    @Test func `every kind of value is read`() throws {
        let settings = try read(
            """
            workers = 8
            [listen]
            socket = "/s/x.sock"
            mode = "600"
            http = "127.0.0.1:1"
            max_request = "1MiB"
            [worker]
            drain_timeout = "5m"
            [defaults]
            [defaults.job_retry]
            attempts = 3
            initial = "1s"
            max = "2s"
            multiplier = 2
            codes = ["aborted", "UNAVAILABLE"]
            [targets.etcd]
            address = "unix:/run/etcd.sock"
            descriptors = ["etcd.binpb"]
            credentials = "insecure"
            metadata = { b = "2", a = "1" }
            on_unknown = "fail"
            [log]
            level = "debug"
            """)
        #expect(settings.workers == 8)
        #expect(settings.listen.socketMode == 0o600)
        #expect(settings.listen.maxRequestBytes == 1 << 20)
        #expect(settings.worker.drainTimeoutMilliseconds == 300_000)
        #expect(settings.defaults.jobRetry.codes == [10, 14])
        #expect(settings.defaults.jobRetry.multiplier == 2)
        #expect(settings.targets.map(\.name) == ["etcd"])
        #expect(settings.targets[0].credentials == .insecure)
        #expect(settings.targets[0].metadata.map(\.name) == ["a", "b"])
        #expect(settings.targets[0].onUnknown == .fail)
        #expect(settings.log.level == .debug)
    }

    static let faults: [(String, String)] = [
        ("workers = 0", "1:1: workers: 0 is out of range; write an integer from 1 to 512"),
        ("workers = \"4\"", "1:1: workers: this is a text; write an integer from 1 to 512"),
        ("worker = 4", "1:1: worker: this is an integer; write [worker]"),
        ("[worker]\nin_fligt = 4", "2:1: worker.in_fligt: unknown key; did you mean in_flight?"),
        ("[liste]", "1:2: liste: unknown key; did you mean listen?"),
        ("[listen]\nmode = \"0999\"", "2:1: listen.mode: \"0999\" is not a file mode; write octal"),
        ("listen.socket = \"prong.sock\"", "1:8: listen.socket: \"prong.sock\" is not an absolute"),
        ("listen.socket = \"/a/workers.sock\"", "leaves room for workers.sock beside it"),
        ("worker.stuck_timeout = \"1 minute\"", "1:8: worker.stuck_timeout: \"1 minute\" is not a"),
        ("worker.stuck_timeout = \"1 minute\"", "write a duration from 1s to 1h, like \"500ms\""),
        (
            "listen.max_request = \"1TiB\"",
            "\"1TiB\" is out of range; write a size from 1KiB to 64MiB"
        ),
        ("listen.max_request = 2020-01-01", "listen.max_request: this is a date; write a size"),
        ("log.level = \"loud\"", "log.level: \"loud\" is none of the choices; write \"debug\","),
        (
            "log.format = \"journal\"",
            "\"journal\" is not available in this version; write \"auto\""
        ),
        ("store.path = \"x\\u0007\"", "holds a control character"),
        (retry("2s"), "1:10: defaults.call_retry.max: max is shorter than initial"),
        ("defaults.call_retry.codes = [\"OK\"]", "codes: \"OK\" is not a code of a failed call"),
        ("defaults.call_retry.attempts = 5", "initial is missing"),
        (target("credentials = \"gogle\""), "\"gogle\" is none of the choices; write \"insec"),
        (target("credentials = \"token-file:\""), "\"token-file:\" is none of the choices"),
        (target("credentials = \"credential:../x\""), "is none of the choices"),
        (target("scopes = [\"a\"]"), "\"tls\" credentials have no use for scopes"),
        (target("quota_project = \"p\""), "\"tls\" credentials have no use for quota_project"),
        (
            target("credentials = \"token-file:f\"\nimpersonate = \"a@b\""),
            "targets.t.impersonate: \"token-file\" credentials have no use for impersonate"
        ),
        (target("scopes = [\"a b\"]"), "\"a b\" is not a scope"),
        (target("impersonate = \"x\""), "\"x\" is not a service account's address"),
        (
            target("credentials = \"google\"\nmetadata = { authorization = \"x\" }"),
            "targets.t.metadata.authorization: the credentials set it"
        ),
        (target("cert = \"c\""), "targets.t.cert: a certificate needs its private key"),
        (target("key = \"c\""), "targets.t.key: a private key needs its certificate"),
        (insecure, "5:1: targets.t.ca: insecure credentials use no ca"),
        (target("metadata = { X = \"1\" }"), "targets.t.metadata.X: this is not a name of gRPC"),
        (target("metadata = { \"grpc-x\" = \"1\" }"), "gRPC itself sets this name"),
        (target("idempotent = [\"a\", \"a\"]"), "\"a\" is there twice"),
        (target("services = [7]"), "targets.t.services: this is an integer"),
        ("[targets.t]", "targets.t.address: a target needs an address"),
        ("[targets.t]", "targets.t.descriptors: a target needs the descriptors"),
        ("[targets.\"a b\"]", "is not usable as a target's name"),
        ("[targets.t]\naddress = \"https\"", "\"https\" is not an address with a port"),
    ]

    private static let insecure = target("credentials = \"insecure\"\nca = \"c\"")

    private static func retry(_ initial: String) -> String {
        "defaults.call_retry = { attempts = 1, initial = \"\(initial)\", max = \"1s\", "
            + "multiplier = 1, codes = [] }"
    }

    @Test(arguments: faults)
    func `a fault says where, which key, what and what would be right`(
        text: String, expected: String
    ) {
        let found = complaints(text)
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    static let laterKeys: [String: String] = [
        "max_queued_per_user = 5": "listen", "keep_succeeded = \"2h\"": "store",
        "keep_failed = \"2h\"": "store", "keep_keys = \"2h\"": "store",
        "max_size = \"1GiB\"": "store", "retire_after_jobs = 1": "worker",
        "retire_after = \"1h\"": "worker", "retire_above = \"1GiB\"": "worker",
        "crash_limit = 4": "worker", "operate = [\"group:a\"]": "access",
        "reflection = true": "",
        "rate = \"1/s\"": "", "burst = 1": "", "rates = { \"*\" = \"1/s\" }": "", "weight = 2": "",
        "retry_budget = 0.2": "", "allow = [\"user:a\"]": "",
    ]

    @Test(arguments: laterKeys)
    func `a key of a later version is refused by name`(line: String, table: String) {
        let found = complaints(table.isEmpty ? target(line) : "[\(table)]\n\(line)")
        let name = line.prefix { $0 != " " }
        #expect(found.count == 1)
        #expect(found.first?.contains("\(name) is not available in this version") == true)
    }

    private static let places = "listen.socket = \"/a/p.sock\"\nstore.path = "

    @Test(arguments: [
        "/a/p.sock", "/a/workers.sock", "/a//b/p.sock", "/a/./p.sock", "/a/p.soc",
    ])
    func `a store in a socket's place is refused, naming both keys`(store: String) {
        let found = complaints(Self.places + "\"\(store)\"")
        let isTaken = ["/a/p.sock", "/a/workers.sock", "/a/./p.sock"].contains(store)
        #expect(found.count == (isTaken ? 1 : 0), "\(found)")
        guard isTaken else { return }
        #expect(found.first?.hasPrefix("2:7: store.path: ") == true, "\(found)")
        #expect(found.first?.contains("listen.socket") == true, "\(found)")
    }

    @Test func `the store's own files are not in a socket's place, nor its default`() {
        let lock = complaints("listen.socket = \"/a/p.lock\"\nstore.path = \"/a/p\"")
        #expect(lock.count == 1, "\(lock)")
        let standing = complaints("listen.socket = \"/var/lib/prong/prong.db\"")
        #expect(standing.first?.hasPrefix("1:8: listen.socket: ") == true, "\(standing)")
        #expect(standing.first?.contains("store.path") == true, "\(standing)")
    }

    @Test func `all faults are said at once, in the order of the text`() {
        let found = complaints("workers = 0\nx = 1\n[log]\nlevel = 1\n[listen]\nmode = 1\n")
        #expect(found.map { $0.prefix(2) } == ["1:", "2:", "4:", "6:"])
    }

    @Test(arguments: [
        ("workers = \n", "1:1"), ("a = 1\na = 2", "2:"), ("\n\n[x\n", "3:"),
        ("a = \"\u{7}\"", "1:"),
        ("workers = 99999999999999999999", "1:"),
    ])
    func `a syntax error stands alone, with its place`(text: String, place: String) {
        let found = complaints(text + "\nb = \n")
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(place.prefix(2)) == true, "\(found)")
    }

    @Test func `text that is not UTF-8 is a syntax error`() {
        #expect(throws: SettingsError.self) {
            try ConfigurationText.parse([0x61, 0x3D, 0x22, 0xFF, 0x22])
        }
    }

    @Test func `an ordinary user without a runtime directory must name both places`() throws {
        func read(_ text: String) throws -> Settings {
            try SettingsReader.read(
                try ConfigurationText.parse(Array(text.utf8)),
                places: .failure(.noRuntimeDirectory))
        }
        #expect(throws: SettingsError.self) { try read("") }
        #expect(throws: SettingsError.self) { try read("[listen]\nsocket = \"/a/b\"") }
        let settings = try read("listen.socket = \"/a/b\"\nstore.path = \"/a/c\"")
        #expect(settings.store.path == "/a/c")
    }
}
