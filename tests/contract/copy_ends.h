/* SPDX-License-Identifier: MIT */
/* copy_ends.h - what weir_copy() takes from and gives to, with the program at the other side. */
#ifndef COPY_ENDS_H
#define COPY_ENDS_H

#include <termios.h>

#include "streams_transport.h"

enum end_kind { END_FILE, END_TCP, END_UNIX, END_BLOCKING, END_PIPE, END_FIFO, END_TTY, END_KINDS };

/* One end. The program's side is a plain descriptor; of a file, a second one of the same file. */
struct end {
    struct weir_handle handle;
    enum end_kind      kind;
    int                plain;
};

static inline int tty_peer(struct contract *c, struct weir_handle *handle)
{
    struct termios mode;
    int            master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(master >= 0);
    CHECK_EQ(grantpt(master), 0);
    CHECK_EQ(unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(slave >= 0);
    CHECK_EQ(tcgetattr(slave, &mode), 0);
    cfmakeraw(&mode);
    CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
    CHECK_EQ(weir_adopt(handle, c->loop, slave, 0), 0);
    return master;
}

static inline int file_peer(struct contract *c, struct weir_handle *handle)
{
    const char    *path = contract_temp_file(c);
    struct weir_op op = {0};
    weir_open(&op, c->loop, handle, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0,
              contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    int plain = open(path, O_RDWR | O_CLOEXEC);
    CHECK(plain >= 0);
    return plain;
}

/* is_source: weir reads from it. */
static inline void end_open(struct contract *c, struct end *end, enum end_kind kind, bool is_source)
{
    *end = (struct end){.kind = kind, .plain = -1};
    switch (kind) {
    case END_FILE:
        end->plain = file_peer(c, &end->handle);
        break;
    case END_TCP:
        end->plain = contract_tcp_peer(c, &end->handle);
        break;
    case END_UNIX:
        end->plain = contract_unix_peer(c, &end->handle);
        break;
    case END_BLOCKING:
        end->plain = blocking_peer(c, &end->handle);
        break;
    case END_PIPE:
        end->plain = (is_source ? pipe_reader : pipe_writer)(c, &end->handle);
        break;
    case END_FIFO:
        end->plain = (is_source ? fifo_reader : fifo_writer)(c, &end->handle);
        break;
    case END_TTY:
    case END_KINDS:
        end->plain = tty_peer(c, &end->handle);
        break;
    }
}

static inline void end_close(struct contract *c, struct end *end)
{
    if (weir_handle_kind(&end->handle) != WEIR_HANDLE_NONE)
        contract_close(c, &end->handle);
    if (end->plain >= 0)
        contract_raw_close(end->plain);
}

/* Bytes of contract_fill() from or to the program's side, by a thread of its own where that may
 * wait. */
struct flow {
    struct contract_thread thread;
    int                    fd;
    uint64_t               length; /* to give; or given up to now, of a flow that takes */
    unsigned               seed;
    bool                   ends; /* the giver says that nothing comes after it */
};

static inline void *flow_give(void *argument)
{
    struct flow         *flow = argument;
    static unsigned char data[65536]; /* one giver at a time */
    for (uint64_t at = 0; at < flow->length;) {
        size_t n = flow->length - at < sizeof data ? (size_t)(flow->length - at) : sizeof data;
        contract_fill(data, n, at, flow->seed);
        contract_raw_send(flow->fd, data, n);
        at += n;
    }
    if (flow->ends && shutdown(flow->fd, SHUT_WR) != 0)
        contract_raw_close(flow->fd); /* no socket: closing it is the end */
    return NULL;
}

/* Takes `length` bytes, or, with UINT64_MAX, until the end; checks each. */
static inline void *flow_take(void *argument)
{
    struct flow         *flow = argument;
    static unsigned char data[65536]; /* one taker at a time */
    uint64_t             wanted = flow->length;
    for (flow->length = 0; flow->length < wanted;) {
        uint64_t left = wanted - flow->length;
        size_t   n = contract_raw_recv_some(flow->fd, data,
                                          left < sizeof data ? (size_t)left : sizeof data);
        if (n == 0)
            break;
        CHECK(contract_filled(data, n, flow->length, flow->seed));
        flow->length += n;
    }
    return NULL;
}

/* Writes the bytes of the giver into a file, or starts the giver. */
static inline void flow_begin(struct flow *flow, const struct end *source, uint64_t length,
                              bool ends)
{
    *flow = (struct flow){.fd = source->plain, .length = length, .seed = 7, .ends = ends};
    if (source->kind != END_FILE) {
        contract_thread_start(&flow->thread, flow_give, flow);
        return;
    }
    static unsigned char data[65536];
    for (uint64_t at = 0; at < length; at += sizeof data) {
        size_t n = length - at < sizeof data ? (size_t)(length - at) : sizeof data;
        contract_fill(data, n, at, flow->seed);
        CHECK_EQ(pwrite(source->plain, data, n, (off_t)at), n);
    }
}

static inline void flow_end(struct flow *flow)
{
    if (flow->thread.handle)
        contract_thread_join(&flow->thread);
}

/* The file holds exactly these bytes from `offset` on. */
static inline void check_file(const struct end *target, uint64_t offset, uint64_t length)
{
    static unsigned char data[65536];
    struct stat          stat;
    CHECK_EQ(fstat(target->plain, &stat), 0);
    CHECK_EQ(stat.st_size, length ? offset + length : 0);
    for (uint64_t at = 0; at < length;) {
        ssize_t n = pread(target->plain, data, sizeof data, (off_t)(offset + at));
        CHECK(n > 0);
        CHECK(contract_filled(data, (size_t)n, at, 7));
        at += (uint64_t)n;
    }
}

static inline struct weir_copy_range whole_of(struct weir_handle *from, uint64_t length)
{
    return (struct weir_copy_range){
        .from = from, .from_offset = WEIR_STREAM, .to_offset = WEIR_STREAM, .length = length};
}

#endif
