// The loader that the queue asks for while prongd runs: one at a time, a few a minute, and nothing
// depends on it.

import Testing

@testable import PoolLogic

@Suite struct LoadingTests {
    private func asked() -> PoolDriver {
        var driver = PoolDriver.running()
        driver.send(.askLoad(driver.queueKey, target: 3))
        return driver
    }

    private func loader(_ driver: PoolDriver) -> ChildKey { driver.pool.loader.key }

    @Test func `a loader is forked when the queue asks, and its bundle is adopted when it is gone`()
    {
        var driver = asked()
        let key = loader(driver)
        #expect(driver.forks == [key])
        // the one of the start was the first
        #expect(key == ChildKey(.loader, 2))
        driver.send(.bundle(key))
        #expect(!driver.effects.contains(.adoptBundle(key)))
        driver.send(.exited(key, .exited(code: 0)))
        #expect(driver.effects.contains(.adoptBundle(key)))
        #expect(driver.pool.loader.state == .empty)
        #expect(driver.pool.forks == 3, "only the queue and the workers count")
    }

    @Test(arguments: [
        (true, ChildEnd.exited(code: 70)), (true, .signalled(signal: 11)),
        (false, .exited(code: 0)),
    ])
    func `a loader that fails changes nothing and is not replaced`(handsBack: Bool, end: ChildEnd) {
        var driver = asked()
        let key = loader(driver)
        if handsBack { driver.send(.bundle(key)) }
        driver.send(.exited(key, end))
        driver.pass(milliseconds: 120_000)
        #expect(driver.forks == [key])
        #expect(driver.effects.contains(.dropBundle(key)))
        #expect(!driver.effects.contains(.adoptBundle(key)))
        #expect(driver.pool.phase == .running && driver.pool.readyWorkers == 2)
    }

    @Test func `only the queue that lives may ask`() {
        var driver = PoolDriver.running()
        driver.send(.askLoad(driver.key(1), target: 3))
        driver.send(.askLoad(ChildKey(.queue, 7), target: 3))
        #expect(driver.forks.isEmpty)
    }

    @Test func `there is one loader at a time`() {
        var driver = asked()
        for _ in 1...5 { driver.send(.askLoad(driver.queueKey, target: 3)) }
        #expect(driver.forks.count == 1)
    }

    @Test func `however often the queue asks, there are six forks a minute at most`() {
        var driver = PoolDriver.running()
        var times: [UInt64] = []
        for _ in 1...3_000 {
            driver.now += 100
            if driver.now % 1_000 == 0 {
                for name in driver.pool.names { driver.send(.heartbeat(driver.pool[name].key)) }
            }
            let before = driver.forks.count
            driver.send(.askLoad(driver.queueKey, target: 3))
            driver.send(.tick)
            if driver.forks.count > before { times.append(driver.now) }
            let key = loader(driver)
            if driver.pool.isCurrent(key) {
                driver.send(.bundle(key))
                driver.send(.exited(key, .exited(code: 0)))
            }
        }
        #expect(times.count > 20)
        for time in times {
            #expect(times.count { $0 > time && $0 <= time + 60_000 } <= Loading.forksMax)
        }
    }

    @Test func `failures in a row come further and further apart`() {
        var driver = PoolDriver.running()
        var times: [UInt64] = []
        while times.count < 5, driver.now < 1_600_000 {
            driver.send(.askLoad(driver.queueKey, target: 3))
            let key = loader(driver)
            if driver.pool.isCurrent(key) {
                times.append(driver.now)
                driver.send(.exited(key, .exited(code: 71)))
            }
            driver.pass(milliseconds: 500)
        }
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.count == 4 && zip(gaps.dropFirst(), gaps).allSatisfy { $0 > $1 }, "\(gaps)")
    }

    @Test func `a fork that the system refuses is told, and the queue may ask again`() {
        var driver = asked()
        driver.send(.forkFailed(loader(driver), reason: "no memory"))
        #expect(driver.pool.loader.state == .empty)
        driver.pass(milliseconds: 10_000)
        driver.send(.askLoad(driver.queueKey, target: 3))
        #expect(driver.forks.count == 2)
    }

    @Test func `a loader that hangs is killed after its patience`() {
        var driver = asked()
        let key = loader(driver)
        driver.pass(milliseconds: Loading.patienceMilliseconds - 1_000)
        #expect(!driver.effects.contains(.kill(key)))
        driver.pass(milliseconds: 2_000)
        #expect(driver.effects.contains(.kill(key)))
        driver.send(.bundle(key))
        driver.send(.exited(key, .exited(code: 0)))
        #expect(driver.effects.contains(.dropBundle(key)))
    }

    @Test(arguments: [PoolSignal.terminate, .quit])
    func `a stop ends the loader at once and waits for its end`(signal: PoolSignal) {
        var driver = asked()
        let key = loader(driver)
        driver.send(.signal(signal))
        #expect(driver.effects.contains(.kill(key)))
        for name in [driver.key(1), driver.key(2), driver.queueKey] {
            driver.send(.exited(name, .exited(code: 0)))
        }
        #expect(driver.pool.phase != .ended)
        driver.send(.bundle(key))
        driver.send(.exited(key, .signalled(signal: 9)))
        #expect(!driver.effects.contains(.adoptBundle(key)))
        #expect(driver.effects.last?.exitCode == 0)
    }

    @Test func `while prongd stops no loader is forked`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.send(.askLoad(driver.queueKey, target: 3))
        #expect(driver.forks.isEmpty)
    }

    @Test func `the queue's death while a loader runs costs nothing`() {
        var driver = asked()
        let key = loader(driver)
        driver.die(driver.queueKey)
        driver.send(.bundle(key))
        driver.send(.exited(key, .exited(code: 0)))
        #expect(driver.effects.contains(.adoptBundle(key)))
    }

    @Test func `a loader asks whom the queue named since the last one, after HUP everybody`() {
        var driver = PoolDriver.running()
        driver.send(.askLoad(driver.queueKey, target: 3))
        #expect(driver.pool.loading.scope.targets == [3] && !driver.pool.loading.scope.isAll)
        for target in [UInt32(1), 2, 1] { driver.send(.askLoad(driver.queueKey, target: target)) }
        driver.send(.bundle(loader(driver)))
        driver.send(.exited(loader(driver), .exited(code: 0)))
        driver.pass(milliseconds: 10_000)
        #expect(driver.pool.loading.scope.targets == [1, 2] && !driver.pool.loading.scope.isAll)
        driver.send(.signal(.hangUp))
        driver.send(.exited(loader(driver), .exited(code: 0)))
        driver.pass(milliseconds: 60_000)
        #expect(driver.pool.loading.scope.isAll)
    }

    @Test func `a queue that names ever more targets fills no memory`() {
        var driver = asked()
        for target in 0..<UInt32(10_000) {
            driver.send(.askLoad(driver.queueKey, target: target))
        }
        #expect(driver.pool.loading.wanted.targets.count <= 64 && driver.pool.loading.wanted.isAll)
    }

    @Test func `HUP forks a loader, and while one runs another one after it`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.hangUp))
        #expect(driver.forks.count == 1)
        driver.send(.signal(.hangUp))
        driver.send(.signal(.hangUp))
        #expect(driver.forks.count == 1)
        let first = loader(driver)
        driver.send(.bundle(first))
        driver.send(.exited(first, .exited(code: 0)))
        driver.pass(milliseconds: 10_000)
        #expect(driver.forks.count == 2)
        let second = loader(driver)
        driver.send(.bundle(second))
        driver.send(.exited(second, .exited(code: 0)))
        driver.pass(milliseconds: 10_000)
        #expect(driver.forks.count == 2)
    }

    @Test func `HUP while prongd stops forks nothing`() {
        var driver = PoolDriver.running()
        driver.send(.signal(.terminate))
        driver.send(.signal(.hangUp))
        #expect(driver.forks.isEmpty)
    }
}
