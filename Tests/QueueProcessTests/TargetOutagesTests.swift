// Since when a target has been down, and when that is worth a line in the log.

import Testing
import WireFormat

@testable import QueueProcess

@Suite struct TargetOutagesTests {
    private func state(_ connectivity: Connectivity) -> TargetState {
        TargetState(target: 0, connectivity: connectivity, builtAtMilliseconds: 0)
    }

    @Test func `an outage begins when it is first seen and ends when the target is up`() {
        var outages = TargetOutages()
        _ = outages.note(targets: 0..<2, isReady: { $0 == 1 }, now: 100)
        _ = outages.note(targets: 0..<2, isReady: { $0 == 1 }, now: 900)
        #expect(outages.outages.keys.sorted() == [0])
        #expect(outages.outages[0]?.sinceMilliseconds == 100)
        _ = outages.note(targets: 0..<2, isReady: { _ in true }, now: 1000)
        #expect(outages.outages.isEmpty)
        _ = outages.note(targets: 0..<2, isReady: { _ in false }, now: 1500)
        #expect(outages.outages[0]?.sinceMilliseconds == 1500)
    }

    @Test func `a long outage is told once, and so is its end`() {
        var outages = TargetOutages()
        var news: [TargetOutages.News] = []
        for now in stride(from: Int64(0), to: 10_000, by: 500) {
            news += outages.note(targets: 0..<1, isReady: { _ in false }, now: now)
        }
        #expect(news == [.down(target: 0)])
        news = outages.note(targets: 0..<1, isReady: { _ in true }, now: 12_000)
        #expect(news == [.upAgain(target: 0, afterMilliseconds: 12_000)])
        #expect(outages.note(targets: 0..<1, isReady: { _ in true }, now: 12_500).isEmpty)
    }

    @Test func `a short outage is no news`() {
        var outages = TargetOutages()
        #expect(outages.note(targets: 0..<1, isReady: { _ in false }, now: 0).isEmpty)
        #expect(outages.note(targets: 0..<1, isReady: { _ in false }, now: 2_900).isEmpty)
        #expect(outages.note(targets: 0..<1, isReady: { _ in true }, now: 2_950).isEmpty)
    }

    @Test func `the clients of a target are summed up by state, the most first`() {
        let states = [Connectivity.idle, .transientFailure, .connecting, .transientFailure]
        #expect(
            TargetOutages.summary(states.map(state))
                == "2 transient_failure, 1 connecting, 1 idle")
    }
}
