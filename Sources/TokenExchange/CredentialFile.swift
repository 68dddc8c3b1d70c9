// Files that credentials come from: read whole, bounded, and told apart from what they were before.
// Never waits for a FIFO and never says what is in them.

package import Credentials
import Glibc
import Kernel

/// Which file it is and which state of it: a change of any of these is a change of the content.
package struct FileStamp: Equatable, Sendable {
    private var device: UInt64 = 0
    private var inode: UInt64 = 0
    private var size: Int64 = -1
    private var modifiedSeconds = 0
    private var modifiedNanoseconds = 0

    /// Of a file that may be missing: that is a state as well.
    package init(path: String) {
        var about = stat()
        guard stat(path, &about) == 0 else { return }
        device = UInt64(about.st_dev)
        inode = UInt64(about.st_ino)
        size = Int64(about.st_size)
        modifiedSeconds = about.st_mtim.tv_sec
        modifiedNanoseconds = about.st_mtim.tv_nsec
    }
}

extension DefaultCredentials.Place {
    /// The first of which this is true counts.
    package var isThere: Bool {
        switch self {
        case .wellKnown(let path): access(path, F_OK) == 0
        // It must be; where it is not, that is a failure.
        case .named, .metadataServer: true
        }
    }
}

package enum CredentialFile {
    package static func read(
        _ path: String, bytesMax: Int = KeyFile.bytesMax
    ) throws(TokenFailure) -> [UInt8] {
        do throws(FileFault) {
            return try WholeFile.read(path, bytesMax: bytesMax)
        } catch {
            throw TokenFailure("\(path): \(error.what)")
        }
    }

    /// The token that a file holds, alone on its line.
    package static func token(in bytes: [UInt8]) throws(TokenFailure) -> Secret {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" || $0 == " " })
        guard let token = lines.first else { throw TokenFailure("the file is empty") }
        guard lines.count == 1, isToken(String(token)) else {
            throw TokenFailure("this holds no token alone on one line")
        }
        return Secret(String(token))
    }
}
