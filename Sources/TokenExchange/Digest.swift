// SHA-256 and its HMAC by OpenSSL, and the time as AWS writes it: what a request to AWS is signed
// with. It must never keep a key.

import CTLS
import Credentials
import Glibc

enum Digest {
    static var all: AmazonDigests { AmazonDigests(sha256: sha256, hmac: hmac) }

    private static func sha256(_ data: [UInt8]) throws(TokenFailure) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(CTLS_DIGEST_BYTES))
        guard CTLS_sha256(data, data.count, &digest) == 1 else { throw failure }
        return digest
    }

    private static func hmac(_ key: [UInt8], _ data: [UInt8]) throws(TokenFailure) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(CTLS_DIGEST_BYTES))
        guard CTLS_hmac_sha256(key, key.count, data, data.count, &digest) == 1 else {
            throw failure
        }
        return digest
    }

    private static var failure: TokenFailure { TokenFailure("OpenSSL makes no digest") }

    /// "20261121T172151Z".
    static func time(_ seconds: Int64) -> String {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
