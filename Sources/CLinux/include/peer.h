// Who is at the other end of a Unix stream socket: what Glibc's Swift module lacks of unix(7).
// The functions only read; they never change or close the descriptor.
#ifndef CLINUX_PEER_H
#define CLINUX_PEER_H

#include <stddef.h>
#include <sys/types.h>

/// SO_PEERCRED: the credentials of the process that called connect(2), as the kernel stored them at
/// that moment. Returns 0, or an errno value (ENOTSOCK, EBADF, or EOPNOTSUPP for what is not a Unix
/// socket and so has no pid).
int CLinux_peer_credentials(int fd, uid_t *_Nonnull uid, gid_t *_Nonnull gid, pid_t *_Nonnull pid);

/// SO_PEERGROUPS: the supplementary groups of that process. `groups` has room for `capacity`;
/// `count` receives how many there are. Returns 0, ERANGE when there are more than `capacity`
/// (`count` then says how many), or another errno value.
int CLinux_peer_groups(int fd, gid_t *_Nullable groups, size_t capacity, size_t *_Nonnull count);

#endif
