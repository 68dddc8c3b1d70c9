// Percent encoding as each of its readers wants it: letters and digits stay, and what is kept;
// every other byte becomes a percent sign and two capitals. It must never decide what is encoded.

package struct PercentEncoding: Sendable {
    private let kept: StaticString
    private let spaceIsPlus: Bool

    /// Python's `urlencode(…, safe="/")`: the routing header.
    package static let routing = PercentEncoding(keeping: "-._~/", spaceIsPlus: true)
    /// Python's `urlencode(…)`: forms and queries (application/x-www-form-urlencoded).
    package static let form = PercentEncoding(keeping: "-._~", spaceIsPlus: true)
    /// RFC 3986's unreserved characters: the parts of a query that AWS has signed.
    package static let unreserved = PercentEncoding(keeping: "-._~", spaceIsPlus: false)
    /// Python's `quote(…)`.
    package static let quote = PercentEncoding(keeping: "-._~/", spaceIsPlus: false)
    /// A segment of a URL's path, which may be an email address.
    package static let segment = PercentEncoding(keeping: "-._~@", spaceIsPlus: false)

    private static let digits = Array("0123456789ABCDEF".utf8)

    private init(keeping kept: StaticString, spaceIsPlus: Bool) {
        self.kept = kept
        self.spaceIsPlus = spaceIsPlus
    }

    package func encode(_ text: String) -> String { encode(text.utf8) }

    package func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: text.append(byte)
            case 0x20 where spaceIsPlus: text.append(0x2B)
            case _ where keeps(byte): text.append(byte)
            default:
                text += [0x25, Self.digits[Int(byte >> 4)], Self.digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func keeps(_ byte: UInt8) -> Bool {
        kept.withUTF8Buffer { $0.contains(byte) }
    }
}
