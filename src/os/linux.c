/* SPDX-License-Identifier: MIT */
/* linux.c - what Linux does its own way: eventfd, marks of descriptors, calls that never wait. */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../base/annotate_op.h"
#include "linux_compat.h"
#include "os.h"

/* ---- Waking ---------------------------------------------------------------------------------- */

int os_notifier_open(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] < 0 ? -errno : 0;
}

void os_notifier_tell(int end)
{
    uint64_t one = 1;
    ssize_t  written;
    do
        written = write(end, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

void os_notifier_clear(int end)
{
    uint64_t count;
    ssize_t  taken;
    do
        taken = read(end, &count, sizeof count);
    while (taken < 0 && errno == EINTR);
}

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

/* To the thread sanitizer, the C library's connect makes the descriptor anew; but another thread
 * may wait on it meanwhile, to receive. It does not see the system call. */
int os_connect(int descriptor, const void *address, size_t length)
{
#if defined(UNDER_TSAN)
    long result = syscall(SYS_connect, descriptor, address, (socklen_t)length);
#else
    int result = connect(descriptor, address, (socklen_t)length);
#endif
    return result < 0 ? -errno : 0;
}

int os_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

int os_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns)
{
    return kernel_ppoll(entries, count, timeout_ns);
}

int os_reopen_tty(int descriptor, int flags)
{
    unsigned number;
    char     path[32];
    if (ioctl(descriptor, TIOCGPTN, &number) == 0)
        return WEIR_ENOTSUP; /* a master: opening it would make a new pair */
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int ours = open(path, flags);
    return ours < 0 ? -errno : ours;
}

int os_replace(int descriptor, int by, bool close_on_exec)
{
    return dup3(by, descriptor, close_on_exec ? O_CLOEXEC : 0) < 0 ? -errno : 0;
}

/* ---- Calls that never wait: preadv2(2), pwritev2(2) ------------------------------------------ */

static const struct iovec *vector_of(const struct weir_buf *buffers)
{
    return (const struct iovec *)(const void *)buffers;
}

int64_t os_read_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset)
{
    int64_t at = offset == WEIR_STREAM ? -1 : (int64_t)offset;
    ssize_t result = kernel_preadv2(descriptor, vector_of(buffers), count, at, RWF_NOWAIT);
    if (result < 0 && (errno == ENOSYS || errno == EPERM))
        return WEIR_EOPNOTSUPP;
    if (result > 0)
        annotate_pieces_filled(buffers, (size_t)count, (uint64_t)result);
    return result < 0 ? -errno : result;
}

int64_t os_write_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset)
{
    int64_t at = offset == WEIR_STREAM ? -1 : (int64_t)offset;
    if (!os_has_nosignal())
        return WEIR_EOPNOTSUPP; /* guarded: it writes quietly in the older way */
    ssize_t result = kernel_pwritev2(descriptor, vector_of(buffers), count, at,
                                     RWF_NOWAIT | RWF_NOSIGNAL);
    return result < 0 ? -errno : result;
}

static bool           nosignal;
static pthread_once_t nosignal_once = PTHREAD_ONCE_INIT;

/* Before Linux 6.18 the signal is blocked around the write, and taken if it was the write's.
 * Without flags it is writev(2), since pwritev2(2) may be missing or denied. */
static int64_t write_with_signal_blocked(int descriptor, const struct weir_buf *buffers, int count,
                                         int flags)
{
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    const struct iovec *pieces = vector_of(buffers);
    ssize_t             written = flags ? kernel_pwritev2(descriptor, pieces, count, -1, flags)
                                        : writev(descriptor, pieces, count);
    int                 error = written < 0 ? errno : 0;
    if (error == EPIPE && !sigismember(&pending, SIGPIPE)) {
        const struct timespec none = {0};
        sigtimedwait(&pipe_signal, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error ? -error : written;
}

static void probe_nosignal(void)
{
    int             ends[2];
    char            byte = 0;
    struct weir_buf buffer = {&byte, 1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    close(ends[0]);
    nosignal = write_with_signal_blocked(ends[1], &buffer, 1, RWF_NOSIGNAL) == WEIR_EPIPE;
    close(ends[1]);
}

bool os_has_nosignal(void)
{
    pthread_once(&nosignal_once, probe_nosignal);
    return nosignal;
}

int64_t os_write_quiet(int descriptor, const struct weir_buf *buffers, int count)
{
    if (!os_has_nosignal())
        return write_with_signal_blocked(descriptor, buffers, count, 0);
    ssize_t written = kernel_pwritev2(descriptor, vector_of(buffers), count, -1, RWF_NOSIGNAL);
    if (written < 0 && errno == EOPNOTSUPP) /* the flag, of what is neither pipe nor socket */
        return write_with_signal_blocked(descriptor, buffers, count, 0);
    return written < 0 ? -errno : written;
}

_Static_assert(sizeof(struct kernel_statx) == 256 &&
                   offsetof(struct kernel_statx, direct_memory) == 0x98,
               "struct kernel_statx is statx(2)'s");

/* Whether the file can be opened past the page cache: a description of its own is tried. */
static bool opens_directly(int descriptor)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int ours = open(path, O_RDONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC);
    if (ours < 0 && errno == EACCES) /* opened for writing only, and no more is allowed */
        ours = open(path, O_WRONLY | O_DIRECT | O_NONBLOCK | O_CLOEXEC);
    if (ours >= 0)
        close(ours);
    return ours >= 0;
}

/* The kernel's word where it gives one (6.1, and not every file system). Else a block device says
 * what its blocks are, and for a file of one that opens directly a page is enough. */
int os_direct_alignment(int descriptor, struct weir_alignment *alignment)
{
    struct kernel_statx told = {0};
    struct stat         stat;
    int                 block = 0;
    if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, KERNEL_STATX_DIOALIGN, &told) == 0 &&
        (told.mask & KERNEL_STATX_DIOALIGN)) {
        *alignment = (struct weir_alignment){told.direct_memory, told.direct_offset};
        return 0;
    }
    if (fstat(descriptor, &stat) < 0)
        return -errno;
    if (S_ISBLK(stat.st_mode) && ioctl(descriptor, BLKSSZGET, &block) == 0)
        *alignment = (struct weir_alignment){(uint32_t)block, (uint32_t)block};
    else if (S_ISREG(stat.st_mode) && opens_directly(descriptor))
        alignment->memory = alignment->offset = (uint32_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int64_t os_stat_time(const struct stat *stat, enum os_stat_time which)
{
    const struct timespec *times[] = {&stat->st_mtim, &stat->st_atim, &stat->st_ctim};
    return (int64_t)times[which]->tv_sec * 1000000000 + times[which]->tv_nsec;
}

/* Under the thread sanitizer glibc's AIO has one thread: a second would be started by the first,
 * which the sanitizer does not know and dies on (seen with glibc 2.36, gcc 12). */
void os_prepare_aio(void)
{
#if defined(UNDER_TSAN) && defined(__GLIBC__)
    const struct aioinit one = {.aio_threads = 1, .aio_num = 64};
    aio_init(&one);
#endif
}

/* Musl's waits for the end of what runs, and gives all that can run a thread at once. */
void os_cancel_aio(int descriptor)
{
#ifdef __GLIBC__
    aio_cancel(descriptor, NULL);
#else
    (void)descriptor;
#endif
}
