// A SQLite VFS over the system's own that fails where a test says so, and that can lose what was
// not synced, as a machine does whose power goes. For tests; one plan at a time, no threads.
#ifndef FAULT_DISK_H
#define FAULT_DISK_H

/// What can be made to fail.
enum fault_disk_operation {
    FAULT_DISK_WRITE = 1,
    FAULT_DISK_SYNC = 2,
    FAULT_DISK_TRUNCATE = 4,
    FAULT_DISK_OPEN = 8,
    FAULT_DISK_READ = 16,
};

/// The name to open databases with. Registers the VFS at the first call.
const char *fault_disk_name(void);

/// From now on, the nth operation (from 1) of these kinds fails with a SQLite code; with `stays`,
/// all later ones too. With `torn`, a failing write leaves its first half behind.
void fault_disk_plan(int operations, int nth, int code, int stays, int torn);

/// From the nth operation on the machine is dead: every operation fails.
void fault_disk_plan_death(int operations, int nth);

/// No more faults.
void fault_disk_heal(void);

/// Whether the last plan's fault has happened; healing does not forget it.
int fault_disk_fired(void);

/// Keeps a copy of each file as it was at its last sync (a file's name and ".synced").
void fault_disk_track_syncs(int enabled);

#endif
