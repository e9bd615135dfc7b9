/* SPDX-License-Identifier: MIT */
/* udp_single.c - a UDP echo server on level-triggered epoll, one datagram at a time: an event is
 * answered by recvfrom() and sendto() until there is none. A full socket drops an answer, as UDP
 * may. */
#include <errno.h>
#include <sys/epoll.h>

#include "udp.h"

static char buffer[64 * 1024];

static void echo_all(int fd)
{
    for (;;) {
        struct sockaddr_in from;
        socklen_t          length = sizeof from;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
        if (n < 0)
            return;
        sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, length);
    }
}

int main(int argc, char **argv)
{
    int                fd = bind_loopback(argc, argv), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    for (;;) {
        int n = epoll_wait(epoll, &event, 1, -1);
        must(n >= 0 || errno == EINTR, "epoll_wait");
        if (n > 0)
            echo_all(fd);
    }
}
