// How long the torture lasts and from which seed: printed, and set by PRONG_TORTURE_SEED.
import Foundation

enum TortureSettings {
    private static func number(_ name: String) -> Double? {
        ProcessInfo.processInfo.environment[name].flatMap { Double($0) }
    }

    static let seconds = number("PRONG_TORTURE_SECONDS") ?? 30
    static let seed =
        number("PRONG_TORTURE_SEED").map { UInt64($0) }
        ?? UInt64.random(in: 0..<1_000_000_000)
}
