// Metadata in both directions: names and raw values, `-bin` ones too (C-core does the base64).
// What gRPC cannot carry is refused here, before C-core sees it, since C-core's own answer to it is
// a log line or a failed assertion.

internal import CGRPC

/// One metadata entry of a call.
package struct MetadataField: Equatable, Sendable {
    /// Lower case ASCII; names that end in `-bin` have values of any bytes.
    package var name: String
    package var value: [UInt8]

    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ value: String) {
        self.init(name: name, value: Array(value.utf8))
    }
}

extension MetadataField {
    /// Names that belong to HTTP/2 and gRPC themselves; `grpc-` in front is reserved as a whole,
    /// save for what a server sends in its trailers.
    private static let reservedNames: Set<String> = [
        "content-type", "content-length", "te", "host", "connection", "keep-alive",
        "proxy-connection", "transfer-encoding", "upgrade",
    ]

    /// What a server may send itself although it begins with `grpc-`.
    static let serverNames: Set<String> = [
        statusDetailsName, "grpc-retry-pushback-ms",
    ]

    static let statusDetailsName = "grpc-status-details-bin"

    /// Throws what is wrong with it, if gRPC cannot carry it.
    package func check() throws(CallError) {
        try check(allowing: [])
    }

    func check(allowing allowed: Set<String>) throws(CallError) {
        func refuse(_ reason: String) -> CallError { .illegalMetadata(name: name, reason: reason) }
        guard !name.isEmpty else { throw refuse("the name is empty") }
        guard name.utf8.allSatisfy(Self.isLegalInName) else {
            throw refuse("a name has only a-z, 0-9, '-', '_' and '.'")
        }
        guard !Self.reservedNames.contains(name) else { throw refuse("the name is reserved") }
        guard !name.hasPrefix("grpc-") || allowed.contains(name) else {
            throw refuse("names that begin with 'grpc-' are reserved")
        }
        guard name.hasSuffix("-bin") || value.allSatisfy({ 0x20...0x7E ~= $0 }) else {
            throw refuse("a value that is not printable ASCII needs a name that ends in '-bin'")
        }
    }

    private static func isLegalInName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default:
            false
        }
    }
}

/// C-core's form of a list of entries; its slices live as long as this does.
struct CoreMetadata: ~Copyable {
    private(set) var entries: UnsafeMutablePointer<grpc_metadata>?
    let count: Int

    /// The entries must have been checked.
    init(_ fields: [MetadataField]) {
        count = fields.count
        guard count > 0 else { return }
        let entries = UnsafeMutablePointer<grpc_metadata>.allocate(capacity: count)
        for (index, field) in fields.enumerated() {
            var entry = grpc_metadata()
            entry.key = field.name.withCoreSlice { $0 }
            entry.value = field.value.withUnsafeBytes { CGRPC_slice($0.baseAddress, $0.count) }
            (entries + index).initialize(to: entry)
        }
        self.entries = entries
    }

    deinit {
        guard let entries else { return }
        for index in 0..<count {
            grpc_slice_unref(entries[index].key)
            grpc_slice_unref(entries[index].value)
        }
        entries.deallocate()
    }
}

extension String {
    /// The text as a slice that owns a copy of it; whoever gets it must give it back.
    fileprivate func withCoreSlice(_ body: (grpc_slice) -> grpc_slice) -> grpc_slice {
        var text = self
        return body(text.withUTF8 { CGRPC_slice($0.baseAddress, $0.count) })
    }
}

/// The entries that C-core received, without those that `skipping` names.
func readMetadata(
    _ array: borrowing grpc_metadata_array, skipping: String? = nil
) -> [MetadataField] {
    guard array.count > 0, let entries = array.metadata else { return [] }
    var fields: [MetadataField] = []
    fields.reserveCapacity(array.count)
    for index in 0..<array.count {
        let name = text(of: &entries[index].key)
        if name == skipping { continue }
        fields.append(MetadataField(name: name, value: bytes(of: &entries[index].value)))
    }
    return fields
}

/// The value of the first entry with this name, or nothing.
func readMetadata(_ array: borrowing grpc_metadata_array, named name: String) -> [UInt8] {
    guard array.count > 0, let entries = array.metadata else { return [] }
    for index in 0..<array.count where text(of: &entries[index].key) == name {
        return bytes(of: &entries[index].value)
    }
    return []
}
