// System calls that Glibc's Swift module lacks; see CLinux.h. Pass-throughs, never a decision.

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int CLinux_memfd_create(const char *name) {
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static const int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

int CLinux_memfd_seal(int fd) { return fcntl(fd, F_ADD_SEALS, all_seals); }

int CLinux_memfd_is_sealed(int fd) {
    int seals = fcntl(fd, F_GET_SEALS);
    return seals < 0 ? -1 : (seals & all_seals) == all_seals;
}

int CLinux_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int CLinux_set_close_on_exec(int fd, int on) { return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0); }

int CLinux_open(const char *path, int flags, mode_t mode) {
    return open(path, flags | O_CLOEXEC, mode);
}

ssize_t CLinux_send_descriptor(
    int socket, const void *bytes, size_t count, int descriptor, int flags) {
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = control.room, .msg_controllen = sizeof control.room,
    };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
    return sendmsg(socket, &message, flags);
}

ssize_t CLinux_receive_descriptor(
    int socket, void *bytes, size_t count, int *descriptor, int flags) {
    // Room for more than one, so that none is silently truncated by the kernel and leaked.
    union {
        char room[CMSG_SPACE(sizeof(int) * 8)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = control.room, .msg_controllen = sizeof control.room,
    };
    *descriptor = -1;
    ssize_t received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        size_t held = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < held; index++) {
            int one;
            memcpy(&one, CMSG_DATA(head) + index * sizeof(int), sizeof(int));
            if (*descriptor < 0) *descriptor = one;
            else close(one);
        }
    }
    return received;
}

int CLinux_random(void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = getrandom((char *)bytes + done, count - done, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        done += (size_t)got;
    }
    return 0;
}

int CLinux_set_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

int CLinux_is_stream(int fd, const char *device_and_inode) {
    struct stat about;
    unsigned long long device, inode;
    if (sscanf(device_and_inode, "%llu:%llu", &device, &inode) != 2) return 0;
    return fstat(fd, &about) == 0 && about.st_dev == device && about.st_ino == inode;
}

int CLinux_file_kind(int fd) {
    struct stat about;
    return fstat(fd, &about) < 0 ? -1 : (int)(about.st_mode & S_IFMT);
}

// The kernel shows as arguments the memory in which it laid out argv and, right behind, environ.
static char *title_room;
static size_t title_bytes;

void CLinux_title_prepare(int argc, char **argv) {
    extern char **environ;
    if (argc < 1 || !argv[0] || title_room) return;
    char *end = argv[0];
    for (int index = 0; index < argc; index++) {
        if (argv[index] == end) end = argv[index] + strlen(argv[index]) + 1;
    }
    size_t count = 0;
    for (; environ && environ[count]; count++) {
        if (environ[count] == end) end = environ[count] + strlen(environ[count]) + 1;
    }
    char **copy = calloc(count + 1, sizeof *copy);
    if (!copy) return;
    for (size_t index = 0; index < count; index++) {
        copy[index] = strdup(environ[index]);
        if (!copy[index]) return;
    }
    environ = copy;
    title_room = argv[0];
    title_bytes = (size_t)(end - argv[0]);
}

void CLinux_title_set(const char *title) {
    if (title_bytes < 2) return;
    size_t length = strlen(title);
    if (length > title_bytes - 1) length = title_bytes - 1;
    memcpy(title_room, title, length);
    memset(title_room + length, 0, title_bytes - length);
}
