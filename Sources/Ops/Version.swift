// The version that runs: one place for --version, status and metrics.

package enum Version {
    package static let text = "0.1.0"
    /// How prong's gRPC clients name themselves, in front of C-core's own name.
    package static let userAgent = "prong/\(text)"
}
