/* SPDX-License-Identifier: MIT */
/* sim_ops.c - fuzz target: operations in a simulated world, the input in the place of a plan.
 *
 * Oracles: every op ends once; what was received is a prefix of what was sent; nothing is told of a
 * handle after its close; the loop and its world can be closed, nothing is left open, and no
 * invariant of the world broke. */
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "weir/sim.h"

enum { PAIRS = 3, RECVS = 3, TIMERS = 3, STEPS_MAX = 300, PIECE = 900 };

/* One end of a connection. */
struct end {
    struct weir_handle handle;
    struct weir_op     send, shutdown, recvs[RECVS];
    char               out[PIECE], in[RECVS][PIECE];
    struct end        *other;
    uint64_t           sent, received; /* bytes so far */
    unsigned           live;           /* its ops */
    bool               closing, closed;
};

static struct weir_sim      *sim;
static struct weir_sim_host *host;
static struct weir_loop     *loop;
static struct input          input;
static struct end            ends[2 * PAIRS];
static struct weir_op        timers[TIMERS];
static bool                  timer_live[TIMERS];

static char byte_at(const struct end *sender, uint64_t position)
{
    return (char)(position * 31 + (position >> 8) + (uint64_t)(sender - ends) * 7);
}

static struct end *end_of(struct weir_op *op)
{
    return weir_of(op->handle, struct end, handle);
}

static void count_end(struct weir_op *op)
{
    struct end *end = end_of(op);
    FUZZ_CHECK(!end->closed && end->live && !op->more);
    end->live--;
}

/* ---- What is told ---------------------------------------------------------------------------- */

static void on_closed(struct weir_handle *handle)
{
    struct end *end = weir_of(handle, struct end, handle);
    FUZZ_CHECK(end->closing && !end->closed && !end->live);
    end->closed = true;
}

static void on_sent(struct weir_op *op)
{
    count_end(op);
    if (op->result > 0)
        end_of(op)->sent += (uint64_t)op->result;
}

static void on_received(struct weir_op *op)
{
    struct end *end = end_of(op);
    const char *bytes = end->in[op - end->recvs];
    count_end(op);
    for (int64_t i = 0; i < op->result; i++)
        FUZZ_CHECK_EQ(bytes[i], byte_at(end->other, end->received++));
}

static void on_timer(struct weir_op *op)
{
    bool *live = &timer_live[op - timers];
    FUZZ_CHECK(*live &&
               (op->result == 0 || op->result == WEIR_ECANCELED || op->result == WEIR_ENOMEM));
    *live = false;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static bool is_open(const struct end *end)
{
    return !end->closing && weir_handle_kind(&end->handle) == WEIR_HANDLE_STREAM;
}

/* One send at a time, so that what a short one left behind is not skipped by the next. */
static void start_send(struct end *end, size_t length, unsigned flags)
{
    if (!weir_ended(&end->send) && end->send.kind != WEIR_OP_NONE)
        return;
    for (size_t i = 0; i < length; i++)
        end->out[i] = byte_at(end, end->sent + i);
    end->live++;
    weir_send(&end->send, &end->handle, end->out, length, flags, on_sent);
}

static void start_recv(struct end *end, unsigned number, size_t length, unsigned flags)
{
    struct weir_op *op = &end->recvs[number];
    if (!weir_ended(op) && op->kind != WEIR_OP_NONE)
        return;
    end->live++;
    weir_recv(op, &end->handle, end->in[number], length, flags, on_received);
}

static void on_shut(struct weir_op *op)
{
    count_end(op);
}

static void start_shutdown(struct end *end)
{
    if (!weir_ended(&end->shutdown) && end->shutdown.kind != WEIR_OP_NONE)
        return;
    end->live++;
    weir_shutdown(&end->shutdown, &end->handle, 0, on_shut);
}

static void start_timer(unsigned number, uint64_t ns)
{
    if (timer_live[number])
        return;
    timer_live[number] = true;
    weir_timer(&timers[number], loop, ns, 0, on_timer);
}

static void close_end(struct end *end, bool now)
{
    end->closing = true;
    if (!now) {
        FUZZ_CHECK_EQ(weir_close(&end->handle, on_closed), 0);
        return;
    }
    int error = weir_close_now(&end->handle);
    FUZZ_CHECK(error == 0 || error == WEIR_EBUSY || error == WEIR_EDEADLK || error == WEIR_EIO);
}

static void act(void)
{
    unsigned    what = input_take(&input), how = input_take(&input);
    struct end *end = &ends[how % (2 * PAIRS)];
    unsigned    number = how / 8 % RECVS, flags = how & 64 ? WEIR_ALL : 0;
    size_t      length = 1 + (size_t)input_number(&input, 2) % PIECE;
    if (what % 16 < 9 && !is_open(end))
        return;
    switch (what % 16) {
    case 0:
    case 1:
        start_send(end, length, flags);
        break;
    case 2:
    case 3:
        start_recv(end, number, length, flags);
        break;
    case 4:
        weir_cancel(how & 32 ? &end->send : &end->recvs[number]);
        break;
    case 5:
        weir_cancel_all(&end->handle);
        break;
    case 6:
        weir_deadline(how & 32 ? &end->send : &end->recvs[number], length * 1000);
        break;
    case 7:
        start_shutdown(end);
        break;
    case 8:
        close_end(end, how & 32);
        break;
    case 9:
        start_timer(number, length * 10000);
        break;
    case 10:
        weir_deadline(&timers[number], length * 1000);
        break;
    case 11:
        weir_cancel(&timers[number]);
        break;
    case 12:
        weir_sim_fault_set(sim, (enum weir_sim_fault)(how % WEIR_SIM_FAULTS),
                           (uint32_t)length * 100);
        break;
    case 13:
        FUZZ_CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
        break;
    default:
        weir_sim_run(sim, length * 2000);
        break;
    }
}

/* ---- The world ------------------------------------------------------------------------------- */

static bool open_world(void)
{
    static const char *const models[] = {"completion", "level", "edge", "oneshot"};
    struct weir_sim_options  how = {.seed = 1 + input_answer(&input),
                                    .model = models[input_answer(&input) % 4]};
    struct weir_options      options = {.engine = "sim"};
    FUZZ_CHECK_EQ(weir_sim_open(&sim, &how), 0);
    FUZZ_CHECK_EQ(weir_sim_host_add(sim, &host, "one", "10.0.0.1"), 0);
    options.sim_host = host;
    return weir_loop_open(&loop, &options) == 0;
}

static void connect_pair(struct end *pair)
{
    struct weir_handle  listener = {0};
    struct weir_op      accepting = {0}, connecting = {0};
    struct weir_address at;
    weir_address_parse(&at, "127.0.0.1:0");
    FUZZ_CHECK_EQ(weir_listen(&listener, loop, &at.data, at.length, 0, 0), 0);
    weir_local_address(&listener, &at);
    FUZZ_CHECK_EQ(weir_socket(&pair[1].handle, loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_accept(&accepting, &listener, &pair[0].handle, 0, NULL);
    weir_connect(&connecting, &pair[1].handle, &at.data, at.length, 0, NULL);
    FUZZ_CHECK_EQ(weir_sim_run(sim, WEIR_FOREVER), 0);
    FUZZ_CHECK(accepting.result == 0 && connecting.result == 0);
    FUZZ_CHECK_EQ(weir_close_now(&listener), 0);
    pair[0].other = &pair[1];
    pair[1].other = &pair[0];
}

/* Every op ended with the loop, and nothing of the world is left. */
static void close_world(void)
{
    FUZZ_CHECK(!weir_sim_broken(sim));
    weir_sim_heal(sim);
    FUZZ_CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    for (struct end *end = ends; end < ends + 2 * PAIRS; end++) {
        FUZZ_CHECK_EQ(end->live, 0);
        FUZZ_CHECK(end->received <= end->other->sent || end->other->send.result < 0 ||
                   end->other->send.error);
    }
    for (int i = 0; i < TIMERS; i++)
        FUZZ_CHECK(!timer_live[i]);
    FUZZ_CHECK_EQ(weir_sim_descriptors(host), 0);
    FUZZ_CHECK(!weir_sim_broken(sim));
    FUZZ_CHECK_EQ(weir_sim_close(sim), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = input_of(data, size);
    memset(ends, 0, sizeof ends);
    memset(timers, 0, sizeof timers);
    if (!open_world())
        return 0;
    for (int i = 0; i < PAIRS; i++)
        connect_pair(&ends[2 * i]);
    for (unsigned step = 0; step < STEPS_MAX && !input_is_empty(&input); step++)
        act();
    close_world();
    return 0;
}
