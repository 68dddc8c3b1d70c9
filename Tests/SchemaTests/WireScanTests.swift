// Fields looked for without a descriptor, and written without one.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct WireScanTests {
    private func fields(_ bytes: [UInt8]) -> [(UInt32, WireValue)]? {
        var found: [(UInt32, WireValue)] = []
        let isMessage = WireScan.eachField(of: bytes) { found.append(($0, $1)) }
        return isMessage ? found : nil
    }

    @Test func `every kind of value is handed over, with its place`() throws {
        // a number (1), text (2), fixed32 (3), fixed64 (4), a group (5) with a number in it
        let bytes: [UInt8] =
            [0x08, 0x96, 1, 0x12, 1, 97, 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0]
            + [0x2b, 0x08, 1, 0x2c]
        let found = try #require(fields(bytes))
        #expect(found.map(\.0) == [1, 2, 3, 4, 5])
        #expect(
            found.map(\.1) == [
                .varint(150), .bytes(5..<6), .fixed32(1), .fixed64(2), .group(21..<23),
            ])
    }

    @Test(
        arguments: [
            [0x0a], [0x0a, 5, 1], [0x00, 0], [0x21, 1], [0x2d, 1], [0x33, 0x3c], [0x33], [0x07],
            [0x34], [0x08, 0xff], Array(repeating: 0x33, count: 1 << 20),
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            [0x08] + Array(repeating: 0xff, count: 10) + [1],
        ] as [[UInt8]])
    func `broken bytes are no message`(bytes: [UInt8]) {
        #expect(fields(bytes) == nil)
    }

    @Test func `the last value of a field counts, and a group is none`() {
        let bytes = Wire.made {
            $0.text(1, "a")
            $0.text(1, "b")
            $0.number(2, 7)
            $0.bytes += [0x0b, 0x0c]
        }
        bytes.withUnsafeBytes { raw in
            #expect(WireScan.text(1, of: raw) == "b")
            #expect(WireScan.last(2, of: raw) == .varint(7))
            #expect(WireScan.bytes(2, of: raw) == nil)
            #expect(WireScan.last(3, of: raw) == nil)
        }
    }

    @Test(arguments: [0, 1, 127, 128, 70_000]) func `what is written is read again`(_ count: Int) {
        let data = [UInt8](repeating: 7, count: count)
        for field in [1, 15, 16, 1049, 536_870_911] as [UInt32] {
            var writer = MessageWriter()
            writer.data(field, data)
            writer.text(1, "é")
            let expected = Wire.made {
                $0.data(Int(field), data)
                $0.text(1, "é")
            }
            #expect(writer.bytes == expected)
        }
    }
}
