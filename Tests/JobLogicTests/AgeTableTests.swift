// Ages in a few bounds: each job in exactly one, whatever the clock did.

import JobLogic
import Testing

@Suite struct AgeTableTests {
    @Test(
        arguments: [
            (0, 0), (999, 0), (1000, 1), (9_999, 1), (10_000, 2), (59_999, 2), (60_000, 3),
            (599_999, 3), (600_000, 4), (3_599_999, 4), (3_600_000, 5), (Int64.max / 2, 5),
            (-5000, 0),
        ] as [(Int64, Int)])
    func `a job counts below the first bound that it is younger than`(age: Int64, place: Int) {
        var table = AgeTable()
        table.count(submittedAtMilliseconds: Sample.wall - age, now: Sample.wall)
        #expect(table.counts.firstIndex(of: 1) == place)
        #expect(table.total == 1)
    }

    @Test func `a key tells when its job was submitted`() {
        var sequence = JobKeySequence(after: 0)
        for step in 0..<100 {
            let key = sequence.next(wallMilliseconds: Sample.wall, random: UInt64(step))
            #expect(key.milliseconds == Sample.wall)
        }
        #expect(JobKey(rawValue: .max).milliseconds > Sample.wall)
    }
}
