// What can be called: every method of every target, with the one policy value that says timeout,
// retry, and whether a repeat is safe and why. A value, built from settings and descriptors; when
// more becomes known while prong runs, another takes its place.

import GoogleAPI
import JobLogic
import Schema
import Settings

/// One method at one target. A reference: every job's parsing hands it on. It has its schema with
/// it, because its messages mean nothing to another one, such as that of a later catalog.
final class CallableMethod: Sendable {
    let target: Int
    let descriptor: MethodDescriptor
    let schema: Schema
    let policy: MethodPolicy
    /// Which sides stream, as jobs keep it.
    let flags: JobFlags
    let plans: MethodPlans

    init(
        target: Int, descriptor: MethodDescriptor, schema: Schema, policy: MethodPolicy,
        plans: MethodPlans
    ) {
        var flags: JobFlags = []
        if descriptor.isClientStreaming { flags.insert(.clientStreams) }
        if descriptor.isServerStreaming { flags.insert(.serverStreams) }
        self.flags = flags
        self.target = target
        self.descriptor = descriptor
        self.schema = schema
        self.policy = policy
        self.plans = plans
    }
}

/// What the method's options and messages mean for its calls: worked out once, when the catalog is
/// built, which asks for a few fields by name and keeps nothing for a method that has none of it.
struct MethodPlans: Sendable {
    /// What a generated client adds to each call; nil: nothing.
    let extras: CallExtras?
    /// Nil: its responses are no pages.
    let pages: PagePlan?
    /// Nil: it begins no long-running operation.
    let operation: OperationPlan?

    init(_ method: MethodDescriptor, of service: ServiceDescriptor, _ schema: Schema) {
        extras = CallExtras(method, of: service, schema)
        pages = PagePlan(method, schema)
        operation = OperationPlan(of: method, in: schema)
    }
}

extension CallableMethod {
    var text: String? { schema.describe(descriptor.fullName) }

    /// Of a request, as JSON; where the client streams, of a list of them.
    var example: [UInt8] { schema.example(of: descriptor) }
}

/// A reference too: each job looks at its name and its schema.
final class CatalogTarget: Sendable {
    let settings: Settings.Target
    /// The settings' name: they are large to copy.
    let name: String
    /// Shared by targets with the same descriptor sets.
    let schema: Int
    let methods: [String: CallableMethod]

    init(settings: Settings.Target, schema: Int, methods: [String: CallableMethod]) {
        self.settings = settings
        name = settings.name
        self.schema = schema
        self.methods = methods
    }
}

/// Why a method name gives no method.
enum LookupFailure: Error, Equatable {
    case unknownTarget(String)
    case unknownMethod
    /// Several targets offer it: one must be named.
    case ambiguous([String])
    /// The named target does not offer it.
    case notAtTarget(String)
}

struct Catalog: Sendable {
    let targets: [CatalogTarget]
    let schemas: [Schema]
    private let targetIndex: [String: Int]
    private let targetsOfMethod: [String: [Int]]
    /// Some method's calls get something added.
    let hasExtras: Bool

    /// - Parameter schemaOfTarget: for each target its index in `schemas`.
    init(settings: Settings, schemas: [Schema], schemaOfTarget: [Int]) {
        self.schemas = schemas
        var targets: [CatalogTarget] = []
        var targetIndex: [String: Int] = [:]
        var offers: [String: [Int]] = [:]
        for (index, target) in settings.targets.enumerated() {
            let schema = schemas[schemaOfTarget[index]]
            let methods = Catalog.methods(
                of: target, index: index, schema: schema, defaults: settings.defaults)
            targets.append(
                CatalogTarget(settings: target, schema: schemaOfTarget[index], methods: methods))
            targetIndex[target.name] = index
            for name in methods.keys { offers[name, default: []].append(index) }
        }
        self.targets = targets
        self.targetIndex = targetIndex
        targetsOfMethod = offers
        hasExtras = targets.contains { $0.methods.values.contains { $0.plans.extras != nil } }
    }

    func target(named name: String) -> Int? { targetIndex[name] }

    func method(
        _ name: String, at target: String?
    ) throws(LookupFailure) -> CallableMethod {
        guard let offering = targetsOfMethod[name] else {
            if let target, targetIndex[target] == nil { throw .unknownTarget(target) }
            throw .unknownMethod
        }
        if let target {
            guard let index = targetIndex[target] else { throw .unknownTarget(target) }
            guard let method = targets[index].methods[name] else { throw .notAtTarget(target) }
            return method
        }
        guard offering.count == 1, let method = targets[offering[0]].methods[name] else {
            throw .ambiguous(offering.map { targets[$0].settings.name })
        }
        return method
    }

    /// Method names, sorted, each with its targets.
    var methodNames: [(name: String, targets: [Int])] {
        targetsOfMethod.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }

    /// The first schema that knows a service, message, method or enum of this name.
    func describe(_ name: String) -> String? {
        for schema in schemas {
            if let text = schema.describe(name) { return text }
        }
        return nil
    }

    /// The method at the named target, or at the first that offers it.
    func anyMethod(_ name: String, at target: String?) -> CallableMethod? {
        if let method = try? method(name, at: target) { return method }
        return targetsOfMethod[name]?.first.flatMap { targets[$0].methods[name] }
    }

    /// An example of a message, or of a method's request, as JSON.
    func example(of name: String) -> [UInt8]? {
        for schema in schemas {
            if let method = schema.method(name) { return schema.example(of: method) }
            if let message = schema.message(named: name) { return schema.example(of: message) }
        }
        return nil
    }

    /// `package.Service.Method`, as some write it, with its slash; others stay as they are.
    static func methodName(_ name: String) -> String {
        guard !name.contains("/"), let dot = name.lastIndex(of: ".") else { return name }
        return "\(name[..<dot])/\(name[name.index(after: dot)...])"
    }

    /// `; did you mean …?` for a name that no method has, or nothing.
    /// - Parameter target: only its methods.
    func suggestion(for name: String, at target: String? = nil) -> String {
        let offering = target.flatMap { targetIndex[$0] }.map { targets[$0].methods.keys }
        let near = NearestName.methods(name, among: offering.map(Array.init) ?? allNames)
        return near.isEmpty
            ? "" : "; did you mean \(near.map { "`\($0)`" }.joined(separator: " or "))?"
    }

    private var allNames: [String] { Array(targetsOfMethod.keys) }

    func targetPolicies() -> [TargetPolicy] {
        targets.map { target in
            TargetPolicy(
                name: target.settings.name, maxInFlight: target.settings.maxInFlight,
                onUnknown: UnknownRule(target.settings.onUnknown),
                methods: target.methods.mapValues(\.policy))
        }
    }

    // MARK: policies

    private static func methods(
        of target: Settings.Target, index: Int, schema: Schema, defaults: Settings.Defaults
    ) -> [String: CallableMethod] {
        var methods: [String: CallableMethod] = [:]
        let offered = Set(target.services)
        for service in schema.services
        where offered.isEmpty || offered.contains(service.fullName) {
            for method in service.methods {
                let plans = MethodPlans(method, of: service, schema)
                methods[method.fullName] = CallableMethod(
                    target: index, descriptor: method, schema: schema,
                    policy: policy(
                        of: method, at: target, plans, isGoogle: service.defaultHost != nil,
                        defaults: defaults),
                    plans: plans)
            }
        }
        return methods
    }

    private static func policy(
        of method: MethodDescriptor, at target: Settings.Target, _ plans: MethodPlans,
        isGoogle: Bool,
        defaults: Settings.Defaults
    ) -> MethodPolicy {
        let configured = target.methodPolicy(service: method.service, method: method.name)
        let timeout =
            configured?.timeoutMilliseconds ?? target.timeoutMilliseconds
            ?? defaults.timeoutMilliseconds
        let jobRetry = configured?.retry?.filled(from: defaults.jobRetry) ?? defaults.jobRetry
        let callRetry = configured?.retry?.filled(from: defaults.callRetry) ?? defaults.callRetry
        // Google's clients count no attempts (they pass over `maxAttempts`): the timeout ends them.
        let total = isGoogle && configured?.retry != nil ? configured?.timeoutMilliseconds : nil
        return MethodPolicy(
            timeoutMilliseconds: timeout, jobRetry: RetryPolicy(jobRetry, total: total),
            callRetry: RetryPolicy(callRetry, total: total),
            safety: safety(of: method, at: target, hasRetry: configured?.retry != nil),
            pages: plans.pages.map {
                PageFields(requestToken: $0.requestToken, responseToken: $0.responseToken)
            },
            operation: plans.operation.map { OperationRules($0, at: target) })
    }

    /// INTERFACE 2.3, "Safe".
    private static func safety(
        of method: MethodDescriptor, at target: Settings.Target, hasRetry: Bool
    ) -> Safety {
        switch method.options.idempotency {
        case .noSideEffects, .idempotent: return .idempotencyLevel
        case .unknown: break
        }
        if method.options.http?.primary.verb == "get" { return .httpGet }
        if hasRetry { return .serviceConfig }
        if target.isDeclaredIdempotent(method: method.fullName) { return .configured }
        return .unsafe
    }
}

extension RetryPolicy {
    fileprivate init(_ settings: RetrySettings, total: Int64?) {
        self.init(
            attempts: total == nil ? Int32(clamping: settings.attempts) : RetryPolicy.unlimited,
            initialMilliseconds: settings.initialMilliseconds,
            maxMilliseconds: settings.maxMilliseconds, multiplier: settings.multiplier,
            codes: settings.codes.map { Int32(clamping: $0) })
        totalMilliseconds = total
        isSpreadWide = total != nil
    }
}

extension UnknownRule {
    fileprivate init(_ settings: Settings.OnUnknown) {
        self =
            switch settings {
            case .keep: .keep
            case .fail: .fail
            case .retry: .retry
            }
    }
}
