// The store's log moved into its database, between commits. What goes wrong here loses nothing.

import JobStorage
import Ops

extension Engine {
    /// The log is moved into the database at this size: large enough that a page which changes
    /// often is moved once, small enough that moving it (some tens of milliseconds, during which no
    /// commit runs) is not felt.
    static let logBytesMax: Int64 = 16 << 20
    /// Pages that purged jobs left, given back to the file system a few at a time.
    private static let freePagesAtOnce = 1024

    func checkpoint() {
        guard !isCheckpointing else { return }
        isCheckpointing = true
        store.write({ store throws(StoreError) in
            try store.checkpoint(truncate: false)
            try store.releaseFreePages(limit: Engine.freePagesAtOnce)
        }) { [self] result in
            isCheckpointing = false
            guard case .failure(let error) = result else { return }
            failUpkeep(error)
        }
    }

    /// Nothing was lost, but the log goes on growing: the next commit tries again.
    private func failUpkeep(_ error: StoreError) {
        switch error {
        case .syncFailed, .corrupt, .foreign: onFatal(error)
        case .full(let text), .inputOutput(let text), .permission(let text), .bug(let text):
            log.warning(
                "the store's log could not be moved into the database (\(text)); prong tries"
                    + " again with the next commit",
                cause: "checkpoint")
        }
    }
}
