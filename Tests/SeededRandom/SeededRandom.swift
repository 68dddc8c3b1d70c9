// Random numbers that a seed replays: what fails once fails again. For tests alone; what one
// module's tests need beyond plain numbers stands with them, as an extension.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }

    /// A place in a list of so many.
    package mutating func index(_ count: Int) -> Int {
        Int.random(in: 0..<count, using: &self)
    }
}
