// From a configuration file's name to settings that can be used, or to all reasons why not. Shared
// by the loader process and by `prongd --check`; writes nothing but missing default directories.

package import Settings
internal import Kernel
internal import WireFormat
import Glibc

/// Which configuration is wanted, and by whom.
package struct LoadRequest {
    /// `--config`; nil: `$PRONG_CONFIG`, else the system's file if it exists, else none.
    package var configPath: String?
    /// An environment variable's value; an empty one counts as not set.
    package var environment: (String) -> String?
    /// The effective uid.
    package var uid: UInt32
    /// Whether missing directories of the default places are made, and what targets tell is kept;
    /// no for `--check`.
    package var makesDirectories: Bool
    /// Whether targets with `reflection` are asked.
    package var asksTargets: Bool

    package init(
        configPath: String?, environment: @escaping (String) -> String?, uid: UInt32,
        makesDirectories: Bool, asksTargets: Bool = true
    ) {
        self.configPath = configPath
        self.environment = environment
        self.uid = uid
        self.makesDirectories = makesDirectories
        self.asksTargets = asksTargets
    }

    /// For this process.
    package static func here(
        configPath: String?, makesDirectories: Bool, asksTargets: Bool = true
    ) -> LoadRequest {
        LoadRequest(
            configPath: configPath, environment: ProcessEnvironment.value(of:), uid: geteuid(),
            makesDirectories: makesDirectories, asksTargets: asksTargets)
    }
}

/// A configuration that can be used.
package struct LoadedConfiguration: Sendable {
    package let settings: Settings
    /// The file that was read; nil: the built-in defaults.
    package let configPath: String?
    /// For the operator; no reason not to use it.
    package let notices: [LoadNotice]
    let sources: [Bundle.Source]
    let uses: [[Int]]
    let learned: [Bundle.Learned]
}

/// Reads and checks the configuration and every file that it names.
///
/// - Throws: `LoadFailure` with prongd's exit code: the first syntax error alone, else all faults.
package func load(_ request: LoadRequest) throws(LoadFailure) -> LoadedConfiguration {
    let path = configPath(request)
    let shown = path ?? "built-in defaults"
    let places = Result { () throws(DefaultPlacesError) in
        try DefaultPlaces.of(
            uid: request.uid,
            environment: { name in request.environment(name).flatMap { $0.isEmpty ? nil : $0 } })
    }
    let root = try tree(try text(path), of: shown)
    // What is wrong with the text does not hide what is wrong with the files that it names.
    let reading = SettingsReader.readAll(root, places: places)
    var settings = reading.settings
    var faults = Faults()
    faults.add(reading.complaints, in: shown)
    let written = WrittenKeys(file: shown, root: root, complaints: reading.complaints)
    var files = TargetFiles(written: written, directory: path.map(absoluteDirectory) ?? "/")
    files.check(&settings, request.environment, &faults)
    Places(
        makesDirectories: request.makesDirectories && reading.complaints.isEmpty,
        defaults: try? places.get(), written: written
    ).check(&settings, &faults)
    try faults.check()
    var learning = Learning(
        settings: settings, sources: files.sources, uses: files.uses,
        writesCache: request.makesDirectories, environment: request.environment)
    if request.asksTargets { learning.learnAll() }
    return LoadedConfiguration(learning, configPath: path)
}

/// The configuration of a bundle, with what these targets (nil: all) tell now. Reads no
/// configuration file: what users changed meanwhile waits for a restart.
///
/// - Throws: `LoadFailure` for bytes that are no bundle, a bug of prong.
package func loadAgain(
    _ bytes: [UInt8], asking targets: Set<UInt32>? = nil
) throws(LoadFailure) -> LoadedConfiguration {
    let bundle: Bundle
    do throws(SettingsDecodingError) {
        bundle = try Bundle.decode(bytes)
    } catch {
        throw LoadFailure(
            exitCode: LoadExit.bug, lines: ["the former settings cannot be read: \(error)"])
    }
    let files = bundle.files
    var learning = Learning(
        settings: bundle.settings, sources: files.sources, uses: files.uses, writesCache: true,
        environment: ProcessEnvironment.value(of:))
    learning.learnAgain(bundle, asking: targets)
    return LoadedConfiguration(learning, configPath: nil)
}

extension LoadedConfiguration {
    fileprivate init(_ learning: Learning, configPath: String?) {
        self.init(
            settings: learning.settings, configPath: configPath, notices: learning.notices,
            sources: learning.sources, uses: learning.uses, learned: learning.learned)
    }
}

extension Bundle {
    /// What files gave it, each once.
    fileprivate var files: (sources: [Source], uses: [[Int]]) {
        var sources: [Source] = []
        var uses = [[Int]](repeating: [], count: settings.targets.count)
        var places: [String: Int] = [:]
        for set in descriptorSets
        where set.label != Bundle.reflectionLabel(settings.targets[set.target].name) {
            if places[set.label] == nil {
                places[set.label] = sources.count
                sources.append(Source(label: set.label, bytes: bytes(of: set)))
            }
            if let place = places[set.label] { uses[set.target].append(place) }
        }
        return (sources, uses)
    }
}

/// - Throws: the first syntax error alone.
private func tree(_ bytes: [UInt8], of shown: String) throws(LoadFailure) -> ConfigurationNode {
    do throws(SettingsError) {
        return try ConfigurationText.parse(bytes)
    } catch {
        var faults = Faults()
        faults.add(error.complaints, in: shown)
        try faults.check()
        throw LoadFailure(exitCode: LoadExit.bug, lines: ["the configuration was refused silently"])
    }
}

private func configPath(_ request: LoadRequest) -> String? {
    if let path = request.configPath { return path }
    if let path = request.environment("PRONG_CONFIG"), !path.isEmpty { return path }
    let system = DefaultPlaces.systemConfigPath
    return access(system, F_OK) == 0 || errno != ENOENT ? system : nil
}

/// The bytes of the configuration file; none without one.
private func text(_ path: String?) throws(LoadFailure) -> [UInt8] {
    guard let path else { return [] }
    do throws(FileFault) {
        return try WholeFile.read(path, bytesMax: ConfigurationText.bytesMax)
    } catch {
        throw LoadFailure(
            exitCode: error.isPermission ? LoadExit.permission : LoadExit.configuration,
            lines: ["\(path): the configuration cannot be read: \(error.what)"])
    }
}

/// The directory of the configuration file, which relative paths in it start from.
private func absoluteDirectory(of path: String) -> String {
    let directory = Directories.parent(of: path)
    if directory.hasPrefix("/") { return directory }
    guard let here = getcwd(nil, 0) else { return directory }
    defer { free(here) }
    return directory == "." ? String(cString: here) : "\(String(cString: here))/\(directory)"
}
