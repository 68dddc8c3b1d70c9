// `x-goog-api-client`: which client makes a call, as Google's own clients say it. The order of the
// parts is fixed, for Google's statistics read it (google-api-core, `client_info.py`).

import GRPCClient
import Ops

enum ClientName {
    static let header = "x-goog-api-client"

    /// `gl-` language, `grpc` transport, `gax` and `gapic` what a generated client would be, `pb`
    /// the protobuf codec: the last three are prong's own.
    static let field = MetadataField(
        header,
        "gl-swift/\(swift) grpc/\(Runtime.version) gax/\(version) gapic/\(version) pb/\(version)")

    private static let version = Version.text

    private static var swift: String {
        #if compiler(>=6.4)
        "6.4"
        #elseif compiler(>=6.3)
        "6.3"
        #else
        "6.2"
        #endif
    }
}
