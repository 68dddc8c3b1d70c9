// The path templates of google.api.routing (google/api/routing.proto), matched as Google's Python
// clients match them: the generator makes a regular expression of each template, and this file
// matches what that expression would match (gapic-generator-python, RoutingParameter).
//
//     projects/*/{instance_id=instances/*}/**
//     └ text ──┘└──────── captured ──────┘└ rest: nothing, or "/" and anything
//
// Never takes long, whatever a hostile descriptor set or request holds.

package struct PathTemplate: Equatable, Sendable {
    enum Piece: Equatable, Sendable {
        case text([UInt8])
        /// `*`: one segment, at least a byte without "/".
        case segment
        /// `**` at the start: anything on one line, also nothing.
        case anything
        /// `**` behind another segment: nothing, or "/" and anything on one line.
        case rest
        case captureStart
        case captureEnd
    }

    /// The name in the header.
    package let key: String
    let pieces: [Piece]

    /// A template longer than this is no path of an API's.
    static let bytesMax = 1024

    /// Nil: a template that is none: no named segment, or several, or many `**`.
    package init?(_ template: String) {
        guard template.utf8.count <= Self.bytesMax,
            let open = template.firstIndex(of: "{"), let close = template.firstIndex(of: "}"),
            open < close, template.lastIndex(of: "{") == open,
            template.lastIndex(of: "}") == close
        else { return nil }
        let named = template[template.index(after: open)..<close]
        let parts = named.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty else { return nil }
        key = String(name)
        let inner = parts.count == 2 ? String(parts[1]) : "*"
        var pieces: [Piece] = []
        Self.add(template[..<open], to: &pieces)
        pieces.append(.captureStart)
        Self.add(inner[...], to: &pieces)
        pieces.append(.captureEnd)
        Self.add(template[template.index(after: close)...], to: &pieces)
        let openCount = pieces.count { $0 == .anything || $0 == .rest }
        guard openCount <= Self.anythingMax, pieces.count <= Self.piecesMax else { return nil }
        self.pieces = pieces
    }

    private static func add(_ text: Substring, to pieces: inout [Piece]) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        var literal: [UInt8] = []
        for (index, segment) in segments.enumerated() {
            let hasNeighbour = index > 0
            if segment == "**", hasNeighbour {
                flush(&literal, to: &pieces)
                pieces.append(.rest)
                continue
            }
            if hasNeighbour { literal.append(0x2F) }
            if segment.contains("*") {
                flush(&literal, to: &pieces)
                pieces.append(segment.contains("**") ? .anything : .segment)
            } else {
                literal += Array(segment.utf8)
            }
        }
        flush(&literal, to: &pieces)
    }

    private static func flush(_ literal: inout [UInt8], to pieces: inout [Piece]) {
        if !literal.isEmpty { pieces.append(.text(literal)) }
        literal = []
    }

    /// A longer value matches nothing: no resource's name is that long.
    static let valueBytesMax = 1024
    /// The longest path of an API's has ten segments and the slashes between them.
    static let piecesMax = 40
    /// AIP-4222 allows one `**`; a match costs up to the square of the value's length for each.
    static let anythingMax = 2

    /// What the named segment captures; nil: the value does not match.
    package func capture(in value: some Collection<UInt8>) -> [UInt8]? {
        guard value.count <= Self.valueBytesMax else { return nil }
        var match = PathMatch(pieces: pieces, value: Array(value))
        guard match.run(0, 0) else { return nil }
        return Array(match.value[match.start..<match.end])
    }
}

/// One try of a template at a value: greedy, with a memory of what has failed.
private struct PathMatch {
    let pieces: [PathTemplate.Piece]
    let value: [UInt8]
    var start = 0
    var end = 0
    /// By piece and place.
    private var failed: [Bool]

    init(pieces: [PathTemplate.Piece], value: [UInt8]) {
        self.pieces = pieces
        self.value = value
        failed = Array(repeating: false, count: pieces.count * (value.count + 1))
    }

    mutating func run(_ piece: Int, _ at: Int) -> Bool {
        guard piece < pieces.count else { return isEnd(at) }
        let place = piece * (value.count + 1) + at
        if failed[place] { return false }
        if step(piece, at) { return true }
        failed[place] = true
        return false
    }

    /// Python's `$` also stands before a last line feed.
    private func isEnd(_ at: Int) -> Bool {
        at == value.count || (at == value.count - 1 && value[at] == 0x0A)
    }

    private mutating func step(_ piece: Int, _ at: Int) -> Bool {
        switch pieces[piece] {
        case .text(let text):
            return value[at...].starts(with: text) && run(piece + 1, at + text.count)
        case .segment:
            return longest(piece, from: at, to: extent(at) { $0 != 0x2F }, least: at + 1)
        case .anything:
            return longest(piece, from: at, to: extent(at) { $0 != 0x0A }, least: at)
        case .rest:
            if at < value.count, value[at] == 0x2F,
                longest(piece, from: at + 1, to: extent(at + 1) { $0 != 0x0A }, least: at + 1)
            {
                return true
            }
            return run(piece + 1, at)
        case .captureStart:
            guard run(piece + 1, at) else { return false }
            start = at
            return true
        case .captureEnd:
            guard run(piece + 1, at) else { return false }
            end = at
            return true
        }
    }

    private func extent(_ at: Int, while holds: (UInt8) -> Bool) -> Int {
        value[at...].firstIndex { !holds($0) } ?? value.count
    }

    private mutating func longest(_ piece: Int, from at: Int, to stop: Int, least: Int) -> Bool {
        var end = stop
        while end >= least {
            if run(piece + 1, end) { return true }
            end -= 1
        }
        return false
    }
}
