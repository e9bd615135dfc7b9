/* SPDX-License-Identifier: MIT */
/* posix.c - the POSIX system table: sockets, what a descriptor is, the clock. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os.h"

uint64_t os_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t posix_now(struct weir_loop *loop)
{
    (void)loop;
    return os_now();
}

static void posix_close_descriptor(struct weir_loop *loop, int descriptor)
{
    (void)loop;
    close(descriptor); /* once, also on EINTR: it is closed, and the number may be another's */
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static int set(int descriptor, int level, int name, int value)
{
    return setsockopt(descriptor, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int socket_with_flags(int family, int type, unsigned flags)
{
    int descriptor = os_socket(family, type);
    int error = 0;
    if (descriptor < 0)
        return descriptor;
    if (family == AF_INET6)
        error = set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, flags & WEIR_V6ONLY ? 1 : 0);
    if (!error && (flags & WEIR_NODELAY) && (family == AF_INET || family == AF_INET6) &&
        type == SOCK_STREAM)
        error = set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!error)
        return descriptor;
    close(descriptor);
    return error;
}

static int posix_socket(struct weir_loop *loop, int family, int type, unsigned flags)
{
    (void)loop;
    return socket_with_flags(family, type, flags);
}

static int posix_bind(struct weir_handle *handle, const void *address, size_t length,
                      unsigned flags)
{
    int error = 0;
    if (flags & WEIR_REUSE_PORT)
        error = set(handle->in.descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error)
        return error;
    return bind(handle->in.descriptor, address, (socklen_t)length) < 0 ? -errno : 0;
}

static int listen_on(int descriptor, const struct sockaddr *address, socklen_t length, int backlog,
                     unsigned flags)
{
    int error = 0;
    /* Safe on POSIX: a port that somebody listens on is refused all the same. socket(7). */
    if (!(flags & WEIR_NO_REUSE_ADDR) && address->sa_family != AF_UNIX)
        error = set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && (flags & WEIR_REUSE_PORT))
        error = set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!error && bind(descriptor, address, length) < 0)
        error = -errno;
    /* The system cuts it to its most, which SOMAXCONN need not be. listen(2). */
    if (!error && listen(descriptor, backlog > 0 ? backlog : INT_MAX) < 0)
        error = -errno;
    return error;
}

static int posix_listen(struct weir_loop *loop, const void *address, size_t length, int backlog,
                        unsigned flags)
{
    const struct sockaddr *name = address;
    (void)loop;
    if (length < sizeof name->sa_family)
        return WEIR_EINVAL;
    int descriptor = socket_with_flags(name->sa_family, SOCK_STREAM, flags);
    if (descriptor < 0)
        return descriptor;
    int error = listen_on(descriptor, name, (socklen_t)length, backlog, flags);
    if (!error)
        return descriptor;
    close(descriptor);
    return error;
}

static int posix_address(const struct weir_handle *handle, bool peer, struct weir_address *address)
{
    socklen_t        length = sizeof address->data;
    struct sockaddr *name = (struct sockaddr *)(void *)&address->data;
    int              error = peer ? getpeername(handle->in.descriptor, name, &length)
                                  : getsockname(handle->in.descriptor, name, &length);
    address->length = error ? 0 : (uint32_t)length;
    return error ? -errno : 0;
}

static int posix_pipe(struct weir_loop *loop, int ends[2])
{
    (void)loop;
    return os_pipe(ends);
}

/* Direct I/O is of files only. */
static int posix_alignment(const struct weir_handle *handle, struct weir_alignment *alignment)
{
    *alignment = (struct weir_alignment){0};
    if (handle->in.kind != WEIR_HANDLE_FILE)
        return 0;
    return os_direct_alignment(handle->in.descriptor, alignment);
}

/* ---- What a descriptor is -------------------------------------------------------------------- */

static int ask(int descriptor, int name)
{
    int       value = 0;
    socklen_t length = sizeof value;
    getsockopt(descriptor, SOL_SOCKET, name, &value, &length);
    return value;
}

static bool is_unix(int descriptor)
{
    struct sockaddr_storage name = {0};
    socklen_t               length = sizeof name;
    return getsockname(descriptor, (struct sockaddr *)&name, &length) == 0 &&
           name.ss_family == AF_UNIX;
}

static bool is_udp(int descriptor)
{
#ifdef SO_PROTOCOL
    return ask(descriptor, SO_PROTOCOL) == IPPROTO_UDP && !is_unix(descriptor);
#else
    (void)descriptor;
    return false; /* such a system neither cuts nor glues */
#endif
}

static void classify_socket(struct weir_handle *handle)
{
    int  descriptor = handle->in.descriptor;
    int  type = ask(descriptor, SO_TYPE);
    bool listens = ask(descriptor, SO_ACCEPTCONN);
    handle->in.kind = listens               ? WEIR_HANDLE_LISTENER
                      : type == SOCK_STREAM ? WEIR_HANDLE_STREAM
                                            : WEIR_HANDLE_DATAGRAM;
    handle->in.hint = listens ? 0 : MAY_OUT;
    if (listens && type != SOCK_STREAM)
        handle->in.flags |= HANDLE_SEQUENCED;
    if (handle->in.kind != WEIR_HANDLE_DATAGRAM)
        handle->in.flags |= is_unix(descriptor) ? HANDLE_UNIX : 0;
    else
        handle->in.flags |= is_udp(descriptor) ? HANDLE_UDP : 0;
}

/* A tty is opened once more, so that O_NONBLOCK on it is ours alone; its master, or one that cannot
 * be opened, is asked before each read and left to a worker for writing. */
static void classify_tty(struct weir_handle *handle, bool own)
{
    int descriptor = handle->in.descriptor;
    int flags = fcntl(descriptor, F_GETFL);
    handle->in.kind = WEIR_HANDLE_TTY;
    if (flags & O_NONBLOCK)
        return;
    if (own) {
        fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
        handle->in.flags |= HANDLE_NONBLOCK;
        return;
    }
    int ours = os_reopen_tty(descriptor, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (ours < 0) {
        handle->in.flags |= HANDLE_GUARDED;
        return;
    }
    if (handle->in.flags & WEIR_BORROWED) {
        handle->in.flags |= HANDLE_NONBLOCK;
        handle->in.descriptor = ours; /* closing the handle closes this one only */
        handle->in.flags &= (uint16_t)~WEIR_BORROWED;
    } else {
        /* The number stays the caller's, and at no moment would another thread's child inherit what
         * was close-on-exec. */
        int error = os_replace(descriptor, ours, fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
        handle->in.flags |= error ? HANDLE_GUARDED : HANDLE_NONBLOCK;
        close(ours);
    }
}

static int posix_classify(struct weir_handle *handle, bool own)
{
    struct stat stat;
    int         descriptor = handle->in.descriptor;
    int         flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fstat(descriptor, &stat) < 0)
        return -errno;
    if (flags & O_NONBLOCK)
        handle->in.flags |= HANDLE_NONBLOCK;
#ifdef O_DIRECT
    if (flags & O_DIRECT)
        handle->in.flags |= HANDLE_DIRECT;
#endif
    if ((flags & O_ACCMODE) == O_RDONLY)
        handle->in.flags |= HANDLE_NO_OUT;
    if ((flags & O_ACCMODE) == O_WRONLY)
        handle->in.flags |= HANDLE_NO_IN;
    if (S_ISSOCK(stat.st_mode))
        classify_socket(handle);
    else if (S_ISREG(stat.st_mode) || S_ISBLK(stat.st_mode))
        handle->in.kind = WEIR_HANDLE_FILE;
    else if (S_ISDIR(stat.st_mode))
        handle->in.kind = WEIR_HANDLE_DIRECTORY;
    else if (S_ISFIFO(stat.st_mode))
        handle->in.kind = WEIR_HANDLE_PIPE;
    else if (S_ISCHR(stat.st_mode) && isatty(descriptor))
        classify_tty(handle, own);
    else if (S_ISCHR(stat.st_mode) && lseek(descriptor, 0, SEEK_CUR) >= 0)
        handle->in.kind = WEIR_HANDLE_FILE; /* /dev/null and its like: nothing to wait for */
    else
        handle->in.kind = WEIR_HANDLE_OTHER;
    if (own && handle->in.kind == WEIR_HANDLE_PIPE)
        handle->in.hint = MAY_OUT;
    return 0;
}

static int posix_signals_watch(struct weir_loop *loop, int descriptor, uint64_t mask,
                               uint64_t *blocked)
{
    (void)loop;
    return os_signals_watch(descriptor, mask, blocked);
}

static int posix_signals_take(struct weir_loop *loop, int descriptor)
{
    (void)loop;
    return os_signals_take(descriptor);
}

const struct system system_posix = {
    .now = posix_now,
    .perform = posix_perform,
    .socket = posix_socket,
    .bind = posix_bind,
    .listen = posix_listen,
    .pipe = posix_pipe,
    .classify = posix_classify,
    .close = posix_close_descriptor,
    .address = posix_address,
    .option_set = posix_option_set,
    .option_get = posix_option_get,
    .multicast = posix_multicast,
    .alignment = posix_alignment,
    .notifier_open = os_notifier_open,
    .notifier_tell = os_notifier_tell,
    .notifier_clear = os_notifier_clear,
    .signals_watch = posix_signals_watch,
    .signals_take = posix_signals_take,
};
