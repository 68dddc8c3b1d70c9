// What is known of targets that are asked for their descriptors: what to tell callers while nothing
// is known, when to have a target asked again, and how new knowledge comes into force while jobs
// run. The asking itself is the loader's: this process never speaks to a target.
//
//     a target is ready and has not told ─▶ askLoad ─▶ supervisor ─▶ loader ─▶ bundle
//     since it was there last                              ▲                      │
//          ▲ again, later and later                       HUP                     │
//          └────────────── still not ◀── catalog in force ◀── built on a thread ◀─┘

import HTTPServer
import JobLogic
import Kernel
import NIOCore
import Ops
import Settings
import WireFormat

/// What can be called, as it is known now. One owner, used on the loop only.
final class Knowledge {
    fileprivate(set) var catalog: Catalog
    fileprivate(set) var learned: [Int: Bundle.Learned]

    init(catalog: Catalog, learned: [Bundle.Learned]) {
        self.catalog = catalog
        self.learned = Knowledge.byTarget(learned)
    }

    fileprivate static func byTarget(_ learned: [Bundle.Learned]) -> [Int: Bundle.Learned] {
        Dictionary(learned.map { ($0.target, $0) }, uniquingKeysWith: { first, _ in first })
    }
}

/// When the supervisor is asked for another loader. Looked at once a heartbeat.
struct DescriptorRefresh {
    /// After the first attempt; doubled for each further one. The supervisor has bounds of its own.
    static let firstMilliseconds: Int64 = 5_000
    static let maxMilliseconds: Int64 = 300_000

    private var waits: [Int: (attempts: Int, notBefore: Int64)] = [:]
    private var visits: [Int: Visit] = [:]

    /// What was seen of a target's connections.
    private struct Visit {
        var wasReady = false
        /// Wall clock, when it was last seen to be gone: it may be another since.
        var awayAt: Int64?
    }

    /// A worker told of a target's connections.
    mutating func note(_ target: Int, isReady: Bool, wallMilliseconds now: Int64) {
        var visit = visits[target] ?? Visit()
        // before the first connection of a start it was not away
        if visit.wasReady, !isReady { visit.awayAt = now }
        visit.wasReady = isReady
        visits[target] = visit
    }

    /// Whether it is to be asked: it has not told what it offers, or only an earlier prongd, or it
    /// went away since.
    func isStale(_ one: Bundle.Learned) -> Bool {
        guard one.state == .fresh, let awayAt = visits[one.target]?.awayAt else {
            return one.state != .fresh
        }
        return awayAt >= one.atMilliseconds
    }

    /// - Parameters:
    ///   - stale: targets that are to be asked.
    ///   - now: a clock that does not jump, in milliseconds.
    /// - Returns: who is to be asked now.
    mutating func due(stale: [Int], isReady: (Int) -> Bool, now: Int64) -> [Int] {
        // one that went away and comes back is asked at once
        let ready = stale.filter(isReady)
        waits = waits.filter { ready.contains($0.key) }
        let due = ready.filter { now >= waits[$0]?.notBefore ?? .min }
        for target in due {
            let attempts = (waits[target]?.attempts ?? 0) + 1
            let wait = min(
                DescriptorRefresh.maxMilliseconds,
                DescriptorRefresh.firstMilliseconds << Int64(min(attempts - 1, 16)))
            waits[target] = (attempts, now + wait)
        }
        return due
    }
}

extension Service {
    // MARK: asking

    func askForDescriptors() {
        let stale = start.knowledge.learned.values.filter(refresh.isStale).map(\.target)
        guard !stale.isEmpty, !engine.logic.isDraining else { return }
        let now = Int64(clamping: Clock.monotonicMilliseconds())
        for target in refresh.due(stale: stale, isReady: isUp, now: now) {
            supervisor.send(.askLoad(target: UInt32(target)))
        }
    }

    /// A worker told of its connections.
    func noteConnections() {
        let now = Engine.moment().wallMilliseconds
        for target in start.knowledge.learned.keys {
            refresh.note(target, isReady: isUp(target), wallMilliseconds: now)
        }
    }

    // MARK: what came

    /// Building a catalog of many files takes long: not on the loop. One at a time; of several that
    /// come meanwhile the last counts.
    func take(_ bundle: PassedFile) {
        nextBundle = bundle
        if !isBuildingCatalog { buildCatalog() }
    }

    private func buildCatalog() {
        guard let bundle = nextBundle.take() else { return }
        isBuildingCatalog = true
        let settings = start.settings
        let loop = loop
        let service = NIOLoopBound(self, eventLoop: loop)
        NamedThread.start(named: "prong-catalog") {
            let built = NewCatalog.read(bundle, settings)
            loop.execute { service.value.finish(built) }
        }
    }

    private func finish(_ built: Result<NewCatalog, StartFailure>) {
        isBuildingCatalog = false
        switch built {
        case .failure(let failure):
            start.log.error("\(failure.message); what can be called stays as it is")
        case .success(let new): adopt(new)
        }
        buildCatalog()
    }

    private func adopt(_ new: NewCatalog) {
        let before = start.knowledge.learned
        start.knowledge.catalog = new.catalog
        engine.addExtras = new.catalog.adder
        start.knowledge.learned = Knowledge.byTarget(new.learned)
        engine.handle(.policies(new.catalog.targetPolicies()))
        for one in new.learned where one.state == .fresh && before[one.target]?.state != .fresh {
            let target = new.catalog.targets[one.target]
            start.log.notice(
                "target \(target.name) has told what it offers: \(target.methods.count) methods"
                    + " can be called now")
        }
    }

    // MARK: words

    /// Why a target's methods are not known; nothing: they are.
    func unlearnedReason(_ target: Int) -> String? {
        guard let learned = start.knowledge.learned[target], learned.state == .missing else {
            return nil
        }
        let name = start.catalog.targets[target].name
        return "what target `\(name)` offers is not known yet, for \(learned.reason); prong asks it"
            + " again once it is connected"
    }

    /// A name that gives no method: nobody offers it, or it is not known yet whether somebody does.
    func refusal(
        of failure: LookupFailure, method: String, target: String?, suggests: Bool = true
    ) -> ConnectError {
        switch failure {
        case .unknownTarget, .ambiguous: break
        case .unknownMethod, .notAtTarget:
            let asked =
                target.flatMap { start.catalog.target(named: $0) }.map { [$0] }
                ?? Array(start.catalog.targets.indices)
            let reasons = asked.filter { mayOffer(method, $0) }.compactMap(unlearnedReason)
            guard let reason = reasons.first else { break }
            let more = reasons.count > 1 ? "; and so it is with \(reasons.count - 1) more" : ""
            return ConnectError(
                .unavailable, "\(reason)\(more)",
                headers: ["Retry-After": Service.unlearnedRetrySeconds])
        }
        let suggestion = suggests && failure == .unknownMethod
        return ConnectError(
            failure, method: method,
            suggestion: suggestion ? start.catalog.suggestion(for: method, at: target) : "")
    }

    private static let unlearnedRetrySeconds = "5"

    /// Whether the target's `services` leave it open.
    private func mayOffer(_ method: String, _ target: Int) -> Bool {
        let services = start.catalog.targets[target].settings.services
        return services.isEmpty
            || services.contains { method.hasPrefix($0) && method.dropFirst($0.count).first == "/" }
    }
}

/// A catalog out of a bundle that came while the queue runs.
private struct NewCatalog: Sendable {
    let catalog: Catalog
    let learned: [Bundle.Learned]

    static func read(
        _ file: PassedFile, _ settings: Settings
    ) -> Result<NewCatalog, StartFailure> {
        do throws(StartFailure) {
            let bundle = try QueueStart.readBundle(file.number)
            // a target's place in the settings is its name in leases and on the workers' link
            guard bundle.settings == settings else {
                throw StartFailure(
                    exitCode: StartFailure.bug,
                    message: "descriptors came with other settings than those in force, which is a"
                        + " bug of prong")
            }
            return .success(
                NewCatalog(catalog: try QueueStart.catalog(bundle), learned: bundle.learned))
        } catch {
            return .failure(error)
        }
    }
}
