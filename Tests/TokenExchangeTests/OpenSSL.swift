// Keys by openssl's command line, and service accounts that hold them.

import Credentials
import Foundation

enum OpenSSL {
    static let curveKey = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]

    static func run(_ arguments: [String], input: Data = Data()) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let (into, out) = (Pipe(), Pipe())
        process.standardInput = into
        process.standardOutput = out
        process.standardError = FileHandle.nullDevice
        try process.run()
        try into.fileHandleForWriting.write(contentsOf: input)
        try into.fileHandleForWriting.close()
        let data = out.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return data
    }

    static func account(
        _ pem: Data, _ more: [String: String] = [:]
    ) throws -> ServiceAccountKey {
        var object = [
            "type": "service_account", "client_email": "a@b",
            "private_key": String(decoding: pem, as: UTF8.self),
        ]
        object.merge(more) { _, new in new }
        let data = try JSONSerialization.data(withJSONObject: object)
        guard case .serviceAccount(let key) = try KeyFile(parsing: Array(data)) else {
            throw TokenFailure("no service account")
        }
        return key
    }

    /// A part of a JSON Web Token.
    static func decoded(_ part: Substring) -> Data? {
        var text = part.replacing("-", with: "+").replacing("_", with: "/")
        while text.count % 4 != 0 { text += "=" }
        return Data(base64Encoded: String(text))
    }
}
