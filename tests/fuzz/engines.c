/* SPDX-License-Identifier: MIT */
/* engines.c - fuzz target: the same program on the simulated mechanism, in each of its models, and
 * on epoll. It does one thing after the other and waits for its end, so that the contract leaves
 * nothing open: every result and every byte has to be the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "weir/sim.h"

enum { STEPS_MAX = 60, ROOM = 4096, KINDS = 5 };

/* What one step came to: the result of its op, and a sum over the bytes that it brought. */
struct outcome {
    int64_t  result;
    uint32_t sum;
};

/* One run of the program. */
struct run {
    struct weir_loop  *loop;
    struct input       input;
    struct weir_handle handles[KINDS]; /* two ends of a connection, two of a pipe, a file */
    size_t             waiting[2];     /* bytes that each end of the connection has not read yet */
    size_t             piped;
    bool               shut[2]; /* each end has said that it sends no more */
    bool               ended;
    char               bytes[ROOM];
    struct outcome     outcomes[STEPS_MAX];
    unsigned           count;
};

enum { ONE, OTHER, READER, WRITER, A_FILE };

static uint32_t sum_of(const char *bytes, int64_t length)
{
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (int64_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
    return sum;
}

static void on_done(struct weir_op *op)
{
    struct run *run = op->user;
    FUZZ_CHECK(!run->ended && !op->more);
    run->ended = true;
}

/* The op of a step runs to its end; what it read is in run->bytes. */
static void finish(struct run *run, const struct weir_op *op, bool reads)
{
    while (!run->ended)
        FUZZ_CHECK(weir_run(run->loop, WEIR_ONCE) >= 0);
    FUZZ_CHECK(run->count < STEPS_MAX);
    run->outcomes[run->count++] = (struct outcome){
        op->result, reads && op->result > 0 ? sum_of(run->bytes, op->result) : 0};
}

/* ---- Steps that have to work ----------------------------------------------------------------- */

static void write_pattern(struct run *run, size_t length)
{
    unsigned begin = input_take(&run->input);
    for (size_t i = 0; i < length; i++)
        run->bytes[i] = (char)(begin + i * 7 + (i >> 8));
}

static void talk(struct run *run, struct weir_op *op, unsigned how, size_t length)
{
    unsigned end = how & 1;
    if (how & 2) {
        if (run->shut[end] || run->waiting[!end] + length > ROOM)
            return;
        write_pattern(run, length);
        weir_send(op, &run->handles[end], run->bytes, length, WEIR_ALL, on_done);
        run->waiting[!end] += length;
        finish(run, op, false);
        return;
    }
    bool at_end = !run->waiting[end] && run->shut[!end];
    if (length > run->waiting[end] && !at_end)
        length = run->waiting[end];
    if (!length)
        return; /* nothing comes */
    weir_recv(op, &run->handles[end], run->bytes, length, WEIR_ALL, on_done);
    finish(run, op, true);
    run->waiting[end] -= (size_t)op->result;
}

static void shut(struct run *run, struct weir_op *op, unsigned end)
{
    if (run->shut[end])
        return; /* whether a second time is an error depends on what the other end did meanwhile */
    run->shut[end] = true;
    weir_shutdown(op, &run->handles[end], 0, on_done);
    finish(run, op, false);
}

static void pipe_bytes(struct run *run, struct weir_op *op, unsigned how, size_t length)
{
    if (how & 1) {
        if (run->piped + length > ROOM)
            return;
        write_pattern(run, length);
        weir_write(op, &run->handles[WRITER], run->bytes, length, WEIR_STREAM, WEIR_ALL, on_done);
        run->piped += length;
        finish(run, op, false);
        return;
    }
    if (length > run->piped)
        length = run->piped;
    if (!length)
        return;
    weir_read(op, &run->handles[READER], run->bytes, length, WEIR_STREAM, WEIR_ALL, on_done);
    finish(run, op, true);
    run->piped -= (size_t)op->result;
}

static void use_file(struct run *run, struct weir_op *op, unsigned how, size_t length)
{
    struct weir_handle *file = &run->handles[A_FILE];
    uint64_t            offset = how & 8 ? WEIR_STREAM : input_number(&run->input, 2);
    struct weir_stat    stat = {0};
    switch (how % 6) {
    case 0:
    case 1:
        write_pattern(run, length);
        weir_write(op, file, run->bytes, length, offset, 0, on_done);
        break;
    case 2:
    case 3:
        weir_read(op, file, run->bytes, length, offset, 0, on_done);
        break;
    case 4:
        weir_truncate(op, file, offset == WEIR_STREAM ? length : offset, 0, on_done);
        break;
    default:
        weir_fstat(op, file, &stat, 0, on_done);
        finish(run, op, false);
        run->outcomes[run->count - 1].result = (int64_t)stat.size;
        return;
    }
    finish(run, op, how % 6 == 2 || how % 6 == 3);
}

/* ---- Steps that make no sense ---------------------------------------------------------------- */

static void misuse(struct run *run, struct weir_op *op, unsigned how, size_t length)
{
    struct weir_handle *handle = &run->handles[how % KINDS];
    bool                is_socket = how % KINDS <= OTHER;
    uint64_t            offset = UINT64_MAX - 1 - how;
    switch (how / 8 % 8) {
    case 0: /* bytes of a socket, of what is none; a pipe has bytes as well */
        if (is_socket || how % KINDS == READER)
            return;
        weir_recv(op, handle, run->bytes, length, 0, on_done);
        break;
    case 1:
        if (is_socket)
            return;
        weir_shutdown(op, handle, 0, on_done);
        break;
    case 2: /* an offset that is none, or has none */
        weir_read(op, handle, run->bytes, length, offset, 0, on_done);
        break;
    case 3:
        weir_write(op, handle, run->bytes, length, offset, 0, on_done);
        break;
    case 4:
        if (how % KINDS == A_FILE)
            return;
        weir_truncate(op, handle, length, 0, on_done);
        break;
    case 5:
        if (how % KINDS == A_FILE)
            return;
        weir_fsync(op, handle, 0, on_done);
        break;
    case 6: /* the wrong end of a pipe */
        weir_write(op, &run->handles[READER], run->bytes, length, WEIR_STREAM, 0, on_done);
        break;
    default:
        weir_read(op, &run->handles[WRITER], run->bytes, length, WEIR_STREAM, 0, on_done);
        break;
    }
    /* What makes sense after all would wait for ever, and is found; a worker that gets no processor
     * for a while is nothing to be found. */
    weir_deadline(op, 20 * WEIR_SECOND);
    finish(run, op, false);
    FUZZ_CHECK(op->result != WEIR_EDEADLINE);
}

static void act(struct run *run)
{
    unsigned       what = input_take(&run->input), how = input_take(&run->input);
    size_t         length = 1 + input_number(&run->input, 2) % (ROOM / 4);
    struct weir_op op = {.user = run};
    run->ended = false;
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        talk(run, &op, how, length);
        break;
    case 3:
        pipe_bytes(run, &op, how, length);
        break;
    case 4:
        shut(run, &op, how & 1);
        break;
    case 5:
        misuse(run, &op, how, length);
        break;
    default:
        use_file(run, &op, how, length);
        break;
    }
}

/* ---- A run ----------------------------------------------------------------------------------- */

static void connect_both(struct run *run)
{
    struct weir_handle  listener = {0};
    struct weir_op      accepting = {0}, connecting = {0};
    struct weir_address at;
    weir_address_parse(&at, "127.0.0.1:0");
    FUZZ_CHECK_EQ(weir_listen(&listener, run->loop, &at.data, at.length, 0, 0), 0);
    weir_local_address(&listener, &at);
    FUZZ_CHECK_EQ(weir_socket(&run->handles[ONE], run->loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_connect(&connecting, &run->handles[ONE], &at.data, at.length, 0, NULL);
    weir_accept(&accepting, &listener, &run->handles[OTHER], 0, NULL);
    weir_run(run->loop, WEIR_UNTIL_DONE);
    FUZZ_CHECK(connecting.result == 0 && accepting.result == 0);
    FUZZ_CHECK_EQ(weir_close_now(&listener), 0);
}

static void run_on(struct run *run, const char *engine, const char *path)
{
    struct weir_options options = {.engine = engine};
    struct weir_op      op = {0};
    FUZZ_CHECK_EQ(weir_loop_open(&run->loop, &options), 0);
    connect_both(run);
    FUZZ_CHECK_EQ(weir_pipe(&run->handles[READER], &run->handles[WRITER], run->loop), 0);
    weir_open(&op, run->loop, &run->handles[A_FILE], path,
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE, 0, NULL);
    weir_run(run->loop, WEIR_UNTIL_DONE);
    FUZZ_CHECK_EQ(op.result, 0);
    for (unsigned step = 0; step < STEPS_MAX && !input_is_empty(&run->input); step++)
        act(run);
    FUZZ_CHECK_EQ(weir_loop_close(run->loop, WEIR_FOREVER), 0);
}

static void compare(const struct run *real, const struct run *simulated, const char *model)
{
    FUZZ_CHECK_EQ(real->count, simulated->count);
    for (unsigned i = 0; i < real->count; i++) {
        const struct outcome *a = &real->outcomes[i], *b = &simulated->outcomes[i];
        if (a->result == b->result && a->sum == b->sum)
            continue;
        fprintf(stderr, "outcome %u: epoll %lld (%08x), sim as %s %lld (%08x)\n", i,
                (long long)a->result, a->sum, model, (long long)b->result, b->sum);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {"completion", "level", "edge", "oneshot"};
    static struct run        real, simulated;
    char                     path[] = "/tmp/weir-fuzz-XXXXXX";
    int                      file = mkstemp(path);
    FUZZ_CHECK(file >= 0);
    close(file);
    real = (struct run){.input = input_of(data, size)};
    run_on(&real, "epoll", path);
    unlink(path);
    for (int i = 0; i < 4; i++) {
        setenv("WEIR_SIM_MODEL", models[i], 1);
        simulated = (struct run){.input = input_of(data, size)};
        run_on(&simulated, "sim", "file");
        compare(&real, &simulated, models[i]);
    }
    return 0;
}
