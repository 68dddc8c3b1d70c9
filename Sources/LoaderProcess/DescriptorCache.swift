// What targets told about themselves, kept beside the store for a start at which one of them is
// down. A cache: whatever is wrong with it is said and ignored, and nothing else depends on it.
// A file is a descriptor set, with two fields more that say which server it is of: a target's name
// may be given to another one.

internal import Kernel
internal import Schema
internal import ServerReflection
internal import Settings
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
        /// Of a server at this place, which is not the target's.
        case ofAnother(String)
        case broken(String)
    }

    /// `STORE.descriptors`.
    let directory: String

    /// For the daemon's user alone: it shows the inside of other people's services.
    private static let directoryMode: UInt32 = 0o700
    private static let fileMode: UInt32 = 0o600

    /// Fields of the file that no descriptor set has.
    private static let addressField: UInt32 = 1001
    private static let authorityField: UInt32 = 1002

    private func path(of target: Settings.Target) -> String { "\(directory)/\(target.name).binpb" }

    func read(_ target: Settings.Target) -> Finding {
        let path = path(of: target)
        do throws(FileFault) {
            let bytes = try WholeFile.read(path, bytesMax: TargetFiles.descriptorBytesMax)
            guard let files = DescriptorFiles.parse(set: bytes), !files.isEmpty else {
                return .broken("\(path) is no descriptor set")
            }
            guard let teller = Self.teller(bytes) else {
                return .broken("\(path) does not say which server told it")
            }
            guard teller == Self.place(target.address, target.authority) else {
                return .ofAnother(teller)
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

    private static func place(_ address: String, _ authority: String) -> String {
        authority.isEmpty ? address : "\(address) as \(authority)"
    }

    /// Where the server was; nil: nothing says so.
    private static func teller(_ bytes: [UInt8]) -> String? {
        var address: String?
        var authority = ""
        _ = WireScan.eachField(of: bytes) { number, value in
            guard case .bytes(let range) = value else { return }
            switch number {
            case addressField: address = String(decoding: bytes[range], as: UTF8.self)
            case authorityField: authority = String(decoding: bytes[range], as: UTF8.self)
            case _: break
            }
        }
        return address.map { place($0, authority) }
    }

    private static func content(_ files: [DescriptorFile], _ target: Settings.Target) -> [UInt8] {
        var writer = MessageWriter()
        writer.text(addressField, target.address)
        if !target.authority.isEmpty { writer.text(authorityField, target.authority) }
        return writer.bytes + DescriptorFiles.set(of: files)
    }

    /// A whole new file under the name, or the old one: never a part of one.
    func write(_ files: [DescriptorFile], of target: Settings.Target) throws(SystemError) {
        try Directories.make(directory, mode: DescriptorCache.directoryMode)
        let path = path(of: target)
        // another loader may write at the same time
        let new = "\(path).new-\(getpid())"
        do throws(SystemError) {
            let file = try FileDescriptor.open(
                new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: DescriptorCache.fileMode)
            try file.writeAll(Self.content(files, target))
            let number = file.number
            try check("fsync") { fsync(number) }
            try check("rename \(path)") { rename(new, path) }
        } catch {
            _ = unlink(new)
            throw error
        }
    }
}
