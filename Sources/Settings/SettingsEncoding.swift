// Settings as bytes, for the bundle that the loader hands to the other processes. Both ends are
// forks of one program, so a field's number is its key's place in KeyTable, and there is no
// compatibility to keep; unknown fields are an error. Decoding never traps.
//
//     settings  =  table*7  count  target*       root listen store worker defaults access log
//     table     =  count  (number  value)*       keys of later versions have no field
//     target    =  name  table  extras           channelServiceConfig, defaults, methodPolicies
//     value     =  shape  content

/// Bytes that are not encoded settings.
package enum SettingsDecodingError: Error, Equatable, Sendable {
    case truncated
    case notText
    case outOfRange
}

extension Settings {
    /// The settings as bytes.
    package func encoded() -> [UInt8] {
        var encoder = SettingsEncoder()
        encoder.table(self, KeyTable.root)
        encoder.table(listen, KeyTable.listen)
        encoder.optional(listen.groupId.map { Int64($0) })
        encoder.table(store, KeyTable.store)
        encoder.table(worker, KeyTable.worker)
        encoder.table(defaults, KeyTable.defaults)
        encoder.table(access, KeyTable.access)
        encoder.table(log, KeyTable.log)
        encoder.count(targets.count)
        for target in targets {
            encoder.text(target.name)
            encoder.table(target, KeyTable.target)
            encoder.text(target.channelServiceConfig)
            encoder.texts(target.defaultScopes)
            encoder.text(target.defaultHost)
            encoder.count(target.methodPolicies.count)
            for policy in target.methodPolicies { encoder.policy(policy) }
        }
        return encoder.encoded
    }

    /// Reads what `encoded` made.
    package init(encoded bytes: [UInt8]) throws(SettingsDecodingError) {
        var decoder = SettingsDecoder(bytes, from: 0)
        self.init()
        try decoder.table(&self, KeyTable.root)
        try decoder.table(&listen, KeyTable.listen)
        listen.groupId = try decoder.optional().map { UInt32(clamping: $0) }
        try decoder.table(&store, KeyTable.store)
        try decoder.table(&worker, KeyTable.worker)
        try decoder.table(&defaults, KeyTable.defaults)
        try decoder.table(&access, KeyTable.access)
        try decoder.table(&log, KeyTable.log)
        for _ in 0..<(try decoder.count()) {
            var target = Target(name: try decoder.text())
            try decoder.table(&target, KeyTable.target)
            target.channelServiceConfig = try decoder.text()
            target.defaultScopes = try decoder.texts()
            target.defaultHost = try decoder.text()
            for _ in 0..<(try decoder.count()) {
                target.methodPolicies.append(try decoder.policy())
            }
            targets.append(target)
        }
        guard decoder.position == bytes.count else { throw .outOfRange }
    }
}

extension SettingsEncoder {
    fileprivate mutating func table<Owner>(_ owner: Owner, _ keys: [Key<Owner>]) {
        let stored = keys.enumerated().filter { $0.element.isStored }
        count(stored.count)
        for (number, key) in stored {
            count(number)
            value(key.value(in: owner))
        }
    }

    fileprivate mutating func policy(_ policy: Settings.MethodPolicy) {
        count(policy.names.count)
        for name in policy.names {
            text(name.service)
            text(name.method)
        }
        optional(policy.timeoutMilliseconds)
        count(policy.retry == nil ? 0 : 1)
        guard let retry = policy.retry else { return }
        optional(retry.attempts.map { Int64($0) })
        signed(retry.initialMilliseconds)
        signed(retry.maxMilliseconds)
        real(retry.multiplier)
        numbers(retry.codes)
    }
}

extension SettingsDecoder {
    fileprivate mutating func table<Owner>(
        _ owner: inout Owner, _ keys: [Key<Owner>]
    ) throws(SettingsDecodingError) {
        for _ in 0..<(try count()) {
            let number = try count()
            guard keys.indices.contains(number),
                case .stored(_, let write) = keys[number].place
            else { throw .outOfRange }
            write(&owner, try value())
        }
    }

    fileprivate mutating func policy() throws(SettingsDecodingError) -> Settings.MethodPolicy {
        var policy = Settings.MethodPolicy(names: [])
        for _ in 0..<(try count()) {
            policy.names.append(Settings.MethodName(service: try text(), method: try text()))
        }
        policy.timeoutMilliseconds = try optional()
        guard try count() != 0 else { return policy }
        policy.retry = Settings.MethodRetry(
            attempts: try optional().map { Int(clamping: $0) }, initialMilliseconds: try signed(),
            maxMilliseconds: try signed(), multiplier: try real(), codes: try numbers())
        return policy
    }
}

extension Key {
    fileprivate var isStored: Bool {
        if case .stored = place { true } else { false }
    }
}
