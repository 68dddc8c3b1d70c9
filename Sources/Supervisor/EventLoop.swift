// sd-event (sd-event(3)) as a source of values: each turn waits for something and returns what it
// was. Its callbacks decide nothing and never fork, so that a child never runs inside one.
// In a child this object is abandoned: its descriptors are closed by number, and every call on it
// would fail.

internal import CSystemd
import Glibc
import Kernel
import PoolLogic

/// Something that the loop saw.
enum LoopInput: Equatable {
    case signal(CInt)
    /// A link has a packet, an end of file, or room.
    case link(ChildKey)
    case exited(ChildKey, ChildEnd)
    /// The pool's next deadline.
    case deadline
    /// Once a second.
    case second
    case watchdog
}

/// One source of the loop; dropping it takes it out.
final class Watch {
    fileprivate var source: OpaquePointer?
    fileprivate let input: LoopInput
    fileprivate unowned let loop: EventLoop

    fileprivate init(_ input: LoopInput, _ loop: EventLoop) {
        self.input = input
        self.loop = loop
    }

    fileprivate var userdata: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    fileprivate static func of(_ userdata: UnsafeMutableRawPointer?) -> Watch? {
        userdata.map { Unmanaged<Watch>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the watched descriptor's room is of interest too.
    func watchRoom(_ on: Bool) {
        let readable = UInt32(EPOLLIN.rawValue)
        sd_event_source_set_io_events(source, on ? readable | UInt32(EPOLLOUT.rawValue) : readable)
    }

    /// Lets a timer fire once, so many milliseconds from now.
    func arm(milliseconds: UInt64) {
        sd_event_source_set_time_relative(source, milliseconds * 1000)
        sd_event_source_set_enabled(source, CInt(SD_EVENT_ONESHOT))
    }

    func disarm() { sd_event_source_set_enabled(source, CInt(SD_EVENT_OFF)) }

    deinit { sd_event_source_disable_unref(source) }
}

final class EventLoop {
    private var event: OpaquePointer?
    private var inputs: [LoopInput] = []

    /// Timers may be late by this, so that several fall together.
    private static let accuracyMicroseconds: UInt64 = 1000
    /// What children said is read before time is judged: a report that is there in time counts.
    private static let timerPriority: Int64 = 100

    /// A link that had so many turns within a period rests until its end. Children say little: a
    /// heartbeat a second, and a word now and then.
    private static let linkPeriodMicroseconds: UInt64 = 100_000
    private static let linkTurnsPerPeriod: UInt32 = 50

    init() throws(SystemError) {
        try Self.check("sd_event_new", sd_event_new(&event))
    }

    deinit { sd_event_unref(event) }

    /// Waits until something is there and returns it; may return nothing.
    func turn() throws(SystemError) -> [LoopInput] {
        inputs.removeAll(keepingCapacity: true)
        try Self.check("sd_event_run", sd_event_run(event, UInt64.max))
        return inputs
    }

    /// The signal must be blocked.
    func watch(signal: CInt) throws(SystemError) -> Watch {
        let watch = Watch(.signal(signal), self)
        let result = sd_event_add_signal(
            event, &watch.source, signal,
            { _, _, userdata in
                Watch.of(userdata)?.note()
                return 0
            }, watch.userdata)
        try Self.check("sd_event_add_signal", result)
        return watch
    }

    func watch(link: CInt, of key: ChildKey) throws(SystemError) -> Watch {
        let watch = Watch(.link(key), self)
        let result = sd_event_add_io(
            event, &watch.source, link, UInt32(EPOLLIN.rawValue),
            { _, _, _, userdata in
                Watch.of(userdata)?.note()
                return 0
            }, watch.userdata)
        try Self.check("sd_event_add_io", result)
        // A link that always has something would hold up the timers for ever: they come after
        // all reports.
        let limited = sd_event_source_set_ratelimit(
            watch.source, Self.linkPeriodMicroseconds, Self.linkTurnsPerPeriod)
        try Self.check("sd_event_source_set_ratelimit", limited)
        return watch
    }

    /// By pidfd; the process is reaped by the loop after its end was noted.
    func watch(pid: pid_t, of key: ChildKey) throws(SystemError) -> Watch {
        let watch = Watch(.exited(key, .exited(code: 0)), self)
        let result = sd_event_add_child(
            event, &watch.source, pid, WEXITED,
            { _, info, userdata in
                Watch.of(userdata)?.noteEnd(info)
                return 0
            }, watch.userdata)
        try Self.check("sd_event_add_child", result)
        return watch
    }

    /// A timer that is not armed yet.
    func timer(_ input: LoopInput) throws(SystemError) -> Watch {
        let watch = Watch(input, self)
        let result = sd_event_add_time_relative(
            event, &watch.source, CLOCK_MONOTONIC, 0, Self.accuracyMicroseconds,
            { _, _, userdata in
                Watch.of(userdata)?.note()
                return 0
            }, watch.userdata)
        try Self.check("sd_event_add_time_relative", result)
        watch.disarm()
        sd_event_source_set_priority(watch.source, Self.timerPriority)
        return watch
    }

    fileprivate func add(_ input: LoopInput) { inputs.append(input) }

    private static func check(_ call: String, _ result: CInt) throws(SystemError) {
        if result < 0 { throw SystemError(call, errno: -result) }
    }
}

extension Watch {
    fileprivate func note() { loop.add(input) }

    fileprivate func noteEnd(_ info: UnsafePointer<siginfo_t>?) {
        guard case .exited(let key, _) = input, let info else { return }
        let status = UInt8(truncatingIfNeeded: info.pointee._sifields._sigchld.si_status)
        let end: ChildEnd =
            info.pointee.si_code == CInt(CLD_EXITED)
            ? .exited(code: status) : .signalled(signal: status)
        loop.add(.exited(key, end))
    }
}
