/* SPDX-License-Identifier: MIT */
/* copy_stop.c - copies beside other ops, and copies that end early: what arrived is what is told,
 * and what did not is still at the source. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "copy_ends.h"
#include "own_mounts.h"

#define MIB (UINT64_C(1) << 20)
#define HOUR (3600 * WEIR_SECOND)

static void some_loop_turns(struct contract *c, int turns)
{
    while (turns--) {
        struct weir_op timer = {0};
        weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &timer), 0);
    }
}

/* Runs the loop until the program's side of a target has so many bytes to read. */
static void await_bytes(struct contract *c, const struct end *target, int count)
{
    int there = 0;
    while (ioctl(target->plain, FIONREAD, &there) == 0 && there < count)
        some_loop_turns(c, 1);
    CHECK(there >= count);
}

/* ------------------------------------------------------------------------------------------------
 * Among others
 * ---------------------------------------------------------------------------------------------- */

/* Sends and copies of one handle are done in the order they were started. */
static void copies_among_sends_in_order(struct contract *c)
{
    static struct end first, second, pipe, target;
    struct flow       giver;
    struct weir_op    ops[5] = {{0}};
    unsigned char     data[3 * 5000 + 8];
    end_open(c, &first, END_FILE, true);
    flow_begin(&giver, &first, 5000, false);
    end_open(c, &second, END_TCP, true);
    end_open(c, &pipe, END_PIPE, true);
    end_open(c, &target, END_TCP, false);
    struct weir_copy_range ranges[3] = {whole_of(&second.handle, 5000),
                                        whole_of(&first.handle, 5000),
                                        whole_of(&pipe.handle, 5000)};
    weir_send(&ops[0], &target.handle, "head", 4, WEIR_ALL, contract_done);
    weir_copy(&ops[1], &target.handle, &ranges[0], 0, contract_done);
    weir_copy(&ops[2], &target.handle, &ranges[1], 0, contract_done);
    weir_copy(&ops[3], &target.handle, &ranges[2], 0, contract_done);
    weir_send(&ops[4], &target.handle, "tail", 4, WEIR_ALL, contract_done);
    CHECK_EQ(weir_try_send(&target.handle, "x", 1, 0), WEIR_EAGAIN);
    /* The last source is ready first. */
    flow_begin(&giver, &pipe, 5000, false);
    flow_end(&giver);
    some_loop_turns(c, 3);
    CHECK(contract_live(&ops[1]));
    CHECK(contract_live(&ops[3]));
    flow_begin(&giver, &second, 5000, false);
    flow_end(&giver);
    contract_run(c);
    for (int i = 1; i <= 3; i++)
        CHECK_RESULT(&ops[i], 5000);
    contract_raw_recv(target.plain, data, sizeof data);
    CHECK(memcmp(data, "head", 4) == 0);
    for (size_t i = 0; i < 3; i++)
        CHECK(contract_filled(data + 4 + i * 5000, 5000, 0, 7));
    CHECK(memcmp(data + 4 + 15000, "tail", 4) == 0);
    end_close(c, &first);
    end_close(c, &second);
    end_close(c, &pipe);
    end_close(c, &target);
}

/* Receives and copies of one source each get the bytes of their turn. */
static void copies_among_receives_in_order(struct contract *c)
{
    static struct end source, one, two;
    struct weir_op    ops[4] = {{0}};
    char              before[4], between[4], data[4];
    end_open(c, &source, END_UNIX, true);
    end_open(c, &one, END_PIPE, false);
    end_open(c, &two, END_TCP, false);
    struct weir_copy_range ranges[2] = {whole_of(&source.handle, 4), whole_of(&source.handle, 4)};
    weir_recv(&ops[0], &source.handle, before, 4, WEIR_ALL, contract_done);
    weir_copy(&ops[1], &one.handle, &ranges[0], 0, contract_done);
    weir_recv(&ops[2], &source.handle, between, 4, WEIR_ALL, contract_done);
    weir_copy(&ops[3], &two.handle, &ranges[1], 0, contract_done);
    CHECK_EQ(weir_try_recv(&source.handle, data, 1, 0), WEIR_EAGAIN);
    contract_raw_send(source.plain, "aaaabbbbccccdddd", 16);
    contract_run(c);
    for (int i = 0; i < 4; i++)
        CHECK_RESULT(&ops[i], 4);
    CHECK(!memcmp(before, "aaaa", 4) && !memcmp(between, "cccc", 4));
    contract_raw_recv(one.plain, data, 4);
    CHECK(!memcmp(data, "bbbb", 4));
    contract_raw_recv(two.plain, data, 4);
    CHECK(!memcmp(data, "dddd", 4));
    end_close(c, &source);
    end_close(c, &one);
    end_close(c, &two);
}

/* What comes goes back: both directions of one socket. */
static void echo_is_a_copy(struct contract *c)
{
    static struct end  socket;
    struct flow        giver;
    static struct flow taker;
    struct weir_op     op = {0};
    end_open(c, &socket, END_TCP, true);
    struct weir_copy_range range = whole_of(&socket.handle, UINT64_MAX);
    weir_copy(&op, &socket.handle, &range, 0, contract_done);
    taker = (struct flow){.fd = socket.plain, .length = MIB, .seed = 7};
    contract_thread_start(&taker.thread, flow_take, &taker);
    flow_begin(&giver, &socket, MIB, true);
    CHECK_EQ(contract_await(c, &op), MIB);
    flow_end(&giver);
    flow_end(&taker);
    CHECK_EQ(taker.length, MIB);
    end_close(c, &socket);
}

#define SLOW 8

/* More copies than there are workers for files wait for peers that do not read; files go on. */
static void slow_readers_stall_nothing_else(struct contract *c)
{
    static struct end      from, targets[SLOW], quick;
    static struct flow     takers;
    struct flow            giver;
    struct weir_op         ops[SLOW] = {{0}}, other = {0};
    struct weir_stat       stat;
    struct weir_copy_range ranges[SLOW];
    end_open(c, &from, END_FILE, true);
    flow_begin(&giver, &from, 8 * MIB, false);
    for (int i = 0; i < SLOW; i++) {
        end_open(c, &targets[i], i % 2 ? END_TCP : END_PIPE, false);
        ranges[i] = (struct weir_copy_range){&from.handle, 0, WEIR_STREAM, 8 * MIB};
        weir_copy(&ops[i], &targets[i].handle, &ranges[i], 0, contract_done);
    }
    some_loop_turns(c, 20);
    for (int i = 0; i < SLOW; i++)
        CHECK(contract_live(&ops[i]));
    weir_fstat(&other, &from.handle, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &other), 0);
    end_open(c, &quick, END_FILE, false);
    struct weir_copy_range range = {&from.handle, 0, 0, 8 * MIB};
    weir_copy(&other, &quick.handle, &range, 0, contract_done);
    CHECK_EQ(contract_await(c, &other), 8 * MIB);
    for (int i = 0; i < SLOW; i++) {
        CHECK(contract_live(&ops[i]));
        takers = (struct flow){.fd = targets[i].plain, .length = 8 * MIB, .seed = 7};
        contract_thread_start(&takers.thread, flow_take, &takers);
        CHECK_EQ(contract_await(c, &ops[i]), 8 * MIB);
        flow_end(&takers);
        CHECK_EQ(takers.length, 8 * MIB);
        end_close(c, &targets[i]);
    }
    end_close(c, &quick);
    end_close(c, &from);
}

/* Weir's own part in it is nobody's to count; and what a copy took is used by the next. */
static void own_parts_are_not_counted(struct contract *c)
{
    static struct end source, target;
    struct weir_op    op = {0};
    struct weir_stats before, now;
    char              text[4096] = "", byte;
    uint64_t          calls = 0;
    contract_needs("memory of a kernel's own");
    end_open(c, &source, END_TCP, true);
    end_open(c, &target, END_TCP, false);
    for (int lap = 0; lap < 20; lap++) {
        struct weir_copy_range range = whole_of(&source.handle, 1);
        weir_loop_stats(c->loop, &before);
        if (lap == 2) /* the first made room for what it needs */
            calls = contract_heap().calls;
        weir_copy(&op, &target.handle, &range, WEIR_BACKGROUND, contract_done);
        weir_run(c->loop, WEIR_NOWAIT);
        weir_loop_stats(c->loop, &now);
        CHECK_EQ(now.pending, 1);
        CHECK_EQ(now.pending_background, 1);
        FILE *file = fmemopen(text, sizeof text, "w");
        CHECK(file != NULL);
        weir_loop_dump(c->loop, file);
        fclose(file);
        CHECK(strstr(text, "1 ops pending (1 in the background)") != NULL);
        CHECK(strstr(text, "copy") != NULL);
        contract_raw_send(source.plain, "x", 1);
        CHECK_EQ(contract_await(c, &op), 1);
        CHECK_EQ(op.served, WEIR_SERVED_READY);
        weir_loop_stats(c->loop, &now);
        CHECK_EQ(now.pending, 0);
        CHECK_EQ(now.started, before.started + 1);
        CHECK_EQ(now.ended, before.ended + 1);
        contract_raw_recv(target.plain, &byte, 1);
    }
    CHECK_EQ(contract_heap().calls, calls);
    end_close(c, &source);
    end_close(c, &target);
}

/* ------------------------------------------------------------------------------------------------
 * Ended early
 * ---------------------------------------------------------------------------------------------- */

enum stop { STOP_CANCEL, STOP_CANCEL_ALL, STOP_DEADLINE, STOPS };

/* A copy to a peer that does not read, stopped when nothing more goes. Its result. */
static int64_t stop_midway(struct contract *c, struct weir_op *op, struct end *source,
                           struct end *target, enum stop stop)
{
    struct weir_copy_range range = whole_of(&source->handle, UINT64_MAX);
    weir_copy(op, &target->handle, &range, 0, contract_done);
    await_bytes(c, target, 1);
    some_loop_turns(c, 10);
    if (stop == STOP_DEADLINE)
        weir_deadline(op, WEIR_MILLISECOND);
    int answer = stop == STOP_CANCEL ? weir_cancel(op) : 0;
    if (stop == STOP_CANCEL_ALL)
        CHECK_EQ(weir_cancel_all(&source->handle), 1);
    CHECK(answer == 0 || answer == WEIR_EBUSY);
    int64_t result = contract_await(c, op);
    CHECK_EQ(op->error, stop == STOP_DEADLINE ? WEIR_EDEADLINE : WEIR_ECANCELED);
    return result;
}

/* The peer finds as much as was told; the source still has the rest, from its first byte on. */
static void check_nothing_lost(struct contract *c, enum end_kind from, enum end_kind to,
                               enum stop stop)
{
    static struct end    source, target;
    static struct flow   giver, taker;
    static unsigned char rest[65536];
    const uint64_t       length = 16 * MIB;
    struct weir_op       op = {0};
    end_open(c, &source, from, true);
    end_open(c, &target, to, false);
    flow_begin(&giver, &source, length, true);
    int64_t result = stop_midway(c, &op, &source, &target, stop);
    CHECK(result > 0);
    CHECK(result < (int64_t)length);
    taker = (struct flow){.fd = target.plain, .length = UINT64_MAX, .seed = 7};
    contract_close(c, &target.handle);
    flow_take(&taker);
    CHECK_EQ(taker.length, result);
    uint64_t at = (uint64_t)result;
    for (int64_t n; at < length; at += (uint64_t)n) {
        weir_read(&op, &source.handle, rest, sizeof rest, WEIR_STREAM, 0, contract_done);
        n = contract_await(c, &op);
        CHECK(n > 0);
        CHECK(contract_filled(rest, (size_t)n, at, 7));
    }
    flow_end(&giver);
    if (from == END_PIPE || from == END_FIFO)
        source.plain = -1; /* the giver closed it */
    end_close(c, &source);
    end_close(c, &target);
}

static void check_nothing_lost_to_any(struct contract *c, enum stop stop)
{
    static const enum end_kind sources[] = {END_FILE, END_TCP, END_UNIX, END_BLOCKING, END_PIPE};
    static const enum end_kind targets[] = {END_TCP, END_UNIX, END_PIPE};
    bool all = contract_count(15) == 15; /* else each source and each target once, at the least */
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        for (size_t k = 0; k < sizeof targets / sizeof targets[0]; k++)
            if (all || (i + k) % 3 == 0)
                check_nothing_lost(c, sources[i], targets[k], stop);
}

static void cancelled_midway(struct contract *c)
{
    check_nothing_lost_to_any(c, STOP_CANCEL);
}

static void cancelled_at_the_source(struct contract *c)
{
    check_nothing_lost(c, END_TCP, END_UNIX, STOP_CANCEL_ALL);
    check_nothing_lost(c, END_PIPE, END_TCP, STOP_CANCEL_ALL);
    check_nothing_lost(c, END_FILE, END_TCP, STOP_CANCEL_ALL);
}

static void deadline_midway(struct contract *c)
{
    check_nothing_lost_to_any(c, STOP_DEADLINE);
}

/* Where nothing came, at once and when the mechanism has it: no count, but the cause. */
static void cancelled_before_anything_moved(struct contract *c)
{
    static const enum end_kind kinds[] = {END_TCP, END_UNIX, END_BLOCKING, END_PIPE, END_TTY};
    static struct end          source, target, file;
    struct weir_op             ops[3] = {{0}};
    end_open(c, &target, END_TCP, false);
    end_open(c, &file, END_FILE, false);
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof kinds[0]; i++) {
        end_open(c, &source, kinds[i / 2], true);
        struct weir_copy_range range = whole_of(&source.handle, 10);
        struct weir_handle    *to = i % 3 ? &target.handle : &file.handle;
        for (int k = 0; k < 3; k++) /* the second and third wait for the turn of the first */
            weir_copy(&ops[k], k == 2 ? &file.handle : to, &range, 0, contract_done);
        if (i % 2)
            some_loop_turns(c, 2);
        for (int k = 2; k >= 0; k--)
            CHECK_EQ(weir_cancel(&ops[k]), 0);
        contract_run(c);
        for (int k = 0; k < 3; k++) {
            CHECK_RESULT(&ops[k], WEIR_ECANCELED);
            CHECK_EQ(weir_cancel(&ops[k]), WEIR_ENOENT);
        }
        end_close(c, &source);
    }
    end_close(c, &target);
    end_close(c, &file);
}

static int64_t size_now(const struct weir_handle *handle)
{
    struct stat status;
    CHECK_EQ(fstat((int)weir_handle_os(handle), &status), 0);
    return status.st_size;
}

/* Between two files a cancel takes effect after the piece that is under way. */
static void between_files_after_a_piece(struct contract *c)
{
    static struct weir_handle zero, target;
    struct weir_op            op = {0};
    weir_open(&op, c->loop, &zero, "/dev/zero", WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    for (int lap = 0; lap < 2; lap++) {
        struct weir_copy_range range = whole_of(&zero, UINT64_MAX);
        weir_open(&op, c->loop, &target, contract_temp_file(c), WEIR_OPEN_WRITE | WEIR_OPEN_CREATE,
                  0, contract_done);
        CHECK_EQ(contract_await(c, &op), 0);
        weir_copy(&op, &target, &range, 0, contract_done);
        while (!size_now(&target))
            some_loop_turns(c, 1);
        CHECK(contract_live(&op));
        int answer = lap ? 0 : weir_cancel(&op);
        CHECK(answer == 0 || answer == WEIR_EBUSY);
        if (lap)
            weir_deadline(&op, 0);
        CHECK(contract_await(c, &op) > 0);
        CHECK_EQ(op.error, lap ? WEIR_EDEADLINE : WEIR_ECANCELED);
        CHECK_EQ(size_now(&target), op.result);
        contract_close(c, &target);
    }
    contract_close(c, &zero);
}

static struct weir_op closing_op;
static int            closings;

static void on_copied(struct weir_op *op)
{
    CHECK(op == &closing_op);
    CHECK_EQ(closings, 0); /* before either handle is told closed */
}

static void on_end_closed(struct weir_handle *handle)
{
    contract_closed(handle);
    CHECK(weir_ended(&closing_op));
    closings++;
}

/* Closing either handle ends it, with what arrived. */
static void closing_either_handle_ends_it(struct contract *c)
{
    static const enum end_kind kinds[] = {END_FILE, END_TCP, END_PIPE};
    static struct end          source, target;
    static struct flow         giver;
    for (int i = 0; i < 12; i++) {
        end_open(c, &source, kinds[i % 3], true);
        end_open(c, &target, END_UNIX, false);
        bool moves = kinds[i % 3] == END_FILE || i >= 6;
        flow_begin(&giver, &source, moves ? 16384 : 0, false);
        flow_end(&giver);
        struct weir_copy_range range = whole_of(&source.handle, HOUR);
        if (kinds[i % 3] == END_FILE) /* it must not come to an end of its own */
            CHECK_EQ(ftruncate(source.plain, (off_t)(64 * MIB)), 0);
        closings = 0;
        weir_copy(&closing_op, &target.handle, &range, 0, on_copied);
        await_bytes(c, &target, moves ? 16384 : 0);
        some_loop_turns(c, 2);
        struct weir_handle *closed = i % 2 ? &source.handle : &target.handle;
        CHECK_EQ(weir_close(closed, on_end_closed), 0);
        while (!closings)
            CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
        if (moves) {
            CHECK(closing_op.result >= 16384);
            CHECK_EQ(closing_op.error, WEIR_ECANCELED);
        } else {
            CHECK_RESULT(&closing_op, WEIR_ECANCELED);
        }
        end_close(c, &source);
        end_close(c, &target);
    }
}

static void close_now_of_either_handle(struct contract *c)
{
    static struct end source, target;
    for (int i = 0; i < 4; i++) {
        end_open(c, &source, i < 2 ? END_TCP : END_PIPE, true);
        end_open(c, &target, END_TCP, false);
        struct weir_copy_range range = whole_of(&source.handle, 10);
        weir_copy(&closing_op, &target.handle, &range, 0, contract_done);
        some_loop_turns(c, 2);
        struct weir_handle *closed = i % 2 ? &source.handle : &target.handle;
        intptr_t            fd = weir_handle_os(closed);
        CHECK_EQ(weir_close_now(closed), 0);
        CHECK(!contract_fd_open(fd));
        CHECK_EQ(contract_await(c, &closing_op), WEIR_ECANCELED);
        contract_run(c);
        CHECK_EQ(weir_handle_kind(closed), WEIR_HANDLE_NONE);
        end_close(c, &source);
        end_close(c, &target);
    }
}

/* A loop that closes ends them, whatever they wait for. */
static void loop_close_ends_them(struct contract *c)
{
    static struct end     source, target, file;
    static struct weir_op ops[4];
    struct flow           giver;
    end_open(c, &source, END_TCP, true);
    end_open(c, &target, END_TCP, false);
    end_open(c, &file, END_FILE, true);
    flow_begin(&giver, &file, 16 * MIB, false);
    struct weir_copy_range ranges[4] = {whole_of(&file.handle, UINT64_MAX),
                                        whole_of(&source.handle, 10),
                                        whole_of(&source.handle, 10),
                                        {&source.handle, WEIR_STREAM, 0, 10}};
    weir_copy(&ops[0], &target.handle, &ranges[0], 0, contract_done);
    weir_copy(&ops[1], &source.handle, &ranges[1], 0, contract_done);
    weir_copy(&ops[2], &target.handle, &ranges[2], 0, contract_done);
    weir_copy(&ops[3], &file.handle, &ranges[3], 0, contract_done);
    await_bytes(c, &target, 1);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK(ops[0].result > 0);
    CHECK_EQ(ops[0].error, WEIR_ECANCELED);
    for (int i = 1; i < 4; i++)
        CHECK_RESULT(&ops[i], WEIR_ECANCELED);
    contract_raw_close(source.plain);
    contract_raw_close(target.plain);
    contract_raw_close(file.plain);
}

/* ------------------------------------------------------------------------------------------------
 * Ended by the ends
 * ---------------------------------------------------------------------------------------------- */

/* The reader goes away midway: the count, the reason, and no signal. */
static void target_that_goes_away(struct contract *c)
{
    static const enum end_kind sources[] = {END_FILE, END_UNIX, END_PIPE};
    static const enum end_kind targets[] = {END_TCP, END_UNIX, END_PIPE};
    static struct end          source, target;
    static struct flow         giver;
    unsigned char              data[1000];
    for (int i = 0; i < 9; i++) {
        struct weir_op op = {0};
        end_open(c, &source, sources[i / 3], true);
        end_open(c, &target, targets[i % 3], false);
        flow_begin(&giver, &source, 16384, false);
        flow_end(&giver);
        struct weir_copy_range range = whole_of(&source.handle, HOUR);
        if (sources[i / 3] == END_FILE)
            CHECK_EQ(ftruncate(source.plain, (off_t)(64 * MIB)), 0);
        weir_copy(&op, &target.handle, &range, 0, contract_done);
        await_bytes(c, &target, 16384);
        contract_raw_recv(target.plain, data, sizeof data);
        contract_raw_close(target.plain);
        target.plain = -1;
        for (int k = 0; !weir_ended(&op); k++) { /* a write finds it out; TCP's second one */
            if (sources[i / 3] != END_FILE && k < 1000)
                contract_raw_send(source.plain, "more", 4);
            some_loop_turns(c, 1);
        }
        CHECK(op.result >= 16384);
        CHECK(op.error == WEIR_EPIPE || op.error == WEIR_ECONNRESET);
        weir_copy(&op, &target.handle, &range, 0, contract_done);
        if (sources[i / 3] != END_FILE)
            contract_raw_send(source.plain, "more", 4);
        int64_t result = contract_await(c, &op);
        CHECK(result == WEIR_EPIPE || result == WEIR_ECONNRESET);
        end_close(c, &source);
        end_close(c, &target);
    }
}

/* The writer resets midway: the count and the reason. */
static void source_that_is_reset(struct contract *c)
{
    static struct end source, target;
    struct weir_op    op = {0};
    char              data[10];
    for (int i = 0; i < 2; i++) {
        end_open(c, &source, END_TCP, true);
        end_open(c, &target, i ? END_PIPE : END_UNIX, false);
        struct weir_copy_range range = whole_of(&source.handle, UINT64_MAX);
        weir_copy(&op, &target.handle, &range, 0, contract_done);
        contract_raw_send(source.plain, "0123456789", 10);
        await_bytes(c, &target, 10);
        contract_raw_recv(target.plain, data, 10);
        contract_raw_reset(source.plain);
        source.plain = -1;
        CHECK_EQ(contract_await(c, &op), 10);
        CHECK_EQ(op.error, WEIR_ECONNRESET);
        end_close(c, &source);
        end_close(c, &target);
    }
}

/* The count of what fitted, and the reason; of a socket and a pipe the rest stays to be read. */
static void no_space_midway(struct contract *c)
{
    static const enum end_kind kinds[] = {END_FILE, END_TCP, END_BLOCKING, END_PIPE};
    static struct weir_handle  file;
    static struct end          source;
    static struct flow         giver;
    static unsigned char       data[200000];
    open_mounted(c, &file, "tmpfs", "size=262144,mode=0700");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct weir_op op = {0};
        CHECK_EQ(ftruncate((int)weir_handle_os(&file), 0), 0);
        if (kinds[i] == END_FILE) { /* in memory, since the disk is to stay empty */
            source = (struct end){.kind = END_FILE, .plain = memfd_create("source", MFD_CLOEXEC)};
            CHECK_EQ(weir_adopt(&source.handle, c->loop, contract_fd_copy(source.plain), 0), 0);
        } else {
            end_open(c, &source, kinds[i], true);
        }
        flow_begin(&giver, &source, MIB, false);
        struct weir_copy_range range = {&source.handle, WEIR_STREAM, 0, MIB};
        weir_copy(&op, &file, &range, 0, contract_done);
        int64_t fitted = contract_await(c, &op);
        CHECK(fitted > 100000);
        CHECK(fitted < (int64_t)MIB);
        CHECK_EQ(op.error, WEIR_ENOSPC);
        weir_read(&op, &source.handle, data, sizeof data, WEIR_STREAM, WEIR_ALL, contract_done);
        CHECK_EQ(contract_await(c, &op), sizeof data);
        CHECK(contract_filled(data, sizeof data, (uint64_t)fitted, 7));
        while (giver.thread.handle && fitted + (int64_t)sizeof data < (int64_t)MIB) {
            weir_read(&op, &source.handle, data, sizeof data, WEIR_STREAM, 0, contract_done);
            fitted += contract_await(c, &op);
        }
        flow_end(&giver);
        end_close(c, &source);
    }
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

const struct contract_case contract_cases[] = {
    {"copies_among_sends_in_order", copies_among_sends_in_order, 0},
    {"copies_among_receives_in_order", copies_among_receives_in_order, 0},
    {"echo_is_a_copy", echo_is_a_copy, 0},
    {"slow_readers_stall_nothing_else", slow_readers_stall_nothing_else, 0},
    {"own_parts_are_not_counted", own_parts_are_not_counted, 0},
    {"cancelled_midway", cancelled_midway, CONTRACT_SLOW}, /* slow: 15 times 16 MiB */
    {"cancelled_at_the_source", cancelled_at_the_source, 0},
    {"deadline_midway", deadline_midway, CONTRACT_SLOW}, /* slow: the same */
    {"cancelled_before_anything_moved", cancelled_before_anything_moved, 0},
    {"between_files_after_a_piece", between_files_after_a_piece, 0},
    {"closing_either_handle_ends_it", closing_either_handle_ends_it, 0},
    {"close_now_of_either_handle", close_now_of_either_handle, 0},
    {"loop_close_ends_them", loop_close_ends_them, 0},
    {"target_that_goes_away", target_that_goes_away, 0},
    {"source_that_is_reset", source_that_is_reset, 0},
    {"no_space_midway", no_space_midway, CONTRACT_OWN_LOOP}, /* opened where the disk is seen */
    {0},
};
