// `x-goog-request-params`: which resource a call is about, so that Google's front ends can route it
// (AIP-4222). Byte for byte what Google's Python clients send, also where the text of the AIP says
// otherwise (a space is "+"). A plan is made once for each method; each call costs a look through
// the request's bytes.

package import Schema

package struct RoutingPlan: Equatable, Sendable {
    package static let headerName = "x-goog-request-params"

    /// How a field's value becomes text.
    enum Kind: Equatable, Sendable {
        case text, boolean, signed, zigzag, unsigned, fixed
    }

    struct Parameter: Equatable, Sendable {
        /// The name in the header; with a template the template's own.
        var key: String
        /// Field numbers from the request down.
        var path: [UInt32]
        var kind: Kind
        var template: PathTemplate?
    }

    private let parameters: [Parameter]
    /// From google.api.routing: empty values are left out. From google.api.http: they are sent.
    private let isExplicit: Bool

    /// Names in a header, at most: several times what any API of Google's has. Each costs every
    /// call a look through its request, so that a method with more has no header.
    static let parametersMax = 64

    /// Nil: calls of this method carry no routing header.
    package init?(of method: MethodDescriptor, in schema: Schema) {
        guard !method.isClientStreaming else { return nil }
        if let routing = method.options.routing {
            guard routing.count <= Self.parametersMax else { return nil }
            isExplicit = true
            parameters = routing.compactMap { Self.explicit($0, method, schema) }
        } else {
            isExplicit = false
            let names = Self.variables(in: method.options.http?.primary.path ?? "")
            guard names.count <= Self.parametersMax else { return nil }
            parameters = names.compactMap {
                Self.parameter(key: $0, field: $0, template: nil, method, schema)
            }
        }
        if parameters.isEmpty { return nil }
    }

    private static func explicit(
        _ routing: RoutingParameter, _ method: MethodDescriptor, _ schema: Schema
    ) -> Parameter? {
        guard !routing.pathTemplate.isEmpty else {
            return parameter(
                key: routing.field, field: routing.field, template: nil, method, schema)
        }
        guard let template = PathTemplate(routing.pathTemplate) else { return nil }
        return parameter(
            key: template.key, field: routing.field, template: template, method, schema)
    }

    private static func parameter(
        key: String, field name: String, template: PathTemplate?, _ method: MethodDescriptor,
        _ schema: Schema
    ) -> Parameter? {
        var path: [UInt32] = []
        var message: MessageHandle? = method.input
        var kind: Kind?
        for part in name.split(separator: ".", omittingEmptySubsequences: false) {
            // No message goes deeper, so that no request has such a value.
            guard path.count <= Schema.depthLimit, let container = message,
                let field = schema.field(String(part), of: container),
                !field.isRepeated
            else { return nil }
            path.append(field.number)
            message = field.message
            kind = Kind(field.type)
        }
        guard let kind, template == nil || kind == .text else { return nil }
        return Parameter(key: key, path: path, kind: kind, template: template)
    }

    /// The names in a path's braces: `/v1/{parent=projects/*}/x:{verb}` has `parent` and `verb`.
    /// One more than a header may have says that there are too many.
    static func variables(in path: String) -> [String] {
        var names: [String] = []
        var rest = path[...]
        while names.count <= parametersMax, let open = rest.firstIndex(of: "{") {
            rest = rest[rest.index(after: open)...]
            guard let end = rest.firstIndex(where: { $0 == "=" || $0 == "}" }) else { break }
            names.append(String(rest[..<end]))
            rest = rest[end...]
        }
        return names
    }

    /// The names in the header, each once.
    package var keys: [String] {
        parameters.reduce(into: []) { keys, parameter in
            if !keys.contains(parameter.key) { keys.append(parameter.key) }
        }
    }

    // MARK: a call

    /// The header's value for a request; nil: it has none.
    package func header(for request: [UInt8]) -> String? {
        var pairs: [(key: String, value: [UInt8])] = []
        request.withUnsafeBytes { bytes in
            for parameter in parameters {
                let found = Self.value(of: parameter, in: bytes)
                guard isExplicit else {
                    pairs.append((parameter.key, found ?? parameter.kind.zero))
                    continue
                }
                guard let value = Self.captured(parameter, found), !value.isEmpty else { continue }
                // A later parameter of the same name wins, at the place of the first.
                if let place = pairs.firstIndex(where: { $0.key == parameter.key }) {
                    pairs[place].value = value
                } else {
                    pairs.append((parameter.key, value))
                }
            }
        }
        guard !pairs.isEmpty else { return nil }
        let encoding = PercentEncoding.routing
        return pairs.map { "\(encoding.encode($0.key))=\(encoding.encode($0.value))" }
            .joined(separator: "&")
    }

    private static func captured(_ parameter: Parameter, _ value: [UInt8]?) -> [UInt8]? {
        guard let template = parameter.template else { return value }
        return template.capture(in: value ?? [])
    }

    private static func value(
        of parameter: Parameter, in bytes: UnsafeRawBufferPointer
    ) -> [UInt8]? {
        var range = 0..<bytes.count
        for (depth, number) in parameter.path.enumerated() {
            guard let value = WireScan.last(number, of: bytes, in: range) else { return nil }
            if depth == parameter.path.count - 1 { return parameter.kind.text(value, bytes) }
            guard case .bytes(let inner) = value else { return nil }
            range = inner
        }
        return nil
    }
}

extension RoutingPlan.Kind {
    /// Nil: fields of this type cannot be routed by.
    init?(_ type: FieldType) {
        switch type {
        case .string, .bytes: self = .text
        case .bool: self = .boolean
        case .int32, .int64, .enumeration: self = .signed
        case .sint32, .sint64: self = .zigzag
        case .uint32, .uint64: self = .unsigned
        case .fixed32, .fixed64, .sfixed32, .sfixed64: self = .fixed
        // A message in between has fields of its own; as the last one it has no text.
        case .message: self = .text
        case .double, .float, .group: return nil
        }
    }

    /// What a Python client shows for a field that is not set.
    var zero: [UInt8] {
        switch self {
        case .text: []
        case .boolean: Array("False".utf8)
        case .signed, .zigzag, .unsigned, .fixed: [0x30]
        }
    }

    func text(_ value: WireValue, _ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        switch (self, value) {
        case (.text, .bytes(let range)): Array(bytes[range])
        case (.boolean, .varint(let number)): Array((number == 0 ? "False" : "True").utf8)
        case (.signed, .varint(let number)): Array("\(Int64(bitPattern: number))".utf8)
        case (.zigzag, .varint(let number)):
            Array("\(Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1))".utf8)
        case (.unsigned, .varint(let number)): Array("\(number)".utf8)
        case (.fixed, .fixed32(let number)): Array("\(Int32(bitPattern: number))".utf8)
        case (.fixed, .fixed64(let number)): Array("\(Int64(bitPattern: number))".utf8)
        case (_, _): nil
        }
    }
}
