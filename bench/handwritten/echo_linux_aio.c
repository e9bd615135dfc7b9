/* SPDX-License-Identifier: MIT */
/* echo_linux_aio.c - an echo server on the polls of Linux AIO, as good as its author could write
 * it.
 *
 * One thread. One receive buffer of 64 KiB is shared by all connections. Each connection has one
 * control block: a poll that ends with its first event, for reading, or for writing while the
 * socket is full. An event is answered by one recv and at once by one send; the polls of a turn are
 * submitted by one io_submit. Events are taken from the ring that the kernel shares, and only an
 * empty ring costs a call that sleeps. io_submit(2), io_getevents(2). */
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listen.h"
#include "pending.h"

enum { POLLS_MAX = 16384 };
#define RING_MAGIC 0xa10a10a1u

struct conn {
    struct iocb    poll;
    int            fd;
    struct pending pending;
};

/* What the kernel keeps at the address that is the context's name. */
struct ring {
    unsigned        id, room;
    unsigned        head; /* ours */
    unsigned        tail; /* the kernel's */
    unsigned        magic, compatible, incompatible, header_length;
    struct io_event events[];
};

static aio_context_t context;
static struct ring  *ring;
static struct iocb  *queue[POLLS_MAX];
static long          queued;
static char          buffer[64 * 1024];

static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c->pending.data);
    free(c);
}

static void arm(struct iocb *poll, int fd, int events, void *owner)
{
    *poll = (struct iocb){.aio_data = (uintptr_t)owner,
                          .aio_lio_opcode = IOCB_CMD_POLL,
                          .aio_fildes = (unsigned)fd,
                          .aio_buf = (unsigned)events};
    must(queued < POLLS_MAX, "more connections than the context has room for");
    queue[queued++] = poll;
}

static void conn_arm(struct conn *c)
{
    arm(&c->poll, c->fd, c->pending.data ? POLLOUT : POLLIN, c);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "calloc");
        c->fd = fd;
        conn_arm(c);
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
        conn_arm(c);
}

/* io_submit may take fewer than it is offered. */
static void submit(void)
{
    for (long done = 0; done < queued;) {
        long taken = syscall(SYS_io_submit, context, queued - done, queue + done);
        must(taken > 0, "io_submit");
        done += taken;
    }
    queued = 0;
}

/* Those that are there, at least one; from the ring when it has any. */
static long take(struct io_event *events, long room)
{
    unsigned head = ring->head, tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    long     count = 0;
    if (head == tail)
        return syscall(SYS_io_getevents, context, 1, room, events, NULL);
    for (; head != tail && count < room; head = (head + 1) % ring->room)
        events[count++] = ring->events[head];
    __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
    return count;
}

int main(int argc, char **argv)
{
    int             listener = listen_loopback(argc, argv, SOCK_NONBLOCK);
    struct iocb     listening;
    struct io_event events[1024];
    must(syscall(SYS_io_setup, POLLS_MAX, &context) == 0, "io_setup");
    ring = (struct ring *)context;
    must(ring->magic == RING_MAGIC, "the ring");
    arm(&listening, listener, POLLIN, NULL);
    for (;;) {
        submit();
        long n = take(events, 1024);
        must(n >= 0 || errno == EINTR, "io_getevents");
        for (long i = 0; i < n; i++) {
            if (events[i].data) {
                on_event((struct conn *)(uintptr_t)events[i].data);
            } else {
                accept_all(listener);
                arm(&listening, listener, POLLIN, NULL);
            }
        }
    }
}
