// The only fork(2) of prongd and the child's prologue; see CFork.h. Async-signal-safe throughout.

#define _GNU_SOURCE
#include "CFork.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    link_fd = 3,            // the child's end of the link, first in the child table
    scratch_fd = 64,        // above any child table: copies wait here before they move down
    frames_max = 64,        // of a backtrace
    exit_system = 71,       // EX_OSERR
    fault_stack_bytes = 65536,
};

static unsigned term_seconds;
static char identity[96];
static char fault_stack[fault_stack_bytes];

static const int own_signals[] = {SIGTERM, SIGINT,  SIGQUIT, SIGHUP,
                                  SIGUSR1, SIGTTIN, SIGTTOU, SIGCHLD};
static const int ignored_signals[] = {SIGPIPE, SIGINT, SIGQUIT, SIGHUP};
static const int fault_signals[] = {SIGABRT, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void CFork_begin(void) {
    sigset_t own;
    sigemptyset(&own);
    for (size_t index = 0; index < COUNT(own_signals); index++) sigaddset(&own, own_signals[index]);
    sigprocmask(SIG_BLOCK, &own, NULL);
    signal(SIGPIPE, SIG_IGN);
    void *frame[1];
    backtrace(frame, 1);  // loads libgcc now: later, in a handler, it must not allocate
}

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static _Noreturn void fail(const char *what) {
    say(identity);
    say(": could not be set up after the fork: ");
    say(what);
    say("\n");
    _exit(exit_system);
}

// TERM, from an operator or because the parent died: as if the link had ended, which whoever reads
// the link answers by draining. A process that is deaf to it ends by the alarm.
static void on_term(int signal) {
    int saved = errno;
    (void)signal;
    shutdown(link_fd, SHUT_RD);
    alarm(term_seconds);
    errno = saved;
}

// Decimal without stdio, which is not safe in a handler.
static void say_number(unsigned number) {
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    say(digits + at);
}

static void on_fault(int signal) {
    void *frames[frames_max];
    say(identity);
    say(" pid=");
    say_number((unsigned)getpid());
    say(": backtrace at signal ");
    say_number((unsigned)signal);
    say(":\n");
    backtrace_symbols_fd(frames, backtrace(frames, frames_max), STDERR_FILENO);
    raise(signal);  // by default now (SA_RESETHAND)
}

static void set_dispositions(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    for (int signal = 1; signal < NSIG; signal++) {
        action.sa_handler = SIG_DFL;
        sigaction(signal, &action, NULL);  // fails for KILL, STOP and libc's own
    }
    action.sa_handler = SIG_IGN;
    for (size_t index = 0; index < COUNT(ignored_signals); index++) {
        sigaction(ignored_signals[index], &action, NULL);
    }
    action.sa_handler = on_term;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &action, NULL);
    stack_t stack = {.ss_sp = fault_stack, .ss_size = sizeof fault_stack};
    sigaltstack(&stack, NULL);
    action.sa_handler = on_fault;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    for (size_t index = 0; index < COUNT(fault_signals); index++) {
        sigaction(fault_signals[index], &action, NULL);
    }
}

static void set_descriptors(const struct CFork_child *child) {
    int copies[16];
    if (child->descriptor_count > (int)COUNT(copies)) fail("too many descriptors");
    for (int index = 0; index < child->descriptor_count; index++) {
        copies[index] = fcntl(child->descriptors[index], F_DUPFD_CLOEXEC, scratch_fd);
        if (copies[index] < 0) fail("fcntl F_DUPFD_CLOEXEC");
    }
    for (int index = 0; index < child->descriptor_count; index++) {
        if (dup3(copies[index], link_fd + index, O_CLOEXEC) < 0) fail("dup3");
    }
    if (close_range((unsigned)(link_fd + child->descriptor_count), ~0U, 0) < 0) {
        fail("close_range");
    }
}

// The environment is this process's own copy. unsetenv takes a lock, which nobody can hold: there
// was one thread.
static void clean_environment(void) {
    static const char *const names[] = {
        "NOTIFY_SOCKET", "LISTEN_PID",   "LISTEN_FDS",
        "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC",
    };
    for (size_t index = 0; index < COUNT(names); index++) unsetenv(names[index]);
}

static void set_oom_score(int score) {
    char text[16];
    int length = snprintf(text, sizeof text, "%d", score);
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;  // no /proc: nothing to raise
    ssize_t ignored = write(file, text, (size_t)length);
    (void)ignored;
    close(file);
}

static void become_child(const struct CFork_child *child, pid_t parent) {
    snprintf(identity, sizeof identity, "%s", child->identity);
    term_seconds = child->term_seconds;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) fail("prctl PR_SET_PDEATHSIG");
    if (getppid() != parent) _exit(0);  // the parent died before the line above
    set_dispositions();
    set_descriptors(child);
    clean_environment();
    prctl(PR_SET_NAME, child->name, 0, 0, 0);
    set_oom_score(child->oom_score_adj);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t CFork_fork(const struct CFork_child *child) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) {
        become_child(child, parent);
        return 0;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}
