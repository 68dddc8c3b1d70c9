// Credentials at `--check` and at each start: whether the named file is there, is what it should
// be, and can work, as far as that shows without a network. Never shows what is in a file.

internal import Credentials
internal import Settings
internal import TokenExchange

extension TargetFiles {
    /// What the environment says, for a target's credentials.
    typealias Environment = (String) -> String?

    mutating func checkCredentials(
        _ target: inout Settings.Target, _ environment: Environment, _ faults: inout Faults
    ) {
        target.credentials = target.credentials.resolving(absolute)
        let key = ["targets", target.name, "credentials"]
        do throws(TokenFailure) {
            guard let credential = try TargetCredential(target, environment: environment) else {
                return
            }
            check(credential, key, &faults)
        } catch {
            faults.add(written.complaint(key, error.reason))
        }
    }

    private func check(
        _ credential: TargetCredential, _ key: [String], _ faults: inout Faults
    ) {
        switch credential.source {
        case .tokenFile(let path):
            guard let bytes = read(path, key, bytesMax: KeyFile.bytesMax, &faults) else { return }
            do throws(TokenFailure) {
                _ = try CredentialFile.token(in: bytes)
            } catch {
                complain(key, "\(path): \(error.reason)", "name a file that holds one", &faults)
            }
        case .keyFile(let path, let type):
            check(path, type: type, credential, key, &faults)
        case .defaults(let places):
            check(places, credential, key, &faults)
        }
    }

    private func check(
        _ places: [DefaultCredentials.Place], _ credential: TargetCredential, _ key: [String],
        _ faults: inout Faults
    ) {
        switch places.first(where: \.isThere) {
        case .named(let path)?, .wellKnown(let path)?:
            check(path, type: nil, credential, key, &faults)
        case .metadataServer(let host)?:
            do throws(KeyFault) {
                _ = try credential.resolve(metadataServer: host)
            } catch {
                complain(key, error.what, error.wanted, &faults)
            }
        case nil:
            complain(
                key, DefaultCredentials.nowhere + ", and NO_GCE_CHECK forbids the metadata server",
                "name a key file with service-account:FILE or external:FILE", &faults)
        }
    }

    private func check(
        _ path: String, type: String?, _ credential: TargetCredential, _ key: [String],
        _ faults: inout Faults
    ) {
        guard let bytes = read(path, key, bytesMax: KeyFile.bytesMax, &faults) else { return }
        do throws(KeyFault) {
            _ = try credential.resolve(bytes, type: type)
            let file = try KeyFile(parsing: bytes)
            if let pem = file.privateKey {
                do throws(TokenFailure) {
                    _ = try PrivateKey(pem: pem)
                } catch {
                    complain(
                        key, "\(path): \(error.reason)", "have the file written anew", &faults)
                }
            }
            if case .external(let account) = file, case .file(let subject) = account.source {
                guard let bytes = read(subject, key, bytesMax: KeyFile.bytesMax, &faults) else {
                    return
                }
                do throws(TokenFailure) {
                    _ = try account.subjectToken(in: bytes)
                } catch {
                    complain(key, "\(subject): \(error.reason)", "see credential_source", &faults)
                }
            }
        } catch {
            complain(key, "\(path): \(error.what)", error.wanted, &faults)
        }
    }
}
