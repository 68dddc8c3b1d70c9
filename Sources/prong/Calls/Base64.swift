// Base64 for `--binary` (RFC 4648, both alphabets in, padded standard alphabet out). Pure.

enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 {
                bits = bits << 8 | UInt32(offset < group.count ? group[start + offset] : 0)
            }
            for place in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)]
                output.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Whether the text is base64 in either alphabet, padded or not.
    static func isValid(_ text: ArraySlice<UInt8>) -> Bool {
        let body = text.reversed().drop { $0 == UInt8(ascii: "=") }
        guard text.count - body.count <= 2, body.count % 4 != 1 else { return false }
        return body.allSatisfy { byte in
            alphabet.contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
    }
}
