// The files that targets name: descriptor sets, service configs, certificates and keys. Reads and
// checks them all, and makes their paths absolute. Never shows what is in a key.

internal import GoogleAPI
internal import Kernel
internal import Schema
internal import Settings
import Glibc

struct TargetFiles {
    /// A descriptor set longer than this is refused: all of Google's public APIs take half of it.
    static let descriptorBytesMax = 64 << 20

    /// The files of all targets, each once.
    private(set) var sources: [Bundle.Source] = []
    /// For each target, the indices of its files.
    private(set) var uses: [[Int]] = []
    private var indexByPath: [String: Int] = [:]
    /// The services that are in a list of files; targets that share files are checked once.
    private var servicesOfFiles: [[Int]: [ServiceDescriptor]] = [:]

    /// The configuration, for complaints; paths in it are relative to its directory.
    let written: WrittenKeys
    let directory: String

    init(written: WrittenKeys, directory: String) {
        self.written = written
        self.directory = directory
    }

    /// - Parameter environment: a variable's value, for credentials.
    mutating func check(
        _ settings: inout Settings, _ environment: Environment, _ faults: inout Faults
    ) {
        for index in settings.targets.indices {
            check(&settings.targets[index], &faults)
            // What cannot be read was complained about, and names no host.
            if servicesOfFiles[uses[index]] != nil {
                checkAddress(&settings.targets[index], environment, &faults)
            }
            checkCredentials(&settings.targets[index], environment, &faults)
        }
    }

    private mutating func check(_ target: inout Settings.Target, _ faults: inout Faults) {
        let table = ["targets", target.name]
        checkDescriptors(&target, table + ["descriptors"], &faults)
        checkServiceConfig(&target, table + ["service_config"], &faults)
        target.caPath = checkPEM(target.caPath, table + ["ca"], ["CERTIFICATE"], &faults)
        target.certificatePath = checkPEM(
            target.certificatePath, table + ["cert"], ["CERTIFICATE"], &faults)
        target.keyPath = checkPEM(
            target.keyPath, table + ["key"],
            ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"], &faults)
    }

    func absolute(_ path: String) -> String {
        path.hasPrefix("/") || path.isEmpty ? path : "\(directory)/\(path)"
    }

    /// The bytes of a file, or nil after a fault.
    func read(
        _ path: String, _ key: [String], element: Int? = nil, bytesMax: Int,
        _ faults: inout Faults
    ) -> [UInt8]? {
        do throws(FileFault) {
            return try WholeFile.read(path, bytesMax: bytesMax)
        } catch {
            if error.isPermission {
                let complaint = written.complaint(
                    key, element: element, "\(path) cannot be read: \(error.what)",
                    "give uid \(geteuid()) the right to")
                faults.add("\(complaint)", exitCode: LoadExit.permission)
            } else {
                faults.add(
                    written.complaint(
                        key, element: element, "\(path): \(error.what)",
                        "name a file that is there; paths start from \(directory)"))
            }
            return nil
        }
    }

    func complain(
        _ key: [String], _ what: String, _ wanted: String, _ faults: inout Faults
    ) {
        faults.add(written.complaint(key, what, wanted))
    }

    // MARK: descriptors

    private mutating func checkDescriptors(
        _ target: inout Settings.Target, _ key: [String], _ faults: inout Faults
    ) {
        // None is a fault of the text, unless the target is asked.
        guard !target.descriptorPaths.isEmpty else { return uses.append([]) }
        target.descriptorPaths = target.descriptorPaths.map(absolute)
        var files: [Int] = []
        for (index, path) in target.descriptorPaths.enumerated() {
            if let known = indexByPath[path] {
                files.append(known)
                continue
            }
            let bytes = read(
                path, key, element: index, bytesMax: TargetFiles.descriptorBytesMax, &faults)
            guard let bytes else { continue }
            indexByPath[path] = sources.count
            files.append(sources.count)
            sources.append(Bundle.Source(label: path, bytes: bytes))
        }
        uses.append(files)
        // A file that cannot be read was complained about: what is missing then is no news.
        guard files.count == target.descriptorPaths.count else { return }
        let mayLack = target.asksReflection
        guard let described = described(in: files, key, mayBeNone: mayLack, &faults) else {
            return
        }
        target.takeDefaults(from: described)
        if mayLack { return }
        let services = described.map(\.fullName)
        let near = services.prefix(5).joined(separator: ", ")
        let more = services.count > 5 ? " and \(services.count - 5) more" : ""
        for (index, service) in target.services.enumerated() where !services.contains(service) {
            faults.add(
                written.complaint(
                    ["targets", target.name, "services"], element: index,
                    "\"\(service)\" is not in the target's descriptors",
                    services.isEmpty ? "they hold no service" : "they hold \(near)\(more)"))
        }
    }

    /// The services in some files, or nil after a fault.
    private mutating func described(
        in files: [Int], _ key: [String], mayBeNone: Bool, _ faults: inout Faults
    ) -> [ServiceDescriptor]? {
        if let known = servicesOfFiles[files] { return known }
        do throws(SchemaError) {
            let schema = try Schema(
                sets: files.map { (label: sources[$0].label, bytes: sources[$0].bytes) })
            let services = schema.services
            if services.isEmpty, !mayBeNone {
                complain(
                    key, "there is no service in the descriptors",
                    "name files that hold services", &faults)
            }
            servicesOfFiles[files] = services
            return services
        } catch {
            complain(key, "\(error)", error.advice, &faults)
            return nil
        }
    }

    // MARK: service config

    private func checkServiceConfig(
        _ target: inout Settings.Target, _ key: [String], _ faults: inout Faults
    ) {
        guard !target.serviceConfigPath.isEmpty else { return }
        target.serviceConfigPath = absolute(target.serviceConfigPath)
        let path = target.serviceConfigPath
        let bytes = read(path, key, bytesMax: ServiceConfigText.bytesMax, &faults)
        guard let bytes else { return }
        do throws(SettingsError) {
            let config = try ServiceConfigText(parsing: bytes)
            target.methodPolicies = try ServiceConfig.read(config.root)
            target.channelServiceConfig = config.channelConfig
        } catch {
            faults.add(error.complaints, in: path)
        }
    }

    // MARK: certificates and keys

    /// The absolute path; complains where the file holds no block of one of the kinds.
    private func checkPEM(
        _ given: String, _ key: [String], _ kinds: [String], _ faults: inout Faults
    ) -> String {
        guard !given.isEmpty else { return "" }
        let path = absolute(given)
        guard let bytes = read(path, key, bytesMax: WholeFile.pemBytesMax, &faults) else {
            return path
        }
        let found = PEM.kinds(in: bytes)
        if found.contains("ENCRYPTED PRIVATE KEY") {
            complain(
                key, "\(path) is encrypted, and prong has nobody to ask for its passphrase",
                "name a key without one, readable by prong alone", &faults)
        } else if !found.contains(where: kinds.contains) {
            complain(
                key, "\(path) holds no PEM block of a \(kinds[0].lowercased())",
                "name a file with -----BEGIN \(kinds[0])-----", &faults)
        }
        return path
    }
}

extension Settings.Target {
    /// Scopes and host that the offered services declare (google.api.oauth_scopes, default_host).
    mutating func takeDefaults(from described: [ServiceDescriptor]) {
        let offered = described.filter { services.isEmpty || services.contains($0.fullName) }
        for scope in offered.flatMap(\.oauthScopes) where !defaultScopes.contains(scope) {
            defaultScopes.append(scope)
        }
        // Services beside an API's own are called where that is.
        let own = offered.filter { !Endpoint.mixins.contains($0.fullName) }
        let hosts = Set((own.isEmpty ? offered : own).compactMap(\.defaultHost))
        defaultHost = hosts.count == 1 ? hosts.first ?? "" : ""
    }
}

/// PEM's outer form (RFC 7468); what is inside is for the TLS library.
enum PEM {
    /// The labels of the blocks that begin and end.
    static func kinds(in bytes: [UInt8]) -> [String] {
        var kinds: [String] = []
        var open: String?
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
        where line.first == 0x2D {
            guard line.count <= 80, let text = String(validating: line, as: UTF8.self) else {
                continue
            }
            if let label = label(text, after: "-----BEGIN ") {
                open = label
            } else if let label = label(text, after: "-----END "), label == open {
                kinds.append(label)
                open = nil
            }
        }
        return kinds
    }

    private static func label(_ line: String, after start: String) -> String? {
        let end = "-----"
        guard line.hasPrefix(start), line.hasSuffix(end),
            line.utf8.count > start.utf8.count + end.utf8.count
        else { return nil }
        return String(line.dropFirst(start.count).dropLast(end.count))
    }
}
