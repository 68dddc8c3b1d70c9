// What the queue has before its loop runs: checked settings, descriptors, an open store and what it
// holds. Any failure here is a start that failed, said once, with prongd's exit code.

import Glibc
import JobLogic
import JobStorage
import Kernel
import Ops
import Schema
import Settings
import WireFormat

struct QueueStart {
    let identity: Identity
    let instance: UInt64
    let link: SupervisorLink
    let listeners: Listeners
    let isSafeMode: Bool
    let heartbeatMilliseconds: UInt64
    let log: Log
    let settings: Settings
    /// Of targets: what comes while the queue runs comes in here.
    let knowledge: Knowledge
    let store: any JobStore
    let reader: any JobReader
    let contents: StoreContents
    /// Those of the store, and those of targets that it does not know yet.
    let lanes: [(id: LaneID, name: String)]
    /// What adds the latter; where the store could not take it at the start, it goes first.
    let newLanes: [Change]
    let marked: [QueuedJob]
    /// The log could not be settled (an fsync failed): nothing is accepted until it is.
    let needsSettling: Bool

    init(_ context: borrowing ChildContext) throws(StartFailure) {
        guard let listeners = context.listeners else {
            throw StartFailure(
                exitCode: StartFailure.bug, message: "the queue was started without its sockets")
        }
        identity = context.identity
        instance = context.instance
        link = context.link
        self.listeners = listeners
        isSafeMode = context.safeMode
        heartbeatMilliseconds = context.heartbeatMilliseconds
        log = context.log
        let bundle = try QueueStart.readBundle(context.bundle)
        settings = bundle.settings
        knowledge = Knowledge(catalog: try QueueStart.catalog(bundle), learned: bundle.learned)
        let opened = try QueueStart.openStore(settings)
        store = opened.store
        reader = opened.reader
        contents = opened.contents
        lanes = opened.lanes
        newLanes = opened.newLanes
        marked = opened.marked
        needsSettling = opened.needsSettling
        if needsSettling {
            log.error(
                "the store's log could not be settled; prong answers 503 and tries again every"
                    + " second; check the disk")
        }
    }

    var catalog: Catalog { knowledge.catalog }

    static func readBundle(_ descriptor: CInt) throws(StartFailure) -> Bundle {
        do {
            return try Bundle.decode(try MemoryFile.read(descriptor))
        } catch {
            throw StartFailure(
                exitCode: StartFailure.bug,
                message: "the loader's settings cannot be read: \(error)")
        }
    }

    static func catalog(_ bundle: Bundle) throws(StartFailure) -> Catalog {
        var schemas: [Schema] = []
        var schemaOfSets: [[String]: Int] = [:]
        var schemaOfTarget: [Int] = []
        for index in bundle.settings.targets.indices {
            let sets = bundle.descriptorSets.filter { $0.target == index }
            // a target that was asked and has not told anything yet has none
            let labels = sets.map(\.label)
            if let known = schemaOfSets[labels] {
                schemaOfTarget.append(known)
                continue
            }
            do throws(SchemaError) {
                schemas.append(
                    try Schema(sets: sets.map { (label: $0.label, bytes: bundle.bytes(of: $0)) }))
            } catch {
                throw StartFailure(
                    exitCode: StartFailure.bug,
                    message: "descriptors that the loader accepted cannot be read: \(error)")
            }
            schemaOfSets[labels] = schemas.count - 1
            schemaOfTarget.append(schemas.count - 1)
        }
        return Catalog(
            settings: bundle.settings, schemas: schemas, schemaOfTarget: schemaOfTarget)
    }

    private struct OpenedStore {
        var store: any JobStore
        var reader: any JobReader
        var contents: StoreContents
        var lanes: [(id: LaneID, name: String)]
        var newLanes: [Change]
        var marked: [QueuedJob]
        var needsSettling: Bool
    }

    private static func openStore(
        _ settings: Settings
    ) throws(StartFailure) -> OpenedStore {
        do throws(StoreError) {
            let store = try SQLiteJobStore(path: settings.store.path)
            let (lanes, newLanes) = lanes(settings, try store.contents().lanes)
            var needsSettling = false
            do throws(StoreError) {
                try store.checkpoint(truncate: true)
                _ = try store.commit(newLanes)
            } catch {
                switch error {
                case .full, .inputOutput, .syncFailed: needsSettling = true
                case .corrupt, .foreign, .permission, .bug: throw error
                }
            }
            return OpenedStore(
                store: store, reader: try SQLiteJobReader(path: settings.store.path),
                contents: try store.contents(), lanes: lanes, newLanes: newLanes,
                marked: try marked(in: store), needsSettling: needsSettling)
        } catch {
            throw StartFailure(error)
        }
    }

    /// Every target of the settings has its lane, in the order of first appearance.
    private static func lanes(
        _ settings: Settings, _ known: [(id: LaneID, name: String)]
    ) -> (all: [(id: LaneID, name: String)], new: [Change]) {
        let names = Set(known.map(\.name))
        var next = (known.map(\.id.rawValue).max() ?? 0) + 1
        var all = known
        var changes: [Change] = []
        for target in settings.targets where !names.contains(target.name) {
            let id = LaneID(rawValue: next)
            all.append((id: id, name: target.name))
            changes.append(.addLane(id, name: target.name))
            next += 1
        }
        return (all, changes)
    }

    private static func marked(in store: any JobStore) throws(StoreError) -> [QueuedJob] {
        var all: [QueuedJob] = []
        var after: JobKey?
        while true {
            let page = try store.marked(after: after, limit: 256)
            for job in page {
                all.append(
                    QueuedJob(job: job, requests: try store.requests(of: job.order.id.key)))
            }
            guard let last = page.last else { return all }
            after = last.order.id.key
        }
    }
}

extension StartFailure {
    init(_ error: StoreError) {
        switch error {
        case .permission(let text): self.init(exitCode: StartFailure.permission, message: text)
        case .bug(let text): self.init(exitCode: StartFailure.bug, message: text)
        case .full(let text), .inputOutput(let text), .syncFailed(let text), .corrupt(let text),
            .foreign(let text):
            self.init(exitCode: StartFailure.store, message: text)
        }
    }
}
