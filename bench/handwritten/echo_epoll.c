/* SPDX-License-Identifier: MIT */
/* echo_epoll.c - an echo server on level-triggered epoll, as good as its author could write it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. An event is answered
 * by one recv and at once by one send; level triggering makes a second, empty recv needless.
 * Interest in writability exists only while a socket is full; until it has drained, that
 * connection is not read. */
#include <sys/epoll.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

struct conn {
    int            fd;
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

static void conn_want(struct conn *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
}

static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    enum sending sending = n <= 0 ? SENT_FAILED
                                  : send_or_keep(&c->pending, c->fd, buffer, (size_t)n);
    if (sending == SENT_FAILED)
        conn_close(c);
    else if (sending == SENT_PART)
        conn_want(c, EPOLLOUT);
}

static void on_writable(struct conn *c)
{
    enum sending sending = send_kept(&c->pending, c->fd);
    if (sending == SENT_FAILED)
        conn_close(c);
    else if (sending == SENT_ALL)
        conn_want(c, EPOLLIN);
}

int main(int argc, char **argv)
{
    int listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    must(epoll >= 0, "epoll_create1");
    struct epoll_event events[1024], event = {.events = EPOLLIN, .data.ptr = NULL};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll, events, 1024, -1);
        must(n >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (!c)
                accept_all(listener);
            else if (c->pending.data)
                on_writable(c);
            else
                on_readable(c);
        }
    }
}
