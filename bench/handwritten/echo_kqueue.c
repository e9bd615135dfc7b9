/* SPDX-License-Identifier: MIT */
/* echo_kqueue.c - an echo server on level-triggered kqueue, as good as its author could write it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. An event is answered by
 * one recv and at once by one send. What is to be waited for from now on goes with the next wait,
 * in the same call. Interest in writability exists only while a socket is full; until it has
 * drained, that connection is not read. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

enum { ROOM = 1024 };

struct conn {
    int            fd;
    struct pending pending;
};

static int           queue, change_count;
static struct kevent changes[ROOM];
static char          buffer[64 * 1024];

/* Of a connection either what comes is waited for, or room: so one event is all there is of it in a
 * harvest, and what it changes is not changed again before the next. */
static void change(int fd, struct conn *c, int16_t filter, uint16_t flags)
{
    if (change_count == ROOM) {
        must(kevent(queue, changes, change_count, NULL, 0, NULL) == 0, "kevent");
        change_count = 0;
    }
    changes[change_count++] = (struct kevent){
        .ident = (uintptr_t)fd, .filter = filter, .flags = flags, .udata = c};
}

/* The knotes go with the descriptor. */
static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c->pending.data);
    free(c);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
        c->fd = fd;
        change(fd, c, EVFILT_READ, EV_ADD);
    }
}

static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    enum sending sending = n <= 0 ? SENT_FAILED
                                  : send_or_keep(&c->pending, c->fd, buffer, (size_t)n);
    if (sending == SENT_FAILED) {
        conn_close(c);
    } else if (sending == SENT_PART) {
        change(c->fd, c, EVFILT_READ, EV_DELETE);
        change(c->fd, c, EVFILT_WRITE, EV_ADD);
    }
}

static void on_writable(struct conn *c)
{
    enum sending sending = send_kept(&c->pending, c->fd);
    if (sending == SENT_FAILED) {
        conn_close(c);
    } else if (sending == SENT_ALL) {
        change(c->fd, c, EVFILT_WRITE, EV_DELETE);
        change(c->fd, c, EVFILT_READ, EV_ADD);
    }
}

int main(int argc, char **argv)
{
    static struct kevent events[ROOM];
    int                  listener = listen_loopback(argc, argv, 0);
    queue = kqueue();
    must(queue >= 0, "kqueue");
    must(fcntl(listener, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    change(listener, NULL, EVFILT_READ, EV_ADD);
    for (;;) {
        int n = kevent(queue, changes, change_count, events, ROOM, NULL);
        must(n >= 0 || errno == EINTR, "kevent");
        change_count = 0; /* an interrupted call has made them, too */
        for (int i = 0; i < n; i++) {
            struct conn *c = (struct conn *)events[i].udata;
            if (!c)
                accept_all(listener);
            else if (c->pending.data)
                on_writable(c);
            else
                on_readable(c);
        }
    }
}
