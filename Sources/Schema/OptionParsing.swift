// Reads the options of services and methods, Google's extensions among them, from their bytes.
// What it does not know it steps over.

/// Field numbers of the extensions, from the files named in MethodOptions.swift.
private enum ExtensionNumber {
    static let operationInfo: UInt32 = 1049
    static let defaultHost: UInt32 = 1049
    static let oauthScopes: UInt32 = 1050
    static let methodSignature: UInt32 = 1051
    static let http: UInt32 = 72_295_728
    static let routing: UInt32 = 72_295_729
    static let apiVersion: UInt32 = 525_000_001
}

extension DescriptorParser {
    func parseMethodOptions(
        _ range: Range<Int>, into options: inout MethodOptions
    ) throws(WireFault) {
        try forEachField(range) { (tag, reader) throws(WireFault) in
            switch (tag.number, tag.type) {
            case (33, .varint): options.isDeprecated = try reader.varint() != 0
            case (34, .varint):
                let level = try reader.varint()
                options.idempotency =
                    IdempotencyLevel(rawValue: UInt8(truncatingIfNeeded: level)) ?? .unknown
            case (ExtensionNumber.operationInfo, .lengthDelimited):
                options.operationInfo = try parseOperationInfo(try reader.payload())
            case (ExtensionNumber.methodSignature, .lengthDelimited):
                options.signatures.append(try reader.string(try reader.payload()))
            case (ExtensionNumber.http, .lengthDelimited):
                options.http = try parseHTTPRule(try reader.payload())
            case (ExtensionNumber.routing, .lengthDelimited):
                options.routing = try parseRouting(try reader.payload())
            default: try reader.skip(tag)
            }
        }
    }

    func parseServiceOptions(
        _ range: Range<Int>, into service: inout ServiceDescription
    ) throws(WireFault) {
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            switch tag.number {
            case ExtensionNumber.defaultHost: service.defaultHost = try reader.string(payload)
            case ExtensionNumber.oauthScopes:
                // A list in one string, as google/api/client.proto says.
                let scopes = try reader.string(payload)
                service.oauthScopes = scopes.split(separator: ",").map(trimmed)
            case ExtensionNumber.apiVersion: service.apiVersion = try reader.string(payload)
            default: break
            }
        }
    }

    private func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0.isWhitespace }
        let kept = start.reversed().drop { $0.isWhitespace }.reversed()
        return String(kept)
    }

    private func parseOperationInfo(_ range: Range<Int>) throws(WireFault) -> OperationInfo {
        var info = OperationInfo()
        try forEachString(range) { number, text in
            if number == 1 { info.responseType = text }
            if number == 2 { info.metadataType = text }
        }
        return info
    }

    private func parseHTTPRule(_ range: Range<Int>) throws(WireFault) -> HTTPRule {
        var rule = HTTPRule(primary: try parseBinding(range))
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.number == 11, tag.type == .lengthDelimited else {
                return try reader.skip(tag)
            }
            rule.additional.append(try parseBinding(try reader.payload()))
        }
        return rule
    }

    private func parseBinding(_ range: Range<Int>) throws(WireFault) -> HTTPBinding {
        var binding = HTTPBinding()
        let verbs: [UInt32: String] = [2: "get", 3: "put", 4: "post", 5: "delete", 6: "patch"]
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            if let verb = verbs[tag.number] {
                binding.verb = verb
                binding.path = try reader.string(payload)
            } else if tag.number == 7 {
                binding.body = try reader.string(payload)
            } else if tag.number == 12 {
                binding.responseBody = try reader.string(payload)
            } else if tag.number == 8 {
                try forEachString(payload) { number, text in
                    if number == 1 { binding.verb = text }
                    if number == 2 { binding.path = text }
                }
            }
        }
        return binding
    }

    private func parseRouting(_ range: Range<Int>) throws(WireFault) -> [RoutingParameter] {
        var parameters: [RoutingParameter] = []
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.number == 2, tag.type == .lengthDelimited else {
                return try reader.skip(tag)
            }
            var parameter = RoutingParameter()
            try forEachString(try reader.payload()) { number, text in
                if number == 1 { parameter.field = text }
                if number == 2 { parameter.pathTemplate = text }
            }
            parameters.append(parameter)
        }
        return parameters
    }

    private func forEachString(
        _ range: Range<Int>, _ body: (UInt32, String) -> Void
    ) throws(WireFault) {
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            if tag.number <= 2 { body(tag.number, try reader.string(payload)) }
        }
    }
}
