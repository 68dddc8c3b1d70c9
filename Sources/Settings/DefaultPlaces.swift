// Where prongd keeps its socket and its store when the configuration does not say, and which
// configuration it reads when the command line does not say: a function of the user and the
// environment, both passed in. It must never touch the file system.

/// The default places of the socket and the store.
package struct DefaultPlaces: Equatable, Sendable {
    package var socketPath: String
    package var storePath: String
    /// What the socket's directory is made with, where it is missing.
    package var socketFolderMode: UInt32

    package init(
        socketPath: String, storePath: String, socketFolderMode: UInt32 = DefaultPlaces.ownerOnly
    ) {
        self.socketPath = socketPath
        self.storePath = storePath
        self.socketFolderMode = socketFolderMode
    }

    /// The store's directory always; the socket's too where its parent lets nobody else through
    /// (the XDG specification wants 0700 below `XDG_RUNTIME_DIR`).
    package static let ownerOnly: UInt32 = 0o700

    /// Those of a service run by root, or one that systemd gives its directories. Anybody may pass
    /// through the socket's directory: who may connect is said by `listen.mode` and `listen.group`.
    package static let system = DefaultPlaces(
        socketPath: "/run/prong/prong.sock", storePath: "/var/lib/prong/prong.db",
        socketFolderMode: 0o755)

    /// The configuration file that is read when nothing else is named, if it exists.
    package static let systemConfigPath = "/etc/prong/prong.toml"

    /// The places for a user.
    ///
    /// Root has the system's; an ordinary user has those of the XDG Base Directory Specification:
    /// `$XDG_RUNTIME_DIR/prong` and `$XDG_STATE_HOME/prong` (default `~/.local/state`). A relative
    /// path in these variables counts as not set, as the specification says.
    ///
    /// - Throws: `DefaultPlacesError` for an ordinary user without a runtime or home directory.
    package static func of(
        uid: UInt32, environment: (String) -> String?
    ) throws(DefaultPlacesError) -> DefaultPlaces {
        if uid == 0 { return .system }
        guard let runtime = absolute(environment("XDG_RUNTIME_DIR")) else {
            throw .noRuntimeDirectory
        }
        let state: String
        if let given = absolute(environment("XDG_STATE_HOME")) {
            state = given
        } else if let home = absolute(environment("HOME")) {
            state = home + "/.local/state"
        } else {
            throw .noStateDirectory
        }
        return DefaultPlaces(
            socketPath: runtime + "/prong/prong.sock", storePath: state + "/prong/prong.db")
    }

    /// The path without trailing slashes, or nil where it is not absolute.
    private static func absolute(_ path: String?) -> String? {
        guard var rest = path, rest.utf8.first == UInt8(ascii: "/") else { return nil }
        while rest.utf8.count > 1, rest.hasSuffix("/") { rest.removeLast() }
        return rest == "/" ? "" : rest
    }
}

/// Why there is no default place; prongd ends with exit code 78 unless the configuration names both
/// the socket and the store.
package enum DefaultPlacesError: Error, Equatable, CustomStringConvertible {
    case noRuntimeDirectory
    case noStateDirectory

    package var description: String {
        switch self {
        case .noRuntimeDirectory:
            "XDG_RUNTIME_DIR is not set, so there is no default place for the socket; "
                + "set it, or name listen.socket and store.path in a file given with --config"
        case .noStateDirectory:
            "neither XDG_STATE_HOME nor HOME is set, so there is no default place for the store; "
                + "set one, or name store.path in a file given with --config"
        }
    }
}
