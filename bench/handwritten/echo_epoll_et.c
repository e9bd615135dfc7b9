/* SPDX-License-Identifier: MIT */
/* echo_epoll_et.c - an echo server on edge-triggered epoll, as good as its author could write
 * it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. A connection is
 * registered once, for both directions, and never changed again. It is read until a recv is
 * shorter than the buffer: a stream socket is empty then, unless the peer's end or an error was
 * told with the edge, and then reading goes on until recv says so. While a socket is full it is
 * not read; its next edge out goes on with the sending and then with the reading that had
 * stopped. */
#include <sys/epoll.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

struct conn {
    int            fd;
    bool           ended; /* RDHUP, HUP or ERR was told: a short read proves nothing any more */
    struct pending pending;
};

static int  epoll;
static char buffer[64 * 1024];

static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c->pending.data);
    free(c);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = c};
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
}

static void conn_serve(struct conn *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        enum sending sending = n <= 0 ? SENT_FAILED
                                      : send_or_keep(&c->pending, c->fd, buffer, (size_t)n);
        if (sending == SENT_FAILED)
            conn_close(c);
        if (sending != SENT_ALL || (n < (ssize_t)sizeof buffer && !c->ended))
            return;
    }
}

static void on_event(struct conn *c, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->ended = true;
    bool waited = c->pending.data != NULL;
    if (waited) {
        enum sending sending = send_kept(&c->pending, c->fd);
        if (sending == SENT_FAILED)
            conn_close(c);
        if (sending != SENT_ALL)
            return;
    }
    if (waited || (events & ~(uint32_t)EPOLLOUT) != 0)
        conn_serve(c);
}

int main(int argc, char **argv)
{
    int listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    must(epoll >= 0, "epoll_create1");
    struct epoll_event events[1024], event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll, events, 1024, -1);
        must(n >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_event(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
    }
}
