/* SPDX-License-Identifier: MIT */
/* copy_wrong.c - copies that cannot be, on handles that go away, without memory, and in a fork. */
#include "copy_ends.h"

static void some_loop_turns(struct contract *c, int turns)
{
    while (turns--) {
        struct weir_op timer = {0};
        weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &timer), 0);
    }
}

static void wrong_copies_are_refused(struct contract *c)
{
    static struct end         file, socket, pipe;
    static struct weir_handle listener, datagram, directory, readonly, other, never;
    struct weir_loop         *loop = NULL;
    struct weir_op            op = {0};
    end_open(c, &file, END_FILE, true);
    end_open(c, &socket, END_TCP, true);
    end_open(c, &pipe, END_PIPE, true);
    contract_listen_any(c, &listener);
    CHECK_EQ(weir_socket(&datagram, c->loop, AF_INET, SOCK_DGRAM, 0), 0);
    weir_open(&op, c->loop, &directory, c->directory, WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_open(&op, c->loop, &readonly, "/dev/null", WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(contract_open(c, &loop, NULL), 0);
    CHECK_EQ(weir_adopt(&other, loop, contract_fd_copy(file.plain), 0), 0);
    const struct {
        struct weir_handle    *to;
        struct weir_copy_range range;
        int64_t                result;
    } wrong[] = {
        {&socket.handle, {NULL, 0, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&socket.handle, {&other, 0, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&socket.handle, {&never, 0, WEIR_STREAM, 1}, WEIR_EBADF},
        {&socket.handle, {&listener, WEIR_STREAM, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&socket.handle, {&datagram, WEIR_STREAM, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&socket.handle, {&directory, WEIR_STREAM, WEIR_STREAM, 1}, WEIR_EISDIR},
        {&datagram, {&file.handle, 0, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&readonly, {&file.handle, 0, WEIR_STREAM, 1}, WEIR_EBADF},
        {&pipe.handle, {&file.handle, 0, WEIR_STREAM, 1}, WEIR_EBADF}, /* its reading end */
        {&socket.handle, {&pipe.handle, 0, WEIR_STREAM, 1}, WEIR_ESPIPE},
        {&socket.handle, {&file.handle, 0, 0, 1}, WEIR_ESPIPE},
        {&socket.handle, {&file.handle, (uint64_t)INT64_MAX + 1, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&socket.handle, {&file.handle, INT64_MAX, WEIR_STREAM, 1}, WEIR_EINVAL},
        {&file.handle, {&socket.handle, WEIR_STREAM, INT64_MAX, 1}, WEIR_EINVAL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct weir_copy_range range = wrong[i].range;
        weir_copy(&op, wrong[i].to, &range, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), wrong[i].result);
        CHECK_EQ(op.served, WEIR_SERVED_NOT);
    }
    struct weir_copy_range range = whole_of(&file.handle, 1);
    weir_copy(&op, &socket.handle, &range, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_copy(&op, &socket.handle, NULL, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    range.length = 0;
    weir_copy(&op, &socket.handle, &range, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    contract_loop_close(c, loop);
    end_close(c, &file);
    end_close(c, &socket);
    end_close(c, &pipe);
}

static void two_ends_of_one_pipe_are_refused(struct contract *c)
{
    static struct weir_handle reader, writer;
    struct weir_op            op = {0};
    contract_pipe_pair(c, &reader, &writer);
    struct weir_copy_range range = whole_of(&reader, 10);
    CHECK_EQ(weir_try_send(&writer, "0123456789", 10, 0), 10);
    weir_copy(&op, &writer, &range, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
}

/* On a handle that is closing, and on one that was closed. */
static void on_closing_and_closed_handles(struct contract *c)
{
    static struct end source, target;
    struct weir_op    op = {0};
    for (int i = 0; i < 2; i++) {
        end_open(c, &source, END_TCP, true);
        end_open(c, &target, END_TCP, false);
        struct weir_copy_range range = whole_of(&source.handle, 1);
        CHECK_EQ(weir_close(i ? &source.handle : &target.handle, contract_closed), 0);
        weir_copy(&op, &target.handle, &range, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
        contract_run(c);
        weir_copy(&op, &target.handle, &range, 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EBADF);
        end_close(c, &source);
        end_close(c, &target);
    }
}

/* Each allocation of a copy fails in turn: it is told, and nothing is left. */
static void without_memory(struct contract *c)
{
    static const enum end_kind kinds[] = {END_TCP, END_TTY, END_FILE};
    static struct end          source, target;
    struct weir_loop          *kept = c->loop;
    for (unsigned nth = 1; nth <= 8; nth++) {
        for (int i = 0; i < 3; i++) {
            struct weir_op op = {0};
            CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
            end_open(c, &source, kinds[i], true);
            end_open(c, &target, kinds[2 - i], false);
            CHECK_EQ(write(source.plain, "x", 1), 1);
            struct weir_copy_range range = whole_of(&source.handle, 1);
            contract_heap_fail(nth, false);
            weir_copy(&op, &target.handle, &range, 0, contract_done);
            int64_t result = contract_await(c, &op);
            contract_heap_fail(0, false);
            CHECK(result == 1 || result == WEIR_ENOMEM);
            CHECK(nth < 8 || result == 1);
            end_close(c, &source);
            end_close(c, &target);
            contract_loop_close(c, c->loop);
        }
    }
    c->loop = kept;
}

static struct weir_op forked_op;

static void a_child_forgets_it(struct contract *c)
{
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    c->loop = NULL;
    CHECK_EQ(forked_op.state, 0);
}

static void forgotten_in_a_forked_child(struct contract *c)
{
    static struct end source, target;
    end_open(c, &source, END_TCP, true);
    end_open(c, &target, END_TCP, false);
    struct weir_copy_range range = whole_of(&source.handle, 1);
    weir_copy(&forked_op, &target.handle, &range, 0, contract_done);
    some_loop_turns(c, 2);
    contract_in_fork(c, a_child_forgets_it);
    contract_raw_send(source.plain, "x", 1);
    CHECK_EQ(contract_await(c, &forked_op), 1);
    end_close(c, &source);
    end_close(c, &target);
}

/* A tty's master side, which a worker writes to and waits. */
static int full_tty(struct contract *c, struct weir_handle *handle)
{
    int plain = tty_peer(c, handle), slave = (int)weir_handle_os(handle);
    int copy = contract_fd_copy(slave);
    contract_close(c, handle);
    CHECK_EQ(weir_adopt(handle, c->loop, plain, 0), 0);
    return copy;
}

/* Until the master is closed, which is an error here. */
static void *read_all(void *argument)
{
    const int slave = *(int *)argument;
    char      bytes[4096];
    while (contract_raw_readable(slave, 20000) &&
           (read(slave, bytes, sizeof bytes) > 0 || errno == EAGAIN))
        continue;
    return NULL;
}

/* While a worker is in the call, both handles are in use: neither a close nor a cancel ends it at
 * once, and then its true count is told. */
static void a_workers_call_is_awaited(struct contract *c)
{
    static struct end         source;
    static struct weir_handle tty;
    const uint64_t            length = UINT64_C(3) << 20;
    struct contract_thread    reader = {0};
    struct flow               giver;
    for (int i = 0; i < 3; i++) {
        struct weir_op op = {0};
        int            slave = full_tty(c, &tty);
        end_open(c, &source, END_FILE, true);
        flow_begin(&giver, &source, length, false);
        struct weir_copy_range range = whole_of(&source.handle, UINT64_MAX);
        weir_copy(&op, &tty, &range, 0, contract_done);
        while (!contract_raw_readable(slave, 0))
            some_loop_turns(c, 1);
        some_loop_turns(c, 3);
        CHECK(contract_live(&op));
        struct weir_handle *closed = i == 1 ? &source.handle : &tty;
        CHECK_EQ(i ? weir_close_now(closed) : weir_cancel(&op), WEIR_EBUSY);
        some_loop_turns(c, 3);
        CHECK(contract_live(&op));
        contract_thread_start(&reader, read_all, &slave);
        int64_t result = contract_await(c, &op);
        CHECK(result > 0);
        CHECK(result < (int64_t)length);
        CHECK_EQ(op.error, WEIR_ECANCELED);
        if (i != 1)
            CHECK_EQ(lseek((int)weir_handle_os(&source.handle), 0, SEEK_CUR), result);
        while (i && weir_handle_kind(closed) != WEIR_HANDLE_NONE)
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        if (weir_handle_kind(&tty) != WEIR_HANDLE_NONE)
            contract_close(c, &tty); /* which ends the reader */
        contract_thread_join(&reader);
        contract_raw_close(slave);
        end_close(c, &source);
    }
}

const struct contract_case contract_cases[] = {
    {"wrong_copies_are_refused", wrong_copies_are_refused, 0},
    {"two_ends_of_one_pipe_are_refused", two_ends_of_one_pipe_are_refused, 0},
    {"on_closing_and_closed_handles", on_closing_and_closed_handles, 0},
    {"without_memory", without_memory, 0},
    {"forgotten_in_a_forked_child", forgotten_in_a_forked_child, 0},
    {"a_workers_call_is_awaited", a_workers_call_is_awaited, 0},
    {0},
};
