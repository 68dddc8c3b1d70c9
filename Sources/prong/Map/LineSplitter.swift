// Cuts a stream of bytes into lines, whatever pieces it comes in. Pure. A line longer than the
// bound is passed over and reported, so that no input can fill the memory.

struct LineSplitter {
    enum Line: Equatable {
        case text([UInt8])
        /// Longer than `lineBytesMax`; its bytes are gone.
        case tooLong
    }

    /// No daemon takes requests of this size.
    static let lineBytesMaxDefault = 256 * 1024 * 1024

    private let lineBytesMax: Int
    private var buffer: [UInt8] = []
    private var start = 0
    /// Up to here no line feed was found.
    private var searched = 0
    private var isSkipping = false
    private var isEnded = false

    init(lineBytesMax: Int = lineBytesMaxDefault) {
        self.lineBytesMax = lineBytesMax
    }

    mutating func feed(_ bytes: ArraySlice<UInt8>) {
        if start > 0, start * 2 >= buffer.count {
            buffer.removeSubrange(..<start)
            searched -= start
            start = 0
        }
        buffer += bytes
    }

    /// No more bytes follow: what is left is the last line.
    mutating func finish() {
        isEnded = true
    }

    /// The next whole line without its line feed, nil if it has not come yet.
    mutating func next() -> Line? {
        while true {
            let end = buffer[searched...].firstIndex(of: 0x0a)
            searched = end ?? buffer.count
            if end == nil {
                if searched - start > lineBytesMax { skip() }
                guard isEnded, isSkipping || start < buffer.count else { return nil }
            }
            let line = Array(buffer[start..<searched])
            start = end.map { $0 + 1 } ?? buffer.count
            searched = start
            if isSkipping || line.count > lineBytesMax {
                isSkipping = false
                return .tooLong
            }
            return .text(line.last == 0x0d ? line.dropLast() : line)
        }
    }

    private mutating func skip() {
        buffer = []
        start = 0
        searched = 0
        isSkipping = true
    }
}
