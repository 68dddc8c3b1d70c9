// The only fork(2) of prongd, with what must happen in the child before any Swift runs again.
// Between fork and return only async-signal-safe calls are made, so that it would be sound even if
// the law of the single thread were broken. The owner is Supervisor.
#ifndef CFORK_H
#define CFORK_H

#include <sys/types.h>

/// What a child is given.
struct CFork_child {
    /// Becomes 3, 4, … in this order; every other descriptor above 2 is closed.
    const int *_Nonnull descriptors;
    int descriptor_count;
    /// The thread's name, at most 15 bytes (prctl(2), PR_SET_NAME).
    const char *_Nonnull name;
    /// "role=worker slot=3 gen=7", for the head of a backtrace.
    const char *_Nonnull identity;
    /// Raised, never lowered (proc(5), oom_score_adj): children go before the supervisor.
    int oom_score_adj;
    /// After SIGTERM a child that has not left in so many seconds is ended by SIGALRM.
    unsigned term_seconds;
};

/// Call once at start, before anything else of the supervisor: blocks the signals that the
/// supervisor reads from a descriptor (TERM, INT, QUIT, HUP, USR1, TTIN, TTOU, CHLD), ignores PIPE,
/// and loads what backtrace(3) needs.
void CFork_begin(void);

/// fork(2). In the parent: the child's pid, or -1 and errno. In the child: 0, with the prologue
/// done:
///   - parent-death signal TERM, and exit at once if the parent is gone already
///   - PIPE, INT, QUIT and HUP ignored (the terminal sends them to everybody), TERM shuts link 3
///     down for reading, ABRT and the fault signals write a backtrace and then do as by default,
///     all others by default
///   - the child table in place, everything else closed
///   - NOTIFY_SOCKET, LISTEN_*, WATCHDOG_* gone from the environment
///   - name and oom_score_adj set, no signal blocked, whatever prongd's own parent had blocked
/// A prologue that fails says so on standard error and exits 71.
pid_t CFork_fork(const struct CFork_child *_Nonnull child);

#endif
