/* SPDX-License-Identifier: MIT */
/* echo_libev.c - an echo server on libev: one watcher for each connection, one receive buffer for
 * all, an answer sent at once. While a full socket holds a rest, the watcher waits for writability
 * in place of readability. */
#include <ev.h>
#include <unistd.h>

#include "../handwritten/listen.h"
#include "../handwritten/pending.h"

struct conn {
    ev_io          watcher;
    struct pending pending;
};

static char buffer[64 * 1024];

static void conn_close(struct ev_loop *loop, struct conn *c)
{
    ev_io_stop(loop, &c->watcher);
    close(c->watcher.fd);
    free(c->pending.data);
    free(c);
}

static void conn_want(struct ev_loop *loop, struct conn *c, int events)
{
    ev_io_stop(loop, &c->watcher);
    ev_io_modify(&c->watcher, events);
    ev_io_start(loop, &c->watcher);
}

static void on_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct conn *c = (struct conn *)watcher;
    enum sending sending;
    if (events & EV_WRITE) {
        sending = send_kept(&c->pending, watcher->fd);
        if (sending == SENT_ALL)
            conn_want(loop, c, EV_READ);
    } else {
        ssize_t n = recv(watcher->fd, buffer, sizeof buffer, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        sending = n <= 0 ? SENT_FAILED : send_or_keep(&c->pending, watcher->fd, buffer, (size_t)n);
        if (sending == SENT_PART)
            conn_want(loop, c, EV_WRITE);
    }
    if (sending == SENT_FAILED)
        conn_close(loop, c);
}

static void on_acceptable(struct ev_loop *loop, ev_io *watcher, int events)
{
    int fd;
    while ((fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        ev_io_init(&c->watcher, on_ready, fd, EV_READ);
        ev_io_start(loop, &c->watcher);
    }
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    ev_io           listener;
    ev_io_init(&listener, on_acceptable, listen_loopback(argc, argv, SOCK_NONBLOCK), EV_READ);
    ev_io_start(loop, &listener);
    return ev_run(loop, 0) ? 0 : 1;
}
