/* SPDX-License-Identifier: MIT */
/* echo_spin.c - an echo server that waits for nothing and asks everybody in turn, as good as its
 * author could write it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. Each pass is one accept
 * and one recv for each connection, answered at once by one send where there was something; a
 * connection whose socket is full is asked to send instead. After a pass that found nothing the
 * processor is offered to others. */
#include <sched.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

struct connection {
    int            fd;
    struct pending pending;
};

static struct connection *connections;
static size_t             count, room;
static char               buffer[64 * 1024];

static void add(int fd)
{
    if (count == room) {
        room = room ? room * 2 : 64;
        connections = realloc(connections, room * sizeof *connections);
        must(connections != NULL, "realloc");
    }
    connections[count++] = (struct connection){.fd = fd};
}

static void remove_at(size_t i)
{
    close(connections[i].fd);
    free(connections[i].pending.data);
    connections[i] = connections[--count];
}

/* Whether there was something to do. */
static bool ask(size_t i)
{
    struct connection *c = &connections[i];
    enum sending       sending;
    if (c->pending.data) {
        sending = send_kept(&c->pending, c->fd);
    } else {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        sending = n > 0 ? send_or_keep(&c->pending, c->fd, buffer, (size_t)n) : SENT_FAILED;
    }
    if (sending == SENT_FAILED)
        remove_at(i);
    return sending != SENT_PART;
}

int main(int argc, char **argv)
{
    int listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    for (;;) {
        int  fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        bool found = fd >= 0;
        if (found)
            add(fd);
        /* Backwards: the place of a closed one is taken by one that was already asked. */
        for (size_t i = count; i-- > 0;)
            found |= ask(i);
        if (!found)
            sched_yield();
    }
}
