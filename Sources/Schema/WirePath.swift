// The way to the field in which a byte of a protobuf message stands, for errors.

extension Schema {
    func wirePath(
        to offset: Int, in wire: UnsafeRawBufferPointer, as message: MessageHandle
    ) -> String {
        var walk = WirePathWalk(schema: self, tables: tables.view, bytes: wire, target: offset)
        do throws(WireFault) {
            try walk.descend(message.index, 0..<wire.count, depth: 0)
        } catch {
            // The fault is here, and the way to it is known.
        }
        return walk.path
    }
}

private struct WirePathWalk {
    let schema: Schema
    let tables: TableView
    let bytes: UnsafeRawBufferPointer
    let target: Int
    var path = ""

    mutating func descend(_ index: Int32, _ range: Range<Int>, depth: Int) throws(WireFault) {
        let message = tables.messages[Int(index)]
        var elements: [Int: Int] = [:]
        var reader = WireReader(bytes, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            let place = tables.fieldIndex(message, number: tag.number)
            if place >= 0, tables.fields[place].shape == .repeated {
                elements[place, default: -1] += 1
            }
            let start = reader.offset
            var value = start..<start
            var isWhole = true
            do throws(WireFault) {
                value = try payload(tag, &reader)
            } catch {
                isWhole = false
            }
            guard !isWhole || target < reader.offset else { continue }
            guard place >= 0 else { return }
            let field = tables.fields[place]
            add(field, elements[place] ?? 0)
            let isMessage = field.target >= 0 && field.type != .enumeration
            guard isWhole, isMessage, depth < Schema.depthLimit,
                tag.type == field.type.wireType
            else { return }
            return try descend(field.target, value, depth: depth + 1)
        }
    }

    private func payload(
        _ tag: WireTag, _ reader: inout WireReader
    ) throws(WireFault) -> Range<Int> {
        switch tag.type {
        case .lengthDelimited: return try reader.payload()
        case .startGroup: return try reader.groupBody(tag.number)
        case .varint, .fixed32, .fixed64, .endGroup:
            let start = reader.offset
            try reader.skip(tag)
            return start..<reader.offset
        }
    }

    private mutating func add(_ field: FieldEntry, _ element: Int) {
        // The key stands quoted and with its colon.
        let key = tables.string(field.jsonKey).dropFirst().dropLast(2)
        path += path.isEmpty ? String(key) : ".\(key)"
        if field.shape == .repeated { path += "[\(element)]" }
    }
}
