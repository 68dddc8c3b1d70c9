// Pass-throughs for what Swift's Glibc module lacks: variadic calls, macros, and calls without a
// wrapper. No policy here: each function does what the call of its name does and returns what it
// returns (-1 and errno on failure). The owner is Kernel; HTTPServer uses peer.h.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "peer.h"  // who is at the other end of a Unix socket

#define CLINUX_NONNULL _Nonnull
#define CLINUX_NULLABLE _Nullable

/// memfd_create(2) with MFD_CLOEXEC | MFD_ALLOW_SEALING (macros hidden behind _GNU_SOURCE).
int CLinux_memfd_create(const char *CLINUX_NONNULL name);
/// fcntl(2) F_ADD_SEALS with shrink, grow, write and seal (variadic).
int CLinux_memfd_seal(int fd);
/// fcntl(2) F_GET_SEALS: 1 if all four seals are set, 0 if not, -1 if it is no memfd (variadic).
int CLinux_memfd_is_sealed(int fd);

/// fcntl(2) F_SETFL, O_NONBLOCK on or off (variadic).
int CLinux_set_nonblocking(int fd, int on);
/// fcntl(2) F_SETFD, FD_CLOEXEC on or off (variadic).
int CLinux_set_close_on_exec(int fd, int on);
/// open(2) (variadic); O_CLOEXEC is added.
int CLinux_open(const char *CLINUX_NONNULL path, int flags, mode_t mode);

/// send(2) of one packet with one descriptor as SCM_RIGHTS (CMSG macros).
ssize_t CLinux_send_descriptor(
    int socket, const void *CLINUX_NONNULL bytes, size_t count, int descriptor, int flags);
/// recvmsg(2) of one packet with at most one descriptor, else *descriptor is -1. The received
/// descriptor is close-on-exec; any further ones are closed.
ssize_t CLinux_receive_descriptor(
    int socket, void *CLINUX_NONNULL bytes, size_t count, int *CLINUX_NONNULL descriptor,
    int flags);

/// getrandom(2) without flags, whole or -1.
int CLinux_random(void *CLINUX_NONNULL bytes, size_t count);
/// prctl(2) PR_SET_NAME (variadic).
int CLinux_set_name(const char *CLINUX_NONNULL name);
/// 1 if the descriptor is the device and inode that the text names ("8:12345", systemd.exec(5)
/// JOURNAL_STREAM); 0 if not.
int CLinux_is_stream(int fd, const char *CLINUX_NONNULL device_and_inode);
/// fstat(2): the kind of file as S_IFMT bits, or -1.
int CLinux_file_kind(int fd);

/// Moves argv's strings together with environ's out of the way so that the program's title, as
/// ps(1) shows it, can be longer than its arguments. Call once, first thing in main.
void CLinux_title_prepare(int argc, char *CLINUX_NULLABLE *CLINUX_NONNULL argv);
/// Shows this text as the program's arguments; cut to the room there is.
void CLinux_title_set(const char *CLINUX_NONNULL title);

#endif
