// The bytes of grpc.reflection.v1 (grpc/grpc-proto, grpc/reflection/v1/reflection.proto); v1alpha
// has the same messages under another name.

internal import Schema

/// The two names under which servers offer it.
package enum ReflectionVersion: Equatable, Sendable {
    case v1, v1alpha

    /// The method's path.
    package var path: String {
        switch self {
        case .v1: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        case .v1alpha: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        }
    }
}

/// What is asked, one message each.
enum ReflectionQuestion: Hashable, Sendable {
    /// `list_services`.
    case services
    /// `file_containing_symbol`.
    case service(String)
    /// `file_by_filename`.
    case file(String)

    /// A ServerReflectionRequest.
    var bytes: [UInt8] {
        var writer = MessageWriter()
        switch self {
        case .services: writer.text(7, "")
        case .service(let name): writer.text(4, name)
        case .file(let name): writer.text(3, name)
        }
        return writer.bytes
    }
}

/// What is answered.
enum ReflectionAnswer: Equatable, Sendable {
    /// `list_services_response`.
    case services([String])
    /// `file_descriptor_response`: serialized files.
    case files([[UInt8]])
    /// `error_response`.
    case refused(code: Int32, message: String)

    /// Reads a ServerReflectionResponse. Nil: it is none, or it answers what prong never asks.
    init?(_ bytes: [UInt8]) {
        var found: ReflectionAnswer?
        let isMessage = WireScan.eachField(of: bytes) { number, value in
            guard case .bytes(let range) = value else { return }
            switch number {
            case 4: found = Self.files(bytes, range)
            case 6: found = Self.services(bytes, range)
            case 7: found = Self.refusal(bytes, range)
            case _: break
            }
        }
        guard isMessage, let found else { return nil }
        self = found
    }

    private static func files(_ bytes: [UInt8], _ range: Range<Int>) -> ReflectionAnswer? {
        var files: [[UInt8]] = []
        let isMessage = WireScan.eachField(of: bytes, in: range) { number, value in
            if number == 1, case .bytes(let range) = value { files.append(Array(bytes[range])) }
        }
        return isMessage ? .files(files) : nil
    }

    private static func services(_ bytes: [UInt8], _ range: Range<Int>) -> ReflectionAnswer? {
        var names: [String] = []
        var isSound = true
        let isMessage = WireScan.eachField(of: bytes, in: range) { number, value in
            guard number == 1, case .bytes(let service) = value else { return }
            isSound =
                WireScan.eachField(of: bytes, in: service) { number, value in
                    guard number == 1, case .bytes(let name) = value else { return }
                    names.append(String(decoding: bytes[name], as: UTF8.self))
                } && isSound
        }
        return isMessage && isSound ? .services(names) : nil
    }

    private static func refusal(_ bytes: [UInt8], _ range: Range<Int>) -> ReflectionAnswer? {
        var code: Int32 = 0
        var message = ""
        let isMessage = WireScan.eachField(of: bytes, in: range) { number, value in
            switch (number, value) {
            case (1, .varint(let number)): code = Int32(truncatingIfNeeded: number)
            case (2, .bytes(let text)): message = String(decoding: bytes[text], as: UTF8.self)
            case _: break
            }
        }
        return isMessage ? .refused(code: code, message: message) : nil
    }
}
