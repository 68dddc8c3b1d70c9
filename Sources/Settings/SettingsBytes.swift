// The pieces of the encoding of settings: numbers, text, lists and setting values, one after the
// other without names. See SettingsEncoding for what they make.

/// Writes the pieces.
struct SettingsEncoder {
    private(set) var encoded: [UInt8] = []

    init(appendingTo start: [UInt8] = []) {
        encoded = start
    }

    /// A count or length: base 128, low digits first, the high bit says that more follow.
    mutating func count(_ number: Int) {
        var rest = UInt64(truncatingIfNeeded: number)
        while rest >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        encoded.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func raw(_ bytes: [UInt8]) {
        encoded += bytes
    }

    mutating func bytes(_ bytes: [UInt8]) {
        count(bytes.count)
        encoded += bytes
    }

    mutating func text(_ text: String) {
        bytes(Array(text.utf8))
    }

    mutating func fixed(_ bits: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            encoded.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
    }

    mutating func signed(_ number: Int64) {
        fixed(UInt64(bitPattern: number))
    }

    mutating func real(_ number: Double) {
        fixed(number.bitPattern)
    }

    mutating func optional(_ number: Int64?) {
        count(number == nil ? 0 : 1)
        if let number { signed(number) }
    }

    mutating func numbers(_ list: [Int]) {
        count(list.count)
        for number in list { signed(Int64(number)) }
    }

    mutating func texts(_ list: [String]) {
        count(list.count)
        for text in list { self.text(text) }
    }

    mutating func value(_ value: SettingValue) {
        switch value {
        case .integer(let number):
            count(0)
            signed(number)
        case .real(let number):
            count(1)
            real(number)
        case .boolean(let flag):
            count(2)
            count(flag ? 1 : 0)
        case .text(let text):
            count(3)
            self.text(text)
        case .texts(let list):
            count(4)
            count(list.count)
            for element in list { text(element) }
        case .pairs(let pairs):
            count(5)
            count(pairs.count)
            for pair in pairs {
                text(pair.name)
                text(pair.value)
            }
        case .retry(let retry):
            count(6)
            signed(Int64(retry.attempts))
            signed(retry.initialMilliseconds)
            signed(retry.maxMilliseconds)
            real(retry.multiplier)
            numbers(retry.codes)
        }
    }
}

/// Reads the pieces; every length is checked against what is left.
struct SettingsDecoder {
    private let source: [UInt8]
    private(set) var position: Int

    /// - Precondition: `start` is in the bytes, or their end.
    init(_ source: [UInt8], from start: Int) {
        self.source = source
        position = start
    }

    private mutating func byte() throws(SettingsDecodingError) -> UInt8 {
        guard position < source.count else { throw .truncated }
        position += 1
        return source[position - 1]
    }

    /// At most what 35 bits hold: no count or length is larger, and none overflows.
    mutating func count() throws(SettingsDecodingError) -> Int {
        var number = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let next = try byte()
            number |= Int(next & 0x7F) << shift
            if next < 0x80 { return number }
        }
        throw .outOfRange
    }

    mutating func bytes() throws(SettingsDecodingError) -> [UInt8] {
        let length = try count()
        guard length <= source.count - position else { throw .truncated }
        position += length
        return Array(source[position - length..<position])
    }

    mutating func text() throws(SettingsDecodingError) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else { throw .notText }
        return text
    }

    private mutating func fixed() throws(SettingsDecodingError) -> UInt64 {
        var bits: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 8) {
            bits |= UInt64(try byte()) << UInt64(shift)
        }
        return bits
    }

    mutating func signed() throws(SettingsDecodingError) -> Int64 {
        Int64(bitPattern: try fixed())
    }

    mutating func real() throws(SettingsDecodingError) -> Double {
        Double(bitPattern: try fixed())
    }

    mutating func optional() throws(SettingsDecodingError) -> Int64? {
        try count() == 0 ? nil : try signed()
    }

    mutating func numbers() throws(SettingsDecodingError) -> [Int] {
        var list: [Int] = []
        for _ in 0..<(try count()) { list.append(Int(clamping: try signed())) }
        return list
    }

    mutating func value() throws(SettingsDecodingError) -> SettingValue {
        switch try count() {
        case 0: return .integer(try signed())
        case 1: return .real(try real())
        case 2: return .boolean(try count() != 0)
        case 3: return .text(try text())
        case 4: return .texts(try texts())
        case 5: return .pairs(try pairs())
        case 6: return .retry(try retry())
        case _: throw .outOfRange
        }
    }

    mutating func texts() throws(SettingsDecodingError) -> [String] {
        var list: [String] = []
        for _ in 0..<(try count()) { list.append(try text()) }
        return list
    }

    private mutating func pairs() throws(SettingsDecodingError) -> [Settings.MetadataEntry] {
        var list: [Settings.MetadataEntry] = []
        for _ in 0..<(try count()) {
            list.append(Settings.MetadataEntry(name: try text(), value: try text()))
        }
        return list
    }

    private mutating func retry() throws(SettingsDecodingError) -> RetrySettings {
        RetrySettings(
            attempts: Int(clamping: try signed()), initialMilliseconds: try signed(),
            maxMilliseconds: try signed(), multiplier: try real(), codes: try numbers())
    }
}
