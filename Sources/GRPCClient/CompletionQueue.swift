// The worker's loop: C-core does its work, all of its sockets included, while somebody waits here.
// One queue, one thread: every callback of calls, channels and servers runs inside `next`, on the
// thread that called it. Only `Waker.wake` may be used from another thread.
//
// Never keep thousands of operations in flight on one queue: Debian's build of C-core looks for a
// finished tag in a list.
//
//     next ──▶ grpc_completion_queue_next ──▶ tag ──▶ Completion.complete ──▶ callback
//                       ▲
//     another thread ───┘ wake: an empty batch on a call that exists for nothing else

internal import CGRPC
import Glibc

/// What C-core finishes: the tag of an operation is a pointer to one of these.
package class Completion {
    /// The operation is over; `success` as C-core reports it.
    func complete(success: Bool) {
        preconditionFailure("a completion without a meaning")
    }

    /// The tag, with a reference that `CompletionQueue.next` takes back.
    final func retainedTag() -> UnsafeMutableRawPointer {
        Unmanaged.passRetained(self).toOpaque()
    }

    /// Takes the reference back if the operation was not accepted.
    final func dropTag(_ tag: UnsafeMutableRawPointer) {
        Unmanaged<Completion>.fromOpaque(tag).release()
    }
}

/// Makes the loop's `next` return from any thread. Use none after `shutDown`.
package struct Waker: @unchecked Sendable {
    // Unchecked: the struct behind it is only touched by atomic operations and by
    // grpc_call_start_batch with an empty batch, which grpc.h allows from any thread.
    fileprivate let state: UnsafeMutablePointer<CGRPC_Wake>

    /// About 7 µs from here to the loop's thread; many wakes before the loop looks are one.
    package func wake() {
        CGRPC_wake(state)
    }
}

/// C-core's completion queue and the thread that waits on it.
package final class CompletionQueue {
    package enum Event: Equatable, Sendable {
        /// An operation ended and its callback was run.
        case completed
        /// `Waker.wake` was called.
        case woken
        case timedOut
    }

    let core: OpaquePointer
    private var runtime: Runtime?
    /// Nothing may begin on a queue that is being shut down: C-core aborts the process. What ends
    /// then often wants to begin the next thing from its callback; whoever begins operations asks
    /// here first and takes a no as the operation's failure.
    private(set) var takesOperations = true
    private let dummyChannel: OpaquePointer
    private let wakeState: UnsafeMutablePointer<CGRPC_Wake>
    private let wakeCompletion = WakeCompletion()
    private let wakeTag: UnsafeMutableRawPointer
    /// Every call object ever made here; as many as calls were in flight at once.
    private var unaryCalls: [UnaryOperation] = []
    private var idleUnaryCalls: [UnaryOperation] = []

    /// Traps if C-core refuses what it never refuses: it has no memory.
    package init(runtime: consuming Runtime) {
        runtime.checkProcess()
        self.runtime = consume runtime
        guard let core = grpc_completion_queue_create_for_next(nil),
            let channel = grpc_lame_client_channel_create("wake", GRPC_STATUS_CANCELLED, ""),
            let call = CGRPC_create_call(channel, core, "/wake", 5, UInt64.max)
        else { preconditionFailure("C-core made no completion queue") }
        self.core = core
        dummyChannel = channel
        wakeTag = Unmanaged.passUnretained(wakeCompletion as Completion).toOpaque()
        wakeState = .allocate(capacity: 1)
        wakeState.initialize(to: CGRPC_Wake(call: call, tag: wakeTag, pending: 0))
    }

    deinit {
        assert(runtime == nil, "shut the completion queue down before it goes")
    }

    package var waker: Waker { Waker(state: wakeState) }

    /// Waits for one event, or until CLOCK_MONOTONIC reaches the deadline (nil: for ever; 0: only
    /// looks), and runs its callback here. C-core rounds the wait up to milliseconds.
    package func next(untilNanoseconds deadline: UInt64?) -> Event {
        let event = grpc_completion_queue_next(core, CGRPC_deadline(deadline ?? UInt64.max), nil)
        guard event.type == GRPC_OP_COMPLETE, let tag = event.tag else { return .timedOut }
        guard tag != wakeTag else {
            CGRPC_wake_seen(wakeState)
            return .woken
        }
        let completion = Unmanaged<Completion>.fromOpaque(tag).takeRetainedValue()
        completion.complete(success: event.success != 0)
        return .completed
    }

    /// Gives the operations that are under way up to `nanoseconds` to end, then takes everything
    /// apart in C-core's order. Unary calls are cancelled here; streams, servers and channels must
    /// have been ended by whoever made them. False if something was still under way: C-core then
    /// stays as it is, which only a process that is about to leave may accept.
    @discardableResult
    package func shutDown(withinNanoseconds nanoseconds: UInt64 = 5_000_000_000) -> Bool {
        guard let runtime = runtime.take() else { return true }
        for call in unaryCalls { call.cancelAny() }
        if let call = wakeState.pointee.call { grpc_call_unref(call) }
        takesOperations = false
        grpc_completion_queue_shutdown(core)
        let limit = Self.now() + nanoseconds
        while true {
            let event = grpc_completion_queue_next(core, CGRPC_deadline(limit), nil)
            if event.type == GRPC_QUEUE_SHUTDOWN { break }
            guard event.type == GRPC_OP_COMPLETE, let tag = event.tag else { return false }
            if tag == wakeTag { continue }
            let completion = Unmanaged<Completion>.fromOpaque(tag).takeRetainedValue()
            completion.complete(success: event.success != 0)
        }
        unaryCalls = []
        idleUnaryCalls = []
        grpc_channel_destroy(dummyChannel)
        grpc_completion_queue_destroy(core)
        wakeState.deallocate()
        runtime.shutDown()
        return true
    }

    /// CLOCK_MONOTONIC, the clock of every deadline here.
    package static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    func checkProcess() {
        precondition(runtime != nil, "the completion queue is shut down")
        runtime?.checkProcess()
    }

    // MARK: call objects, used again and again

    func takeUnaryCall() -> UnaryOperation {
        if let idle = idleUnaryCalls.popLast() { return idle }
        let call = UnaryOperation()
        unaryCalls.append(call)
        return call
    }

    func giveBack(_ call: UnaryOperation) {
        idleUnaryCalls.append(call)
    }
}

/// The wake's tag; `next` knows it by its address.
private final class WakeCompletion: Completion {}
