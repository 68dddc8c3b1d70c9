// What is to be done later, by CLOCK_MONOTONIC: a heap, soonest first. The loop asks for the next
// deadline, waits no longer, and runs what is due.

struct Timers {
    struct Key: Hashable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let dueNanoseconds: UInt64
        let key: Key
    }

    private var heap: [Entry] = []
    private var actions: [Key: () -> Void] = [:]
    private var made: UInt64 = 0

    var nextNanoseconds: UInt64? { heap.first?.dueNanoseconds }

    mutating func add(at nanoseconds: UInt64, _ action: @escaping () -> Void) -> Key {
        made += 1
        let key = Key(number: made)
        actions[key] = action
        heap.append(Entry(dueNanoseconds: nanoseconds, key: key))
        rise(heap.count - 1)
        return key
    }

    /// Its entry stays in the heap until it is due, without an action.
    mutating func remove(_ key: Key) {
        actions[key] = nil
    }

    /// The next action that is due, taken out.
    mutating func takeDue(at now: UInt64) -> (() -> Void)? {
        while let first = heap.first, first.dueNanoseconds <= now {
            removeFirst()
            if let action = actions.removeValue(forKey: first.key) { return action }
        }
        return nil
    }

    private mutating func rise(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].dueNanoseconds < heap[parent].dueNanoseconds else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].dueNanoseconds < heap[least].dueNanoseconds { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
