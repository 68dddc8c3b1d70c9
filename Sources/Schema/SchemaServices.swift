// The builder's second step, for services: the messages of every method are resolved.

extension SchemaBuilder {
    mutating func linkServices() throws(SchemaError) -> [ServiceDescriptor] {
        var services: [ServiceDescriptor] = []
        for (fileIndex, entry) in files.enumerated() {
            for service in entry.file.services {
                services.append(try link(service, fileIndex))
            }
        }
        return services.sorted { $0.fullName < $1.fullName }
    }

    private mutating func link(
        _ service: ServiceDescription, _ fileIndex: Int
    ) throws(SchemaError) -> ServiceDescriptor {
        let fullName = qualified(service.name, in: files[fileIndex].file.package)
        var methods: [MethodDescriptor] = []
        var seen: Set<String> = []
        for method in service.methods {
            try checkIdentifier(method.name, fileIndex)
            try checkLength(of: method.name, in: fullName, fileIndex)
            guard seen.insert(method.name).inserted else {
                throw failure(
                    fileIndex, "\(fullName) declares the method \"\(method.name)\" twice")
            }
            let input = try messageIndex(method.input, fullName, method.name, fileIndex)
            let output = try messageIndex(method.output, fullName, method.name, fileIndex)
            methods.append(
                MethodDescriptor(
                    fullName: "\(fullName)/\(method.name)", service: fullName, name: method.name,
                    input: MessageHandle(index: input), output: MessageHandle(index: output),
                    inputName: names.messageNames[Int(input)],
                    outputName: names.messageNames[Int(output)],
                    isClientStreaming: method.isClientStreaming,
                    isServerStreaming: method.isServerStreaming, options: method.options))
        }
        return ServiceDescriptor(
            fullName: fullName, methods: methods, defaultHost: service.defaultHost,
            oauthScopes: service.oauthScopes, apiVersion: service.apiVersion)
    }

    private func messageIndex(
        _ typeName: String, _ service: String, _ method: String, _ fileIndex: Int
    ) throws(SchemaError) -> Int32 {
        guard case .message(let index)? = resolve(typeName, from: service) else {
            throw failure(
                fileIndex,
                "\(service)/\(method) uses the message \"\(shown(typeName))\", "
                    + "which is not declared")
        }
        return index
    }
}
