// The head of the loader's bundle: the few numbers and paths that the supervisor needs, at fixed
// places, so that it reads them without parsing. It must never grow a list or anything else whose
// length depends on what users wrote; that belongs to the body, which only children read.
//
//       0  magic "prongbdl"                 32  spawn timeout, ms    u64
//       8  version          u32             40  stuck timeout, ms    u64
//      12  header's bytes   u32             48  drain timeout, ms    u64
//      16  workers          u32             56  callers' socket      108 bytes, NUL-padded
//      20  socket's mode    u32            164  workers' socket      108 bytes
//      24  socket's gid     u32            272  store's lock file    4096 bytes
//      28  has gid          u8            4368  body
//      29  log level, format u8 u8
//      31  0                u8             all little-endian

/// Bytes that are no header, or a header with impossible numbers: a bug of prong's, or a memory
/// file that somebody else made.
package enum BundleHeaderError: Error, Equatable, Sendable {
    case truncated
    case notABundle
    case version(UInt32)
    /// A field outside its bounds.
    case outOfRange(field: String)
}

/// What the supervisor knows of the settings.
package struct BundleHeader: Equatable, Sendable {
    /// 1…512.
    package var workers: UInt32
    package var spawnMilliseconds: UInt64
    package var stuckMilliseconds: UInt64
    package var drainMilliseconds: UInt64
    /// syslog(3)'s numbers: 3 error … 7 debug.
    package var logLevel: UInt8
    /// 0 automatic, 1 text, 2 JSON.
    package var logFormat: UInt8
    /// prong.sock; 1…107 bytes, absolute.
    package var clientSocketPath: String
    /// Permission bits, at most 0o777.
    package var clientSocketMode: UInt32
    /// Nil: the daemon's own group.
    package var clientSocketGroup: UInt32?
    /// workers.sock; 1…107 bytes, absolute.
    package var workerSocketPath: String
    /// STORE.lock; 1…4095 bytes, absolute.
    package var lockPath: String

    package static let version: UInt32 = 1
    package static let byteCount = 4368
    package static let workersMax: UInt32 = 512
    /// No timeout is longer than a week: sums of times stay far from overflow.
    package static let millisecondsMax: UInt64 = 7 * 86_400_000

    static let magic = Array("prongbdl".utf8)
    static let socketPathBytes = 108
    static let lockPathBytes = 4096

    package init(
        workers: UInt32, spawnMilliseconds: UInt64, stuckMilliseconds: UInt64,
        drainMilliseconds: UInt64, logLevel: UInt8, logFormat: UInt8, clientSocketPath: String,
        clientSocketMode: UInt32, clientSocketGroup: UInt32?, workerSocketPath: String,
        lockPath: String
    ) {
        self.workers = workers
        self.spawnMilliseconds = spawnMilliseconds
        self.stuckMilliseconds = stuckMilliseconds
        self.drainMilliseconds = drainMilliseconds
        self.logLevel = logLevel
        self.logFormat = logFormat
        self.clientSocketPath = clientSocketPath
        self.clientSocketMode = clientSocketMode
        self.clientSocketGroup = clientSocketGroup
        self.workerSocketPath = workerSocketPath
        self.lockPath = lockPath
    }

    /// The header's bytes, `byteCount` of them.
    ///
    /// - Throws: `BundleHeaderError.outOfRange` for a value that a reader would refuse.
    package func encoded() throws(BundleHeaderError) -> [UInt8] {
        try check()
        var bytes = BundleHeader.magic
        bytes.reserveCapacity(BundleHeader.byteCount)
        append(BundleHeader.version, to: &bytes)
        append(UInt32(BundleHeader.byteCount), to: &bytes)
        append(workers, to: &bytes)
        append(clientSocketMode, to: &bytes)
        append(clientSocketGroup ?? 0, to: &bytes)
        bytes += [clientSocketGroup == nil ? 0 : 1, logLevel, logFormat, 0]
        append(spawnMilliseconds, to: &bytes)
        append(stuckMilliseconds, to: &bytes)
        append(drainMilliseconds, to: &bytes)
        append(clientSocketPath, room: BundleHeader.socketPathBytes, to: &bytes)
        append(workerSocketPath, room: BundleHeader.socketPathBytes, to: &bytes)
        append(lockPath, room: BundleHeader.lockPathBytes, to: &bytes)
        return bytes
    }

    /// Reads the header at the start of a bundle; what follows it is not looked at.
    package init(decoding bytes: [UInt8]) throws(BundleHeaderError) {
        guard bytes.count >= BundleHeader.byteCount else { throw .truncated }
        guard Array(bytes[..<8]) == BundleHeader.magic else { throw .notABundle }
        func number<N: FixedWidthInteger>(_ offset: Int, _: N.Type) -> N {
            (0..<N.bitWidth / 8).reduce(0) { $0 | N(bytes[offset + $1]) << N($1 * 8) }
        }
        let version = number(8, UInt32.self)
        guard version == BundleHeader.version, number(12, UInt32.self) == BundleHeader.byteCount
        else { throw .version(version) }
        let group: UInt32? = bytes[28] == 0 ? nil : number(24, UInt32.self)
        self.init(
            workers: number(16, UInt32.self), spawnMilliseconds: number(32, UInt64.self),
            stuckMilliseconds: number(40, UInt64.self), drainMilliseconds: number(48, UInt64.self),
            logLevel: bytes[29], logFormat: bytes[30],
            clientSocketPath: try BundleHeader.path(bytes[56..<164], "clientSocketPath"),
            clientSocketMode: number(20, UInt32.self), clientSocketGroup: group,
            workerSocketPath: try BundleHeader.path(bytes[164..<272], "workerSocketPath"),
            lockPath: try BundleHeader.path(bytes[272..<4368], "lockPath"))
        try check()
    }

    private static func path(
        _ bytes: ArraySlice<UInt8>, _ field: String
    ) throws(BundleHeaderError) -> String {
        let text = bytes.prefix { $0 != 0 }
        guard let path = String(validating: text, as: UTF8.self) else {
            throw .outOfRange(field: field)
        }
        return path
    }

    private func check() throws(BundleHeaderError) {
        let socketRoom = BundleHeader.socketPathBytes
        let timeouts = 1...BundleHeader.millisecondsMax
        let rules: [(String, Bool)] = [
            ("workers", (1...BundleHeader.workersMax).contains(workers)),
            ("spawnMilliseconds", timeouts.contains(spawnMilliseconds)),
            ("stuckMilliseconds", timeouts.contains(stuckMilliseconds)),
            ("drainMilliseconds", drainMilliseconds <= BundleHeader.millisecondsMax),
            ("logLevel", (3...7).contains(logLevel)),
            ("logFormat", logFormat <= 2),
            ("clientSocketMode", clientSocketMode <= 0o777),
            ("clientSocketPath", BundleHeader.isPath(clientSocketPath, room: socketRoom)),
            ("workerSocketPath", BundleHeader.isPath(workerSocketPath, room: socketRoom)),
            ("lockPath", BundleHeader.isPath(lockPath, room: BundleHeader.lockPathBytes)),
        ]
        if let broken = rules.first(where: { !$0.1 }) { throw .outOfRange(field: broken.0) }
    }

    /// Absolute, without NUL, with room for the NUL behind it.
    private static func isPath(_ path: String, room: Int) -> Bool {
        path.hasPrefix("/") && path.utf8.count < room && !path.utf8.contains(0)
    }
}

private func append<N: FixedWidthInteger>(_ number: N, to bytes: inout [UInt8]) {
    for shift in 0..<N.bitWidth / 8 {
        bytes.append(UInt8(truncatingIfNeeded: number >> N(shift * 8)))
    }
}

/// `check` has made sure that the path fits.
private func append(_ path: String, room: Int, to bytes: inout [UInt8]) {
    bytes += Array(path.utf8)
    bytes += [UInt8](repeating: 0, count: room - path.utf8.count)
}
