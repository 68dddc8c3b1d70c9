// Runs the loader and takes what it hands back. The loader reads what users wrote, so it is a
// child: whatever it trips over, the supervisor only sees an exit code.

import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

struct LoaderStep {
    /// Reading settings and descriptor sets takes milliseconds; a file system that hangs does not.
    private static let patienceMilliseconds: UInt64 = 60_000
    private static let sliceMilliseconds: UInt64 = 20

    let log: Log

    /// The sealed bundle; nil if a signal told prongd to stop meanwhile. Throws with the loader's
    /// own exit code if it refused: it has said why.
    func run(_ forkPoint: inout ForkPoint) throws(StartFailure) -> OpenFile? {
        let pid: pid_t
        let link: OpenFile
        do {
            (pid, link) = try forkPoint.forkLoader()
        } catch {
            throw StartFailure(
                exitCode: error.exitCode, sentence: "the loader: \(error.sentence)", log: log)
        }
        return try attend(pid, link)
    }

    /// Until the loader is gone, which its link's end of file tells.
    private func attend(_ pid: pid_t, _ link: OpenFile) throws(StartFailure) -> OpenFile? {
        let deadline = Clock.monotonicMilliseconds() + Self.patienceMilliseconds
        var bundle: OpenFile?
        while Clock.monotonicMilliseconds() < deadline {
            var wanted = pollfd(fd: link.number, events: Int16(POLLIN), revents: 0)
            if poll(&wanted, 1, CInt(Self.sliceMilliseconds)) > 0 {
                switch receive(link) {
                case .bundle(let file): bundle = file
                case .other: break
                case .end: return try finish(pid, bundle)
                }
            }
            if StartSignals.wait(milliseconds: 0) {
                end(pid)
                return nil
            }
        }
        end(pid)
        throw StartFailure(
            exitCode: ExitCode.system,
            sentence: "the configuration was not read within \(Self.patienceMilliseconds) ms; "
                + "see whether its file system answers",
            log: log)
    }

    private enum Packet {
        case bundle(OpenFile)
        /// Not a bundle: without one the loader's end is an error anyway.
        case other
        case end
    }

    private func receive(_ link: OpenFile) -> Packet {
        let limit = SupervisorLinkFrame.bytesPerFrame
        guard let received = try? DescriptorPassing.receive(limit: limit, from: link.number) else {
            return .end
        }
        if received.bytes.isEmpty { return .end }
        let report = try? SupervisorLinkFrame.decodeReport(received.bytes)
        guard report?.report == .bundle, let file = received.takeDescriptor(),
            MemoryFile.isSealed(file.number)
        else { return .other }
        return .bundle(OpenFile(file))
    }

    private func finish(_ pid: pid_t, _ bundle: OpenFile?) throws(StartFailure) -> OpenFile? {
        switch WaitStatus.reap(pid) {
        case .exited(0):
            if let bundle { return bundle }
            throw failure(ExitCode.bug, "it handed back nothing, which is a bug of prong")
        case .exited(let code):
            throw failure(Int32(code), "it refused; the lines above say what to change")
        case .signalled(let signal):
            throw failure(ExitCode.bug, "it died of signal \(signal), which is a bug of prong")
        }
    }

    private func failure(_ code: Int32, _ what: String) -> StartFailure {
        StartFailure(
            exitCode: code, sentence: "the configuration was not loaded: \(what)", log: log)
    }

    private func end(_ pid: pid_t) {
        kill(pid, SIGKILL)
        _ = WaitStatus.reap(pid)
    }
}

/// waitpid(2)'s status without its macros.
enum WaitStatus {
    static func reap(_ pid: pid_t) -> ChildEnd {
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = UInt8(truncatingIfNeeded: status & 0x7F)
        return signal != 0
            ? .signalled(signal: signal)
            : .exited(code: UInt8(truncatingIfNeeded: status >> 8))
    }
}
