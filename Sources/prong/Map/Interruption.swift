// Somebody wants the map to stop: INT or TERM, as a descriptor that poll(2) hears, so that a signal
// between looking and waiting is not lost. The second one ends the process at once, as ever.
import Glibc
import Synchronization

/// All that the handler may touch: the pipe's end to write to, and which signal came.
private let wakeEnd = Atomic<Int32>(-1)
private let caught = Atomic<Int32>(0)

struct Interruption {
    /// Readable once a signal has come; -1 where there is no pipe: then signals act as ever.
    let fd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            fd = -1
            return
        }
        fd = ends[0]
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        wakeEnd.store(ends[1], ordering: .sequentiallyConsistent)
        for number in [SIGINT, SIGTERM] { Interruption.hear(number) }
    }

    private static func hear(_ number: Int32) {
        var action = sigaction()
        // What is ignored stays ignored: nohup(1), a job in a script's background.
        guard sigaction(number, nil, &action) == 0, action.isDefault else { return }
        action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let before = errno
            caught.store(number, ordering: .sequentiallyConsistent)
            var byte: UInt8 = 0
            _ = write(wakeEnd.load(ordering: .sequentiallyConsistent), &byte, 1)
            errno = before
        }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
        _ = sigaction(number, &action, nil)
    }

    /// The signal that came, nil while none has.
    var signal: Int32? {
        let number = caught.load(ordering: .sequentiallyConsistent)
        return number == 0 ? nil : number
    }
}

extension sigaction {
    fileprivate var isDefault: Bool {
        unsafeBitCast(__sigaction_handler.sa_handler, to: Int.self) == 0
    }
}

/// Ends a command as the signal itself would have: the shell that waits sees it and stops too.
struct Interrupted: Error, Equatable {
    let signal: Int32

    func end() -> Never {
        _ = Glibc.signal(signal, SIG_DFL)
        raise(signal)
        // Not reached while the signal's default action is to end the process.
        exit(128 + signal)
    }
}
