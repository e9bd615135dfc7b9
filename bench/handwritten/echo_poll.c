/* SPDX-License-Identifier: MIT */
/* echo_poll.c - an echo server on poll(), as good as its author could write it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. The pollfd array is
 * dense (a closed connection's place is taken by the last) and looked through only until as
 * many ready ones were found as poll() said. An event is answered by one recv and at once by
 * one send; writability is asked for only while a socket is full, and until it has drained,
 * that connection is not read. */
#include <poll.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

static struct pollfd  *fds;      /* fds[0] is the listener */
static struct pending *pendings; /* pendings[i] waits for fds[i] */
static nfds_t          count, room;
static char            buffer[64 * 1024];

static void add(int fd)
{
    if (count == room) {
        room = room ? room * 2 : 64;
        fds = realloc(fds, room * sizeof *fds);
        pendings = realloc(pendings, room * sizeof *pendings);
        must(fds && pendings, "realloc");
    }
    fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    pendings[count++] = (struct pending){0};
}

static void remove_at(nfds_t i)
{
    close(fds[i].fd);
    free(pendings[i].data);
    fds[i] = fds[--count];
    pendings[i] = pendings[count];
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        add(fd);
}

static enum sending receive(nfds_t i)
{
    ssize_t n = recv(fds[i].fd, buffer, sizeof buffer, 0);
    if (n > 0)
        return send_or_keep(&pendings[i], fds[i].fd, buffer, (size_t)n);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? SENT_ALL : SENT_FAILED;
}

int main(int argc, char **argv)
{
    add(listen_loopback(argc, argv, SOCK_NONBLOCK));
    for (;;) {
        int ready = poll(fds, count, -1);
        must(ready >= 0 || errno == EINTR, "poll");
        bool accepting = ready > 0 && fds[0].revents != 0;
        ready -= accepting;
        /* Backwards: the place of a closed one is taken by one that was already looked at. */
        for (nfds_t i = count; --i > 0 && ready > 0;) {
            if (fds[i].revents == 0)
                continue;
            ready--;
            enum sending sending = pendings[i].data ? send_kept(&pendings[i], fds[i].fd)
                                                    : receive(i);
            if (sending == SENT_FAILED)
                remove_at(i);
            else
                fds[i].events = sending == SENT_PART ? POLLOUT : POLLIN;
        }
        if (accepting)
            accept_all();
    }
}
