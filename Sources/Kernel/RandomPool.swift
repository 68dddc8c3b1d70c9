// Random numbers from the kernel, a handful at a time: one call of the kernel for each number cost
// a thirtieth of a job's acceptance. A pool belongs to one process: never make one before a fork.

import Glibc

package struct RandomPool: ~Copyable {
    private var numbers: [UInt64] = []

    /// getentropy(3) gives at most 256 bytes at once.
    private static let count = 32

    package init() {}

    /// 64 bits that nobody can guess.
    package mutating func next() -> UInt64 {
        if numbers.isEmpty { refill() }
        return numbers.removeLast()
    }

    private mutating func refill() {
        numbers = Array(repeating: 0, count: RandomPool.count)
        let result = numbers.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        precondition(result == 0, "the kernel has no random numbers")
    }
}
