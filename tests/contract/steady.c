/* SPDX-License-Identifier: MIT */
/* steady.c - the steady state: nothing is allocated for what is done again and again, and nothing
 * grows. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

/* Warm laps may allocate: lists and tables grow to what the load needs. */
#define LAPS_WARM 100

struct calls {
    uint64_t heap, libc;
};

static struct calls calls_now(void)
{
    contract_needs("memory of a kernel's own");
    return (struct calls){contract_heap().calls, contract_malloc_calls()};
}

static void check_no_calls(struct calls since)
{
    struct calls now = calls_now();
    CHECK_EQ(now.heap - since.heap, 0);
    CHECK_EQ(now.libc - since.libc, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Echo
 * ---------------------------------------------------------------------------------------------- */

struct echo {
    struct weir_handle server, client;
    struct weir_op     server_recv, server_send, client_recv, client_send;
    char               server_data[256], client_data[256], client_back[256];
    unsigned           laps;
};

static void server_received(struct weir_op *op);

static void server_sent(struct weir_op *op)
{
    struct echo *e = op->user;
    CHECK(op->result > 0);
    weir_recv(&e->server_recv, &e->server, e->server_data, sizeof e->server_data, 0,
              server_received);
}

static void server_received(struct weir_op *op)
{
    struct echo *e = op->user;
    if (op->result <= 0)
        return;
    weir_send(&e->server_send, &e->server, e->server_data, (size_t)op->result, WEIR_ALL,
              server_sent);
    weir_deadline(&e->server_send, 5 * WEIR_SECOND);
}

static void echo_begin(struct echo *e)
{
    e->server_recv.user = e->server_send.user = e;
    weir_recv(&e->server_recv, &e->server, e->server_data, sizeof e->server_data, 0,
              server_received);
}

static void echo_laps(struct contract *c, struct echo *e, unsigned laps)
{
    for (unsigned i = 0; i < laps; i++) {
        weir_send(&e->client_send, &e->client, e->client_data, sizeof e->client_data, WEIR_ALL,
                  contract_done);
        weir_recv(&e->client_recv, &e->client, e->client_back, sizeof e->client_back, WEIR_ALL,
                  contract_done);
        CHECK_EQ(contract_await(c, &e->client_recv), (int64_t)sizeof e->client_back);
        CHECK_EQ(contract_await(c, &e->client_send), (int64_t)sizeof e->client_data);
    }
}

static void echo_end(struct contract *c, struct echo *e)
{
    contract_close(c, &e->client);
    contract_run(c);
    contract_close(c, &e->server);
}

static void echo_allocates_nothing(struct contract *c)
{
    struct echo e = {.laps = 0};
    contract_tcp_pair(c, &e.server, &e.client);
    echo_begin(&e);
    echo_laps(c, &e, LAPS_WARM);
    struct calls since = calls_now();
    echo_laps(c, &e, 1000);
    check_no_calls(since);
    echo_end(c, &e);
}

/* A multishot receive, and single ones beside it; often enough that a pool of few runs dry. */
static void pooled_told(struct weir_op *op)
{
    struct weir_buf piece;
    if (weir_pooled(op, &piece, 1))
        CHECK_EQ(weir_pool_give(op->user, piece.data), 0);
}

static void pooled_receives_allocate_nothing(struct contract *c)
{
    struct weir_pool_options options = {.buffer_size = 64, .count = 2};
    struct weir_handle       a = {0}, b = {0};
    struct weir_op           many = {0}, one = {0};
    struct weir_pool        *pool = NULL;
    struct calls             since = {0, 0};
    char                     data[200] = {0};
    int                      a_peer = contract_tcp_peer(c, &a), b_peer = contract_unix_peer(c, &b);
    CHECK_EQ(weir_pool_open(&pool, c->loop, &options), 0);
    many.user = one.user = pool;
    weir_recv_pooled(&many, &a, pool, WEIR_MULTISHOT, pooled_told);
    for (unsigned i = 0; i < LAPS_WARM + 1000; i++) {
        unsigned told = contract_told(&many);
        if (i == LAPS_WARM)
            since = calls_now();
        weir_recv_pooled(&one, &b, pool, 0, pooled_told);
        contract_raw_send(a_peer, data, sizeof data); /* of four buffers */
        contract_raw_send(b_peer, data, 1);
        CHECK_EQ(contract_await(c, &one), 1);
        while (contract_told(&many) == told)
            weir_run(c->loop, WEIR_ONCE);
    }
    check_no_calls(since);
    CHECK_EQ(weir_cancel(&many), 0);
    CHECK_EQ(contract_await(c, &many), WEIR_ECANCELED);
    CHECK_EQ(weir_pool_close(pool), 0);
    contract_raw_close(a_peer);
    contract_raw_close(b_peer);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Messages and batches of them, with room for addresses and control data. */
static void messages_allocate_nothing(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0}, recv = {0};
    struct weir_msg    out[4] = {{0}}, in[4] = {{0}};
    struct weir_buf    pieces[8];
    uint64_t           control[4][8], address[4][16], data[8] = {0};
    struct calls       since = {0, 0};
    int                ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&a, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(&b, c->loop, ends[1], 0), 0);
    for (unsigned i = 0; i < 4; i++) {
        pieces[i] = (struct weir_buf){&data[i], 8};
        pieces[4 + i] = (struct weir_buf){&data[4 + i], 8};
        out[i] = (struct weir_msg){.buffers = &pieces[i], .count = 1};
        in[i] = (struct weir_msg){.buffers = &pieces[4 + i], .count = 1};
        in[i].address = address[i], in[i].address_room = sizeof address[i];
        in[i].control = control[i], in[i].control_room = sizeof control[i];
    }
    for (unsigned i = 0; i < LAPS_WARM + 1000; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_recv_msg(&recv, &b, in, 0, contract_done);
        weir_send_msg(&send, &a, out, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 8);
        CHECK_EQ(contract_await(c, &send), 8);
        weir_send_batch(&send, &a, out, 4, 0, contract_done);
        CHECK_EQ(contract_await(c, &send), 4);
        weir_recv_batch(&recv, &b, in, 4, 0, contract_done);
        CHECK_EQ(contract_await(c, &recv), 4);
    }
    check_no_calls(since);
    contract_close(c, &a);
    contract_close(c, &b);
}

static void vectored_echo_allocates_nothing(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     send = {0}, recv = {0};
    char               out[2][64], in[2][64];
    struct weir_buf    sent[2] = {{out[0], 64}, {out[1], 64}};
    struct weir_buf    received[2] = {{in[0], 64}, {in[1], 64}};
    struct calls       since = {0, 0};
    contract_unix_pair(c, &a, &b);
    memset(out, 'x', sizeof out);
    for (unsigned i = 0; i < LAPS_WARM + 1000; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_recvv(&recv, &b, received, 2, WEIR_ALL, contract_done);
        weir_sendv(&send, &a, sent, 2, WEIR_ALL, contract_done);
        CHECK_EQ(contract_await(c, &recv), 128);
        CHECK_EQ(contract_await(c, &send), 128);
    }
    check_no_calls(since);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* ------------------------------------------------------------------------------------------------
 * The rest of an idle server's day
 * ---------------------------------------------------------------------------------------------- */

static void timers_and_posts_allocate_nothing(struct contract *c)
{
    struct weir_op far[50] = {{0}}, timer = {0}, post = {0}, nop = {0};
    struct calls   since = {0, 0};
    for (int i = 0; i < 50; i++)
        weir_timer(&far[i], c->loop, 3600 * WEIR_SECOND, 0, contract_done);
    for (unsigned i = 0; i < LAPS_WARM + 1000; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_timer(&timer, c->loop, i % 10 == 0 ? 1 : 0, 0, contract_done);
        weir_post(&post, c->loop, contract_done);
        weir_nop(&nop, c->loop, 0, contract_done);
        weir_deadline(&far[i % 50], 3600 * WEIR_SECOND + i);
        CHECK_EQ(contract_await(c, &timer), 0);
        CHECK_EQ(contract_await(c, &post), 0);
        CHECK_EQ(contract_await(c, &nop), 0);
    }
    check_no_calls(since);
    for (int i = 0; i < 50; i++)
        weir_cancel(&far[i]);
    contract_run(c);
}

static void files_and_pipes_allocate_nothing(struct contract *c)
{
    struct weir_handle file = {0}, reader = {0}, writer = {0};
    struct weir_op     file_op = {0}, in = {0}, out = {0};
    struct calls       since = {0, 0};
    char               bytes[512];
    contract_fill(bytes, sizeof bytes, 0, 1);
    contract_pipe_pair(c, &reader, &writer);
    weir_open(&file_op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 0);
    for (unsigned i = 0; i < LAPS_WARM + 300; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_write(&file_op, &file, bytes, sizeof bytes, 0, 0, contract_done);
        CHECK_EQ(contract_await(c, &file_op), (int64_t)sizeof bytes);
        weir_read(&file_op, &file, bytes, sizeof bytes, 0, 0, contract_done);
        CHECK_EQ(contract_await(c, &file_op), (int64_t)sizeof bytes);
        weir_read(&in, &reader, bytes, sizeof bytes, WEIR_STREAM, 0, contract_done);
        weir_write(&out, &writer, "12345678", 8, WEIR_STREAM, 0, contract_done);
        CHECK_EQ(contract_await(c, &in), 8);
        CHECK_EQ(contract_await(c, &out), 8);
    }
    check_no_calls(since);
    contract_close(c, &file);
    contract_close(c, &reader);
    contract_close(c, &writer);
}

/* From the connect to the close. */
static void connections_allocate_nothing(struct contract *c)
{
    struct weir_handle listener = {0}, a = {0}, b = {0};
    struct weir_op     accept = {0}, connect_op = {0}, shut = {0}, recv = {0};
    struct calls       since = {0, 0};
    char               byte;
    uint16_t           port = contract_listen_any(c, &listener);
    for (unsigned i = 0; i < LAPS_WARM + 200; i++) {
        struct weir_address address = contract_loopback(port);
        if (i == LAPS_WARM)
            since = calls_now();
        CHECK_EQ(weir_socket(&a, c->loop, AF_INET, SOCK_STREAM, 0), 0);
        weir_accept(&accept, &listener, &b, 0, contract_done);
        weir_connect(&connect_op, &a, address.data.bytes, address.length, 0, contract_done);
        CHECK_EQ(contract_await(c, &accept), 0);
        CHECK_EQ(contract_await(c, &connect_op), 0);
        weir_recv(&recv, &a, &byte, 1, 0, contract_done);
        weir_shutdown(&shut, &b, 0, contract_done);
        CHECK_EQ(contract_await(c, &shut), 0);
        CHECK_EQ(contract_await(c, &recv), 0);
        contract_close(c, &b);
        contract_close(c, &a);
    }
    check_no_calls(since);
    contract_close(c, &listener);
}

/* Polls of each mode, signals, work, and what is cancelled before it is done. */
static void waiting_allocates_nothing(struct contract *c)
{
    static const unsigned modes[] = {WEIR_ONESHOT, WEIR_LEVEL, WEIR_EDGE};
    struct weir_handle    a = {0}, b = {0};
    struct weir_op        poll = {0}, recv = {0}, signal_op = {0};
    struct calls          since = {0, 0};
    char                  byte;
    contract_unix_pair(c, &a, &b);
    for (unsigned i = 0; i < LAPS_WARM + 200; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_poll(&poll, &a, WEIR_IN, modes[i % 3], contract_done);
        weir_recv(&recv, &a, &byte, 1, 0, contract_done);
        weir_deadline(&recv, 3600 * WEIR_SECOND);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        weir_cancel(&recv);
        weir_cancel(&poll);
        CHECK_EQ(contract_await(c, &recv), WEIR_ECANCELED);
        CHECK_EQ(contract_await(c, &poll), WEIR_ECANCELED);
        weir_signal(&signal_op, c->loop, SIGUSR1, 0, contract_done);
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        CHECK_EQ(contract_await(c, &signal_op), SIGUSR1);
    }
    check_no_calls(since);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_run(c); /* the signal is let through again */
}

static int64_t work_nothing(struct weir_op *op)
{
    (void)op;
    return 7;
}

/* What concerns a file beside its bytes, copies of it, and work. */
static void offloaded_ops_allocate_nothing(struct contract *c)
{
    struct weir_handle     from = {0}, to = {0};
    struct weir_op         op = {0};
    struct weir_stat       stat;
    struct weir_copy_range range = {.from = &from, .length = 4096};
    struct calls           since = {0, 0};
    unsigned               mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;
    weir_open(&op, c->loop, &to, contract_temp_file(c), mode, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_open(&op, c->loop, &from, contract_temp_file(c), mode, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    for (unsigned i = 0; i < LAPS_WARM + 100; i++) {
        if (i == LAPS_WARM)
            since = calls_now();
        weir_truncate(&op, &from, 8192, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_advise(&op, &from, 0, 0, WEIR_ADVICE_RANDOM, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_fstat(&op, &from, &stat, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_copy(&op, &to, &range, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 4096);
        weir_fsync(&op, &to, WEIR_DATA_ONLY, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_work(&op, c->loop, work_nothing, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), 7);
    }
    check_no_calls(since);
    contract_close(c, &from);
    contract_close(c, &to);
}

/* Connections come and go: memory, descriptors and handles are as they were. */
static void churn_keeps_everything_flat(struct contract *c)
{
    struct weir_handle   listener = {0};
    uint16_t             port = contract_listen_any(c, &listener);
    struct contract_heap heap = {0, 0, 0};
    unsigned             descriptors = 0, rounds = contract_count(400);
    rounds = rounds < 50 ? 50 : rounds;
    for (unsigned i = 0; i < 10 + rounds; i++) {
        struct echo         e = {.laps = 0};
        struct weir_op      accept = {0}, connect_op = {0};
        struct weir_address address = contract_loopback(port);
        CHECK_EQ(weir_socket(&e.client, c->loop, AF_INET, SOCK_STREAM, WEIR_NODELAY), 0);
        weir_accept(&accept, &listener, &e.server, 0, contract_done);
        weir_connect(&connect_op, &e.client, address.data.bytes, address.length, 0, contract_done);
        CHECK_EQ(contract_await(c, &accept), 0);
        CHECK_EQ(contract_await(c, &connect_op), 0);
        echo_begin(&e);
        echo_laps(c, &e, 2);
        echo_end(c, &e);
        if (i < 10) { /* the first ones may make room */
            heap = contract_heap();
            descriptors = contract_fd_count();
        }
    }
    CHECK_EQ(contract_heap().blocks, heap.blocks);
    CHECK_EQ(contract_heap().bytes, heap.bytes);
    CHECK_EQ(contract_fd_count(), descriptors);
    contract_close(c, &listener);
}

const struct contract_case contract_cases[] = {
    {"echo_allocates_nothing", echo_allocates_nothing, 0},
    {"pooled_receives_allocate_nothing", pooled_receives_allocate_nothing, 0},
    {"messages_allocate_nothing", messages_allocate_nothing, 0},
    {"vectored_echo_allocates_nothing", vectored_echo_allocates_nothing, 0},
    {"timers_and_posts_allocate_nothing", timers_and_posts_allocate_nothing, 0},
    {"files_and_pipes_allocate_nothing", files_and_pipes_allocate_nothing, 0},
    {"connections_allocate_nothing", connections_allocate_nothing, 0},
    {"waiting_allocates_nothing", waiting_allocates_nothing, 0},
    {"offloaded_ops_allocate_nothing", offloaded_ops_allocate_nothing, 0},
    {"churn_keeps_everything_flat", churn_keeps_everything_flat, 0},
    {0},
};
