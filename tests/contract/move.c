/* SPDX-License-Identifier: MIT */
/* move.c - a handle is given to another loop, of the same thread or of another one, of the same
 * engine or of another one. */
#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

/* The case again, on another loop, which the function closes. */
static struct contract beside(struct contract *c, const char *engine)
{
    struct contract     other = *c;
    struct weir_options options = {.engine = engine};
    CHECK_EQ(contract_open(c, &other.loop, &options), 0);
    return other;
}

static int64_t move(struct contract *from, struct contract *to, struct weir_handle *handle)
{
    struct weir_op op = {0};
    weir_move(&op, handle, to->loop, 0, contract_done);
    return contract_await(weir_op_loop(&op) == to->loop ? to : from, &op);
}

static void moves(struct contract *from, struct contract *to, struct weir_handle *handle)
{
    struct weir_stats before, after;
    weir_loop_stats(from->loop, &before);
    CHECK_EQ(move(from, to, handle), 0);
    weir_loop_stats(from->loop, &after);
    CHECK(handle->loop == to->loop);
    CHECK_EQ(after.handles, before.handles - 1);
}

/* Bytes from one handle of the loop to another of any loop, to be received by the one. */
static void sends(struct contract *c, struct weir_handle *handle, const char *text)
{
    struct weir_op op = {0};
    weir_send(&op, handle, text, strlen(text), WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), (int64_t)strlen(text));
}

static void receives(struct contract *c, struct weir_handle *handle, const char *text)
{
    struct weir_op op = {0};
    char           data[64];
    size_t         length = strlen(text);
    weir_recv(&op, handle, data, length, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), (int64_t)length);
    CHECK(!memcmp(data, text, length));
}

/* ------------------------------------------------------------------------------------------------
 * It moves, and serves as before
 * ---------------------------------------------------------------------------------------------- */

struct arrival {
    struct weir_op    op;
    struct weir_loop *target;
    bool              runs; /* the target, now */
    int               told;
};

static void on_arrival(struct weir_op *op)
{
    struct arrival *a = weir_of(op, struct arrival, op);
    CHECK(a->runs);
    CHECK(weir_op_loop(op) == a->target);
    CHECK_EQ(op->served, WEIR_SERVED_AT_ONCE);
    a->told++;
}

static void done_runs_on_the_target(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct arrival     arrival = {.target = to.loop};
    contract_tcp_pair(c, &a, &b);
    weir_move(&arrival.op, &a, to.loop, 0, on_arrival);
    CHECK(a.loop == to.loop);
    contract_run(c); /* the op is not this loop's any more */
    CHECK(!weir_ended(&arrival.op));
    arrival.runs = true;
    contract_run(&to);
    CHECK_EQ(arrival.told, 1);
    CHECK_RESULT(&arrival.op, 0);
    sends(&to, &a, "there");
    receives(c, &b, "there");
    sends(c, &b, "and back");
    receives(&to, &a, "and back");
    contract_close(&to, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

/* The quota goes along, free of what is out here; who gives that back touches nothing of the other
 * loop's. */
static void buffers_that_are_out_stay_behind(struct contract *c)
{
    struct contract          to = beside(c, NULL);
    struct weir_handle       a = {0}, b = {0};
    struct weir_pool_options options = {.count = 2, .policy = WEIR_POOL_FAIL};
    struct weir_pool        *here, *there;
    struct weir_op           first = {0}, then = {0};
    struct weir_buf          piece;
    CHECK_EQ(weir_pool_open(&here, c->loop, &options), 0);
    CHECK_EQ(weir_pool_open(&there, to.loop, &options), 0);
    contract_tcp_pair(c, &a, &b);
    CHECK_EQ(weir_handle_quota(&a, 1), 0);
    sends(c, &b, "one");
    weir_recv_pooled(&first, &a, here, 0, contract_done);
    CHECK_EQ(contract_await(c, &first), 3);
    moves(c, &to, &a);
    CHECK_EQ(weir_pooled(&first, &piece, 1), 1);
    CHECK_EQ(weir_pool_give(here, piece.data), 0);
    sends(c, &b, "more");
    weir_recv_pooled(&then, &a, there, 0, contract_done);
    CHECK_EQ(contract_await(&to, &then), 4);
    CHECK_EQ(weir_pooled(&then, &piece, 1), 1);
    sends(c, &b, "most");
    weir_recv_pooled(&then, &a, there, 0, contract_done);
    CHECK_EQ(contract_await(&to, &then), WEIR_ENOBUFS);
    CHECK_EQ(weir_pool_give(there, piece.data), 0);
    CHECK_EQ(weir_pool_close(here), 0);
    CHECK_EQ(weir_pool_close(there), 0);
    contract_close(&to, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

/* An interest that the source still had would tell it of bytes that are not its own. */
static void what_the_source_watched_is_forgotten(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, poll = {0}, timer = {0};
    struct weir_stats  before, after;
    char               byte;
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_poll(&poll, &a, WEIR_IN, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_cancel_all(&a), 2);
    contract_run(c);
    moves(c, &to, &a);
    sends(c, &b, "x");
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 20 * WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &after);
    CHECK(after.turns - before.turns <= 3);
    receives(&to, &a, "x");
    contract_close(&to, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

/* Also what the source's mechanism had told already, and nobody asked for. */
static void what_had_arrived_is_received_there(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    contract_tcp_pair(c, &a, &b);
    sends(c, &b, "first, and second");
    contract_raw_shutdown((int)weir_handle_os(&b));
    receives(c, &a, "first");
    moves(c, &to, &a);
    receives(&to, &a, ", and");
    moves(&to, c, &a);
    receives(c, &a, " second");
    moves(c, &to, &a);
    struct weir_op end = {0};
    char           byte;
    weir_recv(&end, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(&to, &end), 0);
    contract_close(&to, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

/* A stream, a datagram, a pipe: each is asked on one loop and on the other. */
static void ends_of_a_kind_move(struct contract *c, struct contract *to, struct weir_handle *a,
                                struct weir_handle *b)
{
    sends(c, b, "here");
    receives(c, a, "here");
    moves(c, to, a);
    sends(c, b, "there");
    receives(to, a, "there");
    moves(c, to, b);
    sends(to, b, "both");
    receives(to, a, "both");
    moves(to, c, a);
    sends(to, b, "back");
    receives(c, a, "back");
    contract_close(c, a);
    contract_close(to, b);
}

static void tty_moves(struct contract *c, struct contract *to)
{
    struct weir_handle master = {0}, slave = {0};
    int                ends[2];
    CHECK_EQ(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
    CHECK_EQ(weir_adopt(&master, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(&slave, c->loop, ends[1], 0), 0);
    CHECK_EQ(weir_handle_kind(&slave), WEIR_HANDLE_TTY);
    moves(c, to, &slave);
    sends(c, &master, "line\n");
    receives(to, &slave, "line\n");
    moves(to, c, &slave);
    sends(c, &master, "again\n");
    receives(c, &slave, "again\n");
    contract_close(c, &slave);
    contract_close(c, &master);
}

static void listener_moves(struct contract *c, struct contract *to)
{
    struct weir_handle listener = {0}, accepted = {0};
    struct weir_op     accept = {0};
    uint16_t           port = contract_listen_any(c, &listener);
    moves(c, to, &listener);
    int peer = contract_raw_connect(port);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    CHECK_EQ(contract_await(to, &accept), 0);
    moves(to, c, &accepted);
    contract_raw_send(peer, "hello", 5);
    receives(c, &accepted, "hello");
    contract_close(c, &accepted);
    contract_close(to, &listener);
    contract_raw_close(peer);
}

static void file_and_others_move(struct contract *c, struct contract *to)
{
    struct weir_handle file = {0}, directory = {0}, event = {0};
    struct weir_op     op = {0};
    struct weir_stat   stat;
    char               data[5];
    weir_open(&op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_write(&op, &file, "bytes", 5, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 5);
    moves(c, to, &file);
    weir_read(&op, &file, data, 5, 0, 0, contract_done);
    CHECK_EQ(contract_await(to, &op), 5);
    CHECK(!memcmp(data, "bytes", 5));
    contract_close(to, &file);
    CHECK_EQ(weir_adopt(&directory, c->loop, open(c->directory, O_RDONLY | O_CLOEXEC), 0), 0);
    moves(c, to, &directory);
    weir_fstat(&op, &directory, &stat, 0, contract_done);
    CHECK_EQ(contract_await(to, &op), 0);
    CHECK_EQ(stat.kind, WEIR_HANDLE_DIRECTORY);
    contract_close(to, &directory);
    int number = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK_EQ(weir_adopt(&event, c->loop, number, 0), 0);
    moves(c, to, &event);
    weir_poll(&op, &event, WEIR_IN, 0, contract_done);
    CHECK_EQ(weir_run(to->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(eventfd_write(number, 1), 0);
    CHECK_EQ(contract_await(to, &op), WEIR_IN);
    contract_close(to, &event);
}

static void datagrams_move(struct contract *c, struct contract *to)
{
    struct weir_handle a = {0}, b = {0};
    int                ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_EQ(weir_adopt(&a, c->loop, ends[0], 0), 0);
    CHECK_EQ(weir_adopt(&b, c->loop, ends[1], 0), 0);
    ends_of_a_kind_move(c, to, &a, &b);
}

static void every_kind_between(struct contract *c, struct contract *to)
{
    struct weir_handle a = {0}, b = {0};
    contract_tcp_pair(c, &a, &b);
    ends_of_a_kind_move(c, to, &a, &b);
    contract_unix_pair(c, &a, &b);
    ends_of_a_kind_move(c, to, &a, &b);
    contract_pipe_pair(c, &a, &b);
    ends_of_a_kind_move(c, to, &a, &b);
    datagrams_move(c, to);
    tty_moves(c, to);
    listener_moves(c, to);
    file_and_others_move(c, to);
}

static void every_kind_moves(struct contract *c)
{
    struct contract to = beside(c, NULL);
    every_kind_between(c, &to);
    contract_loop_close(c, to.loop);
}

/* What one mechanism holds of a handle is not in the way of the other. */
static void every_kind_moves_to_every_engine(struct contract *c)
{
    struct weir_engine_info engines[32];
    int                     count = weir_engine_list(engines, 32), tried = 0;
    for (int i = 0; i < count; i++) {
        if (engines[i].refused || !strcmp(engines[i].name, c->engine) ||
            !strcmp(engines[i].model, "simulation"))
            continue;
        struct contract to = beside(c, engines[i].name);
        every_kind_between(c, &to);
        contract_loop_close(c, to.loop);
        tried++;
    }
    CHECK(tried >= 4); /* poll, select, threads and spin are everywhere */
}

/* ------------------------------------------------------------------------------------------------
 * When
 * ---------------------------------------------------------------------------------------------- */

struct mover {
    struct weir_op     recv, move, send;
    struct weir_handle handle;
    struct weir_loop  *target;
    char               data[8];
};

static void on_moved_send(struct weir_op *op)
{
    struct mover *m = weir_of(op, struct mover, move);
    CHECK_EQ(op->result, 0);
    weir_send(&m->send, &m->handle, m->data, 5, WEIR_ALL, contract_done);
}

static void on_recv_move(struct weir_op *op)
{
    struct mover *m = weir_of(op, struct mover, recv);
    CHECK_EQ(op->result, 5);
    weir_move(&m->move, &m->handle, m->target, 0, on_moved_send);
}

/* A handle is given away in the callback of what it received, while the loop still serves it. */
static void moved_in_its_own_callback(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct mover       m = {.target = to.loop};
    struct weir_handle peer = {0};
    contract_unix_pair(c, &m.handle, &peer);
    weir_recv(&m.recv, &m.handle, m.data, 5, 0, on_recv_move);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    sends(c, &peer, "round");
    contract_await(c, &m.recv);
    contract_run(c);
    contract_run(&to);
    CHECK_RESULT(&m.move, 0);
    CHECK_RESULT(&m.send, 5);
    receives(c, &peer, "round");
    contract_close(c, &peer);
    contract_close(&to, &m.handle);
    contract_loop_close(c, to.loop);
}

/* From the call on the handle is the target's: nobody has to wait for done(). */
static void used_before_it_arrived(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0}, recv = {0}, again = {0};
    char               data[5];
    contract_tcp_pair(c, &a, &b);
    weir_move(&op, &a, to.loop, 0, contract_done);
    weir_recv(&recv, &a, data, 5, WEIR_ALL, contract_done);
    sends(c, &b, "early");
    CHECK_EQ(contract_await(&to, &recv), 5);
    CHECK_RESULT(&op, 0);
    weir_move(&op, &a, c->loop, 0, contract_done);
    weir_move(&again, &a, to.loop, 0, contract_done); /* its first move has not been told yet */
    contract_run(c);
    CHECK_RESULT(&op, 0);
    CHECK_RESULT(&again, WEIR_EBUSY);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

static void closed_before_it_arrived(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle ends[4] = {{0}};
    struct weir_op     ops[2] = {{0}};
    contract_tcp_pair(c, &ends[0], &ends[1]);
    contract_tcp_pair(c, &ends[2], &ends[3]);
    weir_move(&ops[0], &ends[0], to.loop, 0, contract_done);
    weir_move(&ops[1], &ends[2], to.loop, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(weir_close(&ends[0], contract_closed), 0);
    CHECK_EQ(weir_close_now(&ends[2]), 0);
    contract_run(&to);
    CHECK_RESULT(&ops[0], 0);
    CHECK_RESULT(&ops[1], 0);
    CHECK_EQ(contract_closed_count(&ends[0]), 1);
    CHECK_EQ(weir_handle_kind(&ends[2]), WEIR_HANDLE_NONE);
    contract_close(c, &ends[1]);
    contract_close(c, &ends[3]);
    contract_loop_close(c, to.loop);
}

/* ------------------------------------------------------------------------------------------------
 * What is refused
 * ---------------------------------------------------------------------------------------------- */

static void refused_while_an_op_is_pending(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, poll = {0}, op = {0};
    char               data[4];
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &a, data, 4, WEIR_ALL, contract_done);
    CHECK_EQ(move(c, &to, &a), WEIR_EBUSY);
    CHECK(a.loop == c->loop);
    sends(c, &b, "stay");
    CHECK_EQ(contract_await(c, &recv), 4);
    weir_poll(&poll, &a, WEIR_IN, WEIR_LEVEL, contract_done);
    CHECK_EQ(move(c, &to, &a), WEIR_EBUSY);
    CHECK_EQ(weir_cancel(&poll), 0);
    CHECK_EQ(move(c, &to, &a), WEIR_EBUSY); /* its done() is to come, or comes first */
    contract_await(c, &poll);
    weir_send(&op, &a, "out", 3, 0, contract_done);
    CHECK_EQ(move(c, &to, &a), WEIR_EBUSY);
    contract_await(c, &op);
    receives(c, &b, "out");
    moves(c, &to, &a);
    contract_close(&to, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

static void wrong_moves_are_refused(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0}, timer = {0};
    contract_unix_pair(c, &a, &b);
    weir_move(&op, &a, NULL, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_move(&op, &a, to.loop, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_timer(&timer, c->loop, WEIR_SECOND, 0, contract_done);
    CHECK_EQ(move(c, &to, timer.handle), WEIR_EINVAL); /* the loop's own hidden handle */
    weir_cancel(&timer);
    contract_run(c);
    CHECK_EQ(move(c, c, &a), 0); /* it is there already */
    sends(c, &a, "here");
    receives(c, &b, "here");
    CHECK_EQ(weir_close(&a, NULL), 0);
    CHECK_EQ(move(c, &to, &a), WEIR_ECANCELED);
    CHECK_EQ(move(c, &to, &a), WEIR_EBADF);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

/* select(2) cannot wait for a number from FD_SETSIZE on, whichever engine had it before. */
static void refused_where_it_could_not_be_served(struct contract *c)
{
    struct contract    to = beside(c, "select");
    struct weir_handle a = {0}, b = {0}, file = {0};
    struct rlimit      limit = {2048, 2048};
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < 2048)
        SKIP("this process may not have so many descriptors");
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int low = contract_unix_peer(c, &b), high = fcntl(low, F_DUPFD_CLOEXEC, 1500);
    CHECK(high >= 1500);
    contract_raw_close(low);
    CHECK_EQ(weir_adopt(&a, c->loop, high, 0), 0);
    CHECK_EQ(move(c, &to, &a), WEIR_ENOTSUP);
    CHECK(a.loop == c->loop);
    sends(c, &b, "stay");
    if (strcmp(c->engine, "select"))
        receives(c, &a, "stay");
    low = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(weir_adopt(&file, c->loop, fcntl(low, F_DUPFD_CLOEXEC, 1500), 0), 0);
    if (weir_handle_kind(&file) == WEIR_HANDLE_FILE)
        moves(c, &to, &file); /* nothing of a file is waited for */
    contract_close(file.loop == to.loop ? &to : c, &file);
    contract_raw_close(low);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_loop_close(c, to.loop);
}

static void move_to_the_inherited(struct contract *c)
{
    struct contract    own = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    contract_unix_pair(&own, &a, &b);
    CHECK_EQ(move(&own, c, &a), WEIR_EPERM);
    CHECK(a.loop == own.loop);
    contract_close(&own, &a);
    contract_close(&own, &b);
    contract_loop_close(&own, own.loop);
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    c->loop = NULL;
}

static void refused_to_a_loop_of_another_process(struct contract *c)
{
    if (contract_sanitized("thread"))
        SKIP("the thread sanitizer cannot follow threads that a forked child starts");
    contract_in_fork(c, move_to_the_inherited);
}

/* A child gives up a loop to which a handle was on its way. */
static struct weir_op     lost_op;
static struct weir_handle lost_handle;

static void forget_both(struct contract *c)
{
    struct weir_loop *target = c->user;
    CHECK_EQ(weir_loop_forget(target), 0);
    CHECK_EQ(weir_handle_kind(&lost_handle), WEIR_HANDLE_NONE);
    CHECK(!lost_handle.loop);
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    c->loop = NULL;
}

static void forgotten_with_its_target(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle peer = {0};
    contract_unix_pair(c, &lost_handle, &peer);
    weir_move(&lost_op, &lost_handle, to.loop, 0, contract_done);
    c->user = to.loop;
    contract_in_fork(c, forget_both);
    contract_run(&to);
    CHECK_RESULT(&lost_op, 0);
    contract_close(&to, &lost_handle);
    contract_close(c, &peer);
    contract_loop_close(c, to.loop);
}

/* ------------------------------------------------------------------------------------------------
 * Loops that close
 * ---------------------------------------------------------------------------------------------- */

static void target_closes_before_it_arrived(struct contract *c)
{
    struct contract    to = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0}, end = {0};
    char               byte;
    contract_tcp_pair(c, &a, &b);
    weir_move(&op, &a, to.loop, 0, contract_done);
    contract_loop_close(c, to.loop);
    CHECK_RESULT(&op, WEIR_ECANCELED);
    CHECK_EQ(weir_handle_kind(&a), WEIR_HANDLE_NONE);
    weir_recv(&end, &b, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &end), 0); /* it was closed, and not leaked */
    contract_close(c, &b);
}

static void source_closes_behind_it(struct contract *c)
{
    struct contract    from = beside(c, NULL);
    struct weir_handle a = {0}, b = {0};
    struct weir_op     op = {0};
    contract_tcp_pair(&from, &a, &b);
    CHECK_EQ(move(&from, c, &b), 0);
    weir_move(&op, &a, c->loop, 0, contract_done);
    contract_loop_close(c, from.loop);
    CHECK_EQ(contract_await(c, &op), 0);
    sends(c, &a, "alive");
    receives(c, &b, "alive");
    contract_close(c, &a);
    contract_close(c, &b);
}

struct closing {
    struct weir_op     timer, move;
    struct weir_handle handle;
    struct weir_loop  *target;
};

static void on_cancelled_move(struct weir_op *op)
{
    struct closing *s = weir_of(op, struct closing, timer);
    weir_move(&s->move, &s->handle, s->target, 0, contract_done);
}

/* What closes gives nothing away: the handle is among those that the close closes. */
static void refused_while_its_loop_closes(struct contract *c)
{
    struct contract    from = beside(c, NULL);
    struct closing     s = {.target = c->loop};
    struct weir_handle peer = {0};
    contract_unix_pair(&from, &s.handle, &peer);
    weir_timer(&s.timer, from.loop, WEIR_SECOND, 0, on_cancelled_move);
    contract_loop_close(c, from.loop);
    CHECK_RESULT(&s.move, WEIR_ECANCELED);
    CHECK_EQ(weir_handle_kind(&s.handle), WEIR_HANDLE_NONE);
}

const struct contract_case contract_cases[] = {
    {"done_runs_on_the_target", done_runs_on_the_target, 0},
    {"buffers_that_are_out_stay_behind", buffers_that_are_out_stay_behind, 0},
    {"what_the_source_watched_is_forgotten", what_the_source_watched_is_forgotten, 0},
    {"what_had_arrived_is_received_there", what_had_arrived_is_received_there, 0},
    {"every_kind_moves", every_kind_moves, 0},
    {"every_kind_moves_to_every_engine", every_kind_moves_to_every_engine, 0},
    {"moved_in_its_own_callback", moved_in_its_own_callback, 0},
    {"used_before_it_arrived", used_before_it_arrived, 0},
    {"closed_before_it_arrived", closed_before_it_arrived, 0},
    {"refused_while_an_op_is_pending", refused_while_an_op_is_pending, 0},
    {"wrong_moves_are_refused", wrong_moves_are_refused, 0},
    {"refused_where_it_could_not_be_served", refused_where_it_could_not_be_served, 0},
    {"refused_to_a_loop_of_another_process", refused_to_a_loop_of_another_process, 0},
    {"forgotten_with_its_target", forgotten_with_its_target, 0},
    {"target_closes_before_it_arrived", target_closes_before_it_arrived, 0},
    {"source_closes_behind_it", source_closes_behind_it, 0},
    {"refused_while_its_loop_closes", refused_while_its_loop_closes, 0},
    {0},
};
