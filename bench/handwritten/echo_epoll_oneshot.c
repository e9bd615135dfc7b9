/* SPDX-License-Identifier: MIT */
/* echo_epoll_oneshot.c - an echo server on one-shot epoll, as good as its author could write
 * it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. An event is answered
 * by one recv and at once by one send; then the connection is armed again with one epoll_ctl,
 * for reading, or for writing while the socket is full. */
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

static void conn_arm(struct conn *c, int operation)
{
    struct epoll_event event = {.events = (c->pending.data ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
                                .data.ptr = c};
    must(epoll_ctl(epoll, operation, c->fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        c->fd = fd;
        conn_arm(c, EPOLL_CTL_ADD);
    }
}

static enum sending conn_receive(struct conn *c)
{
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n > 0)
        return send_or_keep(&c->pending, c->fd, buffer, (size_t)n);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? SENT_ALL : SENT_FAILED;
}

static void on_event(struct conn *c)
{
    enum sending sending = c->pending.data ? send_kept(&c->pending, c->fd) : conn_receive(c);
    if (sending == SENT_FAILED)
        conn_close(c);
    else
        conn_arm(c, EPOLL_CTL_MOD);
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
            if (events[i].data.ptr)
                on_event(events[i].data.ptr);
            else
                accept_all(listener);
        }
    }
}
