// The address of a target that names none: its API's own, as Google's clients find it. Looks at
// descriptors and the environment, never at the network.

internal import GoogleAPI
internal import Settings

extension TargetFiles {
    /// Fills `address` where it is not given; complains where the descriptors do not say one.
    func checkAddress(
        _ target: inout Settings.Target, _ environment: Environment, _ faults: inout Faults
    ) {
        guard target.address.isEmpty, !target.descriptorPaths.isEmpty else { return }
        let key = ["targets", target.name, "address"]
        guard !target.defaultHost.isEmpty else {
            return faults.add(
                written.complaint(
                    key, "a target needs an address, and its services do not name one host",
                    "write one like \"translate.googleapis.com:443\", or name in `services` those"
                        + " of one host"))
        }
        var request = EndpointRequest(defaultHost: target.defaultHost)
        request.universeDomain = target.universeDomain
        request.environmentUniverse = environment("GOOGLE_CLOUD_UNIVERSE_DOMAIN")
        request.useMTLSEndpoint = environment("GOOGLE_API_USE_MTLS_ENDPOINT")
        request.hasClientCertificate =
            !target.certificatePath.isEmpty
            && environment("GOOGLE_API_USE_CLIENT_CERTIFICATE")?.lowercased() != "false"
        do throws(EndpointError) {
            target.address = try Endpoint.address(request)
        } catch {
            let (what, wanted) = error.words
            faults.add(written.complaint(key, what, wanted))
        }
    }
}

extension EndpointError {
    fileprivate var words: (what: String, wanted: String) {
        switch self {
        case .unknownWord(let word):
            (
                "GOOGLE_API_USE_MTLS_ENDPOINT in the environment is \"\(word)\"",
                "set it to auto, always or never, or write an address"
            )
        case .noMTLSInUniverse(let universe):
            (
                "there is no mTLS endpoint in the universe \(universe)",
                "leave out `cert` and `key`, or write an address"
            )
        }
    }
}
