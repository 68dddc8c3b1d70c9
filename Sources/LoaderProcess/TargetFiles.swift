// The files that targets name: descriptor sets, service configs, certificates and keys. Reads and
// checks them all, and makes their paths absolute. Never shows what is in a key.

internal import Schema
internal import Settings
import Glibc

struct TargetFiles {
    /// A descriptor set longer than this is refused: all of Google's public APIs take half of it.
    static let descriptorBytesMax = 64 << 20
    static let pemBytesMax = 1 << 20

    /// The files of all targets, each once.
    private(set) var sources: [Bundle.Source] = []
    /// For each target, the indices of its files.
    private(set) var uses: [[Int]] = []
    private var indexByPath: [String: Int] = [:]
    /// The services that are in a list of files; targets that share files are checked once.
    private var servicesOfFiles: [[Int]: [String]] = [:]

    /// The configuration file, for complaints; paths in it are relative to its directory.
    let file: String
    let directory: String

    init(file: String, directory: String) {
        self.file = file
        self.directory = directory
    }

    mutating func check(_ settings: inout Settings, _ faults: inout Faults) {
        for index in settings.targets.indices {
            check(&settings.targets[index], &faults)
        }
    }

    private mutating func check(_ target: inout Settings.Target, _ faults: inout Faults) {
        let key = "targets.\(target.name)"
        checkDescriptors(&target, key, &faults)
        checkServiceConfig(&target, key, &faults)
        target.caPath = checkPEM(target.caPath, "\(key).ca", ["CERTIFICATE"], &faults)
        target.certificatePath = checkPEM(
            target.certificatePath, "\(key).cert", ["CERTIFICATE"], &faults)
        target.keyPath = checkPEM(
            target.keyPath, "\(key).key", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
            &faults)
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") || path.isEmpty ? path : "\(directory)/\(path)"
    }

    /// The bytes of a file, or nil after a fault.
    private func read(
        _ path: String, _ key: String, bytesMax: Int, _ faults: inout Faults
    ) -> [UInt8]? {
        do throws(FileFault) {
            return try BoundedFile.read(path, bytesMax: bytesMax)
        } catch {
            if error.isPermission {
                faults.add(
                    "\(key): \(path) cannot be read: \(error.what); give uid \(geteuid()) the "
                        + "right to",
                    exitCode: LoadExit.permission)
            } else {
                complain(key, "\(path): \(error.what)", &faults)
            }
            return nil
        }
    }

    private func complain(
        _ key: String, _ what: String, _ wanted: String = "", _ faults: inout Faults
    ) {
        faults.add(Complaint(file: file, place: nil, key: key, what: what, wanted: wanted))
    }

    private func complain(_ key: String, _ what: String, _ faults: inout Faults) {
        complain(key, what, "", &faults)
    }

    // MARK: descriptors

    private mutating func checkDescriptors(
        _ target: inout Settings.Target, _ key: String, _ faults: inout Faults
    ) {
        target.descriptorPaths = target.descriptorPaths.map(absolute)
        var files: [Int] = []
        for path in target.descriptorPaths {
            if let known = indexByPath[path] {
                files.append(known)
                continue
            }
            let bytes = read(
                path, "\(key).descriptors", bytesMax: TargetFiles.descriptorBytesMax, &faults)
            guard let bytes else { continue }
            indexByPath[path] = sources.count
            files.append(sources.count)
            sources.append(Bundle.Source(label: path, bytes: bytes))
        }
        uses.append(files)
        // A file that cannot be read was complained about: what is missing then is no news.
        guard files.count == target.descriptorPaths.count else { return }
        guard let services = services(in: files, "\(key).descriptors", &faults) else { return }
        for service in target.services where !services.contains(service) {
            let near = services.prefix(5).joined(separator: ", ")
            complain(
                "\(key).services", "\"\(service)\" is not in the target's descriptors",
                services.isEmpty
                    ? "they hold no service"
                    : "they hold \(near)"
                        + (services.count > 5 ? " and \(services.count - 5) more" : ""), &faults)
        }
    }

    /// The full names of the services in some files, or nil after a fault.
    private mutating func services(
        in files: [Int], _ key: String, _ faults: inout Faults
    ) -> [String]? {
        if let known = servicesOfFiles[files] { return known }
        do throws(SchemaError) {
            let schema = try Schema(
                sets: files.map { (label: sources[$0].label, bytes: sources[$0].bytes) })
            let names = schema.services.map(\.fullName)
            if names.isEmpty {
                complain(
                    key, "there is no service in the descriptors",
                    "name files that hold services", &faults)
            }
            servicesOfFiles[files] = names
            return names
        } catch {
            complain(
                key, "\(error)",
                "make the file anew, with buf build or protoc --include_imports", &faults)
            return nil
        }
    }

    // MARK: service config

    private func checkServiceConfig(
        _ target: inout Settings.Target, _ key: String, _ faults: inout Faults
    ) {
        guard !target.serviceConfigPath.isEmpty else { return }
        target.serviceConfigPath = absolute(target.serviceConfigPath)
        let path = target.serviceConfigPath
        let bytes = read(
            path, "\(key).service_config", bytesMax: ServiceConfigText.bytesMax, &faults)
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
        _ given: String, _ key: String, _ kinds: [String], _ faults: inout Faults
    ) -> String {
        guard !given.isEmpty else { return "" }
        let path = absolute(given)
        guard let bytes = read(path, key, bytesMax: TargetFiles.pemBytesMax, &faults) else {
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
