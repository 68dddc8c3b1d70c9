// How long jobs have waited, as counts by age: what an operator looks at to tell a queue that moves
// from one that stands. Fed with the times of submission, one by one.

/// Jobs by age, with a few bounds that everybody can read.
package struct AgeTable: Equatable, Sendable {
    /// A job belongs to the first bound that it is younger than; behind the last are the rest.
    package static let boundsSeconds: [Int64] = [1, 10, 60, 600, 3600]

    /// One more than bounds.
    package private(set) var counts = [Int64](repeating: 0, count: boundsSeconds.count + 1)
    /// There are more jobs than were counted: each count is the least that there are.
    package var isPartial = false

    package init() {}

    package var total: Int64 { counts.reduce(0, +) }

    /// A time that has not come yet (the wall clock went back) counts as now.
    package mutating func count(submittedAtMilliseconds time: Int64, now: Int64) {
        let age = now - time
        let place = AgeTable.boundsSeconds.firstIndex { age < $0 * 1000 }
        counts[place ?? AgeTable.boundsSeconds.count] += 1
    }
}
