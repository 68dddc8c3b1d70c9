// The few numbers and names that the supervisor needs of the settings: the fixed-size header of
// the loader's bundle. All else in the bundle is for the children.

import Kernel
import Ops
import PoolLogic
import WireFormat

/// Read once, from the sealed memory file.
struct StartSettings {
    let header: BundleHeader
    let limits: PoolLimits

    /// - Throws: what makes the bundle unreadable, in words; always a bug of prong.
    init(bundle: CInt) throws(UnreadableBundle) {
        do {
            let bytes = try MemoryFile.read(bundle, limit: BundleHeader.byteCount)
            header = try BundleHeader(decoding: bytes)
        } catch {
            throw UnreadableBundle(reason: "\(error)")
        }
        limits = PoolLimits(
            workers: header.workers, spawnMilliseconds: header.spawnMilliseconds,
            stuckMilliseconds: header.stuckMilliseconds,
            drainMilliseconds: header.drainMilliseconds)
    }

    /// How the settings want the log, from here on and in every child.
    func log(of identity: Identity) -> Log {
        let format: LogFormat =
            switch header.logFormat {
            case 1: .text
            case 2: .json
            default: .detected()
            }
        return Log(
            identity: identity, level: LogLevel(rawValue: header.logLevel) ?? .info,
            format: format)
    }
}

struct UnreadableBundle: Error, CustomStringConvertible {
    let reason: String

    var description: String { reason }
}
