// The keys of one JSON object, to find one that stands there twice. An object may be as long as a
// request, so a key costs a few bytes and no allocation of its own.

struct KeySet {
    /// Up to here keys are compared one by one.
    private static let fewMaximum = 12
    private var tokens: [JSONToken] = []
    /// Beyond: an open hash table of places in `tokens`, at most half full; -1 is an empty slot.
    private var slots: [Int32] = []

    /// False if it was there already.
    mutating func insert(_ key: JSONToken, _ reader: JSONReader) -> Bool {
        if tokens.count < Self.fewMaximum {
            for other in tokens where reader.areEqual(key, other) { return false }
            tokens.append(key)
            return true
        }
        if (tokens.count + 1) * 2 > slots.count { grow(reader) }
        var at = slot(of: key, reader)
        while slots[at] >= 0 {
            if reader.areEqual(key, tokens[Int(slots[at])]) { return false }
            at = (at + 1) & (slots.count - 1)
        }
        slots[at] = Int32(truncatingIfNeeded: tokens.count)
        tokens.append(key)
        return true
    }

    private mutating func grow(_ reader: JSONReader) {
        slots = [Int32](repeating: -1, count: max(64, slots.count * 2))
        for (place, token) in tokens.enumerated() {
            var at = slot(of: token, reader)
            while slots[at] >= 0 { at = (at + 1) & (slots.count - 1) }
            slots[at] = Int32(truncatingIfNeeded: place)
        }
    }

    /// Swift's hasher differs from process to process, so that nobody can choose keys that meet.
    private func slot(of key: JSONToken, _ reader: JSONReader) -> Int {
        var hasher = Hasher()
        if key.hasEscapes {
            reader.bytes(key).withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            hasher.combine(
                bytes: UnsafeRawBufferPointer(rebasing: reader.text[key.start..<key.end]))
        }
        return hasher.finalize() & (slots.count - 1)
    }
}

extension JSONReader {
    func areEqual(_ one: JSONToken, _ other: JSONToken) -> Bool {
        if one.hasEscapes || other.hasEscapes { return bytes(one) == bytes(other) }
        guard one.end - one.start == other.end - other.start else { return false }
        return equalBytes(
            text, one.start, UnsafeRawBufferPointer(rebasing: text[other.start..<other.end]))
    }
}
