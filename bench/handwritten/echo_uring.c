/* SPDX-License-Identifier: MIT */
/* echo_uring.c - an echo server on io_uring with plain receives and sends, as good as its
 * author could write it.
 *
 * One thread. The ring is set up with SINGLE_ISSUER and DEFER_TASKRUN. A connection owns a
 * buffer of 64 KiB and has one operation in flight: a receive, then a send of what came (again
 * for the rest when it was short), then a receive. All entries of a turn go in and all
 * completions come out with one io_uring_enter. */
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "listen.h"

struct conn {
    int    fd;
    bool   sending;
    size_t length, sent;
    char   buffer[64 * 1024];
};

static struct io_uring ring;

static struct io_uring_sqe *entry(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    must(sqe != NULL, "io_uring_get_sqe");
    return sqe;
}

static void start_accept(int listener)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, NULL);
}

static void start_receive(struct conn *c)
{
    struct io_uring_sqe *sqe = entry();
    c->sending = false;
    io_uring_prep_recv(sqe, c->fd, c->buffer, sizeof c->buffer, 0);
    io_uring_sqe_set_data(sqe, c);
}

static void start_send(struct conn *c)
{
    struct io_uring_sqe *sqe = entry();
    c->sending = true;
    io_uring_prep_send(sqe, c->fd, c->buffer + c->sent, c->length - c->sent, MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, c);
}

static void on_accepted(int fd)
{
    if (fd < 0)
        return;
    struct conn *c = malloc(sizeof *c);
    must(c != NULL, "malloc");
    c->fd = fd;
    start_receive(c);
}

static void on_moved(struct conn *c, int result)
{
    if (result <= 0) {
        close(c->fd);
        free(c);
    } else if (!c->sending) {
        c->length = (size_t)result;
        c->sent = 0;
        start_send(c);
    } else {
        c->sent += (size_t)result;
        if (c->sent < c->length)
            start_send(c);
        else
            start_receive(c);
    }
}

int main(int argc, char **argv)
{
    int                    listener = listen_loopback(argc, argv, 0);
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 4096};
    errno = -io_uring_queue_init_params(1024, &ring, &params);
    must(errno == 0, "io_uring_queue_init");
    start_accept(listener);
    for (;;) {
        int submitted = io_uring_submit_and_wait(&ring, 1);
        errno = -submitted;
        must(submitted >= 0 || submitted == -EINTR, "io_uring_submit_and_wait");
        struct io_uring_cqe *cqe;
        unsigned             head, seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            struct conn *c = io_uring_cqe_get_data(cqe);
            seen++;
            if (c) {
                on_moved(c, cqe->res);
            } else {
                on_accepted(cqe->res);
                start_accept(listener);
            }
        }
        io_uring_cq_advance(&ring, seen);
    }
}
