/* SPDX-License-Identifier: MIT */
/* watch_win.c - the load's wait on Windows: WSAPoll(), which looks at every socket each time. There
 * is one watch a process. */
#include "watch.h"

#include <winsock2.h>

#include <errno.h>
#include <stdlib.h>

static struct {
    WSAPOLLFD *fds;   /* owned */
    void     **users; /* owned array of borrowed users; users[i] is told of fds[i] */
    int        count, room;
    int        first; /* whose turn it is to be told first */
} watched;

int watch_open(void)
{
    watched.count = watched.first = 0;
    return 0;
}

/* What was there stays on failure. */
static int grow(void)
{
    int    room = watched.room ? watched.room * 2 : 64;
    void  *fds = realloc(watched.fds, (size_t)room * sizeof *watched.fds);
    void **users = fds ? realloc(watched.users, (size_t)room * sizeof *users) : NULL;
    if (fds)
        watched.fds = fds;
    if (!users) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return -1;
    }
    watched.users = users;
    watched.room = room;
    return 0;
}

int watch_add(int watch, int fd, void *user)
{
    (void)watch;
    if (watched.count == watched.room && grow() < 0)
        return -1;
    watched.fds[watched.count] = (WSAPOLLFD){.fd = (SOCKET)(unsigned)fd, .events = POLLRDNORM};
    watched.users[watched.count++] = user;
    return 0;
}

/* Only a socket that is full is ever searched for. */
int watch_want_out(int watch, int fd, void *user, bool on)
{
    (void)watch, (void)user;
    for (int i = 0; i < watched.count; i++)
        if (watched.fds[i].fd == (SOCKET)(unsigned)fd)
            watched.fds[i].events = on ? POLLRDNORM | POLLWRNORM : POLLRDNORM;
    return 0;
}

int watch_wait(int watch, struct watch_event *events, int timeout_ms)
{
    int told = 0;
    (void)watch;
    int ready = WSAPoll(watched.fds, (ULONG)watched.count, timeout_ms);
    if (ready == SOCKET_ERROR) {
        errno = EIO;
        return -1;
    }
    for (int k = 0; k < watched.count && told < ready && told < WATCH_ROOM; k++) {
        int   i = (watched.first + k) % watched.count;
        short what = watched.fds[i].revents;
        if (!what)
            continue;
        events[told++] = (struct watch_event){.user = watched.users[i],
                                              .in = (what & ~POLLWRNORM) != 0,
                                              .out = (what & POLLWRNORM) != 0};
    }
    watched.first = watched.count ? (watched.first + 1) % watched.count : 0;
    return told;
}
