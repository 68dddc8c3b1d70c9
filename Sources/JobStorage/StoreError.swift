// What can go wrong with a store, told apart by what the queue does about it.

package enum StoreError: Error, Equatable, Sendable {
    /// No space, or a limit of the file system. Rolled back; refuse, try again later.
    case full(String)
    /// A read or write failed. Rolled back; refuse, try again later.
    case inputOutput(String)
    /// An fsync failed: what is on disk is not known. The process exits; its successor settles it.
    case syncFailed(String)
    /// The pages are not a sound database. The file is left untouched; exit 74.
    case corrupt(String)
    /// Not a store of prong's, or one from a newer version. Left untouched; exit 74.
    case foreign(String)
    /// Not allowed to open or write it: exit 77.
    case permission(String)
    /// A statement failed in a way that only a bug explains.
    case bug(String)

    package var message: String {
        switch self {
        case .full(let text), .inputOutput(let text), .syncFailed(let text), .corrupt(let text),
            .foreign(let text), .permission(let text), .bug(let text):
            text
        }
    }
}
