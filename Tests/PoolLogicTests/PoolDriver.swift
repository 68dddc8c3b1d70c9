// A pool with a clock that only moves when told, and shorthand for what happens to it.

import SeededRandom

@testable import PoolLogic

struct PoolDriver {
    var pool: Pool
    var now: UInt64 = 1_000_000
    /// Every effect so far.
    var effects: [PoolEffect] = []
    var random = SeededRandom(seed: 1)

    static let limits = PoolLimits(
        workers: 2, spawnMilliseconds: 10_000, stuckMilliseconds: 30_000,
        drainMilliseconds: 30_000)

    init(workers: UInt32 = 2) {
        var limits = Self.limits
        limits.workers = workers
        pool = Pool(limits: limits)
    }

    /// A pool in which everybody is ready.
    static func running(workers: UInt32 = 2) -> PoolDriver {
        var driver = PoolDriver(workers: workers)
        driver.send(.begin)
        driver.send(.ready(driver.queueKey))
        for slot in 1...workers { driver.send(.ready(driver.key(slot))) }
        driver.effects = []
        return driver
    }

    @discardableResult
    mutating func send(_ event: PoolEvent) -> [PoolEffect] {
        let moment = Moment(
            monotonicMilliseconds: now, wallMilliseconds: 1_700_000_000_000 + now,
            random: random.next())
        let new = pool.handle(event, at: moment)
        effects += new
        return new
    }

    /// Lets time pass second by second, everybody alive but the silent ones beating.
    mutating func pass(milliseconds: UInt64, silent: [ChildName] = []) {
        let end = now + milliseconds
        while now < end {
            now = min(now + 500, end)
            for name in pool.names where pool[name].child != nil && !silent.contains(name) {
                send(.heartbeat(pool[name].key))
            }
            send(.tick)
        }
    }

    /// Jumps to the next deadline, if it lies before `limit`.
    mutating func jump(before limit: UInt64) -> Bool {
        guard let deadline = pool.nextDeadline, deadline < limit else { return false }
        now = max(now, deadline)
        send(.tick)
        return true
    }

    var queueKey: ChildKey { pool.queue.key }

    func key(_ slot: UInt32) -> ChildKey { pool[.worker(slot)].key }

    mutating func die(_ key: ChildKey, signal: UInt8 = 9) {
        send(.exited(key, .signalled(signal: signal)))
    }

    var forks: [ChildKey] { effects.compactMap(\.forkedKey) }
}

extension PoolEffect {
    var forkedKey: ChildKey? {
        if case .fork(let key, _) = self { key } else { nil }
    }

    var exitCode: Int32? {
        if case .exit(let code) = self { code } else { nil }
    }

    var publishedFacts: WorkerFacts? {
        if case .publish(let facts) = self { facts } else { nil }
    }
}
