/* SPDX-License-Identifier: MIT */
/* darwin.c - what macOS does its own way: descriptors that are marked after they were made, SIGPIPE
 * by descriptor, files past the cache and down to the disk by fcntl(2). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/ttycom.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os.h"

/* ---- Descriptors ----------------------------------------------------------------------------- */

/* Nothing makes a descriptor with its marks: a child that another thread makes in between inherits
 * it. The descriptor, or WEIR_E* and it is closed. */
static int mark(int descriptor, bool non_blocking)
{
    if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
        (!non_blocking || fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0))
        return descriptor;
    int error = -errno;
    close(descriptor);
    return error;
}

/* A connection that the peer has given up already refuses the option, and needs it no more. */
static int mark_socket(int descriptor)
{
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
    return mark(descriptor, true);
}

int os_socket(int family, int type)
{
    int descriptor = socket(family, type, 0);
    return descriptor < 0 ? -errno : mark_socket(descriptor);
}

int os_accept(int listener)
{
    int descriptor = accept(listener, NULL, NULL);
    return descriptor < 0 ? -errno : mark_socket(descriptor);
}

int os_connect(int descriptor, const void *address, size_t length)
{
    return connect(descriptor, address, (socklen_t)length) < 0 ? -errno : 0;
}

int os_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return -errno;
    int error = mark(ends[0], false);
    if (error < 0) {
        close(ends[1]);
        return error;
    }
    error = mark(ends[1], false);
    if (error < 0) {
        close(ends[0]);
        return error;
    }
    fcntl(ends[1], F_SETNOSIGPIPE, 1);
    return 0;
}

int os_reopen_tty(int descriptor, int flags)
{
    char path[PATH_MAX];
    if (ioctl(descriptor, TIOCPTYGNAME, path) == 0)
        return WEIR_ENOTSUP; /* a master: opening it would make a new pair */
    if (ttyname_r(descriptor, path, sizeof path) != 0)
        return WEIR_ENOTSUP;
    int ours = open(path, flags);
    return ours < 0 ? -errno : ours;
}

int os_replace(int descriptor, int by, bool close_on_exec)
{
    if (dup2(by, descriptor) < 0)
        return -errno;
    return close_on_exec && fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

/* ---- Writing without SIGPIPE ----------------------------------------------------------------- */

/* SIGPIPE goes to the process, so that blocking it in a thread keeps nothing back; but each open
 * file has a mark against it. */
int64_t os_write_quiet(int descriptor, const struct weir_buf *buffers, int count)
{
    bool    marked = fcntl(descriptor, F_GETNOSIGPIPE) == 1;
    int64_t result;
    if (!marked)
        fcntl(descriptor, F_SETNOSIGPIPE, 1);
    ssize_t written = writev(descriptor, (const struct iovec *)(const void *)buffers, count);
    result = written < 0 ? -errno : written;
    if (!marked)
        fcntl(descriptor, F_SETNOSIGPIPE, 0);
    return result;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* fsync(2) of macOS stops at the disk's own memory. Not every file system can ask for more. */
int os_sync(int descriptor)
{
    return fcntl(descriptor, F_FULLFSYNC) == 0 ? 0 : fsync(descriptor);
}

int os_sync_data(int descriptor)
{
    return os_sync(descriptor);
}

/* In one piece where there is one, else in many; it moves the end of the file only when asked. */
int os_preallocate(int descriptor, uint64_t offset, uint64_t length)
{
    struct stat stat;
    if (fstat(descriptor, &stat) < 0)
        return -errno;
    off_t end = (off_t)(offset + length);
    if (end > stat.st_blocks * 512) {
        fstore_t store = {.fst_flags = F_ALLOCATECONTIG | F_ALLOCATEALL,
                          .fst_posmode = F_PEOFPOSMODE,
                          .fst_length = end - stat.st_blocks * 512};
        if (fcntl(descriptor, F_PREALLOCATE, &store) < 0) {
            store.fst_flags = F_ALLOCATEALL;
            if (fcntl(descriptor, F_PREALLOCATE, &store) < 0)
                return -errno;
        }
    }
    return end > stat.st_size && ftruncate(descriptor, end) < 0 ? -errno : 0;
}

/* Only that something will be needed can be said; what else is advised is no more than advice. */
int os_advise(int descriptor, uint64_t offset, uint64_t length, int advice)
{
    if (advice == WEIR_ADVICE_SEQUENTIAL || advice == WEIR_ADVICE_RANDOM)
        return fcntl(descriptor, F_RDAHEAD, advice == WEIR_ADVICE_SEQUENTIAL) < 0 ? -errno : 0;
    if (advice != WEIR_ADVICE_WILL_NEED)
        return 0;
    struct radvisory range = {.ra_offset = (off_t)offset,
                              .ra_count = length > INT_MAX || !length ? INT_MAX : (int)length};
    return fcntl(descriptor, F_RDADVISE, &range) < 0 ? -errno : 0;
}

int os_make_direct(int descriptor)
{
    return fcntl(descriptor, F_NOCACHE, 1) < 0 ? -errno : 0;
}

/* F_NOCACHE asks for nothing; whole pages are what it serves without a copy. */
int os_direct_alignment(int descriptor, struct weir_alignment *alignment)
{
    (void)descriptor;
    alignment->memory = alignment->offset = (uint32_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int64_t os_stat_time(const struct stat *stat, enum os_stat_time which)
{
    const struct timespec *times[] = {&stat->st_mtimespec, &stat->st_atimespec,
                                      &stat->st_ctimespec};
    return (int64_t)times[which]->tv_sec * 1000000000 + times[which]->tv_nsec;
}

/* ---- Copies ---------------------------------------------------------------------------------- */

/* sendfile(2) of macOS takes the offset and gives the length by its arguments, also where it stops
 * early. A socket that others made may raise SIGPIPE: it gets its bytes through a buffer. */
int64_t os_send_file(int from, uint64_t from_offset, int to, size_t length)
{
    int       quiet = 0;
    socklen_t size = sizeof quiet;
    off_t     at = from_offset == WEIR_STREAM ? lseek(from, 0, SEEK_CUR) : (off_t)from_offset;
    off_t     sent = (off_t)length;
    if (getsockopt(to, SOL_SOCKET, SO_NOSIGPIPE, &quiet, &size) < 0 || !quiet)
        return WEIR_EOPNOTSUPP;
    if (at < 0)
        return -errno;
    int error = sendfile(from, to, at, &sent, NULL, 0) < 0 ? -errno : 0;
    if (error && !sent)
        return error;
    if (from_offset == WEIR_STREAM && lseek(from, at + sent, SEEK_SET) < 0)
        return -errno;
    return sent;
}
