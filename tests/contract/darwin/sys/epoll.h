/* SPDX-License-Identifier: MIT */
/* epoll.h - cases that ask for an epoll of their own are skipped. */
#ifndef CONTRACT_DARWIN_EPOLL_H
#define CONTRACT_DARWIN_EPOLL_H

#include <stdint.h>

#define EPOLL_CLOEXEC 1
#define EPOLL_CTL_ADD 1
#define EPOLLIN 1u

struct epoll_event {
    uint32_t events;
    union {
        int      fd;
        uint64_t u64;
    } data;
};

#define epoll_create1(flags) darwin_lacks("epoll")
#define epoll_ctl(epoll, operation, fd, event) ((void)(fd), (void)(event), darwin_lacks("epoll"))

#endif
