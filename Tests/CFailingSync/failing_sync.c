// Preloaded into prongd by a test (LD_PRELOAD): while the file that PRONG_FAILING_SYNC names is
// there, fsync(2) and fdatasync(2) fail as on a broken disk, in each process after as many good ones
// as the file says. All else is the kernel's.
#define _GNU_SOURCE
#include "failing_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Since the file is there, in this process.
static int syncs;

static int fails(void) {
    char text[16] = {0};
    const char *path = getenv(FAILING_SYNC_VARIABLE);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    if (__atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED) <= atoi(text)) return 0;
    errno = EIO;
    return 1;
}

int fsync(int descriptor) {
    if (fails()) return -1;
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (fails()) return -1;
    return (int)syscall(SYS_fdatasync, descriptor);
}
