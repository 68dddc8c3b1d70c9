// Where application default credentials are looked for, in Google's order: the file that the
// environment names, the one that gcloud wrote, the metadata server (AIP-4110). A function of the
// environment; which file exists is for others to find out.

package enum DefaultCredentials {
    /// In this order; the first that is there counts.
    package enum Place: Equatable, Sendable {
        /// Named by the environment: it must be there.
        case named(String)
        case wellKnown(String)
        /// "HOST" or "HOST:PORT".
        case metadataServer(String)
    }

    /// Google's, by number: the name would have to be resolved first.
    package static let metadataHost = "169.254.169.254"

    package static func places(_ environment: (String) -> String?) -> [Place] {
        func set(_ name: String) -> String? {
            environment(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        if let path = set("GOOGLE_APPLICATION_CREDENTIALS") { return [.named(path)] }
        var places: [Place] = []
        let file = "application_default_credentials.json"
        if let folder = set("CLOUDSDK_CONFIG") {
            places.append(.wellKnown("\(folder)/\(file)"))
        } else if let home = set("HOME") {
            places.append(.wellKnown("\(home)/.config/gcloud/\(file)"))
        }
        if !["true", "1"].contains(set("NO_GCE_CHECK")?.lowercased()) {
            let host = set("GCE_METADATA_HOST") ?? set("GCE_METADATA_ROOT") ?? metadataHost
            places.append(.metadataServer(host))
        }
        return places
    }

    /// Where there is nothing at all.
    package static let nowhere =
        "there are no application default credentials: GOOGLE_APPLICATION_CREDENTIALS is not set,"
        + " gcloud has written none for this user"
}
