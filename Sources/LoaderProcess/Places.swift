// Are the places usable that the settings name: the directories of the socket and the store, the
// store's file, the socket's group. Looks, and makes missing default directories; binds nothing.

internal import Kernel
internal import Settings
internal import WireFormat
import Glibc

struct Places {
    /// Whether missing directories of default places are made; `--check` changes nothing.
    let makesDirectories: Bool
    /// The default places, whose directories prong makes; nil where there are none.
    let defaults: DefaultPlaces?
    /// The configuration, for complaints.
    let written: WrittenKeys

    func check(_ settings: inout Settings, _ faults: inout Faults) {
        let socket = settings.listen.socketPath
        let socketKey = ["listen", "socket"]
        let socketMode = defaults?.socketFolderMode ?? DefaultPlaces.ownerOnly
        if written.isSound(socketKey) {
            checkDirectory(
                of: socket, made: socket == defaults?.socketPath ? socketMode : nil,
                key: socketKey, missing: LoadExit.unavailable, &faults)
        }
        let store = settings.store.path
        let storeKey = ["store", "path"]
        if written.isSound(storeKey) {
            checkDirectory(
                of: store, made: store == defaults?.storePath ? DefaultPlaces.ownerOnly : nil,
                key: storeKey, missing: LoadExit.store, &faults)
            checkStore(store, &faults)
        }
        resolveGroup(&settings, &faults)
    }

    /// A fault of the machine, told with the key that leads there.
    private func add(
        _ key: [String], _ what: String, _ wanted: String, exitCode: Int32, _ faults: inout Faults
    ) {
        faults.add("\(written.complaint(key, what, wanted))", exitCode: exitCode)
    }

    /// `mode`: what a default place's directory is made with; nil for places that a file names.
    private func checkDirectory(
        of path: String, made mode: UInt32?, key: [String], missing: Int32, _ faults: inout Faults
    ) {
        let directory = Directories.parent(of: path)
        if let mode, makesDirectories {
            // A failure shows below, where it is said.
            try? Directories.make(directory, mode: mode)
        }
        var about = stat()
        guard stat(directory, &about) == 0 else {
            let reason = SystemError("stat", errno: errno)
            // --check: what the daemon would make is not missing, if it can make it.
            if mode != nil, !makesDirectories, reason.errno == ENOENT, canMake(directory) {
                return
            }
            let closed = reason.errno == EACCES
            add(
                key, "the directory \(directory) cannot be used: \(reason.reason)",
                "make it, or name another", exitCode: closed ? LoadExit.permission : missing,
                &faults)
            return
        }
        guard about.st_mode & S_IFMT == S_IFDIR else {
            add(
                key, "\(directory) is not a directory", "name another", exitCode: missing, &faults)
            return
        }
        guard faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0 else { return }
        let reason = SystemError("access", errno: errno)
        add(
            key, "the directory \(directory) cannot be written: \(reason.reason)",
            "give uid \(geteuid()) the right to, or name another",
            exitCode: reason.errno == EACCES ? LoadExit.permission : missing, &faults)
    }

    /// Whether the nearest existing parent may be written.
    private func canMake(_ directory: String) -> Bool {
        var parent = directory
        while access(parent, F_OK) != 0, parent != "/", parent != "." {
            parent = Directories.parent(of: parent)
        }
        return faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) == 0
    }

    /// A store that is there must be a readable and writable database of prong's, of a version
    /// that this one knows; whether it is whole the queue finds out when it opens it.
    private func checkStore(_ path: String, _ faults: inout Faults) {
        let key = ["store", "path"]
        var about = stat()
        guard stat(path, &about) == 0 else {
            return checkMissingStore(path, SystemError("stat", errno: errno), &faults)
        }
        guard about.st_mode & S_IFMT == S_IFREG else {
            return add(
                key, "\(path) is not a regular file", "name another", exitCode: LoadExit.store,
                &faults)
        }
        guard faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 else {
            let reason = SystemError("access", errno: errno)
            return add(
                key, "\(path) cannot be read and written: \(reason.reason)",
                "give uid \(geteuid()) the right to, or name another",
                exitCode: reason.errno == EACCES ? LoadExit.permission : LoadExit.store, &faults)
        }
        guard about.st_size > 0 else { return checkLoneLog(path, &faults) }
        do throws(SystemError) {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK)
            let head = try MemoryFile.read(file.number, limit: StoreHeader.byteCount)
            guard let refusal = StoreHeader.refusal(of: head) else { return }
            add(key, "\(path) \(refusal)", "", exitCode: LoadExit.store, &faults)
        } catch {
            add(
                key, "\(path) cannot be read: \(error.reason)", "see to the disk, or name another",
                exitCode: LoadExit.store, &faults)
        }
    }

    /// No store is there, which is well where one can be made: not in the place of a link to
    /// nothing, and not beside the log of another.
    private func checkMissingStore(_ path: String, _ error: SystemError, _ faults: inout Faults) {
        var link = stat()
        if error.errno == ENOENT, lstat(path, &link) != 0 { return checkLoneLog(path, &faults) }
        // A directory that is closed or not one has been complained about.
        if error.errno == EACCES || error.errno == ENOTDIR { return }
        let isLink = error.errno == ENOENT
        add(
            ["store", "path"],
            "\(path) " + (isLink ? "is a link to nothing" : "cannot be used: \(error.reason)"),
            "name the store itself", exitCode: LoadExit.store, &faults)
    }

    private func checkLoneLog(_ path: String, _ faults: inout Faults) {
        let log = path + "-wal"
        var about = stat()
        guard stat(log, &about) == 0, about.st_size > 0 else { return }
        add(
            ["store", "path"], "\(path) is missing or empty, but its log \(log) is not",
            "put the store back, or move the log away", exitCode: LoadExit.store, &faults)
    }

    private func resolveGroup(_ settings: inout Settings, _ faults: inout Faults) {
        let key = ["listen", "group"]
        let name = settings.listen.group
        guard !name.isEmpty else { return }
        guard let id = Groups.id(of: name) else {
            faults.add(
                written.complaint(
                    key, "there is no group \"\(name)\"", "name one that getent group shows"))
            return
        }
        settings.listen.groupId = id
        if !Groups.mayGive(to: id) {
            add(
                key,
                "uid \(geteuid()) is not in the group \(name) and so cannot give it the socket",
                "add it to the group, or leave group out", exitCode: LoadExit.permission, &faults)
        }
    }
}

/// The system's groups (group(5)).
enum Groups {
    /// The gid of a name, or of a number; nil where there is no such group.
    static func id(of name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        // Enough for groups with many members; more is asked for until the system is content.
        var size = 4_096
        while size <= 1 << 20 {
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            var room = [CChar](repeating: 0, count: size)
            let code = getgrnam_r(name, &entry, &room, size, &found)
            if code != ERANGE { return found == nil ? nil : entry.gr_gid }
            size *= 4
        }
        return nil
    }

    /// chown(2): root may give to any group, others only to their own.
    static func mayGive(to id: UInt32) -> Bool {
        if geteuid() == 0 || getegid() == id { return true }
        let count = getgroups(0, nil)
        guard count > 0 else { return false }
        var own = [gid_t](repeating: 0, count: Int(count))
        let filled = getgroups(count, &own)
        return filled > 0 && own.prefix(Int(filled)).contains(id)
    }
}
