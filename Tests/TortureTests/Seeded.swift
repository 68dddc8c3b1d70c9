// Randomness that can be repeated: the seed is printed, and PRONG_TORTURE_SEED sets it.
import Foundation

struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

enum TortureSettings {
    private static func number(_ name: String) -> Double? {
        ProcessInfo.processInfo.environment[name].flatMap { Double($0) }
    }

    static let seconds = number("PRONG_TORTURE_SECONDS") ?? 30
    static let seed =
        number("PRONG_TORTURE_SEED").map { UInt64($0) }
        ?? UInt64.random(in: 0..<1_000_000_000)
}
