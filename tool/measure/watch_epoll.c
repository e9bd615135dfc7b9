/* SPDX-License-Identifier: MIT */
/* watch_epoll.c - the load's wait on Linux. */
#include <stdint.h>
#include <sys/epoll.h>

#include "watch.h"

int watch_open(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

int watch_add(int watch, int fd, void *user)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = user};
    return epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event);
}

int watch_want_out(int watch, int fd, void *user, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = user};
    return epoll_ctl(watch, EPOLL_CTL_MOD, fd, &event);
}

int watch_wait(int watch, struct watch_event *events, int timeout_ms)
{
    struct epoll_event found[WATCH_ROOM];
    int                count = epoll_wait(watch, found, WATCH_ROOM, timeout_ms);
    for (int i = 0; i < count; i++)
        events[i] = (struct watch_event){.user = found[i].data.ptr,
                                         .in = (found[i].events & ~(uint32_t)EPOLLOUT) != 0,
                                         .out = (found[i].events & EPOLLOUT) != 0};
    return count;
}
