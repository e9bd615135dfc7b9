/* SPDX-License-Identifier: MIT */
/* query.c - what weir_query() says of an op on a kind of handle is what comes of it when it is
 * tried: each op of the library, on a real handle of each kind, in a state in which it has to wait
 * where it can wait at all. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "contract.h"

/* One op on one handle. */
struct trial {
    struct contract       *c;
    enum weir_op_kind      kind;
    enum weir_handle_kind  on;
    struct weir_handle     handle, listener;
    struct weir_handle     other; /* other: what is accepted, opened, or copied from */
    struct weir_op         op;
    int                    peer; /* what is written there is read from the handle, or -1 */
    char                   data[64];
    struct weir_buf        piece;
    struct weir_msg        message;
    struct weir_address    address;
    struct weir_stat       stat;
    struct weir_lookup     lookup;
    struct weir_copy_range range;
    struct weir_pool      *pool;
};

/* ------------------------------------------------------------------------------------------------
 * What an op needs
 * ---------------------------------------------------------------------------------------------- */

enum need {
    NEEDS_LOOP,   /* no handle: it takes the loop */
    NEEDS_ACCEPT, /* a client that comes later */
    NEEDS_CONNECT,
    NEEDS_INPUT, /* bytes that come later */
    NEEDS_ROOM,  /* a full way out, that is emptied later */
    NEEDS_NOTHING
};

/* No default: an op that is new says here what it needs. */
static enum need need_of(enum weir_op_kind kind)
{
    switch (kind) {
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_SIGNAL:
    case WEIR_OP_POST:
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_OPEN:
        return NEEDS_LOOP;
    case WEIR_OP_ACCEPT:
        return NEEDS_ACCEPT;
    case WEIR_OP_CONNECT:
        return NEEDS_CONNECT;
    case WEIR_OP_POLL:
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
        return NEEDS_INPUT;
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_SEND_BATCH:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_COPY:
        return NEEDS_ROOM;
    case WEIR_OP_SHUTDOWN:
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
    case WEIR_OP_MOVE:
        return NEEDS_NOTHING;
    case WEIR_OP_NONE:
    case WEIR_OP_KINDS:
        break;
    }
    return NEEDS_NOTHING;
}

static bool is_file(enum weir_handle_kind kind)
{
    return kind == WEIR_HANDLE_FILE || kind == WEIR_HANDLE_DIRECTORY;
}

/* ------------------------------------------------------------------------------------------------
 * Handles
 * ---------------------------------------------------------------------------------------------- */

static void adopt(struct trial *t, struct weir_handle *handle, int fd)
{
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(handle, t->c->loop, fd, 0), 0);
}

static void make_stream(struct trial *t)
{
    if (t->kind == WEIR_OP_CONNECT)
        CHECK_EQ(weir_socket(&t->handle, t->c->loop, AF_INET, SOCK_STREAM, 0), 0);
    else
        t->peer = contract_unix_peer(t->c, &t->handle);
}

static void make_datagram(struct trial *t)
{
    int ends[2];
    if (t->kind == WEIR_OP_CONNECT) {
        CHECK_EQ(weir_socket(&t->handle, t->c->loop, AF_INET, SOCK_DGRAM, 0), 0);
        return;
    }
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    adopt(t, &t->handle, ends[0]);
    t->peer = ends[1];
}

/* The end that makes sense for the op. */
static void make_pipe(struct trial *t)
{
    int ends[2], mine = need_of(t->kind) == NEEDS_ROOM;
    CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    adopt(t, &t->handle, ends[mine]);
    t->peer = ends[!mine];
}

static void make_tty(struct trial *t)
{
    struct termios mode;
    int            slave;
    CHECK_EQ(openpty(&t->peer, &slave, NULL, NULL, NULL), 0);
    CHECK_EQ(tcgetattr(slave, &mode), 0);
    cfmakeraw(&mode);
    CHECK_EQ(tcsetattr(slave, TCSANOW, &mode), 0);
    adopt(t, &t->handle, slave);
}

static void make_file(struct trial *t, struct weir_handle *handle)
{
    int fd = open(contract_temp_file(t->c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_EQ(write(fd, "some content", 12), 12);
    adopt(t, handle, fd);
}

/* A real one of the kind; NONE: one that was closed. */
static void make_handle(struct trial *t)
{
    switch (t->on) {
    case WEIR_HANDLE_STREAM:
        make_stream(t);
        break;
    case WEIR_HANDLE_DATAGRAM:
        make_datagram(t);
        break;
    case WEIR_HANDLE_LISTENER:
        contract_listen_any(t->c, &t->handle);
        break;
    case WEIR_HANDLE_PIPE:
        make_pipe(t);
        break;
    case WEIR_HANDLE_TTY:
        make_tty(t);
        break;
    case WEIR_HANDLE_FILE:
        make_file(t, &t->handle);
        break;
    case WEIR_HANDLE_DIRECTORY:
        adopt(t, &t->handle, open(t->c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        break;
    case WEIR_HANDLE_OTHER:
        adopt(t, &t->handle, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        break;
    default:
        make_file(t, &t->handle);
        contract_close(t->c, &t->handle);
        return;
    }
    CHECK_EQ(weir_handle_kind(&t->handle), t->on);
}

/* ------------------------------------------------------------------------------------------------
 * Starting
 * ---------------------------------------------------------------------------------------------- */

static int64_t work(struct weir_op *op)
{
    (void)op;
    return 1;
}

static void start_on_loop(struct trial *t)
{
    struct weir_loop *loop = t->c->loop;
    switch (t->kind) {
    case WEIR_OP_NOP:
        weir_nop(&t->op, loop, 0, contract_done);
        break;
    case WEIR_OP_TIMER:
        weir_timer(&t->op, loop, WEIR_MILLISECOND, 0, contract_done);
        break;
    case WEIR_OP_SIGNAL:
        weir_signal(&t->op, loop, SIGUSR1, 0, contract_done);
        break;
    case WEIR_OP_POST:
        weir_post(&t->op, loop, contract_done);
        break;
    case WEIR_OP_WORK:
        weir_work(&t->op, loop, work, 0, contract_done);
        break;
    case WEIR_OP_RESOLVE:
        t->lookup = (struct weir_lookup){.host = "127.0.0.1", .addresses = &t->address, .room = 1};
        weir_resolve(&t->op, loop, &t->lookup, 0, contract_done);
        break;
    default:
        weir_open(&t->op, loop, &t->other, t->c->directory, WEIR_OPEN_READ, 0, contract_done);
        break;
    }
}

static void start_input(struct trial *t)
{
    uint64_t at = is_file(t->on) ? 0 : WEIR_STREAM;
    switch (t->kind) {
    case WEIR_OP_POLL:
        weir_poll(&t->op, &t->handle, WEIR_IN, 0, contract_done);
        break;
    case WEIR_OP_RECV:
        weir_recv(&t->op, &t->handle, t->data, 8, 0, contract_done);
        break;
    case WEIR_OP_RECVV:
        weir_recvv(&t->op, &t->handle, &t->piece, 1, 0, contract_done);
        break;
    case WEIR_OP_RECV_MSG:
        weir_recv_msg(&t->op, &t->handle, &t->message, 0, contract_done);
        break;
    case WEIR_OP_RECV_BATCH:
        weir_recv_batch(&t->op, &t->handle, &t->message, 1, 0, contract_done);
        break;
    case WEIR_OP_RECV_POOLED:
        weir_recv_pooled(&t->op, &t->handle, t->pool, 0, contract_done);
        break;
    case WEIR_OP_RECV_MSG_POOLED:
        weir_recv_msg_pooled(&t->op, &t->handle, t->pool, &t->message, 0, contract_done);
        break;
    case WEIR_OP_READ:
        weir_read(&t->op, &t->handle, t->data, 8, at, 0, contract_done);
        break;
    default:
        weir_readv(&t->op, &t->handle, &t->piece, 1, at, 0, contract_done);
        break;
    }
}

static void start_output(struct trial *t)
{
    uint64_t at = is_file(t->on) ? 0 : WEIR_STREAM;
    t->data[0] = 1; /* to a counter, a number */
    switch (t->kind) {
    case WEIR_OP_SEND:
        weir_send(&t->op, &t->handle, t->data, 8, 0, contract_done);
        break;
    case WEIR_OP_SENDV:
        weir_sendv(&t->op, &t->handle, &t->piece, 1, 0, contract_done);
        break;
    case WEIR_OP_SEND_MSG:
        weir_send_msg(&t->op, &t->handle, &t->message, 0, contract_done);
        break;
    case WEIR_OP_SEND_BATCH:
        weir_send_batch(&t->op, &t->handle, &t->message, 1, 0, contract_done);
        break;
    case WEIR_OP_WRITE:
        weir_write(&t->op, &t->handle, t->data, 8, at, 0, contract_done);
        break;
    case WEIR_OP_WRITEV:
        weir_writev(&t->op, &t->handle, &t->piece, 1, at, 0, contract_done);
        break;
    default:
        make_file(t, &t->other);
        t->range = (struct weir_copy_range){&t->other, 0, at, 8};
        weir_copy(&t->op, &t->handle, &t->range, 0, contract_done);
        break;
    }
}

static void start_at_rest(struct trial *t)
{
    switch (t->kind) {
    case WEIR_OP_SHUTDOWN:
        weir_shutdown(&t->op, &t->handle, 0, contract_done);
        break;
    case WEIR_OP_FSTAT:
        weir_fstat(&t->op, &t->handle, &t->stat, 0, contract_done);
        break;
    case WEIR_OP_FSYNC:
        weir_fsync(&t->op, &t->handle, 0, contract_done);
        break;
    case WEIR_OP_TRUNCATE:
        weir_truncate(&t->op, &t->handle, 4, 0, contract_done);
        break;
    case WEIR_OP_PREALLOCATE:
        weir_preallocate(&t->op, &t->handle, 0, 4096, 0, contract_done);
        break;
    case WEIR_OP_MOVE: /* to where it is; move.c goes to others */
        weir_move(&t->op, &t->handle, t->c->loop, 0, contract_done);
        break;
    default:
        weir_advise(&t->op, &t->handle, 0, 0, WEIR_ADVICE_SEQUENTIAL, 0, contract_done);
        break;
    }
}

/* ------------------------------------------------------------------------------------------------
 * Waiting, and what it waits for
 * ---------------------------------------------------------------------------------------------- */

static void fill(struct trial *t)
{
    static char    bytes[65536];
    const uint64_t most = UINT64_MAX - 1;
    bool           counter = t->on == WEIR_HANDLE_OTHER;
    size_t         length = t->on == WEIR_HANDLE_DATAGRAM ? 64 : sizeof bytes;
    /* What is written to a tty goes on to its other end by and by, and leaves room again. */
    unsigned quiet = 0, enough = t->on == WEIR_HANDLE_TTY ? 20 : 1;
    while (quiet < enough) {
        if (weir_try_send(&t->handle, counter ? (const char *)&most : bytes, counter ? 8 : length,
                          0) > 0)
            quiet = 0;
        else if (++quiet < enough)
            contract_breathe();
    }
}

/* What the op waits for comes. */
static void bring(struct trial *t)
{
    char     bytes[4096];
    uint64_t one = 1;
    int      fd = t->on == WEIR_HANDLE_OTHER ? (int)weir_handle_os(&t->handle) : t->peer;
    switch (need_of(t->kind)) {
    case NEEDS_ACCEPT:
    case NEEDS_INPUT:
        if (t->on == WEIR_HANDLE_LISTENER) {
            struct weir_address address;
            CHECK_EQ(weir_local_address(&t->handle, &address), 0);
            const struct sockaddr_in *in = (const void *)address.data.bytes;
            t->peer = contract_raw_connect(ntohs(in->sin_port));
        } else if (fd >= 0) {
            CHECK_EQ(write(fd, &one, sizeof one), sizeof one);
        }
        break;
    case NEEDS_ROOM:
        while (fd >= 0 && contract_raw_readable(fd, 0) && read(fd, bytes, sizeof bytes) > 0)
            continue;
        break;
    case NEEDS_LOOP:
        if (t->kind == WEIR_OP_SIGNAL)
            raise(SIGUSR1);
        break;
    default:
        break;
    }
}

static void start(struct trial *t)
{
    switch (need_of(t->kind)) {
    case NEEDS_LOOP:
        start_on_loop(t);
        break;
    case NEEDS_ACCEPT:
        weir_accept(&t->op, &t->handle, &t->other, 0, contract_done);
        break;
    case NEEDS_CONNECT:
        weir_connect(&t->op, &t->handle, t->address.data.bytes, t->address.length, 0,
                     contract_done);
        break;
    case NEEDS_INPUT:
        start_input(t);
        break;
    case NEEDS_ROOM:
        start_output(t);
        break;
    default:
        start_at_rest(t);
        break;
    }
}

/* Runs it to its end. */
static void run_trial(struct trial *t)
{
    t->piece = (struct weir_buf){t->data, 8};
    t->message = (struct weir_msg){.buffers = &t->piece, .count = 1};
    CHECK_EQ(weir_pool_open(&t->pool, t->c->loop, &(struct weir_pool_options){.count = 1}), 0);
    if (need_of(t->kind) != NEEDS_LOOP)
        make_handle(t);
    if (need_of(t->kind) == NEEDS_CONNECT)
        t->address = contract_loopback(contract_listen_any(t->c, &t->listener));
    if (need_of(t->kind) == NEEDS_ROOM && t->on != WEIR_HANDLE_NONE && !is_file(t->on))
        fill(t);
    start(t);
    weir_run(t->c->loop, WEIR_NOWAIT);
    if (contract_live(&t->op))
        bring(t);
    while (contract_live(&t->op)) {
        weir_run(t->c->loop, WEIR_NOWAIT);
        if (need_of(t->kind) == NEEDS_ROOM)
            bring(t);
        contract_breathe();
    }
}

static void close_if_open(struct contract *c, struct weir_handle *handle)
{
    if (weir_handle_kind(handle) != WEIR_HANDLE_NONE)
        contract_close(c, handle);
}

static void end_trial(struct trial *t)
{
    struct weir_buf piece;
    if (weir_pooled(&t->op, &piece, 1))
        CHECK_EQ(weir_pool_give(t->pool, piece.data), 0);
    CHECK_EQ(weir_pool_close(t->pool), 0);
    if (t->peer >= 0)
        contract_raw_close(t->peer);
    close_if_open(t->c, &t->handle);
    close_if_open(t->c, &t->other);
    close_if_open(t->c, &t->listener);
}

/* ------------------------------------------------------------------------------------------------
 * Comparing
 * ---------------------------------------------------------------------------------------------- */

static bool is_socket(enum weir_handle_kind kind)
{
    return kind == WEIR_HANDLE_STREAM || kind == WEIR_HANDLE_DATAGRAM ||
           kind == WEIR_HANDLE_LISTENER;
}

/* What an op says that cannot be done on a handle. */
static int no_of(enum weir_op_kind kind, enum weir_handle_kind on)
{
    bool listener = on == WEIR_HANDLE_LISTENER;
    if (on == WEIR_HANDLE_NONE)
        return WEIR_EBADF;
    switch (kind) {
    case WEIR_OP_ACCEPT:
        if (on == WEIR_HANDLE_STREAM)
            return WEIR_EINVAL;
        return is_socket(on) ? WEIR_EOPNOTSUPP : WEIR_ENOTSOCK;
    case WEIR_OP_CONNECT:
        return listener ? WEIR_EISCONN : WEIR_ENOTSOCK;
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return is_socket(on) ? WEIR_EOPNOTSUPP : WEIR_ENOTSOCK;
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_MSG_POOLED:
        return listener ? WEIR_ENOTCONN : WEIR_ENOTSOCK;
    case WEIR_OP_RECV_POOLED:
        return listener ? WEIR_ENOTCONN : WEIR_ENOTSUP;
    case WEIR_OP_SEND_MSG:
        return listener ? WEIR_EPIPE : WEIR_ENOTSOCK;
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
        return listener ? WEIR_ENOTCONN : WEIR_EISDIR;
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        return listener ? WEIR_EPIPE : WEIR_EBADF; /* a directory opens for reading only */
    case WEIR_OP_COPY:
        return on == WEIR_HANDLE_DIRECTORY ? WEIR_EBADF : WEIR_EINVAL;
    case WEIR_OP_SHUTDOWN:
        return WEIR_ENOTSOCK;
    case WEIR_OP_PREALLOCATE: /* of the end of a pipe that is read from */
        return on == WEIR_HANDLE_PIPE || on == WEIR_HANDLE_DIRECTORY ? WEIR_EBADF : WEIR_ENODEV;
    case WEIR_OP_ADVISE:
        return WEIR_ESPIPE;
    default:
        return WEIR_EINVAL;
    }
}

/* Who served it is who was said to. What of a file is in memory, nobody else need read. */
static bool fits(const struct trial *t, int support)
{
    bool in_memory = t->on == WEIR_HANDLE_FILE && need_of(t->kind) == NEEDS_INPUT;
    switch ((enum weir_support)support) {
    case WEIR_SUPPORT_NO:
        return t->op.result == no_of(t->kind, t->on);
    case WEIR_SUPPORT_NATIVE:
        return t->op.served == WEIR_SERVED_READY || t->op.served == WEIR_SERVED_KERNEL ||
               (in_memory && t->op.served == WEIR_SERVED_AT_ONCE);
    case WEIR_SUPPORT_EMULATED:
        return t->op.served != WEIR_SERVED_NOT;
    case WEIR_SUPPORT_OFFLOADED:
        return t->op.served == WEIR_SERVED_WORKER ||
               (in_memory && t->op.served == WEIR_SERVED_AT_ONCE);
    case WEIR_SUPPORT_AT_ONCE:
        return t->op.served == WEIR_SERVED_AT_ONCE;
    }
    return false;
}

static void try_one(struct contract *c, enum weir_op_kind kind, enum weir_handle_kind on)
{
    static const char *const claims[] = {"no", "native", "emulated", "offloaded", "at once"};
    struct trial             t = {.c = c, .kind = kind, .on = on, .peer = -1};
    int                      support = weir_query(c->engine, kind, on);
    contract_needs("mechanism that is always the same");
    CHECK(support >= WEIR_SUPPORT_NO && support <= WEIR_SUPPORT_AT_ONCE);
    run_trial(&t);
    if ((t.op.result < 0) != (support == WEIR_SUPPORT_NO) || !fits(&t, support))
        contract_fail(__FILE__, __LINE__, "%s on %s: weir_query() says %s; served %s, result %s",
                      weir_op_name(kind), weir_handle_kind_name(on), claims[support],
                      weir_served_name((enum weir_served)t.op.served),
                      t.op.result < 0 ? weir_error_name(t.op.result) : "good");
    end_trial(&t);
}

/* Each op of a kind, on each kind of handle. */
static void try_all(struct contract *c, enum need need)
{
    for (int kind = WEIR_OP_NONE + 1; kind < WEIR_OP_KINDS; kind++)
        for (int on = WEIR_HANDLE_NONE; on < WEIR_HANDLE_KINDS; on++)
            if (need_of((enum weir_op_kind)kind) == need)
                try_one(c, (enum weir_op_kind)kind, (enum weir_handle_kind)on);
}

/* ------------------------------------------------------------------------------------------------
 * Cases
 * ---------------------------------------------------------------------------------------------- */

/* They have no handle: none can be given to them. */
static void ops_of_the_loop_are_as_told(struct contract *c)
{
    for (int kind = WEIR_OP_NONE + 1; kind < WEIR_OP_KINDS; kind++) {
        if (need_of((enum weir_op_kind)kind) != NEEDS_LOOP)
            continue;
        try_one(c, (enum weir_op_kind)kind, WEIR_HANDLE_NONE);
        for (int on = WEIR_HANDLE_NONE + 1; on < WEIR_HANDLE_KINDS; on++)
            CHECK_EQ(weir_query(c->engine, (enum weir_op_kind)kind, (enum weir_handle_kind)on),
                     WEIR_SUPPORT_NO);
    }
}

static void accepts_are_as_told(struct contract *c)
{
    try_all(c, NEEDS_ACCEPT);
}

static void connects_are_as_told(struct contract *c)
{
    try_all(c, NEEDS_CONNECT);
}

static void receives_and_polls_are_as_told(struct contract *c)
{
    try_all(c, NEEDS_INPUT);
}

static void sends_and_copies_are_as_told(struct contract *c)
{
    try_all(c, NEEDS_ROOM);
}

static void ops_that_need_nothing_are_as_told(struct contract *c)
{
    try_all(c, NEEDS_NOTHING);
}

static void what_there_is_not_is_denied(struct contract *c)
{
    CHECK_EQ(weir_query("nothing", WEIR_OP_RECV, WEIR_HANDLE_STREAM), WEIR_ENOENGINE);
    CHECK_EQ(weir_query("", WEIR_OP_RECV, WEIR_HANDLE_STREAM), WEIR_ENOENGINE);
    const char *elsewhere = strcmp(c->engine, "iocp") ? "iocp" : "epoll";
    CHECK_EQ(weir_query(elsewhere, WEIR_OP_RECV, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_NONE, WEIR_HANDLE_NONE), WEIR_SUPPORT_NO);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_KINDS, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_RECV, WEIR_HANDLE_KINDS), WEIR_SUPPORT_NO);
}

const struct contract_case contract_cases[] = {
    {"ops_of_the_loop_are_as_told", ops_of_the_loop_are_as_told, 0},
    {"accepts_are_as_told", accepts_are_as_told, 0},
    {"connects_are_as_told", connects_are_as_told, 0},
    {"receives_and_polls_are_as_told", receives_and_polls_are_as_told, 0},
    {"sends_and_copies_are_as_told", sends_and_copies_are_as_told, 0},
    {"ops_that_need_nothing_are_as_told", ops_that_need_nothing_are_as_told, 0},
    {"what_there_is_not_is_denied", what_there_is_not_is_denied, 0},
    {0},
};
