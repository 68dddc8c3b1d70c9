// Making the places where sockets and the store live.

import Glibc

package enum Directories {
    /// The folder in which a file lies; "/" for a file there, "." for a bare name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// mkdir(2) for each missing part, with this mode whatever the umask. A folder that is there is
    /// left as it is.
    package static func make(_ path: String, mode: UInt32) throws(SystemError) {
        if path.isEmpty || path == "/" || path == "." { return }
        if access(path, F_OK) == 0 { return }
        try make(parent(of: path), mode: mode)
        do {
            try check("mkdir \(path)") { mkdir(path, 0o700) }
        } catch {
            // somebody else made it meanwhile: then its mode is theirs
            if error.errno == EEXIST { return }
            throw error
        }
        if mode != 0o700 { try check("chmod \(path)") { chmod(path, mode_t(mode)) } }
    }
}
