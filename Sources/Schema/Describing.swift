// Shows what the schema holds as text in the language of .proto files, for people.
//
// Comments, file options and the nesting of declarations are not kept; types are named in full.

extension Schema {
    /// A service, a method (`package.Service/Method` or with a dot), a message or an enum by its
    /// full name, as .proto text; a method with its request and response. Nil: no such name.
    package func describe(_ name: String) -> String? {
        if let service = service(named: name) { return text(of: service) }
        if let method = method(name) ?? method(dotted: name) { return text(of: method) }
        if let message = message(named: name) { return text(of: message) }
        if let item = self.enum(named: name) { return text(of: item) }
        return nil
    }

    private func method(dotted name: String) -> MethodDescriptor? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        return method(service: String(name[..<dot]), name: String(name[name.index(after: dot)...]))
    }

    private func text(of service: ServiceDescriptor) -> String {
        var lines = opening("service", service.fullName)
        if let host = service.defaultHost {
            lines.append("  option (google.api.default_host) = \(quoted(host));")
        }
        if !service.oauthScopes.isEmpty {
            let scopes = service.oauthScopes.joined(separator: ",")
            lines.append("  option (google.api.oauth_scopes) = \(quoted(scopes));")
        }
        if let version = service.apiVersion {
            lines.append("  option (google.api.api_version) = \(quoted(version));")
        }
        for method in service.methods { lines += declaration(of: method).map { "  \($0)" } }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private func text(of method: MethodDescriptor) -> String {
        var parts = ["// service \(method.service)"]
        parts += declaration(of: method)
        var text = parts.joined(separator: "\n") + "\n\n" + self.text(of: method.input)
        if method.output != method.input { text += "\n" + self.text(of: method.output) }
        return text
    }

    private func declaration(of method: MethodDescriptor) -> [String] {
        let input = (method.isClientStreaming ? "stream " : "") + method.inputName
        let output = (method.isServerStreaming ? "stream " : "") + method.outputName
        let head = "rpc \(method.name)(\(input)) returns (\(output))"
        let options = optionLines(method.options)
        guard !options.isEmpty else { return ["\(head);"] }
        return ["\(head) {"] + options.map { "  \($0)" } + ["}"]
    }

    private func optionLines(_ options: MethodOptions) -> [String] {
        var lines: [String] = []
        if options.isDeprecated { lines.append("option deprecated = true;") }
        switch options.idempotency {
        case .unknown: break
        case .noSideEffects: lines.append("option idempotency_level = NO_SIDE_EFFECTS;")
        case .idempotent: lines.append("option idempotency_level = IDEMPOTENT;")
        }
        if let rule = options.http {
            lines.append("option (google.api.http) = {")
            lines += bindingLines(rule.primary).map { "  \($0)" }
            for binding in rule.additional {
                let inside = bindingLines(binding).joined(separator: " ")
                lines.append("  additional_bindings { \(inside) }")
            }
            lines.append("};")
        }
        if let routing = options.routing {
            lines.append("option (google.api.routing) = {")
            for parameter in routing {
                let template =
                    parameter.pathTemplate.isEmpty
                    ? "" : " path_template: \(quoted(parameter.pathTemplate))"
                lines.append(
                    "  routing_parameters { field: \(quoted(parameter.field))\(template) }")
            }
            lines.append("};")
        }
        if let info = options.operationInfo {
            lines.append("option (google.longrunning.operation_info) = {")
            lines.append("  response_type: \(quoted(info.responseType))")
            lines.append("  metadata_type: \(quoted(info.metadataType))")
            lines.append("};")
        }
        for signature in options.signatures {
            lines.append("option (google.api.method_signature) = \(quoted(signature));")
        }
        return lines
    }

    private func bindingLines(_ binding: HTTPBinding) -> [String] {
        let known = ["get", "put", "post", "delete", "patch"].contains(binding.verb)
        var lines =
            known
            ? ["\(binding.verb): \(quoted(binding.path))"]
            : ["custom { kind: \(quoted(binding.verb)) path: \(quoted(binding.path)) }"]
        if !binding.body.isEmpty { lines.append("body: \(quoted(binding.body))") }
        if !binding.responseBody.isEmpty {
            lines.append("response_body: \(quoted(binding.responseBody))")
        }
        return lines
    }

    private func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        var text = text
        text.withUTF8 { appendEscaped(UnsafeRawBufferPointer($0), to: &bytes) }
        return "\"\(String(decoding: bytes, as: UTF8.self))\""
    }

    /// A declaration has a short name in proto text; the full one stands above it.
    private func opening(_ keyword: String, _ fullName: String) -> [String] {
        let short = fullName.split(separator: ".").last.map(String.init) ?? fullName
        return ["// \(fullName)", "\(keyword) \(short) {"]
    }

    // MARK: messages and enums

    private func text(of message: MessageHandle) -> String {
        let view = tables.view
        let entry = view.messages[Int(message.index)]
        let oneofs = oneofNames[message.index] ?? []
        var lines = opening("message", messageNames[Int(message.index)])
        var shownOneofs: Set<Int32> = []
        for place in fieldPlaces(entry) {
            let field = view.fields[place]
            guard field.oneof >= 0, Int(field.oneof) < oneofs.count else {
                lines.append("  \(declaration(of: field, at: place, view))")
                continue
            }
            guard shownOneofs.insert(field.oneof).inserted else { continue }
            lines.append("  oneof \(oneofs[Int(field.oneof)]) {")
            for other in fieldPlaces(entry) where view.fields[other].oneof == field.oneof {
                lines.append("    \(declaration(of: view.fields[other], at: other, view))")
            }
            lines.append("  }")
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private func fieldPlaces(_ entry: MessageEntry) -> Range<Int> {
        Int(entry.fieldStart)..<Int(entry.fieldStart + entry.fieldCount)
    }

    private func declaration(of field: FieldEntry, at place: Int, _ view: TableView) -> String {
        var label = ""
        if field.shape == .repeated {
            label = "repeated "
        } else if field.flags.contains(.required) {
            label = "required "
        } else if field.flags.contains(.proto3Optional) {
            label = "optional "
        }
        var name = view.string(field.name)
        if field.flags.contains(.isExtension) { name = "[\(name)]" }
        var options: [String] = []
        if let value = fieldDefaults[Int32(place)] {
            let isText = field.type == .string || field.type == .bytes
            options.append("default = \(isText ? quoted(value) : value)")
        }
        if field.flags.contains(.deprecated) { options.append("deprecated = true") }
        let suffix = options.isEmpty ? "" : " [\(options.joined(separator: ", "))]"
        return "\(label)\(typeName(field, view)) \(name) = \(field.number)\(suffix);"
    }

    private func typeName(_ field: FieldEntry, _ view: TableView) -> String {
        if field.shape == .map {
            let start = Int(view.messages[Int(field.target)].fieldStart)
            let key = typeName(view.fields[start], view)
            let value = typeName(view.fields[start + 1], view)
            return "map<\(key), \(value)>"
        }
        switch field.type {
        case .message: return messageNames[Int(field.target)]
        case .group: return "group \(messageNames[Int(field.target)])"
        case .enumeration: return enumNames[Int(field.target)]
        case .double, .float, .int64, .uint64, .int32, .fixed64, .fixed32, .bool, .string, .bytes,
            .uint32, .sfixed32, .sfixed64, .sint32, .sint64:
            return field.type.keyword
        }
    }

    private func text(of item: EnumHandle) -> String {
        let view = tables.view
        let entry = view.enums[Int(item.index)]
        var lines = opening("enum", enumNames[Int(item.index)])
        for place in Int(entry.valueStart)..<Int(entry.valueStart + entry.valueCount) {
            let value = view.enumValues[place]
            lines.append("  \(view.string(value.name)) = \(value.number);")
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }
}
