/* SPDX-License-Identifier: MIT */
/* watch_kqueue.c - the load's wait on macOS and the BSDs. */
#include <stddef.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

#include "watch.h"

int watch_open(void)
{
    return kqueue();
}

static int change(int watch, int fd, void *user, int16_t filter, uint16_t flags)
{
    const struct kevent event = {
        .ident = (uintptr_t)fd, .filter = filter, .flags = flags, .udata = user};
    return kevent(watch, &event, 1, NULL, 0, NULL);
}

int watch_add(int watch, int fd, void *user)
{
    return change(watch, fd, user, EVFILT_READ, EV_ADD);
}

int watch_want_out(int watch, int fd, void *user, bool on)
{
    return change(watch, fd, user, EVFILT_WRITE, on ? EV_ADD : EV_DELETE);
}

int watch_wait(int watch, struct watch_event *events, int timeout_ms)
{
    struct kevent         found[WATCH_ROOM];
    const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                                     .tv_nsec = timeout_ms % 1000 * 1000000L};
    int                   count = kevent(watch, NULL, 0, found, WATCH_ROOM, &timeout);
    for (int i = 0; i < count; i++)
        events[i] = (struct watch_event){.user = (void *)found[i].udata,
                                         .in = found[i].filter == EVFILT_READ,
                                         .out = found[i].filter == EVFILT_WRITE};
    return count;
}
