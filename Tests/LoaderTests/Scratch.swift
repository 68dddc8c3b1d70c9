// A folder of its own for a test, a configuration in it and what loading that comes to, and the
// smallest descriptor set with a service.

import Foundation
import LoaderProcess

/// Removed with its content when the last owner lets go.
final class ScratchFolder {
    let path: String

    init() {
        var template = Array((NSTemporaryDirectory() + "/prong-loader-XXXXXX").utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) -> String {
        let file = path + "/" + name
        _ = FileManager.default.createFile(atPath: file, contents: Data(bytes))
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String) -> String { write(name, Array(text.utf8)) }

    /// `prong.toml`, with socket and store in the folder: `lines` begin with its third.
    func configuration(_ lines: String) -> String {
        write(
            "prong.toml",
            """
            listen.socket = "\(path)/prong.sock"
            store.path = "\(path)/prong.db"

            """ + lines)
    }
}

func loadRequest(
    _ path: String?, _ environment: [String: String] = [:], uid: UInt32 = 0, makes: Bool = false
) -> LoadRequest {
    LoadRequest(
        configPath: path, environment: { environment[$0] }, uid: uid, makesDirectories: makes)
}

/// Why it cannot be loaded; nil if it can.
func loadFailure(_ request: LoadRequest) -> LoadFailure? {
    do throws(LoadFailure) {
        _ = try load(request)
        return nil
    } catch {
        return error
    }
}

func descriptorField(_ number: Int, _ text: String) -> [UInt8] {
    func varint(_ number: Int) -> [UInt8] {
        number < 128 ? [UInt8(number)] : [UInt8(number & 127 | 128)] + varint(number >> 7)
    }
    return varint(number << 3 | 2) + varint(text.utf8.count) + Array(text.utf8)
}

/// A FileDescriptorSet with message t.M and service t.S with one method; with `host` and `scopes`
/// the service declares them as Google's do.
func smallDescriptorSet(host: String = "", scopes: String = "") -> [UInt8] {
    func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        let tag = number << 3 | 2
        let head = tag < 128 ? [UInt8(tag)] : [UInt8(tag & 127 | 128), UInt8(tag >> 7)]
        return head + [UInt8(bytes.count)] + bytes
    }
    func text(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }
    let message = field(4, text(1, "M"))
    let method = field(2, text(1, "Do") + text(2, ".t.M") + text(3, ".t.M"))
    // google.api.default_host and google.api.oauth_scopes
    let options = host.isEmpty ? [] : field(3, text(1049, host) + text(1050, scopes))
    let service = field(6, text(1, "S") + method + options)
    let file = text(1, "t.proto") + text(2, "t") + message + service + text(12, "proto3")
    return field(1, file)
}
