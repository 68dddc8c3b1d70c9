// When the queue asks for another loader: at once for a target that is there, then later and later.

import Settings
import Testing

@testable import QueueProcess

@Suite struct DescriptorRefreshTests {
    /// The times, looked at once a second, at which the supervisor is asked.
    private func asked(
        until end: Int64, stale: (Int64) -> [Int], isReady: (Int, Int64) -> Bool
    ) -> [Int64] {
        var refresh = DescriptorRefresh()
        return stride(from: Int64(0), to: end, by: 1000).filter { now in
            !refresh.due(stale: stale(now), isReady: { isReady($0, now) }, now: now).isEmpty
        }
    }

    @Test func `a target that is not ready is not asked`() {
        #expect(asked(until: 60_000, stale: { _ in [0, 1] }, isReady: { _, _ in false }).isEmpty)
    }

    @Test func `one that becomes ready is asked at once, then later and later`() {
        let times = asked(until: 120_000, stale: { _ in [1] }, isReady: { _, now in now >= 3000 })
        #expect(times == [3000, 8000, 18_000, 38_000, 78_000])
    }

    @Test func `the wait never grows beyond five minutes`() {
        let times = asked(until: 4_000_000, stale: { _ in [1] }, isReady: { _, _ in true })
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.max() == DescriptorRefresh.maxMilliseconds)
        #expect(gaps.suffix(5).allSatisfy { $0 == DescriptorRefresh.maxMilliseconds })
    }

    @Test func `one that went away and comes back is asked at once`() {
        let times = asked(
            until: 40_000, stale: { _ in [1] },
            isReady: { _, now in !(20_000..<25_000).contains(now) })
        #expect(times == [0, 5000, 15_000, 25_000, 30_000])
    }

    @Test func `one that has told is not asked again`() {
        let times = asked(
            until: 40_000, stale: { now in now < 1000 ? [1] : [] }, isReady: { _, _ in true })
        #expect(times == [0])
    }

    @Test func `a target's wait is its own`() {
        let times = asked(
            until: 12_000, stale: { _ in [0, 1] }, isReady: { $0 == 0 || $1 >= 7000 })
        #expect(times == [0, 5000, 7000])
    }

    // MARK: who is asked

    private func learned(
        _ state: Bundle.Learned.State = .fresh, at milliseconds: Int64 = 1
    ) -> Bundle.Learned {
        Bundle.Learned(target: 0, state: state, atMilliseconds: milliseconds, reason: "")
    }

    /// One look a millisecond.
    private func seen(_ isReady: [Bool], from start: Int64) -> DescriptorRefresh {
        var refresh = DescriptorRefresh()
        for (index, isReady) in isReady.enumerated() {
            refresh.note(0, isReady: isReady, wallMilliseconds: start + Int64(index))
        }
        return refresh
    }

    @Test func `a target that told is not asked when it is connected to for the first time`() {
        #expect(!seen([false, false, true, true], from: 5).isStale(learned(at: 1)))
    }

    @Test func `one that told and went away is asked until it has told again`() {
        let refresh = seen([true, false, false, true, true], from: 5)
        #expect(refresh.isStale(learned(at: 5)))
        #expect(!refresh.isStale(learned(at: 7)))
    }

    @Test func `one that goes away while it is asked is asked once more`() {
        #expect(seen([true, false, true, false, true], from: 5).isStale(learned(at: 7)))
    }

    @Test func `only those are asked that are due`() {
        var refresh = DescriptorRefresh()
        #expect(refresh.due(stale: [0, 1], isReady: { $0 == 0 }, now: 0) == [0])
        #expect(refresh.due(stale: [0, 1], isReady: { _ in true }, now: 1000) == [1])
    }

    @Test(arguments: [Bundle.Learned.State.missing, .cached])
    func `one that has not told this prongd is asked`(state: Bundle.Learned.State) {
        var refresh = DescriptorRefresh()
        refresh.note(0, isReady: true, wallMilliseconds: 5)
        #expect(refresh.isStale(learned(state)))
    }
}
