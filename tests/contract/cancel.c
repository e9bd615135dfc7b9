/* SPDX-License-Identifier: MIT */
/* cancel.c - asking ops to end: what weir_cancel() answers, what is told then, and what closes
 * do. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "held_work.h"

#define HOUR (3600 * WEIR_SECOND)
#define MANY 65536

/* A cancelled op that found nothing to do: once, ECANCELED. */
static void check_cancelled(struct contract *c, struct weir_op *op)
{
    CHECK_EQ(weir_cancel(op), 0);
    CHECK_EQ(contract_await(c, op), WEIR_ECANCELED);
    CHECK_EQ(op->more, 0);
    CHECK_EQ(contract_told(op), 1);
    CHECK_EQ(weir_cancel(op), WEIR_ENOENT);
}

/* ------------------------------------------------------------------------------------------------
 * Each kind
 * ---------------------------------------------------------------------------------------------- */

/* Sends until nothing more goes, so that the next send has to wait. The other end of a connection
 * takes what is on its way in its own time, which makes room once more. */
static void fill_out(struct contract *c, struct weir_handle *handle)
{
    static char bytes[MANY];
    int64_t     moved;
    do {
        do
            moved = weir_try_send(handle, bytes, sizeof bytes, 0);
        while (moved > 0);
        CHECK_EQ(moved, WEIR_EAGAIN);
        contract_breathe(); /* what is on its way makes room where it arrives */
        weir_run(c->loop, WEIR_NOWAIT);
        moved = weir_try_send(handle, bytes, 1, 0);
    } while (moved > 0);
    CHECK_EQ(moved, WEIR_EAGAIN);
}

static void each_in_kind(struct contract *c, struct weir_handle *handle)
{
    struct weir_op  ops[4] = {{0}};
    char           *buffer = contract_buffer(c, 64);
    struct weir_buf pieces[2] = {{buffer, 32}, {buffer + 32, 32}};
    for (int lap = 0; lap < 2; lap++) { /* at once, and when the mechanism has it */
        weir_recv(&ops[0], handle, buffer, 64, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &ops[0]);
        weir_recvv(&ops[1], handle, pieces, 2, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &ops[1]);
        weir_read(&ops[2], handle, buffer, 64, WEIR_STREAM, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &ops[2]);
        weir_readv(&ops[3], handle, pieces, 2, WEIR_STREAM, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &ops[3]);
    }
    contract_seal(c, buffer);
}

static void each_out_kind(struct contract *c, struct weir_handle *handle)
{
    struct weir_op  ops[4] = {{0}};
    char           *buffer = contract_buffer(c, 64);
    struct weir_buf pieces[2] = {{buffer, 32}, {buffer + 32, 32}};
    contract_seal(c, buffer);
    fill_out(c, handle);
    weir_send(&ops[0], handle, buffer, 64, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    check_cancelled(c, &ops[0]);
    weir_sendv(&ops[1], handle, pieces, 2, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    check_cancelled(c, &ops[1]);
    weir_write(&ops[2], handle, buffer, 64, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    check_cancelled(c, &ops[2]);
    weir_writev(&ops[3], handle, pieces, 2, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    check_cancelled(c, &ops[3]);
}

static void start_message(struct weir_op *op, struct weir_handle *handle, struct weir_msg *message,
                          unsigned kind)
{
    switch (kind) {
    case 0:
        weir_recv_msg(op, handle, message, 0, contract_done);
        break;
    case 1:
        weir_recv_batch(op, handle, message, 1, 0, contract_done);
        break;
    case 2:
        weir_send_msg(op, handle, message, 0, contract_done);
        break;
    default:
        weir_send_batch(op, handle, message, 1, 0, contract_done);
        break;
    }
}

static void each_kind_of_message(struct contract *c)
{
    for (int stream = 0; stream < 2; stream++) {
        struct weir_handle handles[2] = {{0}};
        struct weir_op     op = {0};
        char              *buffer = contract_buffer(c, 64);
        struct weir_buf    piece = {buffer, 64};
        struct weir_msg    message = {.buffers = &piece, .count = 1};
        int                ends[2];
        CHECK_EQ(socketpair(AF_UNIX, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0, ends),
                 0);
        CHECK_EQ(weir_adopt(&handles[0], c->loop, ends[0], 0), 0);
        CHECK_EQ(weir_adopt(&handles[1], c->loop, ends[1], 0), 0);
        while (send(ends[0], "full", 4, MSG_DONTWAIT) == 4)
            ;
        for (unsigned kind = 0; kind < 4; kind++)
            for (int lap = 0; lap < 2 && !(stream && kind % 2); lap++) {
                start_message(&op, &handles[0], &message, kind);
                if (lap)
                    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
                check_cancelled(c, &op);
            }
        contract_seal(c, buffer);
        contract_close(c, &handles[0]);
        contract_close(c, &handles[1]);
    }
}

static void each_kind_on_streams(struct contract *c)
{
    struct weir_handle handles[6] = {{0}};
    contract_tcp_pair(c, &handles[0], &handles[1]);
    contract_unix_pair(c, &handles[2], &handles[3]);
    contract_pipe_pair(c, &handles[4], &handles[5]);
    for (int i = 0; i < 6; i += 2) {
        each_in_kind(c, &handles[i]);
        each_out_kind(c, &handles[i + 1]);
    }
    for (int i = 0; i < 6; i++)
        contract_close(c, &handles[i]);
}

/* A listener whose backlog is full drops what knocks: a connect to it waits. */
static int full_listener(uint16_t *port, int *fillers, int count)
{
    int                 listener = contract_raw_listen(port, 0);
    struct weir_address address = contract_loopback(*port);
    for (int i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(fillers[i] >= 0);
        connect(fillers[i], (const struct sockaddr *)(const void *)address.data.bytes,
                address.length);
    }
    return listener;
}

static void each_kind_of_connecting(struct contract *c)
{
    struct weir_handle  listener = {0}, accepted = {0}, socket_handle = {0};
    struct weir_op      accept = {0}, connect_op = {0};
    uint16_t            port;
    int                 fillers[4];
    int                 full = full_listener(&port, fillers, 4);
    struct weir_address address = contract_loopback(port);
    contract_listen_any(c, &listener);
    for (int lap = 0; lap < 2; lap++) {
        weir_accept(&accept, &listener, &accepted, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &accept);
        CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
        CHECK_EQ(weir_socket(&socket_handle, c->loop, AF_INET, SOCK_STREAM, 0), 0);
        weir_connect(&connect_op, &socket_handle, address.data.bytes, address.length, 0,
                     contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &connect_op);
        contract_close(c, &socket_handle);
    }
    contract_close(c, &listener);
    for (int i = 0; i < 4; i++)
        contract_raw_close(fillers[i]);
    contract_raw_close(full);
}

static void each_kind_without_a_handle(struct contract *c)
{
    struct weir_op timer = {0}, signal = {0};
    for (int lap = 0; lap < 2; lap++) {
        weir_timer(&timer, c->loop, HOUR, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &timer);
        for (unsigned flags = 0; flags <= WEIR_MULTISHOT; flags += WEIR_MULTISHOT) {
            weir_signal(&signal, c->loop, 10, flags, contract_done);
            if (lap)
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            check_cancelled(c, &signal);
        }
    }
}

/* Each look-up that was still queued ends as it was asked to; one that a worker had, with what it
 * found. The newest are asked first, and there are more than workers. */
static void each_kind_of_lookup(struct contract *c)
{
    enum { LOOKUPS = 64 };
    static struct weir_lookup  lookups[LOOKUPS];
    static struct weir_address found[LOOKUPS];
    static struct weir_op      ops[LOOKUPS];
    int                        answers[LOOKUPS];
    for (int i = 0; i < LOOKUPS; i++) {
        lookups[i] = (struct weir_lookup){.host = "127.0.0.1", .addresses = &found[i], .room = 1};
        weir_resolve(&ops[i], c->loop, &lookups[i], 0, contract_done);
    }
    for (int i = LOOKUPS; i-- > 0;)
        answers[i] = weir_cancel(&ops[i]);
    contract_run(c);
    for (int i = 0; i < LOOKUPS; i++) {
        CHECK(answers[i] == 0 || answers[i] == WEIR_EBUSY);
        CHECK_RESULT(&ops[i], answers[i] == 0 ? WEIR_ECANCELED : 1);
    }
}

static void each_kind_of_poll(struct contract *c)
{
    static const unsigned modes[] = {0, WEIR_ONESHOT, WEIR_LEVEL, WEIR_EDGE};
    struct weir_handle    a = {0}, b = {0};
    struct weir_op        poll = {0};
    contract_unix_pair(c, &a, &b);
    for (unsigned i = 0; i < 8; i++) {
        weir_poll(&poll, &a, WEIR_IN, modes[i / 2], contract_done);
        if (i % 2)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &poll);
    }
    contract_close(c, &a);
    contract_close(c, &b);
}

/* A copy waits for its source, or for its target. */
static void each_kind_of_copy(struct contract *c)
{
    struct weir_handle     handles[4] = {{0}};
    struct weir_op         copy = {0};
    struct weir_copy_range idle = {&handles[0], WEIR_STREAM, WEIR_STREAM, 10}, ready = idle;
    contract_tcp_pair(c, &handles[0], &handles[1]);
    contract_pipe_pair(c, &handles[2], &handles[3]);
    for (int lap = 0; lap < 2; lap++) {
        weir_copy(&copy, &handles[3], &idle, 0, contract_done);
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        check_cancelled(c, &copy);
    }
    fill_out(c, &handles[3]);
    CHECK_EQ(weir_try_send(&handles[1], "0123456789", 10, 0), 10);
    weir_copy(&copy, &handles[3], &ready, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    check_cancelled(c, &copy);
    for (int i = 0; i < 4; i++)
        contract_close(c, &handles[i]);
}

static void pending_each_kind(struct contract *c)
{
    each_kind_on_streams(c);
    each_kind_of_message(c);
    each_kind_of_connecting(c);
    each_kind_without_a_handle(c);
    each_kind_of_lookup(c);
    each_kind_of_poll(c);
    each_kind_of_copy(c);
}

/* An open of a FIFO waits for a writer, on a worker or in the kernel; what ends it is either. */
static void opening(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     op = {0};
    const char        *path = contract_temp_file(c);
    CHECK_EQ(mkfifo(path, 0600), 0);
    weir_open(&op, c->loop, &handle, path, WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    int answer = weir_cancel(&op);
    CHECK(answer == 0 || answer == WEIR_EBUSY);
    /* A worker's call cannot be interrupted: give it what it waits for. */
    int writer = -1;
    while (answer == WEIR_EBUSY && writer < 0) {
        writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        CHECK(writer >= 0 || errno == ENXIO);
        contract_breathe();
    }
    int64_t result = contract_await(c, &op);
    CHECK_EQ(result, answer == WEIR_EBUSY ? 0 : WEIR_ECANCELED);
    if (result == 0)
        contract_close(c, &handle);
    else
        CHECK_EQ(weir_handle_kind(&handle), WEIR_HANDLE_NONE);
    if (writer >= 0)
        contract_raw_close(writer);
}

/* ------------------------------------------------------------------------------------------------
 * Too late, twice, from inside
 * ---------------------------------------------------------------------------------------------- */

static void completed(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     never = {0}, nop = {0}, recv = {0};
    char               byte = 0;
    contract_unix_pair(c, &a, &b);
    CHECK_EQ(weir_cancel(&never), WEIR_ENOENT);
    weir_nop(&nop, c->loop, 0, contract_done);
    contract_run(c);
    CHECK_EQ(weir_cancel(&nop), WEIR_ENOENT);
    CHECK_RESULT(&nop, 0);
    CHECK_EQ(weir_try_send(&b, "x", 1, 0), 1);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(weir_cancel(&recv), WEIR_ENOENT);
    CHECK_RESULT(&recv, 1);
    contract_run(c);
    CHECK_EQ(contract_told(&recv), 1);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* It has ended and only its done() is to come. */
static void ended_but_not_told(struct contract *c)
{
    struct weir_op nop = {0};
    weir_nop(&nop, c->loop, 0, contract_done);
    int answer = weir_cancel(&nop);
    CHECK(answer == 0 || answer == WEIR_ENOENT);
    contract_run(c);
    CHECK_RESULT(&nop, answer == 0 ? WEIR_ECANCELED : 0);
}

static void twice(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, timer = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_timer(&timer, c->loop, HOUR, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    struct weir_op *ops[] = {&recv, &timer};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(weir_cancel(ops[i]), 0);
        int answer = weir_cancel(ops[i]);
        CHECK(answer == 0 || answer == WEIR_ENOENT);
    }
    contract_run(c);
    for (int i = 0; i < 2; i++) {
        CHECK_RESULT(ops[i], WEIR_ECANCELED);
        CHECK_EQ(contract_told(ops[i]), 1);
    }
    contract_close(c, &a);
    contract_close(c, &b);
}

static void cancel_self(struct weir_op *op)
{
    *(int *)op->user = weir_cancel(op);
}

static void cancel_self_while_more(struct weir_op *op)
{
    if (op->more)
        *(int *)op->user = weir_cancel(op);
}

static void self_in_callback(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    int                answers[2] = {99, 99};
    struct weir_op     nop = {.user = &answers[0]}, poll = {.user = &answers[1]};
    contract_unix_pair(c, &a, &b);
    weir_nop(&nop, c->loop, 0, cancel_self);
    weir_poll(&poll, &a, WEIR_OUT, WEIR_LEVEL, cancel_self_while_more);
    contract_run(c);
    CHECK_EQ(answers[0], WEIR_ENOENT);
    CHECK_RESULT(&nop, 0);
    CHECK_EQ(answers[1], 0);
    CHECK_RESULT(&poll, WEIR_ECANCELED);
    CHECK_EQ(contract_told(&poll), 2);
    contract_close(c, &a);
    contract_close(c, &b);
}

struct two {
    struct weir_op ops[2];
    char           bytes[2];
    int            first, answer; /* who was told first; what cancelling the other answered */
};

static void cancel_other(struct weir_op *op)
{
    struct two *two = op->user;
    if (two->first >= 0)
        return;
    two->first = op == &two->ops[1];
    two->answer = weir_cancel(&two->ops[!two->first]);
}

/* Two became ready together; the first to be told cancels the other. */
static void other_in_the_same_batch(struct contract *c)
{
    struct two         two = {.first = -1, .answer = 99};
    struct weir_handle handles[2] = {{0}};
    int                peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        two.ops[i].user = &two;
        weir_recv(&two.ops[i], &handles[i], &two.bytes[i], 1, 0, cancel_other);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peers[0], "0", 1);
    contract_raw_send(peers[1], "1", 1);
    contract_run(c);
    int other = !two.first;
    CHECK_RESULT(&two.ops[two.first], 1);
    if (two.answer == WEIR_ENOENT)
        CHECK_RESULT(&two.ops[other], 1);
    else
        CHECK_EQ(two.answer, 0);
    /* Cancelled in between, it has taken nothing: the byte is still there. */
    if (two.ops[other].result == WEIR_ECANCELED)
        CHECK_EQ(weir_try_recv(&handles[other], &two.bytes[other], 1, 0), 1);
    else
        CHECK_RESULT(&two.ops[other], 1);
    CHECK_EQ(two.bytes[other], "01"[other]);
    for (int i = 0; i < 2; i++) {
        contract_close(c, &handles[i]);
        contract_raw_close(peers[i]);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Queues, handles, timers, workers
 * ---------------------------------------------------------------------------------------------- */

static void by_handle(struct contract *c)
{
    struct weir_handle handle = {0}, other = {0}, never = {0};
    struct weir_op     recvs[3] = {{0}}, poll = {0}, untouched = {0};
    char               bytes[4];
    int                peer = contract_unix_peer(c, &handle);
    int                other_peer = contract_unix_peer(c, &other);
    CHECK_EQ(weir_cancel_all(&never), WEIR_EBADF);
    CHECK_EQ(weir_cancel_all(&handle), 0);
    for (int i = 0; i < 3; i++)
        weir_recv(&recvs[i], &handle, &bytes[i], 1, 0, contract_done);
    weir_poll(&poll, &handle, WEIR_IN, WEIR_LEVEL, contract_done);
    weir_recv(&untouched, &other, &bytes[3], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_cancel_all(&handle), 4);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(contract_await(c, &recvs[i]), WEIR_ECANCELED);
    CHECK_EQ(contract_await(c, &poll), WEIR_ECANCELED);
    CHECK(!weir_ended(&untouched));
    contract_raw_send(other_peer, "x", 1);
    CHECK_EQ(contract_await(c, &untouched), 1);
    /* The handle is as good as before. */
    weir_recv(&recvs[0], &handle, &bytes[0], 1, 0, contract_done);
    contract_raw_send(peer, "y", 1);
    CHECK_EQ(contract_await(c, &recvs[0]), 1);
    contract_close(c, &handle);
    contract_close(c, &other);
    contract_raw_close(peer);
    contract_raw_close(other_peer);
}

static void one_of_a_queue(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recvs[3] = {{0}};
    char               bytes[3] = {0};
    int                peer = contract_tcp_peer(c, &handle);
    for (int i = 0; i < 3; i++)
        weir_recv(&recvs[i], &handle, &bytes[i], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    /* One that stands behind ends without the head being touched ... */
    check_cancelled(c, &recvs[1]);
    CHECK(!weir_ended(&recvs[0]));
    /* ... and when the head is cancelled, the next takes its place. */
    check_cancelled(c, &recvs[0]);
    CHECK(!weir_ended(&recvs[2]));
    contract_raw_send(peer, "ab", 2);
    CHECK_EQ(contract_await(c, &recvs[2]), 1);
    CHECK_EQ(bytes[2], 'a');
    CHECK_EQ(bytes[0] + bytes[1], 0);
    contract_close(c, &handle);
    contract_raw_close(peer);
}

static void timer(struct contract *c)
{
    struct weir_op timers[3] = {{0}};
    for (int i = 0; i < 3; i++)
        weir_timer(&timers[i], c->loop, (uint64_t)(i + 1) * 10 * WEIR_MILLISECOND, 0,
                   contract_done);
    CHECK_EQ(weir_cancel(&timers[1]), 0);
    contract_run(c);
    CHECK_RESULT(&timers[0], 0);
    CHECK_RESULT(&timers[1], WEIR_ECANCELED);
    CHECK_RESULT(&timers[2], 0);
}

static void running_worker_op(struct contract *c)
{
    struct held_work work;
    held_work_start(&work, c->loop);
    weir_run(c->loop, WEIR_NOWAIT);
    contract_gate_wait(&work.begun);
    CHECK_EQ(weir_cancel(&work.op), WEIR_EBUSY);
    CHECK_EQ(weir_cancel(&work.op), WEIR_EBUSY);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK(!weir_ended(&work.op));
    contract_gate_open(&work.may_end);
    CHECK_EQ(contract_await(c, &work.op), HELD_WORK_RESULT);
}

static int64_t never_called(struct weir_op *op)
{
    *(int *)op->user = 1;
    return 0;
}

static void queued_worker_op(struct contract *c)
{
    struct held_work    work;
    int                 called = 0;
    struct weir_op      queued = {.user = &called};
    struct weir_options one_worker = {.work_workers = 1};
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &one_worker), 0);
    held_work_start(&work, c->loop);
    weir_run(c->loop, WEIR_NOWAIT);
    contract_gate_wait(&work.begun);
    weir_work(&queued, c->loop, never_called, 0, contract_done);
    weir_run(c->loop, WEIR_NOWAIT);
    check_cancelled(c, &queued);
    contract_gate_open(&work.may_end);
    contract_run(c);
    CHECK_EQ(called, 0);
    CHECK_RESULT(&work.op, HELD_WORK_RESULT);
}

/* A cancelled send that moved bytes tells how many, and those arrive. */
static void partial_send(struct contract *c)
{
    const size_t       length = 32u << 20;
    struct weir_handle handle = {0};
    struct weir_op     send = {0};
    char              *data = contract_buffer(c, length), piece[4096];
    int                peer = contract_tcp_peer(c, &handle);
    contract_fill(data, length, 0, 3);
    contract_seal(c, data);
    weir_send(&send, &handle, data, length, WEIR_ALL, contract_done);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_until_moved(c, peer);
    CHECK_EQ(weir_cancel(&send), 0);
    int64_t result = contract_await(c, &send);
    CHECK(result > 0);
    CHECK(result < (int64_t)length);
    CHECK_EQ(send.error, WEIR_ECANCELED);
    contract_close(c, &handle);
    uint64_t received = 0;
    for (size_t got; (got = contract_raw_recv_some(peer, piece, sizeof piece)); received += got)
        CHECK(contract_filled(piece, got, received, 3));
    CHECK_EQ(received, result);
    contract_raw_close(peer);
}

enum ending { BY_CANCEL, BY_DEADLINE, BY_CLOSE };

/* A send waits for room to a peer that sends nothing more, and is to end. io_uring looks for room
 * again and again here, and a cancel that comes between misses the op. */
static void end_half_closed_send(struct contract *c, enum ending ending)
{
    static struct weir_handle handles[BY_CLOSE + 1];
    static char               bytes[65536];
    struct weir_handle       *handle = &handles[ending];
    struct weir_op            send = {0};
    int                       peer = contract_unix_peer(c, handle);
    for (size_t length = sizeof bytes; length; length = length > 1 ? 1 : 0)
        while (weir_try_send(handle, bytes, length, 0) > 0)
            continue;
    contract_raw_shutdown(peer);
    weir_send(&send, handle, bytes, sizeof bytes, 0, contract_done);
    for (int i = 0; i < 10; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    if (ending == BY_DEADLINE)
        weir_deadline(&send, WEIR_MILLISECOND);
    else if (ending == BY_CANCEL)
        CHECK_EQ(weir_cancel(&send), 0);
    else
        CHECK_EQ(weir_close(handle, contract_closed), 0);
    CHECK_EQ(contract_await(c, &send), ending == BY_DEADLINE ? WEIR_EDEADLINE : WEIR_ECANCELED);
    if (ending != BY_CLOSE)
        CHECK_EQ(weir_close(handle, contract_closed), 0);
    contract_run(c);
    CHECK_EQ(contract_closed_count(handle), 1);
    contract_raw_close(peer);
}

static void send_to_a_peer_that_ended(struct contract *c)
{
    end_half_closed_send(c, BY_CANCEL);
    end_half_closed_send(c, BY_DEADLINE);
    end_half_closed_send(c, BY_CLOSE);
}

/* A receive of everything that is cancelled midway tells what came. */
static void partial_recv(struct contract *c)
{
    struct weir_handle handle = {0};
    struct weir_op     recv = {0};
    char               bytes[100];
    int                peer = contract_tcp_peer(c, &handle);
    contract_raw_send(peer, "0123456789", 10);
    weir_recv(&recv, &handle, bytes, sizeof bytes, WEIR_ALL, contract_done);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_until_taken(c, &handle);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(contract_await(c, &recv), 10);
    CHECK_EQ(recv.error, WEIR_ECANCELED);
    CHECK(!memcmp(bytes, "0123456789", 10));
    contract_close(c, &handle);
    contract_raw_close(peer);
}

const struct contract_case contract_cases[] = {
    {"pending_each_kind", pending_each_kind, 0},
    {"opening", opening, 0},
    {"completed", completed, 0},
    {"ended_but_not_told", ended_but_not_told, 0},
    {"twice", twice, 0},
    {"self_in_callback", self_in_callback, 0},
    {"other_in_the_same_batch", other_in_the_same_batch, 0},
    {"by_handle", by_handle, 0},
    {"one_of_a_queue", one_of_a_queue, 0},
    {"timer", timer, 0},
    {"running_worker_op", running_worker_op, 0},
    {"queued_worker_op", queued_worker_op, 0},
    {"partial_send", partial_send, 0},
    {"send_to_a_peer_that_ended", send_to_a_peer_that_ended, 0},
    {"partial_recv", partial_recv, 0},
    {0},
};
