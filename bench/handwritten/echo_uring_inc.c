/* SPDX-License-Identifier: MIT */
/* echo_uring_inc.c - an echo server on io_uring whose buffers are used up bit by bit (Linux 6.12).
 *
 * As echo_uring_best.c, but the provided buffer ring is incremental (IOU_PBUF_RING_INC): a message
 * takes as many bytes of the current buffer as it has, and the next one, of whichever connection,
 * those behind it. Sixteen buffers of 64 KiB, up to 256 when they run dry, suit any message size: a
 * small one wastes nothing and a large one is rarely cut. A buffer returns to the ring when the
 * kernel is done with it (no IORING_CQE_F_BUF_MORE) and every piece of it has been sent. */
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "listen.h"

/* Newer than the headers of liburing 2.3; include/uapi/linux/io_uring.h. */
#define BUFFER_RING_INCREMENTAL 2u /* IOU_PBUF_RING_INC */
#define BUFFER_GOES_ON (1u << 4)   /* IORING_CQE_F_BUF_MORE */

enum {
    BUFFER_COUNT = 256,
    BUFFER_COUNT_FIRST = 16,
    BUFFER_SIZE = 64 * 1024,
    GROUP = 0,
    VECTOR_MAX = 64
};

/* The kind of an operation is told by the lowest bits of a completion's user_data; the rest is
 * the connection. */
enum { ACCEPT, RECEIVE, SEND, KIND_MASK = 3 };

/* Bytes of a buffer that came with one completion, queued at their connection. */
struct piece {
    char         *data;
    unsigned      length;
    int           buffer;
    struct piece *next;
};

static struct buffer {
    unsigned used;   /* bytes that the kernel has filled */
    int      pieces; /* that are not sent yet */
    bool     done;   /* the kernel takes no more of it */
} state[BUFFER_COUNT];

struct conn {
    int           fd;
    bool          receiving; /* the multishot receive is armed */
    bool          ended;     /* end of stream or an error: only what is queued still goes out */
    bool          parked;
    int           sending; /* pieces in the send that is in flight, from the first on */
    struct piece *first, *last;
    struct conn  *next_parked;
    struct msghdr message;
    struct iovec  vector[VECTOR_MAX];
};

static struct io_uring           ring;
static struct io_uring_buf_ring *buffers;
static char                     *memory;
static int                       returned; /* buffers added to the ring since it was advanced */
static int                       used;     /* buffers that were ever in the ring */
static struct conn              *parked;
static struct piece             *free_pieces;

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

static void mark(struct io_uring_sqe *sqe, struct conn *c, unsigned kind)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)c | kind);
}

static void start_accept(int listener)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    mark(sqe, NULL, ACCEPT);
}

static void start_receive(struct conn *c)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    mark(sqe, c, RECEIVE);
    c->receiving = true;
}

/* Sends what is queued: one piece plainly, several as one message. */
static void start_send(struct conn *c)
{
    int count = 0;
    for (struct piece *p = c->first; p && count < VECTOR_MAX; p = p->next)
        c->vector[count++] = (struct iovec){p->data, p->length};
    struct io_uring_sqe *sqe = entry();
    if (count == 1) {
        io_uring_prep_send(sqe, c->fd, c->vector[0].iov_base, c->vector[0].iov_len,
                           MSG_NOSIGNAL | MSG_WAITALL);
    } else {
        c->message = (struct msghdr){.msg_iov = c->vector, .msg_iovlen = (size_t)count};
        io_uring_prep_sendmsg(sqe, c->fd, &c->message, MSG_NOSIGNAL | MSG_WAITALL);
    }
    mark(sqe, c, SEND);
    c->sending = count;
}

/* A buffer goes back when nobody uses it any more: neither the kernel nor a send. */
static void give_back_if_free(int id)
{
    if (!state[id].done || state[id].pieces > 0)
        return;
    state[id] = (struct buffer){0};
    io_uring_buf_ring_add(buffers, memory + (size_t)id * BUFFER_SIZE, BUFFER_SIZE,
                          (unsigned short)id, io_uring_buf_ring_mask(BUFFER_COUNT), returned++);
}

static void drop_first(struct conn *c)
{
    struct piece *p = c->first;
    c->first = p->next;
    if (!c->first)
        c->last = NULL;
    state[p->buffer].pieces--;
    give_back_if_free(p->buffer);
    p->next = free_pieces;
    free_pieces = p;
}

/* Ends the connection when nothing of it is in flight any more. */
static void close_if_done(struct conn *c)
{
    if (!c->ended || c->receiving || c->parked || c->sending > 0)
        return;
    while (c->first)
        drop_first(c);
    close(c->fd);
    free(c);
}

static void on_accepted(int fd)
{
    if (fd < 0)
        return;
    struct conn *c = calloc(1, sizeof *c);
    must(c != NULL, "calloc");
    c->fd = fd;
    start_receive(c);
}

static void queue(struct conn *c, int id, unsigned length)
{
    struct piece *p = free_pieces;
    if (p)
        free_pieces = p->next;
    else
        p = malloc(sizeof *p);
    must(p != NULL, "malloc");
    *p = (struct piece){memory + (size_t)id * BUFFER_SIZE + state[id].used, length, id, NULL};
    state[id].used += length;
    state[id].pieces++;
    if (c->last)
        c->last->next = p;
    else
        c->first = p;
    c->last = p;
}

/* Takes note of the bytes that came, and of whether the kernel goes on in this buffer. */
static void take(struct conn *c, const struct io_uring_cqe *cqe)
{
    int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    if (cqe->res > 0)
        queue(c, id, (unsigned)cqe->res);
    if (!(cqe->flags & BUFFER_GOES_ON)) {
        state[id].done = true;
        give_back_if_free(id);
    }
}

static void on_received(struct conn *c, const struct io_uring_cqe *cqe)
{
    c->receiving = (cqe->flags & IORING_CQE_F_MORE) != 0;
    /* The upper half of the flags is a buffer's number only when this flag says so. */
    if (cqe->flags & IORING_CQE_F_BUFFER)
        take(c, cqe);
    if (cqe->res == -ENOBUFS) {
        c->parked = true;
        c->next_parked = parked;
        parked = c;
    } else if (cqe->res <= 0) {
        c->ended = true;
    } else if (!c->receiving) {
        start_receive(c);
    }
    if (c->first && c->sending == 0)
        start_send(c);
    close_if_done(c);
}

static void on_sent(struct conn *c, int result)
{
    for (; c->sending > 0; c->sending--) {
        result -= (int)c->first->length;
        drop_first(c);
    }
    if (result < 0 && !c->ended) {
        c->ended = true; /* the peer is gone; a shutdown ends the receive that is still armed */
        shutdown(c->fd, SHUT_RDWR);
    }
    if (c->first && !c->ended)
        start_send(c);
    close_if_done(c);
}

static void add_buffers(int count)
{
    for (; count > 0 && used < BUFFER_COUNT; count--) {
        state[used].done = true;
        give_back_if_free(used++);
    }
}

/* Makes returned buffers visible to the kernel, and arms those that waited for some. */
static void end_turn(void)
{
    if (parked)
        add_buffers(used);
    if (returned == 0)
        return;
    io_uring_buf_ring_advance(buffers, returned);
    returned = 0;
    while (parked) {
        struct conn *c = parked;
        parked = c->next_parked;
        c->parked = false;
        if (c->ended)
            close_if_done(c);
        else
            start_receive(c);
    }
}

static void *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED, "mmap");
    return at;
}

static void open_ring(void)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 4096};
    errno = -io_uring_queue_init_params(1024, &ring, &params);
    must(errno == 0, "io_uring_queue_init");
    buffers = map(BUFFER_COUNT * sizeof(struct io_uring_buf));
    memory = map((size_t)BUFFER_COUNT * BUFFER_SIZE);
    /* The flags stand where older headers have padding. */
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)buffers,
                                            .ring_entries = BUFFER_COUNT,
                                            .bgid = GROUP,
                                            .pad = BUFFER_RING_INCREMENTAL};
    errno = -io_uring_register_buf_ring(&ring, &registration, 0);
    must(errno == 0, "io_uring_register_buf_ring, incremental (Linux 6.12)");
    io_uring_buf_ring_init(buffers);
    add_buffers(BUFFER_COUNT_FIRST);
    end_turn();
}

static void on_completion(const struct io_uring_cqe *cqe, int listener)
{
    uint64_t     data = io_uring_cqe_get_data64(cqe);
    struct conn *c = (struct conn *)(uintptr_t)(data & ~(uint64_t)KIND_MASK);
    switch (data & KIND_MASK) {
    case ACCEPT:
        on_accepted(cqe->res);
        if (!(cqe->flags & IORING_CQE_F_MORE))
            start_accept(listener);
        break;
    case RECEIVE:
        on_received(c, cqe);
        break;
    default:
        on_sent(c, cqe->res);
        break;
    }
}

int main(int argc, char **argv)
{
    int listener = listen_loopback(argc, argv, 0);
    open_ring();
    start_accept(listener);
    for (;;) {
        int submitted = io_uring_submit_and_wait(&ring, 1);
        errno = -submitted;
        must(submitted >= 0 || submitted == -EINTR, "io_uring_submit_and_wait");
        struct io_uring_cqe *cqe;
        unsigned             head, seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            seen++;
            on_completion(cqe, listener);
        }
        io_uring_cq_advance(&ring, seen);
        end_turn();
    }
}
