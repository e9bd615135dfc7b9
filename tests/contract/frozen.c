/* SPDX-License-Identifier: MIT */
/* frozen.c - copies that stand still in the middle, held by a page that does not come, and workers
 * that stand still in an open: what goes on beside them, and how they end. */
#include <fcntl.h>
#include <sys/stat.h>

#include "freezer.h"

/* ------------------------------------------------------------------------------------------------
 * One op whose memory is frozen
 * ---------------------------------------------------------------------------------------------- */

enum what { RECEIVE, SEND, READ, WRITE, DIRECT_READ, DIRECT_WRITE };

/* Static: SKIP leaves its frames, and the thread looks at it still. */
static struct cold {
    enum what          what;
    struct freezer     freezer;
    struct weir_handle handle;
    struct weir_op     op;
    int                peer; /* -1: a file */
    const char        *path;
} cold;

static bool fills_memory(enum what what)
{
    return what == RECEIVE || what == READ || what == DIRECT_READ;
}

/* A file, full of what is expected where it is to be read. */
static void open_cold_file(struct contract *c)
{
    static _Alignas(4096) unsigned char data[FROZEN_LENGTH];
    bool     direct = cold.what == DIRECT_READ || cold.what == DIRECT_WRITE;
    unsigned mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE;
    cold.peer = -1;
    cold.path = contract_temp_file(c);
    int fd = open(cold.path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    contract_fill(data, sizeof data, 0, 2);
    CHECK_EQ(write(fd, data, sizeof data), sizeof data);
    CHECK_EQ(fsync(fd), 0);
    contract_raw_close(fd);
    weir_open(&cold.op, c->loop, &cold.handle, cold.path, mode | (direct ? WEIR_OPEN_DIRECT : 0), 0,
              contract_done);
    int64_t result = contract_await(c, &cold.op);
    if (direct && result == WEIR_EINVAL)
        SKIP("this file system has no direct I/O");
    CHECK_EQ(result, 0);
}

static void begin(struct contract *c, enum what what, weir_done *posted)
{
    unsigned char data[FROZEN_LENGTH];
    cold = (struct cold){.what = what};
    if (what == RECEIVE || what == SEND)
        cold.peer = contract_unix_peer(c, &cold.handle);
    else
        open_cold_file(c);
    freezer_open(&cold.freezer, c, posted);
    unsigned char *frozen = cold.freezer.data;
    if (what == RECEIVE) {
        contract_fill(data, sizeof data, 0, 2);
        contract_raw_send(cold.peer, data, sizeof data);
        weir_recv(&cold.op, &cold.handle, frozen, FROZEN_LENGTH, WEIR_ALL, contract_done);
    } else if (what == SEND) {
        weir_send(&cold.op, &cold.handle, frozen, FROZEN_LENGTH, WEIR_ALL, contract_done);
    } else if (fills_memory(what)) {
        weir_read(&cold.op, &cold.handle, frozen, FROZEN_LENGTH, 0, WEIR_ALL, contract_done);
    } else {
        weir_write(&cold.op, &cold.handle, frozen, FROZEN_LENGTH, 0, WEIR_ALL, contract_done);
    }
}

/* What was told is what happened. The handle may be closed. */
static void check_moved(void)
{
    static unsigned char data[FROZEN_LENGTH];
    size_t               moved = cold.op.result > 0 ? (size_t)cold.op.result : 0;
    CHECK(cold.op.result > 0 || cold.op.result == WEIR_ECANCELED);
    if (fills_memory(cold.what)) {
        CHECK(contract_filled(cold.freezer.data, moved, 0, 2));
    } else if (cold.what == SEND) {
        contract_raw_recv(cold.peer, data, moved);
        CHECK(contract_filled(data, moved, 0, 1));
        if (weir_handle_kind(&cold.handle) == WEIR_HANDLE_NONE)
            CHECK_EQ(contract_raw_recv_some(cold.peer, data, 1), 0);
        else
            CHECK(!contract_raw_readable(cold.peer, 0));
    } else {
        int fd = open(cold.path, O_RDONLY | O_CLOEXEC);
        CHECK_EQ(read(fd, data, sizeof data), sizeof data);
        CHECK(contract_filled(data, moved, 0, 1));
        CHECK(contract_filled(data + moved, sizeof data - moved, moved, 2));
        contract_raw_close(fd);
    }
}

static void end(void)
{
    freezer_close(&cold.freezer);
    if (cold.peer >= 0)
        contract_raw_close(cold.peer);
}

/* ------------------------------------------------------------------------------------------------
 * It ends rightly, whoever stood in it
 * ---------------------------------------------------------------------------------------------- */

static void cancel_it(struct weir_op *post)
{
    (void)post;
    weir_cancel(&cold.op);
}

/* What was not received is still there. */
static void check_rest(struct contract *c)
{
    static unsigned char data[FROZEN_LENGTH];
    size_t               moved = cold.op.result > 0 ? (size_t)cold.op.result : 0;
    if (cold.what != RECEIVE || moved == FROZEN_LENGTH)
        return;
    weir_recv(&cold.op, &cold.handle, data, FROZEN_LENGTH - moved, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &cold.op), FROZEN_LENGTH - moved);
    CHECK(contract_filled(data, FROZEN_LENGTH - moved, moved, 2));
}

static void thaws(struct contract *c, enum what what, weir_done *posted)
{
    begin(c, what, posted);
    freezer_stalls_the_loop(&cold.freezer, c);
    if (posted == contract_done)
        CHECK(contract_live(&cold.op) || cold.op.result == FROZEN_LENGTH);
    else /* the op is asked to end while its copy stands still, or right after */
        contract_await(c, &cold.freezer.post);
    freezer_thaw(&cold.freezer);
    contract_await(c, &cold.op);
    if (posted == contract_done)
        CHECK_RESULT(&cold.op, FROZEN_LENGTH);
    check_moved();
    check_rest(c);
    contract_run(c);
    contract_close(c, &cold.handle);
    end();
}

static void frozen_copies_end_rightly(struct contract *c)
{
    thaws(c, RECEIVE, contract_done);
    thaws(c, SEND, contract_done);
    thaws(c, READ, contract_done);
    thaws(c, WRITE, contract_done);
}

/* A cancel that comes meanwhile gives nothing up: what the kernel still copies to is the op's. */
static void cancelled_while_frozen(struct contract *c)
{
    thaws(c, RECEIVE, cancel_it);
    thaws(c, SEND, cancel_it);
    thaws(c, READ, cancel_it);
    thaws(c, WRITE, cancel_it);
}

static int closed_now;

static void close_it_now(struct weir_op *post)
{
    (void)post;
    contract_gate_open(&cold.freezer.thaw);
    closed_now = weir_close_now(&cold.handle);
}

/* It waits for the copy, which ends meanwhile, or says that it goes on without. */
static void closed_now_while_frozen(struct contract *c)
{
    for (enum what what = RECEIVE; what <= WRITE; what++) {
        begin(c, what, close_it_now);
        int descriptor = (int)weir_handle_os(&cold.handle);
        freezer_stalls_the_loop(&cold.freezer, c);
        contract_await(c, &cold.freezer.post);
        CHECK(closed_now == WEIR_EBUSY || closed_now == 0);
        if (closed_now == 0)
            CHECK(!contract_fd_open(descriptor));
        contract_await(c, &cold.op);
        contract_run(c);
        CHECK(!contract_fd_open(descriptor));
        check_moved();
        end();
    }
}

static void frozen_direct_copies_end_rightly(struct contract *c)
{
    thaws(c, DIRECT_READ, contract_done);
    thaws(c, DIRECT_WRITE, contract_done);
    thaws(c, DIRECT_READ, cancel_it);
    thaws(c, DIRECT_WRITE, cancel_it);
}

/* ------------------------------------------------------------------------------------------------
 * What goes on beside it, where another thread stands in it
 * ---------------------------------------------------------------------------------------------- */

static int64_t return_7(struct weir_op *op)
{
    (void)op;
    return 7;
}

#define FILES 3

/* io_uring's kernel lets one worker at a time write to all files whose inodes have the same one of
 * its 64 hash values: a file may have the frozen one's, hardly all of them. */
static void files_go_on(struct contract *c)
{
    struct weir_handle files[FILES] = {0};
    struct weir_op     ops[FILES] = {0};
    bool               may_wait = !strcmp(c->engine, "io_uring");
    for (int i = 0; i < FILES; i++)
        weir_open(&ops[i], c->loop, &files[i], contract_temp_file(c),
                  WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    for (int i = 0; i < FILES; i++) {
        CHECK_EQ(contract_await(c, &ops[i]), 0);
        weir_write(&ops[i], &files[i], "x", 1, 0, 0, contract_done);
    }
    for (int written = 0; written < (may_wait ? 1 : FILES);) {
        CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
        written = 0;
        for (int i = 0; i < FILES; i++)
            written += weir_ended(&ops[i]);
    }
    for (int i = 0; i < FILES; i++) {
        contract_close(c, &files[i]);
        CHECK(ops[i].result == 1 || (may_wait && ops[i].result == WEIR_ECANCELED));
    }
}

static void others_go_on(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, send = {0}, timer = {0}, work = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK_EQ(contract_await(c, &work), 7);
    weir_send(&send, &b, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    files_go_on(c);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Neither a cancel nor a close lets go of what somebody still copies to. */
static void beside(struct contract *c, enum what what)
{
    /* Where the C library moves files, the sanitizer leaves it one thread, which would stand. */
    if (contract_sanitized("thread") && what != RECEIVE && what != SEND &&
        weir_query(c->engine, WEIR_OP_WRITE, WEIR_HANDLE_FILE) == WEIR_SUPPORT_NATIVE)
        SKIP("under the thread sanitizer one thread may move all files");
    begin(c, what, contract_done);
    if (freezer_stalls_the_loop(&cold.freezer, c)) {
        contract_thread_join(&cold.freezer.thread);
        SKIP(STALLS);
    }
    others_go_on(c);
    CHECK(contract_live(&cold.op));
    int result = weir_cancel(&cold.op);
    CHECK(result == 0 || result == WEIR_EBUSY);
    CHECK_EQ(weir_close(&cold.handle, contract_closed), 0);
    others_go_on(c);
    CHECK(contract_live(&cold.op));
    CHECK_EQ(contract_closed_count(&cold.handle), 0);
    CHECK_EQ(weir_loop_close(c->loop, 5 * WEIR_MILLISECOND), WEIR_EBUSY);
    CHECK(contract_live(&cold.op));
    freezer_thaw(&cold.freezer);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_EQ(contract_told(&cold.op), 1);
    CHECK_EQ(contract_closed_count(&cold.handle), 1);
    check_moved();
    end();
}

static void others_go_on_beside_a_frozen_receive(struct contract *c)
{
    beside(c, RECEIVE);
}

static void others_go_on_beside_a_frozen_send(struct contract *c)
{
    beside(c, SEND);
}

static void others_go_on_beside_a_frozen_read(struct contract *c)
{
    beside(c, READ);
}

static void others_go_on_beside_a_frozen_write(struct contract *c)
{
    beside(c, WRITE);
}

static void others_go_on_beside_a_frozen_direct_read(struct contract *c)
{
    beside(c, DIRECT_READ);
}

static void others_go_on_beside_a_frozen_direct_write(struct contract *c)
{
    beside(c, DIRECT_WRITE);
}

/* ------------------------------------------------------------------------------------------------
 * Every file worker stands still in the open of a FIFO
 * ---------------------------------------------------------------------------------------------- */

#define WORKERS 3

static void sockets_and_work_go_on(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, send = {0}, timer = {0}, work = {0}, resolve = {0};
    struct weir_lookup lookup = {.host = "127.0.0.1", .service = "80"};
    char               byte;
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_send(&send, &b, "x", 1, 0, contract_done);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    weir_resolve(&resolve, c->loop, &lookup, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK_EQ(contract_await(c, &work), 7);
    CHECK_EQ(contract_await(c, &resolve), 1);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* The loop is closed while they stand: it says so, stays valid, and is closed when they came back.
 * A mechanism that can call them back ends the opens at once. */
static void closed_with_every_worker_in_a_fifo(struct contract *c)
{
    static struct weir_handle handles[WORKERS + 1];
    static struct weir_op     opens[WORKERS + 1];
    const char               *paths[WORKERS];
    struct weir_options       options = c->options;
    options.file_workers = WORKERS;
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < WORKERS; i++) {
        paths[i] = contract_temp_file(c);
        CHECK_EQ(mkfifo(paths[i], 0600), 0);
        weir_open(&opens[i], c->loop, &handles[i], paths[i], WEIR_OPEN_READ, 0, contract_done);
    }
    weir_open(&opens[WORKERS], c->loop, &handles[WORKERS], contract_temp_file(c),
              WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    sockets_and_work_go_on(c);
    int result = weir_loop_close(c->loop, 20 * WEIR_MILLISECOND);
    int standing = 0; /* a worker may be too late to stand: its open was cancelled in the queue */
    for (int i = 0; i < WORKERS; i++)
        standing += contract_live(&opens[i]);
    CHECK_EQ(result == WEIR_EBUSY, standing > 0);
    if (result == WEIR_EBUSY) {
        for (int i = 0; i < WORKERS; i++) /* both ends, which waits for nobody */
            contract_raw_close(open(paths[i], O_RDWR | O_CLOEXEC));
        result = weir_loop_close(c->loop, 10 * WEIR_SECOND);
    }
    CHECK_EQ(result, 0);
    c->loop = NULL;
    for (int i = 0; i <= WORKERS; i++) {
        CHECK(opens[i].result == 0 || opens[i].result == WEIR_ECANCELED);
        CHECK_EQ(weir_handle_kind(&handles[i]), WEIR_HANDLE_NONE);
    }
}

const struct contract_case contract_cases[] = {
    {"frozen_copies_end_rightly", frozen_copies_end_rightly, CONTRACT_NO_VALGRIND},
    {"frozen_direct_copies_end_rightly", frozen_direct_copies_end_rightly, CONTRACT_NO_VALGRIND},
    {"cancelled_while_frozen", cancelled_while_frozen, CONTRACT_NO_VALGRIND},
    {"closed_now_while_frozen", closed_now_while_frozen, CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_receive", others_go_on_beside_a_frozen_receive,
     CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_send", others_go_on_beside_a_frozen_send, CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_read", others_go_on_beside_a_frozen_read, CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_write", others_go_on_beside_a_frozen_write,
     CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_direct_read", others_go_on_beside_a_frozen_direct_read,
     CONTRACT_NO_VALGRIND},
    {"others_go_on_beside_a_frozen_direct_write", others_go_on_beside_a_frozen_direct_write,
     CONTRACT_NO_VALGRIND},
    /* Its loop has few file workers. */
    {"closed_with_every_worker_in_a_fifo", closed_with_every_worker_in_a_fifo, CONTRACT_OWN_LOOP},
    {0},
};
