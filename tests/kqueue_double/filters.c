/* SPDX-License-Identifier: MIT */
/* filters.c - each filter of the double, and what of Linux stands for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "double.h"

static int hold(struct knote *knote, int source)
{
    if (source < 0)
        return errno;
    knote->source = source;
    knote->owned = true;
    return 0;
}

/* ---- Reading and writing --------------------------------------------------------------------- */

static int attach_itself(struct knote *knote)
{
    knote->source = (int)knote->kevent.ident;
    return fcntl(knote->source, F_GETFD) < 0 ? errno : 0;
}

static int of_socket(int fd, int name)
{
    int       value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? 0 : value;
}

static short poll_one(int fd, short asked)
{
    struct pollfd entry = {.fd = fd, .events = asked};
    return poll(&entry, 1, 0) == 1 ? entry.revents : 0;
}

/* Whether the environment asks for what one system or emulation does differently. */
static bool plays(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

/* The error of a socket. A kernel leaves it there for the next call; here it can be read only by
 * taking it, as emulations do, and as the double does where the environment says so. Else it is
 * concluded: what was never connected was refused. */
static uint32_t error_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t       length = sizeof info;
    if (plays("KQUEUE_DOUBLE_TAKES_ERRORS"))
        return (uint32_t)of_socket(fd, SO_ERROR);
    bool is_tcp = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0;
    return is_tcp && !info.tcpi_bytes_acked && !info.tcpi_bytes_received ? ECONNREFUSED
                                                                         : ECONNRESET;
}

/* A datagram socket has not ended with an error, nor a stream before it is connected. */
static void fill_end(int fd, short told, short ending, struct kevent *event)
{
    struct stat stat;
    bool        is_socket = fstat(fd, &stat) == 0 && S_ISSOCK(stat.st_mode);
    bool        is_stream = is_socket && of_socket(fd, SO_TYPE) == SOCK_STREAM;
    if (told & (is_stream ? ending | POLLERR : is_socket ? 0 : ending | POLLHUP))
        event->flags |= EV_EOF;
    if (is_stream && (told & POLLERR))
        event->fflags = error_of(fd);
}

static bool fill_read(struct knote *knote, struct kevent *event)
{
    int   bytes = 0;
    short told = poll_one(knote->source, POLLIN | POLLRDHUP);
    if (!told)
        return false;
    fill_end(knote->source, told, POLLRDHUP, event);
    event->data = ioctl(knote->source, FIONREAD, &bytes) == 0 ? bytes : told & POLLIN ? 1 : 0;
    if (plays("KQUEUE_DOUBLE_CONFUSES_ENDS")) { /* none beside bytes, one of what never began */
        event->flags &= (uint16_t)~EV_EOF;
        event->flags |= !bytes && (told & (POLLRDHUP | POLLHUP)) ? EV_EOF : 0;
    }
    return true;
}

static bool fill_write(struct knote *knote, struct kevent *event)
{
    int   queued = 0;
    short told = poll_one(knote->source, POLLOUT);
    if (!told)
        return false;
    fill_end(knote->source, told, POLLERR, event);
    if (ioctl(knote->source, SIOCOUTQ, &queued) == 0)
        event->data = of_socket(knote->source, SO_SNDBUF) - queued;
    return true;
}

/* ---- The program's own ----------------------------------------------------------------------- */

static int attach_user(struct knote *knote)
{
    return hold(knote, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static int touch_user(struct knote *knote, const struct kevent *change)
{
    uint32_t flags = change->fflags & NOTE_FFLAGSMASK;
    uint64_t one = 1;
    switch (change->fflags & NOTE_FFCTRLMASK) {
    case NOTE_FFAND:
        knote->happened &= flags;
        break;
    case NOTE_FFOR:
        knote->happened |= flags;
        break;
    case NOTE_FFCOPY:
        knote->happened = flags;
        break;
    default:
        break;
    }
    if (change->fflags & NOTE_TRIGGER && write(knote->source, &one, sizeof one) < 0)
        return errno;
    return 0;
}

static bool fill_user(struct knote *knote, struct kevent *event)
{
    uint64_t count;
    if (!poll_one(knote->source, POLLIN))
        return false;
    event->fflags = knote->happened;
    if (knote->kevent.flags & EV_CLEAR) {
        knote->happened = 0;
        return read(knote->source, &count, sizeof count) == sizeof count;
    }
    return true;
}

/* ---- Time ------------------------------------------------------------------------------------ */

static int set_timer(struct knote *knote, const struct kevent *change)
{
    int64_t unit = change->fflags & NOTE_SECONDS    ? 1000000000
                   : change->fflags & NOTE_USECONDS ? 1000
                   : change->fflags & NOTE_NSECONDS ? 1
                                                    : 1000000;
    if (change->data <= 0)
        return EINVAL;
    int64_t           ns = change->data * unit;
    struct itimerspec time = {.it_value = {ns / 1000000000, ns % 1000000000}};
    if (!(knote->kevent.flags & EV_ONESHOT))
        time.it_interval = time.it_value;
    return timerfd_settime(knote->source, 0, &time, NULL) < 0 ? errno : 0;
}

static int attach_timer(struct knote *knote)
{
    if (knote->kevent.data <= 0)
        return EINVAL;
    int error = hold(knote, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    return error ? error : set_timer(knote, &knote->kevent);
}

static bool fill_timer(struct knote *knote, struct kevent *event)
{
    uint64_t count;
    if (read(knote->source, &count, sizeof count) != sizeof count)
        return false;
    event->data = (intptr_t)count;
    return true;
}

/* ---- Signals, processes, files --------------------------------------------------------------- */

/* Of signals that are blocked: what else comes goes its usual way, and is not heard of. A signalfd
 * that nobody reads takes none of them, and its edges are those that come; what is pending already
 * is not among them. */
static int attach_signal(struct knote *knote)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    sigset_t           set;
    sigemptyset(&set);
    if (sigaddset(&set, (int)knote->kevent.ident) < 0)
        return EINVAL;
    int error = hold(knote, epoll_create1(EPOLL_CLOEXEC));
    if (error)
        return error;
    knote->behind = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (knote->behind < 0 || epoll_ctl(knote->source, EPOLL_CTL_ADD, knote->behind, &event) < 0)
        return errno;
    return epoll_wait(knote->source, &event, 1, 0) < 0 ? errno : 0;
}

static bool fill_signal(struct knote *knote, struct kevent *event)
{
    struct epoll_event told;
    event->data = epoll_wait(knote->source, &told, 1, 0) == 1;
    return event->data;
}

static int attach_process(struct knote *knote)
{
    if (knote->kevent.fflags & ~NOTE_EXIT)
        return EINVAL;
    return hold(knote, (int)syscall(SYS_pidfd_open, (pid_t)knote->kevent.ident, 0));
}

static bool fill_process(struct knote *knote, struct kevent *event)
{
    siginfo_t info = {0};
    if (!poll_one(knote->source, POLLIN))
        return false;
    event->flags |= EV_EOF;
    event->fflags = NOTE_EXIT;
    if (waitid(P_PID, (id_t)knote->kevent.ident, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        event->data = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
                                                 : W_EXITCODE(0, info.si_status);
    return true;
}

static int attach_vnode(struct knote *knote)
{
    char path[32];
    int  error = hold(knote, inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)knote->kevent.ident);
    if (error)
        return error;
    return inotify_add_watch(knote->source, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF) < 0 ? errno
                                                                                            : 0;
}

static uint32_t notes_of(int fd, uint32_t mask)
{
    struct stat stat;
    bool        gone = fstat(fd, &stat) == 0 && stat.st_nlink == 0;
    return (mask & IN_MODIFY ? NOTE_WRITE | NOTE_EXTEND : 0) |
           (mask & IN_ATTRIB ? NOTE_ATTRIB | (gone ? NOTE_DELETE : 0) : 0) |
           (mask & IN_MOVE_SELF ? NOTE_RENAME : 0);
}

static bool fill_vnode(struct knote *knote, struct kevent *event)
{
    struct inotify_event seen; /* of a file, not a folder: no name behind it */
    event->fflags = 0;
    while (read(knote->source, &seen, sizeof seen) == sizeof seen)
        event->fflags |= notes_of((int)knote->kevent.ident, seen.mask);
    event->fflags &= knote->kevent.fflags;
    return event->fflags;
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct filter filters[] = {
    {EVFILT_READ, 0, EPOLLIN | EPOLLRDHUP, attach_itself, NULL, fill_read},
    {EVFILT_WRITE, 0, EPOLLOUT, attach_itself, NULL, fill_write},
    {EVFILT_USER, 0, EPOLLIN, attach_user, touch_user, fill_user},
    {EVFILT_TIMER, EV_CLEAR, EPOLLIN, attach_timer, set_timer, fill_timer},
    {EVFILT_SIGNAL, EV_CLEAR, EPOLLIN, attach_signal, NULL, fill_signal},
    {EVFILT_PROC, EV_ONESHOT, EPOLLIN, attach_process, NULL, fill_process},
    {EVFILT_VNODE, 0, EPOLLIN, attach_vnode, NULL, fill_vnode},
};

/* What the environment takes away is as on a system that never had it. */
const struct filter *filter_of(int number)
{
    if (number == EVFILT_USER && plays("KQUEUE_DOUBLE_WITHOUT_USER"))
        return NULL;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (filters[i].number == number)
            return &filters[i];
    return NULL;
}
