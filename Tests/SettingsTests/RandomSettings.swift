// Random settings that could have come out of a checked configuration; seeded, so that a failure
// can be repeated.

import SeededRandom

@testable import Settings

extension SeededRandom {
    mutating func word() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        let tail = (0..<Int.random(in: 0...12, using: &self)).map { _ in
            letters.randomElement(using: &self) ?? "x"
        }
        return "w" + String(tail)
    }

    mutating func texts(_ make: (String) -> String) -> [String] {
        let count = Int.random(in: 0...4, using: &self)
        return (0..<count).map { make(word() + "\($0)") }
    }

    mutating func retry() -> RetrySettings {
        let initial = Int64.random(in: 1...5_000, using: &self)
        return RetrySettings(
            attempts: .random(in: 1...3_000, using: &self), initialMilliseconds: initial,
            maxMilliseconds: .random(in: initial...86_400_000, using: &self),
            multiplier: .random(in: 1...100, using: &self),
            codes: (1...16).filter { _ in Bool.random(using: &self) })
    }

    mutating func credentials() -> Settings.Credentials {
        let all: [Settings.Credentials] = [
            .insecure, .tls, .google, .serviceAccount("/k/\(word())"), .tokenFile("/k/\(word())"),
            .external("/k/\(word())"), .credential(word()),
        ]
        return all.randomElement(using: &self) ?? .tls
    }

    mutating func target(_ name: String) -> Settings.Target {
        var target = Settings.Target(name: name)
        target.address = "\(word()).example:\(Int.random(in: 1...65_535, using: &self))"
        target.descriptorPaths = ["/d/\(word())"] + texts { "/d/\($0)é\"\\" }
        target.services = texts { "a.\($0)" }
        target.credentials = credentials()
        if target.credentials.isGoogle {
            target.scopes = texts { "https://scopes.example/\($0)" }
            target.quotaProject = word()
            target.universeDomain = "\(word()).example"
            target.impersonate = "\(word())@\(word()).example"
        }
        if target.credentials != .insecure, Bool.random(using: &self) {
            target.caPath = "/ca/\(word())"
            target.certificatePath = "/c/\(word())"
            target.keyPath = "/k/\(word())"
        }
        target.authority = Bool.random(using: &self) ? "" : word()
        target.timeoutMilliseconds =
            Bool.random(using: &self) ? nil : .random(in: 1...600_000, using: &self)
        target.metadata = texts { $0 }.sorted().map {
            Settings.MetadataEntry(name: $0, value: "v \"\\ \($0)")
        }
        target.idempotent = texts { "*/\($0)*" }
        target.onUnknown = Settings.OnUnknown.allCases.randomElement(using: &self) ?? .keep
        target.maxInFlight = .random(in: 0...1_000_000, using: &self)
        target.operationTimeoutMilliseconds = .random(in: 1_000...86_400_000, using: &self)
        target.cancelsOperation = .random(using: &self)
        return target
    }

    /// Everything that a configuration text can say.
    mutating func settings() -> Settings {
        var settings = Settings(
            places: DefaultPlaces(socketPath: "/s/\(word())", storePath: "/db/\(word())"))
        settings.workers = .random(in: 1...512, using: &self)
        settings.listen.socketMode = .random(in: 0...0o777, using: &self)
        settings.listen.group = Bool.random(using: &self) ? "" : word()
        settings.listen.httpAddress = Bool.random(using: &self) ? "" : "[::1]:9464"
        settings.listen.maxRequestBytes = .random(in: 1_024...67_108_864, using: &self)
        settings.listen.maxConnections = .random(in: 32...1_000_000, using: &self)
        settings.listen.headTimeoutMilliseconds = .random(in: 100...3_600_000, using: &self)
        settings.store.maxQueued = .random(in: 1...1_000_000_000, using: &self)
        settings.worker.inFlight = .random(in: 1...4_096, using: &self)
        settings.worker.drainTimeoutMilliseconds = .random(in: 0...604_800_000, using: &self)
        settings.defaults.callRetry = retry()
        settings.defaults.jobRetry = retry()
        settings.log.level = Settings.LogLevel.allCases.randomElement(using: &self) ?? .info
        settings.log.format = Settings.LogFormat.allCases.randomElement(using: &self) ?? .text
        let names = Set((0..<Int.random(in: 0...4, using: &self)).map { _ in word() }).sorted()
        settings.targets = names.map { target($0) }
        return settings
    }

    /// What only the loader adds.
    mutating func resolve(_ settings: inout Settings) {
        settings.listen.groupId = settings.listen.group.isEmpty ? nil : 42
        for index in settings.targets.indices where Bool.random(using: &self) {
            settings.targets[index].defaultScopes = texts { "https://scopes.example/\($0)" }
            settings.targets[index].defaultHost = "\(word()).example"
            settings.targets[index].channelServiceConfig = "{\"loadBalancingPolicy\":\"x\"}"
            let name = Settings.MethodName(service: word(), method: word())
            let retry = Settings.MethodRetry(
                attempts: Bool.random(using: &self) ? nil : 5, initialMilliseconds: 1,
                maxMilliseconds: 2, multiplier: 1.3, codes: [4, 14])
            settings.targets[index].methodPolicies = [
                Settings.MethodPolicy(names: [name], timeoutMilliseconds: 5, retry: retry),
                Settings.MethodPolicy(names: [Settings.MethodName(service: "", method: "")]),
            ]
        }
    }
}
