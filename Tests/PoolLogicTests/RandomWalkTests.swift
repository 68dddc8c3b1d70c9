// Any order of events that the world can produce keeps the pool's laws. The seed is in the test's
// arguments, so a failure can be walked again.

import SeededRandom
import Testing

@testable import PoolLogic

@Suite struct RandomWalkTests {
    @Test(arguments: UInt64(1)...200)
    func `every walk keeps the laws and ends when told to`(seed: UInt64) {
        var walk = RandomWalk(seed: seed)
        for _ in 1...600 {
            walk.step()
            #expect(walk.violation == nil, "seed \(seed)")
            if walk.violation != nil { return }
        }
        walk.end()
        #expect(walk.violation == nil, "seed \(seed)")
        #expect(walk.driver.pool.phase == .ended, "seed \(seed)")
    }
}

/// Drives a pool with random events and plays the kernel: what was forked lives until it exits.
private struct RandomWalk {
    var driver: PoolDriver
    var dice: SeededRandom
    var alive: Set<ChildKey> = []
    var highest: [ChildName: UInt32] = [:]
    var violation: String?
    /// Forks of the current effects that the kernel refuses; told when the effects are done.
    var refused: [ChildKey] = []

    init(seed: UInt64) {
        dice = SeededRandom(seed: seed)
        driver = PoolDriver(workers: UInt32.random(in: 1...6, using: &dice))
        send(.begin)
    }

    mutating func step() {
        driver.now += UInt64.random(in: 0...2500, using: &dice)
        let anyone = alive.sorted { ($0.name, $0.generation) < ($1.name, $1.generation) }
            .randomElement(using: &dice)
        switch Int.random(in: 0...99, using: &dice) {
        case 0..<30: if let anyone { send(.ready(anyone)) }
        case 30..<50: if let anyone { send(.heartbeat(anyone)) }
        case 50..<60: if let anyone { exit(anyone) }
        case 60..<65: if let anyone { send(.linkClosed(anyone)) }
        case 65..<70: if let anyone { send(.goodbye(anyone)) }
        case 70..<73: if let anyone { send(.draining(anyone)) }
        case 73..<76: if let anyone { send(.askReplace(anyone)) }
        case 76..<79: send(.scale(workers: UInt32.random(in: 0...9, using: &dice)))
        case 79:
            send(.signal([.more, .fewer, .dump, .hangUp].randomElement(using: &dice) ?? .dump))
        case 80: if Int.random(in: 0...9, using: &dice) == 0 { send(.signal(.terminate)) }
        case 82..<85: send(.askLoad(anyone ?? driver.queueKey, target: 3))
        case 85, 86: send(.bundle(anyone ?? driver.queueKey))
        case 81: if let anyone { send(.heartbeat(ChildKey(anyone.name, anyone.generation &- 1))) }
        default: send(.tick)
        }
    }

    /// Stops, and lets everybody leave in some order.
    mutating func end() {
        send(.signal(.terminate))
        for _ in 1...10_000 where driver.pool.phase != .ended {
            driver.now += 500
            send(.tick)
            if let one = alive.randomElement(using: &dice) { exit(one) }
        }
    }

    private mutating func exit(_ key: ChildKey) {
        alive.remove(key)
        let clean = Bool.random(using: &dice)
        send(.exited(key, clean ? .exited(code: 0) : .signalled(signal: 9)))
    }

    private mutating func send(_ event: PoolEvent) {
        check(driver.pool.phase, driver.send(event))
        while let key = refused.popLast() {
            check(driver.pool.phase, driver.send(.forkFailed(key, reason: "no memory")))
        }
        if let law = driver.pool.invariantViolation() { violation = "\(law) after \(event)" }
    }

    private mutating func check(_ phase: Phase, _ effects: [PoolEffect]) {
        for effect in effects {
            switch effect {
            case .fork(let key, _): fork(key, phase)
            case .abort(let key), .kill(let key), .order(let key, _):
                let isThere = alive.contains(key) || refused.contains(key)
                if !isThere { violation = "\(effect) for nobody" }
            case .exit:
                if !alive.isEmpty { violation = "exit with \(alive)" }
            case .adoptBundle(let key):
                if key.name != .loader { violation = "a bundle of \(key)" }
            case .dropBundle, .picture, .publish, .publishComplete, .notifyReady, .notifyStopping,
                .notifyStatus, .pictureOfPool, .log:
                break
            }
        }
    }

    private mutating func fork(_ key: ChildKey, _ phase: Phase) {
        if alive.contains(where: { $0.name == key.name }) { violation = "two in \(key.name)" }
        if key.generation <= highest[key.name, default: 0] { violation = "\(key) is no new one" }
        if !phase.isServing, key.name != .queue { violation = "\(key) forked while stopping" }
        highest[key.name] = key.generation
        if Int.random(in: 0...19, using: &dice) == 0 {
            refused.append(key)
        } else {
            alive.insert(key)
        }
    }
}
