// Holds results that came before their turn and gives them out in order. Pure. It bounds nothing
// itself: who feeds it looks at `bytes` and `span` and sends no more when they are large.

struct ReorderBuffer {
    /// The place whose turn it is; places count from 0.
    private(set) var next = 0
    private var waiting: [Int: [UInt8]] = [:]
    /// How many bytes wait for their turn.
    private(set) var bytes = 0

    /// Takes the result of a place. Each place has exactly one: a second is dropped.
    /// - Returns: whether it was the first.
    mutating func put(_ result: [UInt8], at place: Int) -> Bool {
        guard place >= next, waiting[place] == nil else { return false }
        waiting[place] = result
        bytes += result.count
        return true
    }

    /// The next result in order, nil while it has not come.
    mutating func takeNext() -> [UInt8]? {
        guard let result = waiting.removeValue(forKey: next) else { return nil }
        next += 1
        bytes -= result.count
        return result
    }
}
