// The loader: a child that reads what users wrote, so that the supervisor need not. It loads the
// configuration, hands the bundle back in a sealed memory file, and ends. It must never leave
// anything behind: no thread, no lock, no file but missing default directories and the cache of
// what targets told.
//
//     read TOML -> check -> read descriptors, service configs, PEM -> check places
//          -> ask targets by reflection -> bundle -> memory file, sealed -> over the link -> exit 0
//     any fault: one line each on standard error, exit with prongd's code
//
// While prongd runs it is forked again, with the bundle that is in force, to ask targets that could
// not be asked or may be others by now: then it reads no configuration, and only what they told is
// new.

internal import Kernel
package import Ops
internal import Settings
internal import WireFormat
import Glibc

/// The loader's main; returns its exit code.
///
/// - Parameter configPath: `--config`, or nil.
package func runLoader(_ context: consuming ChildContext, configPath: String?) -> Int32 {
    do throws(LoadFailure) {
        let loaded =
            context.bundle >= 0
            ? try loadAgain(try contents(of: context.bundle), asking: context.askedTargets)
            : try load(.here(configPath: configPath, makesDirectories: true))
        for notice in loaded.notices {
            context.log.write(notice.isWarning ? .warning : .notice, nil) { notice.text }
        }
        try hand(try makeBundle(loaded), over: context.link)
        return 0
    } catch {
        for line in error.lines { context.log.error(line) }
        return error.exitCode
    }
}

/// The bundle of a loaded configuration.
///
/// - Throws: `LoadFailure` where the settings do not fit the header, a bug of prong.
package func makeBundle(_ loaded: LoadedConfiguration) throws(LoadFailure) -> [UInt8] {
    do throws(BundleHeaderError) {
        return Bundle.encode(
            header: try header(of: loaded.settings).encoded(), settings: loaded.settings,
            sources: loaded.sources, uses: loaded.uses, learned: loaded.learned)
    } catch {
        throw LoadFailure(
            exitCode: LoadExit.bug, lines: ["checked settings do not fit the bundle: \(error)"])
    }
}

private func header(of settings: Settings) -> BundleHeader {
    let worker = settings.worker
    let listen = settings.listen
    return BundleHeader(
        workers: UInt32(clamping: settings.workers),
        spawnMilliseconds: UInt64(clamping: worker.spawnTimeoutMilliseconds),
        stuckMilliseconds: UInt64(clamping: worker.stuckTimeoutMilliseconds),
        drainMilliseconds: UInt64(clamping: worker.drainTimeoutMilliseconds),
        logLevel: level(settings.log.level), logFormat: format(settings.log.format),
        clientSocketPath: listen.socketPath, clientSocketMode: listen.socketMode,
        clientSocketGroup: listen.groupId,
        workerSocketPath: Settings.workersSocketPath(beside: listen.socketPath),
        lockPath: settings.store.lockPath)
}

private func level(_ level: Settings.LogLevel) -> UInt8 {
    switch level {
    case .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    }
}

private func format(_ format: Settings.LogFormat) -> UInt8 {
    switch format {
    case .automatic: 0
    case .text: 1
    case .json: 2
    }
}

private func contents(of bundle: CInt) throws(LoadFailure) -> [UInt8] {
    do throws(SystemError) {
        return try MemoryFile.read(bundle)
    } catch {
        throw LoadFailure(
            exitCode: LoadExit.system, lines: ["the former settings cannot be read: \(error)"])
    }
}

private func hand(_ bundle: [UInt8], over link: SupervisorLink) throws(LoadFailure) {
    do throws(SystemError) {
        let file = try MemoryFile.sealed(name: "prong-bundle", bytes: bundle)
        try link.hand(bundle: file)
    } catch {
        throw LoadFailure(
            exitCode: LoadExit.system, lines: ["the settings cannot be handed over: \(error)"])
    }
}
