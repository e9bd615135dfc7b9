/* SPDX-License-Identifier: MIT */
/* plain.h - the plain calls that cases and their peers make, by Windows Sockets: a descriptor is
 * the number of a SOCKET or HANDLE. What Windows has not skips the case, and says so. */
#ifndef CONTRACT_PLAIN_H
#define CONTRACT_PLAIN_H

#include <winsock2.h>

#include <errno.h>
#include <fcntl.h>
#include <mswsock.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <ws2tcpip.h>

#include <afunix.h>

#include "lacking.h"

#undef near
#undef far

/* What these ask for is so anyway, or the call here does it. */
#define SOCK_CLOEXEC 0x1000000
#define SOCK_NONBLOCK 0x2000000
#define SOCK_KINDS 0xff
#define MSG_NOSIGNAL 0x1000000
#define MSG_DONTWAIT 0x2000000
#define MSG_SYSTEM 0xffff
#define O_CLOEXEC 0x1000000
#define O_NONBLOCK 0x2000000
#define O_DIRECT 0x4000000
#define O_SYNC 0x8000000
#define IOV_MAX 1024 /* what weir moves at once */
#define F_GETFD 1
#define F_GETFL 3
#define FD_CLOEXEC 1
#define TCP_USER_TIMEOUT 0x1000 /* which no option of Windows is */
#define SHUT_RD SD_RECEIVE
#define SHUT_WR SD_SEND
#define SHUT_RDWR SD_BOTH

/* What Windows tells of a file. */
struct plain_stat {
    long long          st_size, st_blocks;
    unsigned long long st_ino, st_dev;
    unsigned           st_mode, st_nlink, st_uid, st_gid, st_blksize;
    struct timespec    st_mtim, st_atim, st_ctim;
};

/* The processors that the calling thread keeps to. */
typedef struct {
    unsigned long long bits;
} cpu_set_t;

#define CPU_COUNT(set) __builtin_popcountll((set)->bits)
#define CPU_EQUAL(a, b) ((a)->bits == (b)->bits)
#define CPU_AND(both, a, b) ((both)->bits = (a)->bits & (b)->bits)
#define sched_getaffinity(process, size, set) plain_affinity(&(set)->bits)

struct plain_pollfd {
    int   fd;
    short events, revents;
};
typedef unsigned long plain_count;
typedef unsigned      plain_length;

int     plain_socket(int family, int type, int protocol);
int     plain_socketpair(int family, int type, int protocol, int ends[2]);
int     plain_pipe(int ends[2], int flags);
int     plain_accept(int fd, void *address, void *length, int flags);
int     plain_bind(int fd, const struct sockaddr *address, size_t length);
int     plain_connect(int fd, const struct sockaddr *address, size_t length);
int     plain_listen(int fd, int backlog);
int     plain_getsockname(int fd, struct sockaddr *address, plain_length *length);
int     plain_getsockopt(int fd, int level, int name, void *value, plain_length *length);
int     plain_setsockopt(int fd, int level, int name, const void *value, size_t length);
int     plain_shutdown(int fd, int how);
int     plain_poll(struct plain_pollfd *entries, plain_count count, int timeout_ms);
int     plain_fcntl(int fd, int command, ...);
int     plain_close(int fd);
ssize_t plain_send(int fd, const void *data, size_t length, int flags);
ssize_t plain_recv(int fd, void *data, size_t length, int flags);
ssize_t plain_sendto(int fd, const void *data, size_t length, int flags,
                     const struct sockaddr *address, size_t address_length);
int     plain_mkfifo(const char *path, unsigned mode);
int     plain_open(const char *path, int flags, ...);
void   *plain_map(size_t length, bool usable);
int     plain_unmap(void *memory);
int     plain_affinity(unsigned long long *bits);
int     plain_setenv(const char *name, const char *value);
ssize_t plain_pwrite(int fd, const void *data, size_t length, long long offset);
ssize_t plain_pread(int fd, void *data, size_t length, long long offset);
int     plain_fstat(int fd, struct plain_stat *found);
int     plain_stat(const char *path, struct plain_stat *found);
int     plain_ftruncate(int fd, long long length);

long long plain_lseek(int fd, long long offset, int from);

#define nfds_t plain_count
#define socklen_t plain_length
#define getsockopt(fd, level, name, value, length) plain_getsockopt(fd, level, name, value, length)
#define pollfd plain_pollfd
#define socket(family, type, protocol) plain_socket(family, type, protocol)
#define socketpair(family, type, protocol, ends) plain_socketpair(family, type, protocol, ends)
#define pipe2(ends, flags) plain_pipe(ends, flags)
#define accept4(fd, address, length, flags) plain_accept(fd, address, length, flags)
#define accept(fd, address, length) plain_accept(fd, address, length, 0)
#define bind(fd, address, length) plain_bind(fd, address, length)
#define connect(fd, address, length) plain_connect(fd, address, length)
#define listen(fd, backlog) plain_listen(fd, backlog)
#define getsockname(fd, address, length) plain_getsockname(fd, address, length)
#define setsockopt(fd, level, name, value, length) plain_setsockopt(fd, level, name, value, length)
#define shutdown(fd, how) plain_shutdown(fd, how)
#define poll(entries, count, timeout_ms) plain_poll(entries, count, timeout_ms)
#define fcntl(fd, ...) plain_fcntl(fd, __VA_ARGS__)
#define close(fd) plain_close(fd)
#define read(fd, data, length) plain_recv(fd, data, length, 0)
#define write(fd, data, length) plain_send(fd, data, length, 0)
#define send(fd, data, length, flags) plain_send(fd, data, length, flags)
#define recv(fd, data, length, flags) plain_recv(fd, data, length, flags)
#define sendto(fd, data, length, flags, address, address_length)                                   \
    plain_sendto(fd, data, length, flags, address, address_length)
#define mkfifo(path, mode) plain_mkfifo(path, mode)
#define pwrite(fd, data, length, offset) plain_pwrite(fd, data, length, offset)
#define pread(fd, data, length, offset) plain_pread(fd, data, length, offset)
#undef stat
#undef fstat
#undef lseek
#undef ftruncate
#define stat plain_stat
#define fstat(fd, found) plain_fstat(fd, found)
#define lseek(fd, offset, from) plain_lseek(fd, offset, from)
#define ftruncate(fd, length) plain_ftruncate(fd, length)
#define dup(fd) contract_fd_copy(fd)
#define open(path, ...) plain_open(path, __VA_ARGS__)
#define setenv(name, value, over) plain_setenv(name, value)
#define unsetenv(name) plain_setenv(name, "")
#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 0
#define MAP_ANONYMOUS 0
#define MAP_NORESERVE 0
#define MAP_FAILED NULL
#define mmap(at, length, rights, flags, fd, offset) plain_map(length, (rights) != PROT_NONE)
#define munmap(memory, length) plain_unmap(memory)

#endif
