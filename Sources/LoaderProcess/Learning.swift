// What targets with `reflection` tell about themselves, put beside what files say: told now, or to
// an earlier prongd, or not at all. No target's answer, and no lack of one, is a reason not to
// start, and none of them changes anything for another target.

internal import Kernel
internal import Schema
internal import ServerReflection
internal import Settings

/// Something to tell the operator; no fault.
package struct LoadNotice: Equatable, Sendable {
    package let isWarning: Bool
    package let text: String
}

struct Learning {
    let settings: Settings
    /// Whether what is told is written to the cache; no for `--check`.
    let writesCache: Bool
    /// What credentials are looked for in.
    let environment: (String) -> String?
    private(set) var sources: [Bundle.Source]
    private(set) var uses: [[Int]]
    private(set) var learned: [Bundle.Learned] = []
    private(set) var notices: [LoadNotice] = []

    private var cache: DescriptorCache {
        DescriptorCache(directory: settings.store.descriptorsPath)
    }

    /// - Parameter sources: those of files.
    init(
        settings: Settings, sources: [Bundle.Source], uses: [[Int]], writesCache: Bool,
        environment: @escaping (String) -> String?
    ) {
        self.settings = settings
        self.sources = sources
        self.uses = uses
        self.writesCache = writesCache
        self.environment = environment
    }

    /// All targets that have `reflection`, at a start.
    mutating func learnAll() {
        let targets = settings.targets.indices.filter { settings.targets[$0].asksReflection }
        for (target, answer) in zip(targets, fetch(targets)) {
            guard let reason = take(answer, of: target) else { continue }
            recall(target, because: reason)
        }
    }

    /// Those of a bundle's targets with `reflection` that are named (nil: all), while prongd runs.
    /// Of the others, and of one that does not answer now, the bundle's knowledge stays as it is.
    mutating func learnAgain(_ bundle: Bundle, asking targets: Set<UInt32>?) {
        func isAsked(_ one: Bundle.Learned) -> Bool {
            targets?.contains(UInt32(one.target)) ?? true
        }
        for one in bundle.learned where !isAsked(one) { keep(one, of: bundle) }
        let asked = bundle.learned.filter(isAsked)
        for (one, answer) in zip(asked, fetch(asked.map(\.target))) {
            guard let reason = take(answer, of: one.target) else { continue }
            var one = one
            if one.state != .fresh { one.reason = reason }
            keep(one, of: bundle)
            warn(one.target, "\(reason); what is known of it stays as it is")
        }
        learned.sort { $0.target < $1.target }
    }

    private func fetch(_ targets: [Int]) -> [ReflectionFetch.Answer] {
        ReflectionFetch.fetch(targets.map { settings.targets[$0] }, environment: environment)
    }

    private mutating func keep(_ one: Bundle.Learned, of bundle: Bundle) {
        learned.append(one)
        let label = Bundle.reflectionLabel(settings.targets[one.target].name)
        for set in bundle.descriptorSets where set.target == one.target && set.label == label {
            add(Bundle.Source(label: label, bytes: bundle.bytes(of: set)), to: one.target)
        }
    }

    private mutating func add(_ source: Bundle.Source, to target: Int) {
        uses[target].append(sources.count)
        sources.append(source)
    }

    /// Uses what a target told now; else says why it cannot.
    private mutating func take(_ answer: ReflectionFetch.Answer, of target: Int) -> String? {
        do throws(ReflectionFault) {
            let reflected = try answer.get()
            if let refusal = use(reflected.files, of: target) {
                return "what its reflection answers cannot be used: \(refusal)"
            }
            learned.append(
                Bundle.Learned(
                    target: target, state: .fresh,
                    atMilliseconds: Int64(clamping: Clock.wallMilliseconds()), reason: ""))
            for note in reflected.notes { warn(target, "by its reflection, \(note)") }
            say(target, "told its descriptors: \(reflected.files.count) files", isWarning: false)
            remember(reflected.files, of: target)
            return nil
        } catch {
            return error.description
        }
    }

    /// What the target told an earlier prongd, or nothing.
    private mutating func recall(_ target: Int, because reason: String) {
        var reason = reason
        switch cache.read(settings.targets[target]) {
        case .none: break
        case .broken(let what): reason += "; what it told before is lost: \(what)"
        case .ofAnother(let place):
            reason += "; what \(place) told before under this name is of another server: not used"
        case .entry(let entry):
            if let refusal = use(entry.files, of: target) {
                reason += "; what it told before cannot be used: \(refusal)"
                break
            }
            learned.append(
                Bundle.Learned(
                    target: target, state: .cached, atMilliseconds: entry.atMilliseconds,
                    reason: reason))
            return warn(
                target,
                "\(reason); prong uses what it told before and asks again once it is connected")
        }
        learned.append(
            Bundle.Learned(target: target, state: .missing, atMilliseconds: 0, reason: reason))
        warn(
            target,
            "\(reason); its methods are not known, and prong asks again once it is connected")
    }

    /// Adds what the target's files lack; or says why these do not go together.
    private mutating func use(_ files: [DescriptorFile], of target: Int) -> String? {
        let own = uses[target].map { sources[$0] }
        let names = Set(own.flatMap { DescriptorFiles.parse(set: $0.bytes) ?? [] }.map(\.name))
        let missing = files.filter { !names.contains($0.name) }
        guard !missing.isEmpty else { return nil }
        let told = Bundle.Source(
            label: Bundle.reflectionLabel(settings.targets[target].name),
            bytes: DescriptorFiles.set(of: missing))
        do throws(SchemaError) {
            _ = try Schema(sets: (own + [told]).map { (label: $0.label, bytes: $0.bytes) })
        } catch {
            return error.description
        }
        add(told, to: target)
        return nil
    }

    private mutating func remember(_ files: [DescriptorFile], of target: Int) {
        guard writesCache else { return }
        do throws(SystemError) {
            try cache.write(files, of: settings.targets[target])
        } catch {
            warn(
                target,
                "what it told could not be kept for a start at which it is down: \(error)")
        }
    }

    private mutating func warn(_ target: Int, _ text: String) {
        say(target, text, isWarning: true)
    }

    private mutating func say(_ target: Int, _ text: String, isWarning: Bool) {
        let target = settings.targets[target]
        notices.append(
            LoadNotice(
                isWarning: isWarning,
                text: "target \(target.name) (\(target.address)): \(text)"))
    }
}
