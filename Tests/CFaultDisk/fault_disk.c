// See the header. Every method passes its call on, unless the plan says that it fails.
#include "fault_disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fault_file {
    sqlite3_file base;
    const char *name;
    sqlite3_file *real;
};

static sqlite3_vfs *system_vfs;
static sqlite3_vfs fault_vfs;

static struct {
    int operations;
    int countdown;
    int code;
    int stays;
    int torn;
    int death;
    int fired;
} plan;
static int tracks_syncs;

static int plan_code(int operation, int generic) {
    if (plan.fired && plan.death) return generic;
    if (!(plan.operations & operation)) return SQLITE_OK;
    if (plan.fired) return plan.stays ? plan.code : SQLITE_OK;
    if (--plan.countdown > 0) return SQLITE_OK;
    plan.fired = 1;
    return plan.death ? generic : plan.code;
}

static struct fault_file *of(sqlite3_file *file) { return (struct fault_file *)file; }
static sqlite3_file *real(sqlite3_file *file) { return of(file)->real; }

static void copy_synced(const char *name) {
    char target[4096];
    static char buffer[1 << 16];
    if (!name) return;
    snprintf(target, sizeof target, "%s.synced", name);
    int from = open(name, O_RDONLY | O_CLOEXEC);
    int to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t count;
    while (from >= 0 && to >= 0 && (count = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)count) != count) abort();
    // closing a descriptor of a locked file drops its POSIX locks; the tests have one process
    if (from >= 0) close(from);
    if (to >= 0) close(to);
}

static int on_close(sqlite3_file *file) {
    int code = real(file)->pMethods->xClose(real(file));
    free(of(file)->real);
    return code;
}

static int on_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    int code = plan_code(FAULT_DISK_READ, SQLITE_IOERR_READ);
    if (code) return code;
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}

static int on_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    int code = plan_code(FAULT_DISK_WRITE, SQLITE_IOERR_WRITE);
    if (code) {
        if (plan.torn && count > 1)
            real(file)->pMethods->xWrite(real(file), bytes, count / 2, offset);
        return code;
    }
    return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int code = plan_code(FAULT_DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE);
    if (code) return code;
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags) {
    int code = plan_code(FAULT_DISK_SYNC, SQLITE_IOERR_FSYNC);
    if (code) return code;
    code = real(file)->pMethods->xSync(real(file), flags);
    if (!code && tracks_syncs) copy_synced(of(file)->name);
    return code;
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int on_lock(sqlite3_file *file, int lock) {
    return real(file)->pMethods->xLock(real(file), lock);
}

static int on_unlock(sqlite3_file *file, int lock) {
    return real(file)->pMethods->xUnlock(real(file), lock);
}

static int on_check_lock(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}

static int on_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int on_sector_size(sqlite3_file *file) {
    return real(file)->pMethods->xSectorSize(real(file));
}

static int on_characteristics(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int on_shm_map(
    sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}

static int on_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void on_shm_barrier(sqlite3_file *file) {
    real(file)->pMethods->xShmBarrier(real(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove) {
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    2, on_close, on_read, on_write, on_truncate, on_sync, on_file_size, on_lock, on_unlock,
    on_check_lock, on_control, on_sector_size, on_characteristics, on_shm_map, on_shm_lock,
    on_shm_barrier, on_shm_unmap, 0, 0,
};

static int on_open(
    sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out) {
    (void)vfs;
    of(file)->base.pMethods = 0;
    int code = plan_code(FAULT_DISK_OPEN, SQLITE_CANTOPEN);
    if (code) return code;
    of(file)->name = name;
    of(file)->real = calloc(1, (size_t)system_vfs->szOsFile);
    if (!of(file)->real) return SQLITE_NOMEM;
    code = system_vfs->xOpen(system_vfs, name, of(file)->real, flags, out);
    if (of(file)->real->pMethods) of(file)->base.pMethods = &methods;
    else free(of(file)->real);
    return code;
}

const char *fault_disk_name(void) {
    if (!system_vfs) {
        system_vfs = sqlite3_vfs_find(0);
        fault_vfs = *system_vfs;
        fault_vfs.pNext = 0;
        fault_vfs.zName = "fault-disk";
        fault_vfs.szOsFile = sizeof(struct fault_file);
        fault_vfs.xOpen = on_open;
        sqlite3_vfs_register(&fault_vfs, 0);
    }
    return fault_vfs.zName;
}

void fault_disk_heal(void) {
    plan.operations = 0;
    plan.death = 0;
}

void fault_disk_plan(int operations, int nth, int code, int stays, int torn) {
    memset(&plan, 0, sizeof plan);
    plan.operations = operations;
    plan.countdown = nth;
    plan.code = code;
    plan.stays = stays;
    plan.torn = torn;
}

void fault_disk_plan_death(int operations, int nth) {
    memset(&plan, 0, sizeof plan);
    plan.operations = operations;
    plan.countdown = nth;
    plan.death = 1;
    plan.torn = 1;
}

int fault_disk_fired(void) { return plan.fired; }
void fault_disk_track_syncs(int enabled) { tracks_syncs = enabled; }
