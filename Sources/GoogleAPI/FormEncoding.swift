// application/x-www-form-urlencoded as Python's `urlencode(…, safe="/")` writes it: letters, digits
// and `_ . - ~ /` stay, a space becomes "+", every other byte a percent sign and two capitals.

enum FormEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x20: text.append(0x2B)
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E:
                text.append(byte)
            default:
                text += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
