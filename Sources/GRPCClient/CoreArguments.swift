// C-core's channel and server arguments: a list of keys with an integer or a text.

internal import CGRPC
import Glibc

/// Owns the texts until C-core has read them.
struct CoreArguments: ~Copyable {
    private var entries: [grpc_arg] = []
    private var texts: [UnsafeMutablePointer<CChar>] = []

    init() {}

    deinit {
        for text in texts { free(text) }
    }

    mutating func set(_ key: String, _ value: Int32) {
        entries.append(CGRPC_integer_argument(copy(key), value))
    }

    /// An empty value sets nothing.
    mutating func set(_ key: String, _ value: String) {
        guard !value.isEmpty else { return }
        entries.append(CGRPC_string_argument(copy(key), copy(value)))
    }

    mutating func with<Result>(
        _ body: (UnsafePointer<grpc_channel_args>) -> Result
    ) -> Result {
        entries.withUnsafeMutableBufferPointer { buffer in
            var arguments = grpc_channel_args(num_args: buffer.count, args: buffer.baseAddress)
            return body(&arguments)
        }
    }

    private mutating func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
        guard let copied = strdup(text) else { preconditionFailure("no memory for an argument") }
        texts.append(copied)
        return copied
    }
}
