/* SPDX-License-Identifier: MIT */
/* simulated_calls.c - system calls of the cases that open nothing: the linker sends them here
 * (--wrap), and on the engine sim they go to the world of the case. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "simulated.h"

/* The names are the linker's: __wrap_f is called for f, and __real_f is f. */
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* One that goes to the world: the parameters, the call's arguments, the world's own call. */
#define TO_THE_WORLD(result, name, parameters, arguments, call)                                    \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        return simulated() ? call : __real_##name arguments;                                       \
    }

/* One that no world has. */
#define WITHOUT(what, result, name, parameters, arguments)                                         \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        contract_needs(what);                                                                      \
        return __real_##name arguments;                                                            \
    }

TO_THE_WORLD(int, bind, (int fd, const struct sockaddr *address, socklen_t length),
             (fd, address, length), simulated_bind(fd, address, length))
TO_THE_WORLD(int, listen, (int fd, int backlog), (fd, backlog), simulated_listen(fd, backlog))
TO_THE_WORLD(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
             (fd, address, length), simulated_connect(fd, address, length))
TO_THE_WORLD(int, getsockname, (int fd, struct sockaddr *address, socklen_t *length),
             (fd, address, length), simulated_name(fd, address, length))
TO_THE_WORLD(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
             (fd, level, name, value, length), simulated_option(fd, level, name, value, length))
TO_THE_WORLD(int, shutdown, (int fd, int how), (fd, how), simulated_shutdown(fd, how))
TO_THE_WORLD(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms),
             (fds, count, timeout_ms), simulated_poll(fds, count, timeout_ms))
TO_THE_WORLD(ssize_t, send, (int fd, const void *data, size_t length, int flags),
             (fd, data, length, flags), simulated_send(fd, data, length, flags))
TO_THE_WORLD(ssize_t, recv, (int fd, void *data, size_t length, int flags),
             (fd, data, length, flags), simulated_recv(fd, data, length, flags))
TO_THE_WORLD(ssize_t, read, (int fd, void *data, size_t length), (fd, data, length),
             simulated_read(fd, data, length, -1))
TO_THE_WORLD(ssize_t, write, (int fd, const void *data, size_t length), (fd, data, length),
             simulated_write(fd, data, length, -1))
TO_THE_WORLD(ssize_t, pread, (int fd, void *data, size_t length, off_t offset),
             (fd, data, length, offset), simulated_read(fd, data, length, offset))
TO_THE_WORLD(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t offset),
             (fd, data, length, offset), simulated_write(fd, data, length, offset))
TO_THE_WORLD(int, fstat, (int fd, struct stat *stat), (fd, stat), simulated_stat(fd, stat))
TO_THE_WORLD(int, ftruncate, (int fd, off_t length), (fd, length), simulated_truncate(fd, length))
TO_THE_WORLD(int, kill, (pid_t process, int signo), (process, signo),
             process == getpid() ? simulated_raise(signo) : __real_kill(process, signo))
TO_THE_WORLD(int, unlink, (const char *path), (path), simulated_unlink(path))
TO_THE_WORLD(int, fsync, (int fd), (fd), simulated_sync(fd))
TO_THE_WORLD(int, pthread_kill, (pthread_t thread, int signo), (thread, signo),
             simulated_raise(signo))
TO_THE_WORLD(int, raise, (int signo), (signo), simulated_raise(signo))

#define NO_CALLS "such system call for a program of its own"

WITHOUT(NO_CALLS, ssize_t, sendto,
        (int fd, const void *data, size_t length, int flags, const struct sockaddr *address,
         socklen_t room),
        (fd, data, length, flags, address, room))
WITHOUT(NO_CALLS, ssize_t, recvfrom,
        (int fd, void *data, size_t length, int flags, struct sockaddr *address, socklen_t *room),
        (fd, data, length, flags, address, room))
WITHOUT(NO_CALLS, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
        (fd, message, flags))
WITHOUT(NO_CALLS, int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length),
        (fd, level, name, value, length))
int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    contract_needs(NO_CALLS);
    return __real_ioctl(fd, request, argument);
}

WITHOUT(NO_CALLS, off_t, lseek, (int fd, off_t offset, int from), (fd, offset, from))
WITHOUT("descriptors of its own choice", int, dup2, (int fd, int number), (fd, number))
WITHOUT("named pipes", int, mkfifo, (const char *path, mode_t mode), (path, mode))
WITHOUT("rights and users", int, chmod, (const char *path, mode_t mode), (path, mode))
WITHOUT("links between names", int, symlink, (const char *from, const char *to), (from, to))
WITHOUT("rights and users", mode_t, umask, (mode_t mask), (mask))
WITHOUT(NO_CALLS, int, stat, (const char *path, struct stat *found), (path, found))
WITHOUT(NO_CALLS, int, posix_fadvise, (int fd, off_t at, off_t length, int advice),
        (fd, at, length, advice))
WITHOUT(NO_CALLS, int, posix_fallocate, (int fd, off_t at, off_t length), (fd, at, length))
WITHOUT("namespaces", int, unshare, (int flags), (flags))
WITHOUT("limits of a process", int, setrlimit, (int resource, const struct rlimit *limit),
        (resource, limit))
WITHOUT("signal mask", int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *before),
        (how, set, before))
