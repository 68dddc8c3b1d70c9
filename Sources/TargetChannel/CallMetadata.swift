// What a target and its token add to the metadata of every call to it, a worker's or the loader's:
// the one place for who wins. Pure; it runs for every call, and must not read a file or ask anyone.

package import GRPCClient
package import Settings

extension Settings.Target {
    /// What every call to it carries.
    package var metadataFields: [MetadataField] {
        metadata.map { MetadataField($0.name, $0.value) }
    }
}

extension [MetadataField] {
    /// The target's own entries stand behind the call's, those of its token behind both. Whoever
    /// is in front wins, but for the token.
    ///
    /// - Parameter token: nil: the target's calls carry none of prong's.
    package mutating func join(target own: [MetadataField], token: [MetadataField]?) {
        appendMissing(own)
        if let token {
            removeAll { $0.name == "authorization" }
            appendMissing(token)
        }
    }

    private mutating func appendMissing(_ own: [MetadataField]) {
        guard !own.isEmpty else { return }
        let given = Set(map(\.name))
        self += own.filter { !given.contains($0.name) }
    }
}
