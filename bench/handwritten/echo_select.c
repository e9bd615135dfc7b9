/* SPDX-License-Identifier: MIT */
/* echo_select.c - an echo server on select(), as good as its author could write it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. The descriptor is the
 * index of everything, so that there is nothing to search; the two sets are kept up to date and
 * copied for each call, and looked through only until as many ready ones were found as select()
 * said. An event is answered by one recv and at once by one send; writability is asked for only
 * while a socket is full, and until it has drained, that connection is not read. A connection whose
 * descriptor does not fit into a set is closed. */
#include <sys/select.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

static fd_set         readable, writable; /* what is asked for */
static struct pending pendings[FD_SETSIZE];
static int            listener, limit; /* the highest descriptor ever held, and 1 */
static char           buffer[64 * 1024];

static void leave(int fd)
{
    FD_CLR(fd, &readable);
    FD_CLR(fd, &writable);
    free(pendings[fd].data);
    pendings[fd] = (struct pending){0};
    close(fd);
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= FD_SETSIZE) {
            close(fd);
            continue;
        }
        FD_SET(fd, &readable);
        if (fd >= limit)
            limit = fd + 1;
    }
}

static enum sending receive(int fd)
{
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n > 0)
        return send_or_keep(&pendings[fd], fd, buffer, (size_t)n);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? SENT_ALL : SENT_FAILED;
}

static void serve(int fd)
{
    bool         was_full = pendings[fd].data != NULL;
    enum sending sending = was_full ? send_kept(&pendings[fd], fd) : receive(fd);
    if (sending == SENT_FAILED) {
        leave(fd);
    } else if (sending == SENT_PART && !was_full) {
        FD_CLR(fd, &readable);
        FD_SET(fd, &writable);
    } else if (sending == SENT_ALL && was_full) {
        FD_CLR(fd, &writable);
        FD_SET(fd, &readable);
    }
}

int main(int argc, char **argv)
{
    listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    FD_SET(listener, &readable);
    limit = listener + 1;
    for (;;) {
        fd_set can_read = readable, can_write = writable;
        int    ready = select(limit, &can_read, &can_write, NULL, NULL);
        must(ready >= 0 || errno == EINTR, "select");
        bool accepting = ready > 0 && FD_ISSET(listener, &can_read);
        ready -= accepting;
        for (int fd = 0; fd < limit && ready > 0; fd++) {
            if (fd == listener || (!FD_ISSET(fd, &can_read) && !FD_ISSET(fd, &can_write)))
                continue;
            ready--;
            serve(fd);
        }
        if (accepting)
            accept_all();
    }
}
