// Where one target's token comes from: from the settings to a token that is made here at once, or
// to an exchange that somebody else has part in. Asked anew for each token, so that a file that was
// replaced counts. Reads files and signs; only an exchange waits for a network.

package import Credentials
import Kernel
package import Settings

package struct TokenSource {
    package enum Prepared {
        case token(GivenToken)
        /// Blocks its thread: never the one that others wait for.
        case exchange(TokenPlan, TokenFetch)
    }

    private let target: Settings.Target
    private let untilNanoseconds: UInt64
    /// The files that the last token came from, as they were before they were read.
    package private(set) var stamps: [String: FileStamp] = [:]
    /// For `x-goog-user-project` beside the last token; "": none.
    package private(set) var quotaProject = ""

    /// - Parameter untilNanoseconds: a moment of the monotonic clock. No answer counts after it,
    ///   however many requests an exchange takes; its thread may still be held by the resolver,
    ///   which knows no deadline.
    package init(_ target: Settings.Target, untilNanoseconds: UInt64 = .max) {
        self.target = target
        self.untilNanoseconds = untilNanoseconds
    }

    /// - Parameter environment: a variable's value.
    package mutating func prepare(
        environment: (String) -> String?
    ) throws(TokenFailure) -> Prepared {
        stamps = [:]
        guard let credential = try TargetCredential(target, environment: environment) else {
            throw TokenFailure("the target has no credentials of its own")
        }
        let resolved: TargetCredential.Resolved
        switch credential.source {
        case .tokenFile(let path):
            quotaProject = credential.ownQuotaProject
            return .token(GivenToken(text: try token(path), lifetimeMilliseconds: nil))
        case .keyFile(let path, let type): resolved = try resolve(path, type, credential)
        case .defaults(let places): resolved = try resolve(places, credential)
        }
        quotaProject = resolved.quotaProject
        let fetch = TokenFetch(roots: try roots(), untilNanoseconds: untilNanoseconds)
        guard resolved.plan.needsNetwork else { return .token(try fetch.token(resolved.plan)) }
        return .exchange(resolved.plan, fetch)
    }

    /// What a call carries of a token.
    package static func metadata(
        _ token: Secret, quotaProject: String
    ) -> [(name: String, value: String)] {
        let token = (name: "authorization", value: "Bearer \(token.text)")
        return quotaProject.isEmpty
            ? [token] : [token, (name: "x-goog-user-project", value: quotaProject)]
    }

    private mutating func read(_ path: String) throws(TokenFailure) -> [UInt8] {
        stamps[path] = FileStamp(path: path)
        return try CredentialFile.read(path)
    }

    private mutating func token(_ path: String) throws(TokenFailure) -> Secret {
        let bytes = try read(path)
        do throws(TokenFailure) {
            return try CredentialFile.token(in: bytes)
        } catch {
            throw TokenFailure("\(path): \(error.reason)")
        }
    }

    private mutating func resolve(
        _ path: String, _ type: String?, _ credential: TargetCredential
    ) throws(TokenFailure) -> TargetCredential.Resolved {
        let bytes = try read(path)
        do throws(KeyFault) {
            return try credential.resolve(bytes, type: type)
        } catch {
            throw TokenFailure("\(path): \(error.what); \(error.wanted)")
        }
    }

    private mutating func resolve(
        _ places: [DefaultCredentials.Place], _ credential: TargetCredential
    ) throws(TokenFailure) -> TargetCredential.Resolved {
        // Should one come to be, it counts from then on.
        for case .wellKnown(let path) in places { stamps[path] = FileStamp(path: path) }
        switch places.first(where: \.isThere) {
        case .named(let path)?, .wellKnown(let path)?:
            return try resolve(path, nil, credential)
        case .metadataServer(let host)?:
            do throws(KeyFault) {
                return try credential.resolve(metadataServer: host)
            } catch {
                throw TokenFailure("\(error.what); \(error.wanted)")
            }
        case nil: throw TokenFailure(DefaultCredentials.nowhere)
        }
    }

    /// What vouches for the target vouches for its token endpoint as well, beside the system's.
    private func roots() throws(TokenFailure) -> String? {
        guard !target.caPath.isEmpty else { return nil }
        let bytes = try CredentialFile.read(target.caPath, bytesMax: WholeFile.pemBytesMax)
        return String(decoding: bytes, as: UTF8.self)
    }
}
