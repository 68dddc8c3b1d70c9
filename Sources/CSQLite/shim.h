// SQLite as Debian builds it, and inline wrappers for what Swift cannot call: variadic functions
// and the macro for "copy it". Nothing else belongs here. Owner: JobStorage.
#ifndef CSQLITE_SHIM_H
#define CSQLITE_SHIM_H

#include <sqlite3.h>

/// sqlite3_config is variadic. One connection per thread at a time, so no mutex around each; no
/// statistics over every allocation (a global mutex each). Must run before any other call.
static inline int CSQLite_configure(void) {
    int code = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    if (code != SQLITE_OK) return code;
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/// sqlite3_db_config is variadic. Closing must not write: checkpoints happen where they are asked.
static inline int CSQLite_no_checkpoint_on_close(sqlite3 *database) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/// SQLITE_TRANSIENT is a cast macro: SQLite copies the text before it returns.
static inline int CSQLite_bind_text_copy(
    sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}

static inline int CSQLite_bind_blob_copy(
    sqlite3_stmt *statement, int index, const void *bytes, int length) {
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}

#endif
