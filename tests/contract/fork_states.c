/* SPDX-License-Identifier: MIT */
/* fork_states.c - a process forks while it has ops in every state that an op can be in: the child
 * can end none of them, and in the parent each ends once, as if nobody had forked. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

#define HOUR (3600 * WEIR_SECOND)
#define WORKS 6 /* more than the lane has workers */
#define DATA 4096u

/* Each op is in a state of its own; the comments say which, once the loop has turned. */
static struct world {
    struct contract     *c;
    struct weir_handle   a, b;             /* a stream that gets nothing yet */
    struct weir_op       recv, behind;     /* given; behind it */
    struct weir_op       polls[2];         /* level, edge */
    struct weir_op       timer, deadlined; /* timed; a receive with a deadline */
    struct weir_op       post;             /* posted, then ended */
    struct weir_op       works[WORKS];     /* running, and queued */
    struct weir_handle   listener, accepted;
    struct weir_op       accept; /* given */
    struct weir_handle   full;
    struct weir_op       send; /* a part was taken, the rest waits */
    int                  full_peer;
    struct weir_handle   source, source_writer;
    struct weir_op       copy; /* copying: nothing is in the pipe */
    struct weir_op       signal;
    struct weir_handle   fifo;
    struct weir_op       open; /* a worker stands in it */
    const char          *path;
    struct weir_handle   file;
    struct weir_op       write, read;           /* under way, or ended */
    struct weir_handle   cancelled, closing;    /* streams */
    struct weir_op       cancelled_op, waiting; /* asked to end; ended by a close */
    int                  peers[2];
    struct contract_gate may_end;
    struct contract_gate begun;
    unsigned char       *out, in[DATA], moved[1 << 20];
    char                 bytes[8];
    uint16_t             port;
} world;

static struct weir_op *const ops[] = {
    &world.recv,         &world.behind,   &world.polls[0], &world.polls[1], &world.timer,
    &world.deadlined,    &world.post,     &world.works[0], &world.works[1], &world.works[2],
    &world.works[3],     &world.works[4], &world.works[5], &world.accept,   &world.send,
    &world.copy,         &world.signal,   &world.open,     &world.write,    &world.read,
    &world.cancelled_op, &world.waiting};
#define OPS (sizeof ops / sizeof ops[0])

static int64_t wait_at_gate(struct weir_op *op)
{
    (void)op;
    contract_gate_open(&world.begun);
    contract_gate_wait(&world.may_end);
    return 1;
}

/* ------------------------------------------------------------------------------------------------
 * The parent's ops
 * ---------------------------------------------------------------------------------------------- */

static void world_open(struct contract *c)
{
    memset(&world, 0, sizeof world);
    world.c = c;
    contract_tcp_pair(c, &world.a, &world.b);
    world.port = contract_listen_any(c, &world.listener);
    world.full_peer = contract_unix_peer(c, &world.full);
    contract_pipe_pair(c, &world.source, &world.source_writer);
    world.peers[0] = contract_unix_peer(c, &world.cancelled);
    world.peers[1] = contract_unix_peer(c, &world.closing);
    world.path = contract_temp_file(c);
    CHECK_EQ(mkfifo(world.path, 0600), 0);
    weir_open(&world.open, c->loop, &world.file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &world.open), 0);
    world.out = contract_buffer(c, DATA);
    contract_fill(world.out, DATA, 0, 1);
    contract_fill(world.moved, sizeof world.moved, 0, 2);
    CHECK_EQ(pwrite((int)weir_handle_os(&world.file), world.out, DATA, DATA), DATA);
}

static void start_streams(struct contract *c)
{
    weir_recv(&world.recv, &world.a, &world.bytes[0], 1, 0, contract_done);
    weir_recv(&world.behind, &world.a, &world.bytes[1], 1, 0, contract_done);
    weir_poll(&world.polls[0], &world.a, WEIR_IN, WEIR_LEVEL, contract_done);
    weir_poll(&world.polls[1], &world.a, WEIR_IN, WEIR_EDGE, contract_done);
    weir_recv(&world.deadlined, &world.b, &world.bytes[2], 1, 0, contract_done);
    weir_deadline(&world.deadlined, HOUR);
    weir_accept(&world.accept, &world.listener, &world.accepted, 0, contract_done);
    weir_send(&world.send, &world.full, world.moved, sizeof world.moved, WEIR_ALL, contract_done);
    static struct weir_copy_range range;
    range = (struct weir_copy_range){&world.source, WEIR_STREAM, WEIR_STREAM, 5};
    weir_copy(&world.copy, &world.b, &range, 0, contract_done);
    weir_recv(&world.cancelled_op, &world.cancelled, &world.bytes[3], 1, 0, contract_done);
    weir_recv(&world.waiting, &world.closing, &world.bytes[4], 1, 0, contract_done);
    weir_timer(&world.timer, c->loop, HOUR, 0, contract_done);
    weir_signal(&world.signal, c->loop, SIGUSR2, 0, contract_done);
}

static void start_files_and_work(struct contract *c)
{
    for (int i = 0; i < WORKS; i++)
        weir_work(&world.works[i], c->loop, wait_at_gate, 0, contract_done);
    weir_open(&world.open, c->loop, &world.fifo, world.path, WEIR_OPEN_READ, 0, contract_done);
    weir_write(&world.write, &world.file, world.out, DATA, 0, WEIR_ALL, contract_done);
    weir_read(&world.read, &world.file, world.in, DATA, DATA, WEIR_ALL, contract_done);
    weir_post(&world.post, c->loop, contract_done);
}

/* Ends every op that waits, and looks at what came of each. */
static void world_goes_on(struct contract *c)
{
    struct weir_op       send = {0};
    static unsigned char data[sizeof world.moved];
    weir_send(&send, &world.b, "xy", 2, WEIR_ALL, contract_done); /* behind the copy */
    CHECK_EQ(write((int)weir_handle_os(&world.source_writer), "copy!", 5), 5);
    CHECK_EQ(contract_await(c, &world.copy), 5);
    CHECK_EQ(contract_await(c, &send), 2);
    CHECK_EQ(contract_await(c, &world.recv), 1);
    CHECK_EQ(contract_await(c, &world.behind), 1);
    CHECK(world.bytes[0] == 'c' && world.bytes[1] == 'o');
    while (!contract_told(&world.polls[0]) || !contract_told(&world.polls[1]))
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    weir_send(&send, &world.a, "z", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &world.deadlined), 1);
    CHECK_EQ(world.bytes[2], 'z');
    int client = contract_raw_connect(world.port);
    CHECK_EQ(contract_await(c, &world.accept), 0);
    contract_raw_close(client);
    for (size_t at = 0; at < sizeof data;) { /* the loop moves what this takes */
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        if (contract_raw_readable(world.full_peer, 0))
            at += contract_raw_recv_some(world.full_peer, data + at, sizeof data - at);
    }
    CHECK(contract_filled(data, sizeof data, 0, 2));
    CHECK_EQ(contract_await(c, &world.send), sizeof data);
    CHECK_EQ(kill(getpid(), SIGUSR2), 0);
    CHECK_EQ(contract_await(c, &world.signal), SIGUSR2);
}

static void rest_goes_on(struct contract *c)
{
    contract_gate_open(&world.may_end);
    for (int i = 0; i < WORKS; i++)
        CHECK_EQ(contract_await(c, &world.works[i]), 1);
    int both = open(world.path, O_RDWR | O_CLOEXEC);
    CHECK_EQ(contract_await(c, &world.open), 0);
    contract_raw_close(both);
    CHECK_EQ(contract_await(c, &world.write), DATA);
    CHECK_EQ(contract_await(c, &world.read), DATA);
    CHECK(contract_filled(world.in, DATA, 0, 1));
    CHECK_EQ(contract_await(c, &world.post), 0);
    CHECK_EQ(contract_await(c, &world.cancelled_op), WEIR_ECANCELED);
    CHECK_EQ(contract_await(c, &world.waiting), WEIR_ECANCELED);
    CHECK(contract_live(&world.timer));
    CHECK_EQ(weir_cancel(&world.timer), 0);
    CHECK_EQ(weir_cancel(&world.polls[0]), 0);
    CHECK_EQ(weir_cancel(&world.polls[1]), 0);
    contract_run(c);
    for (size_t i = 0; i < OPS; i++)
        CHECK(!contract_live(ops[i]));
    contract_raw_close(world.full_peer);
    contract_raw_close(world.peers[0]);
    contract_raw_close(world.peers[1]);
}

/* ------------------------------------------------------------------------------------------------
 * The child
 * ---------------------------------------------------------------------------------------------- */

/* No call changes anything; then the loop is forgotten, whatever state its ops were in. */
static void refuse_and_forget(struct contract *c)
{
    bool ended[OPS];
    for (size_t i = 0; i < OPS; i++)
        ended[i] = weir_ended(ops[i]);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), WEIR_EPERM);
    for (size_t i = 0; i < OPS; i++) {
        unsigned told = contract_told(ops[i]);
        CHECK_EQ(weir_cancel(ops[i]), WEIR_EPERM);
        weir_deadline(ops[i], 0);
        CHECK_EQ(weir_ended(ops[i]), ended[i]);
        CHECK_EQ(contract_told(ops[i]), told);
    }
    CHECK_EQ(weir_close(&world.a, NULL), WEIR_EPERM);
    CHECK_EQ(weir_close_now(&world.full), WEIR_EPERM);
    bool closed = weir_handle_kind(&world.closing) == WEIR_HANDLE_NONE;
    CHECK_EQ(weir_close(&world.closing, NULL), closed ? WEIR_EBADF : WEIR_EPERM);
    CHECK_EQ(weir_loop_close(c->loop, 0), WEIR_EPERM);
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    CHECK_EQ(contract_heap().blocks, 0);
    for (size_t i = 0; i < OPS; i++)
        CHECK(weir_ended(ops[i]));
    CHECK_EQ(weir_handle_kind(&world.a), WEIR_HANDLE_NONE);
}

/* Every inherited descriptor is closed, and nothing else is done. */
static void leave(struct contract *c)
{
    (void)c;
    _exit(0);
}

static void execute(struct contract *c)
{
    (void)c;
    execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
    _exit(1);
}

static void fork_each_way(struct contract *c)
{
    contract_in_fork(c, refuse_and_forget);
    contract_in_fork(c, leave);
    CHECK_EQ(contract_fork_status(c, execute), 0);
}

/* ------------------------------------------------------------------------------------------------
 * When it forks
 * ---------------------------------------------------------------------------------------------- */

static void cancel_and_close(void)
{
    CHECK_EQ(weir_cancel(&world.cancelled_op), 0);
    CHECK_EQ(weir_close(&world.closing, contract_closed), 0);
}

/* Nothing has been given to the mechanism yet. */
static void before_the_first_turn(struct contract *c)
{
    world_open(c);
    start_streams(c);
    start_files_and_work(c);
    cancel_and_close();
    fork_each_way(c);
    world_goes_on(c);
    rest_goes_on(c);
}

/* All that waits waits, workers are busy; two ops are on their way out. */
static void while_everything_waits(struct contract *c)
{
    world_open(c);
    start_streams(c);
    start_files_and_work(c);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_gate_wait(&world.begun);
    cancel_and_close();
    fork_each_way(c);
    world_goes_on(c);
    rest_goes_on(c);
}

static void fork_in_callback(struct weir_op *op)
{
    CHECK_EQ(op->result, 1);
    fork_each_way(world.c);
}

/* Others were harvested in the same batch, and are told after it. */
static void in_a_callback_of_a_batch(struct contract *c)
{
    enum { BATCH = 8 };
    static struct weir_handle handles[BATCH];
    static struct weir_op     recvs[BATCH];
    static int                peers[BATCH];
    static char               bytes[BATCH];
    world_open(c);
    start_streams(c);
    start_files_and_work(c);
    for (int i = 0; i < BATCH; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0,
                  i % 3 ? contract_done : fork_in_callback);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    cancel_and_close();
    for (int i = 0; i < BATCH; i++)
        contract_raw_send(peers[i], "b", 1);
    for (int i = 0; i < BATCH; i++) {
        CHECK_EQ(contract_await(c, &recvs[i]), 1);
        CHECK_EQ(bytes[i], 'b');
        contract_close(c, &handles[i]);
        contract_raw_close(peers[i]);
    }
    world_goes_on(c);
    rest_goes_on(c);
}

/* An accept that waits for a descriptor is in no mechanism, but on a list with a timer. */
static void while_an_accept_is_paced(struct contract *c)
{
    world_open(c);
    start_streams(c);
    start_files_and_work(c);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    struct weir_handle listener = {0}, accepted = {0};
    struct weir_op     accept = {0};
    struct weir_stats  before, after;
    int                client = contract_raw_connect(contract_listen_any(c, &listener));
    weir_loop_stats(c->loop, &before);
    contract_fd_exhaust(c, 0);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    do {
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        weir_loop_stats(c->loop, &after);
    } while (after.accepts_paced == before.accepts_paced);
    contract_fd_release(c);
    cancel_and_close();
    fork_each_way(c);
    CHECK_EQ(contract_await(c, &accept), 0);
    contract_close(c, &accepted);
    contract_close(c, &listener);
    contract_raw_close(client);
    world_goes_on(c);
    rest_goes_on(c);
}

const struct contract_case contract_cases[] = {
    {"before_the_first_turn", before_the_first_turn, 0},
    {"while_everything_waits", while_everything_waits, 0},
    {"in_a_callback_of_a_batch", in_a_callback_of_a_batch, 0},
    {"while_an_accept_is_paced", while_an_accept_is_paced, CONTRACT_NO_VALGRIND},
    {0},
};
