// A private key that signs tokens. It lives as short as its owner and shows nothing of itself.

package import Credentials
internal import CTLS

package struct PrivateKey: ~Copyable {
    private let key: OpaquePointer
    package let algorithm: SigningAlgorithm

    /// An RSA key of 8192 bits signs with this many bytes; nobody uses a longer one.
    private static let signatureBytesMax = 1_024

    /// - Throws: what is wrong, in words about "its private_key".
    package init(pem: Secret) throws(TokenFailure) {
        let bytes = Array(pem.text.utf8)
        let parsed = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.flatMap { CTLS_key_parse($0, buffer.count) }
        }
        guard let parsed else {
            throw TokenFailure("its private_key is no PEM of a private key without a passphrase")
        }
        switch CTLS_key_kind(parsed) {
        case CInt(CTLS_KEY_RSA): algorithm = .rs256
        case CInt(CTLS_KEY_P256): algorithm = .es256
        default:
            CTLS_key_free(parsed)
            throw TokenFailure("its private_key is neither RSA nor of the curve P-256")
        }
        key = parsed
    }

    deinit { CTLS_key_free(key) }

    /// The token, signed.
    package borrowing func sign(_ token: JSONWebToken) throws(TokenFailure) -> Secret {
        let input = token.signingInput(algorithm)
        let key = self.key
        let signature = [UInt8](unsafeUninitializedCapacity: Self.signatureBytesMax) {
            room, count in
            count = 0
            guard let start = room.baseAddress else { return }
            count = CTLS_key_sign(key, input, input.count, start, room.count)
        }
        guard !signature.isEmpty else { throw TokenFailure("its private_key cannot sign") }
        return JSONWebToken.complete(input, signature: signature)
    }
}
