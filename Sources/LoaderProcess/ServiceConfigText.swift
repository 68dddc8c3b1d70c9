// A gRPC service config's JSON as configuration nodes, so that it is checked and complained about
// like the configuration itself; and what of it C-core's channel is to get.

internal import Schema
internal import Settings

/// A parsed service config.
struct ServiceConfigText {
    let root: ConfigurationNode
    /// What concerns the channel, as JSON; "" is nothing. No methodConfig: timeouts and retries
    /// are prong's.
    let channelConfig: String

    /// A file longer than this, in bytes, is refused.
    static let bytesMax = 1 << 20
    private static let depthMax = 32
    private static let channelKeys = [
        "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig",
    ]

    init(parsing bytes: [UInt8]) throws(SettingsError) {
        let result = bytes.withUnsafeBytes { text -> Result<ServiceConfigText, SettingsError> in
            do throws(JSONError) {
                var parsing = Parsing(text)
                let root = try parsing.whole()
                return .success(ServiceConfigText(root, try ServiceConfigText.channel(text)))
            } catch {
                let (line, column) = textPosition(of: error.offset, in: text)
                let place = TextPlace(line: line, column: column)
                return .failure(
                    SettingsError([Complaint(place: place, key: "", what: error.message)]))
            }
        }
        self = try result.get()
    }

    private init(_ root: ConfigurationNode, _ channelConfig: String) {
        self.root = root
        self.channelConfig = channelConfig
    }

    /// The channel's keys with the very text of their values.
    private static func channel(_ text: UnsafeRawBufferPointer) throws(JSONError) -> String {
        var reader = JSONReader(text, depthLimit: depthMax)
        guard try reader.peek() == .object else { return "" }
        var parts: [String] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let range = try reader.skipValue()
            if channelKeys.contains(key) {
                let value = String(
                    decoding: UnsafeRawBufferPointer(rebasing: text[range]), as: UTF8.self)
                parts.append("\"\(key)\":\(value)")
            }
        }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    /// Builds nodes; knows the line of each because values are met in order.
    private struct Parsing {
        private var reader: JSONReader
        private let text: UnsafeRawBufferPointer
        private var counted = 0
        private var line = 1
        private var lineStart = 0

        init(_ text: UnsafeRawBufferPointer) {
            self.text = text
            reader = JSONReader(text, depthLimit: ServiceConfigText.depthMax)
        }

        mutating func whole() throws(JSONError) -> ConfigurationNode {
            let root = try value()
            try reader.expectEnd()
            return root
        }

        private mutating func place() -> TextPlace {
            while counted < reader.offset, counted < text.count {
                if text[counted] == 0x0A {
                    line += 1
                    lineStart = counted + 1
                }
                counted += 1
            }
            return TextPlace(line: line, column: max(1, reader.offset - lineStart + 1))
        }

        private mutating func value() throws(JSONError) -> ConfigurationNode {
            let kind = try reader.peek()
            let place = place()
            return ConfigurationNode(place: place, value: try content(kind))
        }

        private mutating func content(_ kind: JSONKind) throws(JSONError) -> ConfigurationNode.Value
        {
            switch kind {
            case .object: return try object()
            case .array: return try array()
            case .string: return .text(try reader.readString())
            case .bool: return .boolean(try reader.readBool())
            case .null:
                try reader.readNull()
                return .null
            case .number:
                var integer = reader
                if let number = try? integer.readInt64() {
                    reader = integer
                    return .integer(number)
                }
                return .real(try reader.readDouble())
            }
        }

        private mutating func object() throws(JSONError) -> ConfigurationNode.Value {
            var entries: [ConfigurationNode.Entry] = []
            var keys: Set<String> = []
            try reader.beginObject()
            while let key = try reader.nextKey() {
                guard keys.insert(key).inserted else {
                    throw JSONError(offset: reader.offset, message: "a key is there twice")
                }
                entries.append(ConfigurationNode.Entry(key: key, node: try value()))
            }
            return .table(entries)
        }

        private mutating func array() throws(JSONError) -> ConfigurationNode.Value {
            var elements: [ConfigurationNode] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try value()) }
            return .array(elements)
        }
    }
}
