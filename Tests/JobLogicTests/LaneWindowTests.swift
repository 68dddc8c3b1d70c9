// The window of a lane against a plain model: a sorted list of what is queued, and how much of it
// has been seen. Nothing queued may ever be in neither the window nor behind the cursor.

import SeededRandom
import Testing

@testable import JobLogic

/// All queued jobs of a lane, and which of them the window says that it has.
private struct LaneModel {
    var random: SeededRandom
    var window: LaneWindow
    /// Sorted; with its bytes.
    var queued: [LanePosition: Int] = [:]
    var inWindow: Set<LanePosition> = []
    /// Where the fetch on its way begins.
    var fetchStart: LanePosition?
    var nextKey: UInt64 = 1
    var faults: [String] = []
    var discarded = 0
    var evictions = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        let limits = LaneWindow.Limits(
            jobs: 2 + random.index(8), bytes: 20 + random.index(60))
        let onDisk = random.chance(50)
        window = LaneWindow(limits: limits, onDisk: onDisk)
        if onDisk { for _ in 0..<random.index(30) { queued[newPosition()] = random.index(12) } }
    }

    mutating func newPosition() -> LanePosition {
        nextKey += 1
        return LanePosition(orderKey: Int64(random.index(40)), key: JobKey(rawValue: nextKey))
    }

    mutating func admit() {
        let position = newPosition()
        let size = random.index(15)
        queued[position] = size
        let (admission, mayEvict) = window.admit(position, bytes: size)
        if admission == .inWindow { inWindow.insert(position) }
        guard mayEvict else { return }
        let sizes = queued
        while let key = window.evictable {
            window.evictLast(bytes: sizes.first { $0.key.key == key }?.value ?? 0)
            evictions += 1
            inWindow = inWindow.filter { $0.key != key }
        }
    }

    mutating func fetch() {
        guard window.wantsFetch else { return }
        fetchStart = window.cursor
        window.beginFetch()
    }

    /// The store reads, and the answer comes before anything that was written after the reading;
    /// but what it read may have left meanwhile.
    mutating func finishFetch() {
        guard let start = fetchStart else { return }
        fetchStart = nil
        if random.chance(10) { return window.failFetch() }
        let limit = max(1, window.limits.jobs / 2)
        let rest = queued.keys.filter { $0 > start }.sorted()
        let jobs = Array(rest.prefix(limit))
        let reachedEnd = rest.count < limit
        if random.chance(30) { endOnDisk() }
        if random.chance(30) { takeFirst() }
        guard window.endFetch(reach: reachedEnd ? nil : jobs.last) else {
            discarded += 1
            return
        }
        for position in jobs where queued[position] != nil && !inWindow.contains(position) {
            window.add(position, bytes: queued[position] ?? 0)
            inWindow.insert(position)
        }
    }

    mutating func takeFirst() {
        guard let first = window.first else { return }
        if first != inWindow.min() { faults.append("the first is not the smallest") }
        _ = window.takeFirst(bytes: queued[first] ?? 0)
        forget(first)
    }

    mutating func remove() {
        guard let one = inWindow.sorted().randomElement(using: &random) else { return }
        if !window.remove(one, bytes: queued[one] ?? 0) { faults.append("nothing to remove") }
        forget(one)
    }

    /// Ended by somebody who found it on disk.
    mutating func endOnDisk() {
        let onDisk = queued.keys.filter { !inWindow.contains($0) }.sorted()
        guard let one = onDisk.randomElement(using: &random) else { return }
        if window.remove(one, bytes: 0) { faults.append("it was in the window") }
        queued[one] = nil
    }

    private mutating func forget(_ position: LanePosition) {
        queued[position] = nil
        inWindow.remove(position)
    }

    mutating func check() {
        window.checkInvariants()
        if window.count != inWindow.count { faults.append("\(window.count) in the window") }
        for position in queued.keys {
            let isIn = inWindow.contains(position)
            if isIn != window.contains(position) { faults.append("\(position) is misplaced") }
            let isBehind = window.cursor.map { position > $0 } ?? false
            if isIn == isBehind { faults.append("\(position) is lost or seen twice") }
        }
    }
}

struct LaneWindowTests {
    @Test func `the window and the disk together hold every job once`() {
        var discarded = 0
        var evictions = 0
        for seed in UInt64(0)..<150 {
            var model = LaneModel(seed: seed)
            for _ in 0..<200 where model.faults.isEmpty {
                switch model.random.index(20) {
                case 0..<7: model.admit()
                case 7..<10: model.fetch()
                case 10..<13: model.finishFetch()
                case 13..<17: model.takeFirst()
                case 17: model.remove()
                case 18: model.endOnDisk()
                default: for _ in 0..<10 { model.takeFirst() }
                }
                model.check()
            }
            #expect(model.faults == [], "seed \(seed)")
            discarded += model.discarded
            evictions += model.evictions
        }
        #expect(discarded > 0 && evictions > 0, "walks that never evict show nothing")
    }

    @Test func `what is queued is all taken in order, through a window of any size`() {
        for seed in UInt64(200)..<300 {
            var model = LaneModel(seed: seed)
            for _ in 0..<40 { model.admit() }
            while !model.queued.isEmpty {
                let before = model.queued.count
                model.fetch()
                model.finishFetch()
                let smallest = model.queued.keys.min()
                if let first = model.window.first { #expect(first == smallest) }
                model.takeFirst()
                if model.queued.count == before, model.window.first == nil,
                    !model.window.wantsFetch
                {
                    Issue.record("seed \(seed): \(before) jobs are out of reach")
                    return
                }
            }
            #expect(model.faults == [])
        }
    }

    @Test func `one job over every limit stays in the window`() {
        var window = LaneWindow(limits: LaneWindow.Limits(jobs: 1, bytes: 10), onDisk: false)
        let position = LanePosition(orderKey: 1, key: JobKey(rawValue: 1))
        let (admission, mayEvict) = window.admit(position, bytes: 1000)
        #expect(admission == .inWindow && mayEvict)
        #expect(window.evictable == nil)
        #expect(window.first == position)
    }

    @Test func `a fetch that saw what was put back meanwhile is not used`() {
        var window = LaneWindow(limits: LaneWindow.Limits(jobs: 4, bytes: 1000), onDisk: true)
        window.beginFetch()
        let seen = (1...2).map { LanePosition(orderKey: $0, key: JobKey(rawValue: UInt64($0))) }
        let isUsable = window.endFetch(reach: seen[1])
        #expect(isUsable)
        for position in seen { window.add(position, bytes: 1) }
        window.beginFetch()
        #expect(!window.wantsFetch)
        for key in UInt64(10)...12 {
            let (admission, _) = window.admit(
                LanePosition(orderKey: 0, key: JobKey(rawValue: key)), bytes: 1)
            #expect(admission == .inWindow)
        }
        #expect(window.evictable == JobKey(rawValue: 2))
        window.evictLast(bytes: 1)
        let isUsableNow = window.endFetch(reach: nil)
        #expect(!isUsableNow)
        #expect(window.cursor == seen[0])
        #expect(window.wantsFetch == false)
    }
}
