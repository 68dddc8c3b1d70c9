// What targets told about themselves, kept beside the store for a start at which one of them is
// down. A cache: whatever is wrong with it is said and ignored, and nothing else depends on it.

internal import Kernel
internal import ServerReflection
import Glibc

struct DescriptorCache {
    /// A cached set, and when it was told.
    struct Entry {
        let files: [DescriptorFile]
        let atMilliseconds: Int64
    }

    enum Finding {
        case none
        case entry(Entry)
        case broken(String)
    }

    /// `STORE.descriptors`.
    let directory: String

    /// For the daemon's user alone: it shows the inside of other people's services.
    private static let directoryMode: UInt32 = 0o700
    private static let fileMode: UInt32 = 0o600

    private func path(of target: String) -> String { "\(directory)/\(target).binpb" }

    func read(_ target: String) -> Finding {
        let path = path(of: target)
        do throws(FileFault) {
            let bytes = try WholeFile.read(path, bytesMax: TargetFiles.descriptorBytesMax)
            guard let files = DescriptorFiles.parse(set: bytes), !files.isEmpty else {
                return .broken("\(path) is no descriptor set")
            }
            return .entry(Entry(files: files, atMilliseconds: changedAt(path)))
        } catch {
            return error.isMissing ? .none : .broken("\(path): \(error.what)")
        }
    }

    private func changedAt(_ path: String) -> Int64 {
        var about = stat()
        guard stat(path, &about) == 0 else { return 0 }
        return Int64(about.st_mtim.tv_sec) * 1000 + Int64(about.st_mtim.tv_nsec) / 1_000_000
    }

    /// A whole new file under the name, or the old one: never a part of one.
    func write(_ files: [DescriptorFile], of target: String) throws(SystemError) {
        try Directories.make(directory, mode: DescriptorCache.directoryMode)
        let path = path(of: target)
        // another loader may write at the same time
        let new = "\(path).new-\(getpid())"
        do throws(SystemError) {
            let file = try FileDescriptor.open(
                new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: DescriptorCache.fileMode)
            try file.writeAll(DescriptorFiles.set(of: files))
            let number = file.number
            try check("fsync") { fsync(number) }
            try check("rename \(path)") { rename(new, path) }
        } catch {
            _ = unlink(new)
            throw error
        }
    }
}
