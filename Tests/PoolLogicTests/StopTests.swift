// Signals, scaling and the orderly end.

import Testing

@testable import PoolLogic

@Suite struct StopTests {
    @Test func `TERM tells everybody to stop and exits 0 when all are gone`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        for key in [driver.queueKey, driver.key(1), driver.key(2)] {
            #expect(driver.effects.contains(.order(key, .stop(drainMilliseconds: 30_000))))
        }
        #expect(driver.effects.contains(.notifyStopping))
        driver.send(.exited(driver.key(1), .exited(code: 0)))
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        #expect(driver.effects.compactMap(\.exitCode).isEmpty)
        driver.send(.exited(driver.queueKey, .exited(code: 0)))
        #expect(driver.effects.last == .exit(code: 0))
        #expect(driver.forks.isEmpty)
    }

    @Test func `a worker that dies while draining is not replaced`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.die(driver.key(1))
        driver.pass(milliseconds: 5_000)
        #expect(driver.forks.isEmpty)
    }

    @Test func `who outlives the drain is killed, the queue last, and prongd exits 0`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.pass(milliseconds: 30_000 + PoolLimits.cutGraceMilliseconds)
        #expect(driver.effects.contains(.kill(driver.key(1))))
        #expect(!driver.effects.contains(.kill(driver.queueKey)))
        driver.die(driver.key(1))
        driver.die(driver.key(2))
        driver.send(.exited(driver.queueKey, .exited(code: 0)))
        #expect(driver.effects.last == .exit(code: 0))
    }

    @Test(arguments: [PoolSignal.terminate, .quit])
    func `a second signal stops at once`(second: PoolSignal) {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.send(.signal(second))
        #expect(driver.effects.contains(.order(driver.key(1), .stopNow)))
        driver.pass(milliseconds: PoolLimits.stopNowMilliseconds)
        #expect(driver.effects.contains(.kill(driver.key(1))))
    }

    @Test func `a third signal kills everybody`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.quit))
        driver.send(.signal(.quit))
        #expect(driver.effects.contains(.kill(driver.queueKey)))
        #expect(driver.effects.contains(.kill(driver.key(2))))
    }

    @Test func `TTIN forks a worker more and TTOU lets the last one go`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.more))
        #expect(driver.forks == [ChildKey(.worker(3), 1)])
        driver.send(.ready(driver.key(3)))
        driver.send(.signal(.fewer))
        #expect(
            driver.effects.contains(
                .order(ChildKey(.worker(3), 1), .stop(drainMilliseconds: 30_000))))
        driver.send(.exited(driver.key(3), .exited(code: 0)))
        #expect(driver.forks.count == 1)
        driver.send(.signal(.more))
        #expect(driver.forks.last == ChildKey(.worker(3), 2))
    }

    @Test func `a place that is wanted again while it drains is filled when it is empty`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.fewer))
        driver.send(.signal(.more))
        #expect(driver.forks.isEmpty)
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        #expect(driver.forks == [ChildKey(.worker(2), 2)])
    }

    @Test func `scaling is bounded at both ends`() {
        var driver = PoolDriver.running()
        driver.send(.scale(workers: 0))
        #expect(driver.pool.workersWanted == 1)
        driver.send(.signal(.fewer))
        #expect(driver.pool.workersWanted == 1)
        driver.send(.scale(workers: .max))
        #expect(driver.pool.workersWanted == PoolLimits.workersMax)
    }

    @Test func `USR1 asks everybody for a dump and HUP changes nothing`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.dump))
        #expect(driver.effects.contains(.order(driver.queueKey, .dump)))
        #expect(driver.effects.contains(.order(driver.key(2), .dump)))
        #expect(driver.effects.last == .pictureOfPool)
        let before = driver.pool
        driver.effects = []
        driver.send(.signal(.hangUp))
        #expect(driver.pool.queue == before.queue && driver.pool.workers == before.workers)
    }

    @Test func `a broken law of the fork stops prongd with 70`() {
        var driver = PoolDriver.running()
        driver.die(driver.key(1))
        driver.send(.lawBroken(driver.key(1), text: "two threads"))
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        driver.send(.exited(driver.queueKey, .exited(code: 0)))
        #expect(driver.effects.last == .exit(code: 70))
    }

    @Test func `a stop before anybody is ready ends as well`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.signal(.terminate))
        for key in [driver.key(1), driver.key(2), driver.queueKey] {
            driver.send(.exited(key, .signalled(signal: 15)))
        }
        #expect(driver.effects.last?.exitCode == 0)
    }
}
