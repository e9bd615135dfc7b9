/* SPDX-License-Identifier: MIT */
/* bsd.c - what FreeBSD, NetBSD, OpenBSD and DragonFly do their own way: calls that make a
 * descriptor with its marks, as Linux has them, and SIGPIPE that goes to the thread. Nobody has
 * built it there: docs/platforms.md. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os.h"

/* ---- Descriptors ----------------------------------------------------------------------------- */

int os_socket(int family, int type)
{
    int descriptor = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int os_accept(int listener)
{
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int os_connect(int descriptor, const void *address, size_t length)
{
    return connect(descriptor, address, (socklen_t)length) < 0 ? -errno : 0;
}

int os_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

int os_reopen_tty(int descriptor, int flags)
{
    char path[256];
    if (ptsname(descriptor) || ttyname_r(descriptor, path, sizeof path) != 0)
        return WEIR_ENOTSUP; /* a master: opening it would make a new pair */
    int ours = open(path, flags);
    return ours < 0 ? -errno : ours;
}

int os_replace(int descriptor, int by, bool close_on_exec)
{
    return dup3(by, descriptor, close_on_exec ? O_CLOEXEC : 0) < 0 ? -errno : 0;
}

/* The signal is blocked around the write, and taken if it was the write's. */
int64_t os_write_quiet(int descriptor, const struct weir_buf *buffers, int count)
{
    sigset_t pipe_signal, before, pending;
    int      number;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = writev(descriptor, (const struct iovec *)(const void *)buffers, count);
    int     error = written < 0 ? errno : 0;
    sigpending(&pending);
    if (error == EPIPE && !was_pending && sigismember(&pending, SIGPIPE) == 1)
        sigwait(&pipe_signal, &number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? -error : written;
}

/* ---- Files ----------------------------------------------------------------------------------- */

int os_sync(int descriptor)
{
    return fsync(descriptor);
}

int os_sync_data(int descriptor)
{
    return fdatasync(descriptor);
}

#ifdef __OpenBSD__
int os_preallocate(int descriptor, uint64_t offset, uint64_t length)
{
    (void)descriptor, (void)offset, (void)length;
    return WEIR_EOPNOTSUPP;
}

int os_advise(int descriptor, uint64_t offset, uint64_t length, int advice)
{
    (void)descriptor, (void)offset, (void)length, (void)advice;
    return 0;
}
#else
int os_preallocate(int descriptor, uint64_t offset, uint64_t length)
{
    return -posix_fallocate(descriptor, (off_t)offset, (off_t)length);
}

int os_advise(int descriptor, uint64_t offset, uint64_t length, int advice)
{
    static const int names[] = {
        [WEIR_ADVICE_NORMAL] = POSIX_FADV_NORMAL,
        [WEIR_ADVICE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL,
        [WEIR_ADVICE_RANDOM] = POSIX_FADV_RANDOM,
        [WEIR_ADVICE_WILL_NEED] = POSIX_FADV_WILLNEED,
        [WEIR_ADVICE_DONT_NEED] = POSIX_FADV_DONTNEED,
    };
    return -posix_fadvise(descriptor, (off_t)offset, (off_t)length, names[advice]);
}
#endif

/* O_DIRECT has done it where there is one, when the file was opened. */
int os_make_direct(int descriptor)
{
    (void)descriptor;
    return 0;
}

int os_direct_alignment(int descriptor, struct weir_alignment *alignment)
{
    (void)descriptor;
    alignment->memory = alignment->offset = (uint32_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int64_t os_stat_time(const struct stat *stat, enum os_stat_time which)
{
    const struct timespec *times[] = {&stat->st_mtim, &stat->st_atim, &stat->st_ctim};
    return (int64_t)times[which]->tv_sec * 1000000000 + times[which]->tv_nsec;
}

/* sendfile(2) has a signature of its own on FreeBSD and none elsewhere: the bytes go through a
 * buffer. */
int64_t os_send_file(int from, uint64_t from_offset, int to, size_t length)
{
    (void)from, (void)from_offset, (void)to, (void)length;
    return WEIR_EOPNOTSUPP;
}
