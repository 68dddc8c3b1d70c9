// SO_PEERCRED and SO_PEERGROUPS for Swift; see peer.h. Never allocates.

#define _GNU_SOURCE  // struct ucred
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>

int CLinux_peer_credentials(int fd, uid_t *uid, gid_t *gid, pid_t *pid) {
    struct ucred credentials = {0, (uid_t)-1, (gid_t)-1};
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return errno;
    if (credentials.uid == (uid_t)-1) return EOPNOTSUPP;
    *uid = credentials.uid;
    *gid = credentials.gid;
    *pid = credentials.pid;
    return 0;
}

int CLinux_peer_groups(int fd, gid_t *groups, size_t capacity, size_t *count) {
    socklen_t length = (socklen_t)(capacity * sizeof(gid_t));
    int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    int error = result == 0 ? 0 : errno;
    *count = length / sizeof(gid_t);
    return error;
}
