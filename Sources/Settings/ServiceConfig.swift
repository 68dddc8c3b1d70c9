// What a gRPC service config says of methods: timeouts and retry policies (grpc/grpc,
// doc/service_config.md). Unknown fields are passed over, as gRPC does; a known field that is wrong
// is refused here, because a C-core channel that gets it would fail every call without a word.
// `maxAttempts` may be missing, as in the configs that are published for Google's APIs.

/// Checks a service config and takes the methods' policies out of it.
package struct ServiceConfig {
    /// In the file's order.
    package private(set) var policies: [Settings.MethodPolicy] = []
    private var reading = ValueReading()
    private var seen: [Settings.MethodName] = []

    /// The policies of a parsed service config.
    package static func read(
        _ root: ConfigurationNode
    ) throws(SettingsError) -> [Settings.MethodPolicy] {
        var config = ServiceConfig()
        config.readRoot(root)
        if !config.reading.complaints.isEmpty { throw SettingsError(config.reading.complaints) }
        return config.policies
    }

    private init() {}

    private mutating func readRoot(_ root: ConfigurationNode) {
        guard reading.entries(root, "", "write a JSON object") != nil else { return }
        if let policy = root["loadBalancingPolicy"] {
            let isKnown: Bool
            if case .text(let name) = policy.value {
                isKnown = ["pick_first", "round_robin"].contains(name.lowercased())
            } else {
                isKnown = false
            }
            if !isKnown {
                reading.complain(
                    policy, "loadBalancingPolicy", "this is not a policy that prong knows",
                    "write \"pick_first\" or \"round_robin\"")
            }
        }
        guard let methods = root["methodConfig"] else { return }
        guard case .array(let elements) = methods.value else {
            reading.complain(methods, "methodConfig", "this is \(methods.kindName)", "write a list")
            return
        }
        for (index, element) in elements.enumerated() {
            readMethods(element, "methodConfig[\(index)]")
        }
    }

    private mutating func readMethods(_ node: ConfigurationNode, _ key: String) {
        guard reading.entries(node, key, "write an object") != nil else { return }
        var policy = Settings.MethodPolicy(names: readNames(node, key))
        if let timeout = node["timeout"] {
            policy.timeoutMilliseconds = duration(timeout, "\(key).timeout")
        }
        if let retry = node["retryPolicy"] {
            policy.retry = readRetry(retry, "\(key).retryPolicy")
        }
        if let hedging = node["hedgingPolicy"] {
            reading.complain(hedging, "\(key).hedgingPolicy", .notAvailable("hedgingPolicy"))
        }
        policies.append(policy)
    }

    private mutating func readNames(
        _ node: ConfigurationNode, _ key: String
    ) -> [Settings.MethodName] {
        guard let list = node["name"] else { return [] }
        guard case .array(let elements) = list.value else {
            reading.complain(list, "\(key).name", "this is \(list.kindName)", "write a list")
            return []
        }
        var names: [Settings.MethodName] = []
        for element in elements {
            guard reading.entries(element, "\(key).name", "write an object") != nil else {
                continue
            }
            let service = optionalText(element, "service", key)
            let name = Settings.MethodName(
                service: service, method: optionalText(element, "method", key))
            if service.isEmpty, !name.method.isEmpty {
                reading.complain(element, "\(key).name", "a method needs its service")
            } else if seen.contains(name) {
                reading.complain(element, "\(key).name", "this name is there twice")
            } else {
                seen.append(name)
                names.append(name)
            }
        }
        return names
    }

    private mutating func optionalText(
        _ node: ConfigurationNode, _ name: String, _ key: String
    ) -> String {
        guard let text = node[name] else { return "" }
        return reading.text(.printable, text, "\(key).name.\(name)") ?? ""
    }

    private mutating func readRetry(
        _ node: ConfigurationNode, _ key: String
    ) -> Settings.MethodRetry? {
        guard reading.entries(node, key, "write an object") != nil else { return nil }
        var attempts: Int?
        if let given = node["maxAttempts"] {
            let range = 1...ValueReading.attemptsMax
            if case .integer(let n) = reading.value(.integer(range), given, "\(key).maxAttempts") {
                attempts = Int(n)
            }
        }
        let initial = required(node, "initialBackoff", key).flatMap { duration($0, $1) }
        let longest = required(node, "maxBackoff", key).flatMap { duration($0, $1) }
        let multiplier = required(node, "backoffMultiplier", key)
            .flatMap { reading.real(0.001...100, $0, $1) }
        let codes = required(node, "retryableStatusCodes", key)
            .flatMap { reading.statusCodes($0, $1) }
        guard let initial, let longest, let multiplier, let codes else { return nil }
        return Settings.MethodRetry(
            attempts: attempts, initialMilliseconds: initial,
            maxMilliseconds: max(initial, longest), multiplier: multiplier, codes: codes)
    }

    private mutating func required(
        _ node: ConfigurationNode, _ name: String, _ key: String
    ) -> (ConfigurationNode, String)? {
        if let found = node[name] { return (found, "\(key).\(name)") }
        reading.complain(node, key, "\(name) is missing")
        return nil
    }

    /// A positive duration in protobuf's JSON form, "45s" or "0.1s"; at least a millisecond.
    private mutating func duration(_ node: ConfigurationNode, _ key: String) -> Int64? {
        let wanted = "write seconds from \"0.001s\" to \"604800s\", like \"45s\" or \"0.1s\""
        guard case .text(let text) = node.value else {
            reading.complain(node, key, "this is \(node.kindName)", wanted)
            return nil
        }
        guard let milliseconds = ServiceConfig.milliseconds(text),
            (1...KeyTable.weekMilliseconds).contains(milliseconds)
        else {
            reading.complain(node, key, "\(quoted(text)) is not a usable duration", wanted)
            return nil
        }
        return milliseconds
    }

    /// google.protobuf.Duration's JSON form, without sign; a part of a millisecond counts as one.
    static func milliseconds(_ text: String) -> Int64? {
        guard text.hasSuffix("s") else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let seconds = decimal(parts[0]), seconds <= 1_000_000_000 else {
            return nil
        }
        guard parts.count == 2 else { return seconds * 1_000 }
        guard parts[1].utf8.count <= 9, let digits = decimal(parts[1]) else { return nil }
        var nanoseconds = digits
        for _ in parts[1].utf8.count..<9 { nanoseconds *= 10 }
        return seconds * 1_000 + (nanoseconds + 999_999) / 1_000_000
    }
}
