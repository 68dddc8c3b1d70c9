// What the pool does when children come, stay silent and go.

import SeededRandom
import Testing

@testable import PoolLogic

@Suite struct PoolTests {
    @Test func `the start forks the queue first and then every worker`() {
        var driver = PoolDriver(workers: 3)
        driver.send(.begin)
        #expect(
            driver.forks == [
                ChildKey(.queue, 1), ChildKey(.worker(1), 1), ChildKey(.worker(2), 1),
                ChildKey(.worker(3), 1),
            ])
    }

    @Test func `readiness is told once, when the queue and all workers are ready`() {
        var driver = PoolDriver(workers: 2)
        driver.send(.begin)
        driver.send(.ready(driver.key(1)))
        driver.send(.ready(driver.key(2)))
        #expect(!driver.effects.contains(.notifyReady))
        driver.send(.ready(driver.queueKey))
        driver.send(.ready(driver.queueKey))
        #expect(driver.effects.count { $0 == .notifyReady } == 1)
        #expect(driver.pool.phase == .running)
    }

    @Test func `the first death of a worker is made good at once`() {
        var driver = PoolDriver.running()
        driver.die(driver.key(1))
        #expect(driver.forks == [ChildKey(.worker(1), 2)])
    }

    @Test func `a worker that keeps dying is replaced ever more slowly`() {
        var driver = PoolDriver.running()
        var waits: [UInt64] = []
        for _ in 1...8 {
            driver.die(driver.key(1))
            let died = driver.now
            while driver.pool[.worker(1)].child == nil {
                _ = driver.jump(before: .max)
                driver.send(.heartbeat(driver.queueKey))
                driver.send(.heartbeat(driver.key(2)))
            }
            waits.append(driver.now - died)
        }
        #expect(waits[0] == 0)
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 < $1 })
        #expect(waits[1] >= 75 && waits[1] <= 125)
    }

    @Test func `a useful life clears the count of crashes`() {
        var driver = PoolDriver.running()
        driver.die(driver.key(1))
        driver.send(.ready(driver.key(1)))
        driver.pass(milliseconds: Backoff.usefulLifeMilliseconds)
        driver.effects = []
        driver.die(driver.key(1))
        #expect(driver.forks == [ChildKey(.worker(1), 3)])
    }

    @Test(arguments: [UInt32(1), 4, 8])
    func `workers that die at birth for a minute cost under 60 forks`(crashing: UInt32) {
        var driver = PoolDriver.running(workers: 8)
        let end = driver.now + 60_000
        while driver.now < end {
            for slot in 1...crashing where driver.pool[.worker(slot)].child != nil {
                driver.die(driver.key(slot), signal: 6)
            }
            driver.pass(milliseconds: 10)
        }
        #expect(driver.forks.count < 60)
        #expect(driver.forks.allSatisfy { $0.name <= .worker(crashing) && $0.name != .queue })
    }

    /// The most of these times that lie within one minute.
    private func mostInAMinute(_ times: [UInt64]) -> Int {
        times.indices.map { first in
            times[first...].count { $0 <= times[first] + Backoff.windowMilliseconds }
        }.max() ?? 0
    }

    /// Lets workers die at birth until `end`, half of them at once, half a little later; when each
    /// was forked. From deadline to deadline, and never longer than the supervisor's own tick.
    private func crash(
        _ crew: ClosedRange<UInt32>, of driver: inout PoolDriver, until end: UInt64,
        dice: inout SeededRandom
    ) -> [UInt64] {
        var forkedAt: [UInt64] = []
        while driver.now < end {
            driver.effects = []
            for slot in crew where driver.pool[.worker(slot)].child != nil && dice.chance(50) {
                driver.die(driver.key(slot), signal: 6)
            }
            driver.send(.heartbeat(driver.queueKey))
            forkedAt += driver.forks.map { _ in driver.now }
            driver.effects = []
            if !driver.jump(before: driver.now + 1000) {
                driver.now += 1000
                driver.send(.tick)
            }
            forkedAt += driver.forks.map { _ in driver.now }
        }
        return forkedAt
    }

    @Test(arguments: UInt64(1)...20)
    func `in no minute are more than 30 forks for nothing, however large the pool`(seed: UInt64) {
        var dice = SeededRandom(seed: seed)
        var driver = PoolDriver(workers: 120)
        driver.random = SeededRandom(seed: seed)
        driver.send(.begin)
        driver.send(.ready(driver.queueKey))
        let forkedAt = crash(
            1...120, of: &driver, until: driver.now + 600_000, dice: &dice)
        #expect(mostInAMinute(forkedAt) <= Backoff.futileForksMax)
        // nor are they fewer than they may be: nobody waits for nothing
        #expect(forkedAt.count >= 9 * Backoff.futileForksMax)
    }

    @Test func `forks that a standstill held up are not made all at its end`() {
        var dice = SeededRandom(seed: 7)
        var driver = PoolDriver(workers: 120)
        driver.send(.begin)
        driver.send(.ready(driver.queueKey))
        _ = crash(1...120, of: &driver, until: driver.now + 5_000, dice: &dice)
        driver.now += 3_600_000
        driver.effects = []
        driver.send(.tick)
        #expect(driver.forks.count <= Backoff.futileForksMax)
        let forkedAt = crash(
            1...120, of: &driver, until: driver.now + 300_000, dice: &dice)
        #expect(mostInAMinute(forkedAt) <= Backoff.futileForksMax)
    }

    @Test func `a sick pool does not delay a healthy worker's replacement`() {
        var driver = PoolDriver.running(workers: 8)
        for _ in 1...2000 {
            for slot: UInt32 in 1...6 where driver.pool[.worker(slot)].child != nil {
                driver.die(driver.key(slot), signal: 6)
            }
            driver.pass(milliseconds: 20)
        }
        driver.effects = []
        driver.die(driver.key(8))
        #expect(driver.forks == [ChildKey(.worker(8), 2)])
    }

    @Test func `a silent worker gets a picture, ABRT, then KILL, and is replaced`() {
        var driver = PoolDriver.running()
        let key = driver.key(1)
        driver.pass(milliseconds: 30_000, silent: [.worker(1)])
        #expect(driver.effects.contains(.picture(key)))
        #expect(driver.effects.contains(.abort(key)))
        #expect(!driver.effects.contains(.kill(key)))
        driver.pass(milliseconds: PoolLimits.abortMilliseconds, silent: [.worker(1)])
        #expect(driver.effects.contains(.kill(key)))
        driver.die(key)
        #expect(driver.forks == [ChildKey(.worker(1), 2)])
        let dead = driver.effects.compactMap(\.publishedFacts).last { $0.state == .dead }
        #expect(dead?.end == .killed(.stuck))
    }

    @Test func `a worker that is not ready in time is ended and named so`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.ready(driver.queueKey))
        driver.send(.ready(driver.key(2)))
        let key = driver.key(1)
        driver.pass(milliseconds: 10_000)
        #expect(driver.effects.contains(.abort(key)))
        driver.die(key, signal: 6)
        let dead = driver.effects.compactMap(\.publishedFacts).last { $0.state == .dead }
        #expect(dead?.end == .killed(.spawnTimeout))
    }

    @Test func `a queue that recovers for long is left alone while it beats`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.pass(milliseconds: 120_000, silent: [.worker(1), .worker(2)])
        #expect(!driver.effects.contains(.abort(driver.queueKey)))
        #expect(driver.queueKey.generation == 1)
    }

    @Test func `after a standstill of the supervisor nobody is blamed for silence`() {
        var driver = PoolDriver.running()
        driver.now += 3_600_000
        driver.send(.tick)
        #expect(!driver.effects.contains { if case .abort = $0 { true } else { false } })
        driver.pass(milliseconds: 60_000)
        #expect(driver.forks.isEmpty)
    }

    @Test func `a report of a former process is not believed`() {
        var driver = PoolDriver.running()
        let old = driver.key(1)
        driver.die(old)
        driver.send(.ready(old))
        #expect(!driver.pool[.worker(1)].isReady)
        driver.send(.askReplace(old))
        #expect(!driver.effects.contains(.abort(driver.key(1))))
    }

    @Test func `the queue can have a silent worker replaced`() {
        var driver = PoolDriver.running()
        let key = driver.key(2)
        driver.send(.askReplace(key))
        #expect(driver.effects.contains(.abort(key)))
        driver.die(key, signal: 6)
        #expect(driver.forks == [ChildKey(.worker(2), 2)])
    }

    @Test func `a link that ends is followed by the process's end or by KILL`() {
        var driver = PoolDriver.running()
        let key = driver.key(1)
        driver.send(.linkClosed(key))
        driver.pass(milliseconds: PoolLimits.leavingMilliseconds)
        #expect(driver.effects.contains(.kill(key)))
    }

    @Test func `a worker that said goodbye is replaced without a crash`() {
        var driver = PoolDriver.running()
        let key = driver.key(1)
        for _ in 1...3 {
            driver.send(.goodbye(driver.key(1)))
            driver.send(.exited(driver.key(1), .exited(code: 0)))
            driver.send(.ready(driver.key(1)))
        }
        #expect(driver.key(1).generation == key.generation + 3)
        #expect(driver.pool[.worker(1)].crashes == 0)
    }

    @Test func `a fork that fails is tried again later`() {
        var driver = PoolDriver.running()
        driver.die(driver.key(1))
        driver.send(.forkFailed(driver.key(1), reason: "no memory"))
        #expect(driver.pool[.worker(1)].child == nil)
        driver.effects = []
        driver.pass(milliseconds: 1_000)
        #expect(driver.forks == [ChildKey(.worker(1), 3)])
    }
}
