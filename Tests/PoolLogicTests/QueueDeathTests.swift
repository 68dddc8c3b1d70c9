// What the queue's death means to the pool.

import Testing

@testable import PoolLogic

@Suite struct QueueDeathTests {
    @Test func `a dead queue is forked again at once and told who lives`() {
        var driver = PoolDriver.running()
        driver.die(driver.queueKey)
        #expect(driver.forks == [ChildKey(.queue, 2)])
        let named = driver.effects.compactMap(\.publishedFacts).map(\.slot)
        #expect(named == [1, 2])
        #expect(driver.effects.contains(.publishComplete))
    }

    @Test func `the queue's death ends no worker`() {
        var driver = PoolDriver.running()
        driver.die(driver.queueKey)
        #expect(driver.pool.livingWorkers == 2)
    }

    @Test func `after three deaths in a minute the next queue starts in safe mode`() {
        var driver = PoolDriver.running()
        for _ in 1...3 {
            driver.die(driver.queueKey)
            driver.pass(milliseconds: 2_000)
            driver.send(.ready(driver.queueKey))
        }
        let modes = driver.effects.compactMap { effect -> Bool? in
            if case .fork(_, let safeMode) = effect { safeMode } else { nil }
        }
        #expect(modes == [false, false, true])
    }

    @Test func `a queue that dies once a minute never enters safe mode`() {
        var driver = PoolDriver.running()
        for _ in 1...5 {
            driver.die(driver.queueKey)
            driver.send(.ready(driver.queueKey))
            driver.pass(milliseconds: 61_000)
        }
        #expect(!driver.effects.contains { if case .fork(_, true) = $0 { true } else { false } })
    }

    @Test func `a queue that cannot start ends prongd with its exit code`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.fatal(driver.queueKey, exitCode: 74, text: "the store is newer"))
        driver.send(.exited(driver.queueKey, .exited(code: 74)))
        #expect(driver.forks.count == 3)
        driver.send(.exited(driver.key(1), .exited(code: 0)))
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        #expect(driver.effects.last?.exitCode == 74)
    }

    @Test(arguments: [UInt8(69), 74, 77, 78])
    func `its exit code is honoured when the report was lost`(code: UInt8) {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.exited(driver.queueKey, .exited(code: code)))
        driver.send(.exited(driver.key(1), .exited(code: 0)))
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        #expect(driver.effects.last?.exitCode == Int32(code))
    }

    @Test func `a starting queue that leaves for its disk's sake is made again`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.exited(driver.queueKey, .exited(code: 75)))
        #expect(driver.forks.last == ChildKey(.queue, 2))
        #expect(driver.pool.phase == .starting)
    }

    @Test func `the same report from a running queue is only logged`() {
        var driver = PoolDriver.running()
        driver.send(.fatal(driver.queueKey, exitCode: 74, text: "odd"))
        #expect(driver.pool.phase == .running)
    }

    @Test func `a worker cannot end prongd`() {
        var driver = PoolDriver()
        driver.send(.begin)
        driver.send(.fatal(driver.key(1), exitCode: 78, text: "odd"))
        #expect(driver.pool.phase == .starting)
    }

    @Test func `a queue that dies while workers drain is made again and told to stop`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.effects = []
        driver.die(driver.queueKey)
        #expect(driver.forks == [ChildKey(.queue, 2)])
        #expect(
            driver.effects.contains(.order(ChildKey(.queue, 2), .stop(drainMilliseconds: 30_000))))
    }

    @Test func `a queue is told who lives before it is told to stop`() throws {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.effects = []
        driver.die(driver.queueKey)
        let stop = PoolEffect.order(ChildKey(.queue, 2), .stop(drainMilliseconds: 30_000))
        let told = try #require(driver.effects.firstIndex(of: .publishComplete))
        #expect(try #require(driver.effects.firstIndex(of: stop)) > told)
    }

    @Test func `without workers a dead queue is not made again while stopping`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.send(.exited(driver.key(1), .exited(code: 0)))
        driver.send(.exited(driver.key(2), .exited(code: 0)))
        driver.effects = []
        driver.die(driver.queueKey)
        #expect(driver.forks.isEmpty)
        #expect(driver.effects.last?.exitCode == 0)
    }

    @Test func `the watchdog is fed while queue and workers answer and not when they are silent`() {
        var driver = PoolDriver.running()
        #expect(driver.pool.isAnswering(at: driver.now, within: 5_000))
        #expect(!driver.pool.isAnswering(at: driver.now + 5_001, within: 5_000))
        driver.pass(milliseconds: 6_000, silent: [.queue])
        #expect(!driver.pool.isAnswering(at: driver.now, within: 5_000))
        driver = .running()
        driver.pass(milliseconds: 6_000, silent: [.worker(1)])
        #expect(driver.pool.isAnswering(at: driver.now, within: 5_000))
        driver.pass(milliseconds: 6_000, silent: [.worker(1), .worker(2)])
        #expect(!driver.pool.isAnswering(at: driver.now, within: 5_000))
    }

    @Test func `the watchdog is not fed while a killed process stays`() {
        var driver = PoolDriver.running()
        driver.pass(milliseconds: 32_000, silent: [.worker(1)])
        #expect(driver.pool.isAnswering(at: driver.now, within: 30_000))
        driver.pass(milliseconds: PoolLimits.reapMilliseconds, silent: [.worker(1)])
        #expect(!driver.pool.isAnswering(at: driver.now, within: 30_000))
    }
}
