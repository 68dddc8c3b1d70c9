// How often in a row the daemon was lost under a map. One outage takes every body that was open
// with it, so it counts once, however many bodies that were. Pure.

struct OutageCount {
    /// Outages in a row, without an answer between them, before the daemon is given up.
    static let inRowMax = 3

    /// What a body remembers of its opening.
    struct Mark: Equatable {
        fileprivate let outages: Int
    }

    private var all = 0
    private var inRow = 0

    /// For a body that is opened now.
    var mark: Mark { Mark(outages: all) }

    var isOver: Bool { inRow > Self.inRowMax }

    mutating func noteAnswer() {
        inRow = 0
    }

    /// A body was lost: a new outage only if it was opened after the last one.
    mutating func noteLoss(openedAt mark: Mark) {
        guard mark == self.mark else { return }
        all += 1
        inRow += 1
    }
}
