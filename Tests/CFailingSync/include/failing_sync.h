// The variable by which a test tells the preloaded library which file makes fsync(2) fail.
#ifndef FAILING_SYNC_H
#define FAILING_SYNC_H

#define FAILING_SYNC_VARIABLE "PRONG_FAILING_SYNC"

#endif
