// The version that runs: one place for --version, status and metrics.

package enum Version {
    package static let text = "0.1.0"
}
