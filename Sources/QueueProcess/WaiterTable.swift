// Who waits for an answer of the logic, by token. A token is a place in an array and a count of how
// often the place was used: an answer that comes late finds nobody, never somebody else, and no
// hash is paid for each job. Knows nothing of what the answers mean.
//
//      63           32 31            0
//     +---------------+---------------+
//     |     uses      |     place     |
//     +---------------+---------------+

import JobLogic

enum Waiter {
    case submission((SubmissionAnswer) -> Void)
    /// One of many: a closure for each would be an allocation for each.
    case line(any LineOwner, place: Int, bytes: Int)
    case call((CallEnd) -> Void)
    /// Takes any number of messages before the end.
    case stream(any StreamOwner)
    case action((Result<Job?, Refusal>) -> Void)
}

/// One line of a body of many jobs, checked and ready.
struct SubmittedLine {
    let submission: Submission
    /// Its place among the body's answers, and its size: given back with the answer.
    let place: Int
    let bytes: Int
}

/// Who submitted lines and takes their answers, one by one.
protocol LineOwner: AnyObject {
    func take(_ answer: SubmissionAnswer, ofLineAt place: Int, bytes: Int)
}

/// Who waits for a streamed call: its messages one by one, then its end.
protocol StreamOwner: AnyObject {
    /// The server's metadata; at most once, before all messages.
    func take(headers: [MetadataEntry])
    func take(message: [UInt8])
    func end(_ end: CallEnd)
}

extension StreamOwner {
    func take(_ part: StreamPart) {
        switch part {
        case .head(let headers): take(headers: headers)
        case .message(let message): take(message: message)
        }
    }
}

struct WaiterTable {
    private var places: [(uses: UInt32, waiter: Waiter?)] = []
    private var free: [Int] = []

    mutating func add(_ waiter: Waiter) -> Token {
        let place: Int
        if let used = free.popLast() {
            place = used
            places[place].waiter = waiter
        } else {
            place = places.count
            places.append((0, waiter))
        }
        return Token(places[place].uses) << 32 | Token(place)
    }

    /// Whoever takes the messages of a stream, which does not end by them.
    func stream(_ token: Token) -> (any StreamOwner)? {
        let place = Int(token & 0xffff_ffff)
        guard place < places.count, places[place].uses == UInt32(token >> 32),
            case .stream(let owner)? = places[place].waiter
        else { return nil }
        return owner
    }

    /// Nothing: it was answered, or went away, before.
    mutating func remove(_ token: Token) -> Waiter? {
        let place = Int(token & 0xffff_ffff)
        guard place < places.count, places[place].uses == UInt32(token >> 32),
            let waiter = places[place].waiter
        else { return nil }
        places[place].waiter = nil
        places[place].uses &+= 1
        free.append(place)
        return waiter
    }
}
