/* SPDX-License-Identifier: MIT */
/* sim_completion.c - the sim engine as a kernel that completes: an op is taken, done at some later
 * time, told later still; a cancel may come before, between or after. */
#include <string.h>

#include "sim.h"

#define SOCKET_NS 1000u
#define FILE_NS 80000u
#define COMPLETE_NS 800u
#define CANCEL_NS 1000u
#define LATE_NS 2000000u
#define AT_ONCE_PER_MILLION 300000u
#define BUSY_PER_MILLION 3000u

enum record_state {
    RECORD_WAITS, /* not done yet: an attempt is due, or it waits for its object to change */
    RECORD_DONE,  /* done, its result is known to the kernel alone */
    RECORD_TOLD   /* completed: to be harvested */
};

/* An op while the simulated kernel has it. */
struct sim_record {
    struct sim_record *next, *previous; /* ring of the loop's */
    struct sim_record *completed;       /* stack of those to be harvested */
    struct weir_op    *op;              /* borrowed */
    struct sim_loop   *own;
    struct sim_event   attempt, cancel;
    struct sim_wait    wait;
    enum record_state  state;
    int64_t            result;
    uint32_t           number; /* of the buffer that a pooled receive took, or 0 */
    uint64_t           seal;   /* of the op's memory, which nobody else may touch meanwhile */
};

static struct sim_record *record_of(const struct weir_op *op)
{
    return (struct sim_record *)(uintptr_t)op->in.engine;
}

static struct weir_sim *world_of(const struct sim_record *record)
{
    return record->own->host->world;
}

/* ---- Seals ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    uint64_t             word;
    for (; length >= sizeof word; length -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Of what a transfer reads or fills. Memory to be received into may hold nothing yet, and is no
 * business of anybody before it does: only what is sent is sealed, and what was received. */
#define SEAL_MOST 65536u /* bytes: what lies behind is sealed when its turn comes near */

static uint64_t seal_of(const struct weir_op *op, int64_t moved)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (!op_writes(op) && !(op_reads(op) && moved > 0))
        return hash;
    struct rest rest = rest_of(op);
    size_t      left = op_writes(op) ? rest.length : (size_t)moved;
    if (left > SEAL_MOST)
        left = SEAL_MOST;
    if (!rest.count)
        return mix(hash, rest.data, left);
    for (size_t i = 0; i < rest.count && left; i++) {
        size_t length = rest.buffers[i].length < left ? rest.buffers[i].length : left;
        hash = mix(hash, rest.buffers[i].data, length);
        left -= length;
    }
    return hash;
}

static void check_seal(const struct sim_record *record)
{
    const struct weir_op *op = record->op;
    int64_t               moved = record->state == RECORD_WAITS ? 0 : record->result;
    if (seal_of(op, moved) != record->seal)
        sim_break(world_of(record),
                  "host %s: the memory of a %s on descriptor %d was changed "
                  "while the op had it",
                  record->own->host->name, weir_op_name((enum weir_op_kind)op->kind),
                  op->handle->in.descriptor);
}

/* ---- Records --------------------------------------------------------------------------------- */

static struct sim_record *record_new(struct sim_loop *own, struct weir_op *op)
{
    struct sim_record *record = loop_resize(own->loop, NULL, sizeof *record);
    if (!record)
        return NULL;
    memset(record, 0, sizeof *record);
    record->own = own;
    record->op = op;
    if (own->records) {
        record->next = own->records;
        record->previous = record->next->previous;
        record->previous->next = record->next->previous = record;
    } else {
        own->records = record->next = record->previous = record;
    }
    op->in.engine = (uintptr_t)record;
    own->in_flight++;
    return record;
}

static void record_free(struct sim_record *record)
{
    struct sim_loop *own = record->own;
    sim_unschedule(world_of(record), &record->attempt);
    sim_unschedule(world_of(record), &record->cancel);
    sim_wait_end(&record->wait);
    record->next->previous = record->previous;
    record->previous->next = record->next;
    if (own->records == record)
        own->records = record->next == record ? NULL : record->next;
    own->in_flight--;
    loop_resize(own->loop, record, 0);
}

/* ---- In the kernel --------------------------------------------------------------------------- */

static void complete(struct weir_sim *world, struct sim_event *event)
{
    struct sim_record *record = (struct sim_record *)((char *)event -
                                                      offsetof(struct sim_record, attempt));
    struct sim_loop   *own = record->own;
    sim_trace(world, "%s tells %s %d", own->host->name,
              weir_op_name((enum weir_op_kind)record->op->kind), record->op->handle->in.descriptor);
    record->state = RECORD_TOLD;
    record->completed = own->completed;
    own->completed = record;
    own->completed_count++;
    sim_loop_news(own);
}

static void finish(struct sim_record *record, int64_t result)
{
    struct weir_sim *world = world_of(record);
    record->state = RECORD_DONE;
    record->result = result;
    record->seal = seal_of(record->op, result);
    sim_wait_end(&record->wait);
    sim_unschedule(world, &record->attempt);
    sim_schedule(world, &record->attempt, sim_time(world, COMPLETE_NS), complete);
}

static void attempt(struct weir_sim *world, struct sim_event *event);

static void record_changed(struct sim_wait *wait)
{
    struct sim_record *record = (struct sim_record *)((char *)wait -
                                                      offsetof(struct sim_record, wait));
    struct weir_sim   *world = world_of(record);
    if (record->state == RECORD_WAITS)
        sim_schedule(world, &record->attempt, sim_time(world, SOCKET_NS), attempt);
}

static void await_change(struct sim_record *record)
{
    struct sim_object *object = sim_descriptor(record->own->host,
                                               record->op->handle->in.descriptor);
    if (object && !record->wait.object)
        sim_wait_begin(&record->wait, object, record_changed);
}

static void attempt(struct weir_sim *world, struct sim_event *event)
{
    struct sim_record *record = (struct sim_record *)((char *)event -
                                                      offsetof(struct sim_record, attempt));
    struct weir_op    *op = record->op;
    check_seal(record);
    bool    no_buffer = op_is_pooled(op) && sim_fault(world, WEIR_SIM_NO_BUFFERS, "receive");
    int64_t result = no_buffer ? WEIR_EINTR /* asked again, as where a ring of them was empty */
                               : record->own->loop->sys->perform(op, PERFORM_TRY);
    record->number = op_is_pooled(op) && result > 0
                         ? pool_number(op->in.arg.pooled.pool, op->in.arg.pooled.data)
                         : 0;
    if (result == WEIR_EAGAIN)
        await_change(record);
    else
        finish(record, result);
}

/* ---- From the loop --------------------------------------------------------------------------- */

/* How often its object had changed when a poll was told; kept where a transfer has its offset. */
static uint64_t *changes_told(struct weir_op *op)
{
    return &op->in.arg.transfer.offset;
}

/* Told by edge, and its object has not changed since. */
static bool edge_is_old(struct sim_loop *own, struct weir_op *op)
{
    const struct sim_object *object = sim_descriptor(own->host, op->handle->in.descriptor);
    return op->kind == WEIR_OP_POLL && (op->flags & WEIR_EDGE) && op->in.step && object &&
           *changes_told(op) == object->changes;
}

enum started sim_completion_start(struct weir_loop *loop, struct weir_op *op)
{
    struct sim_loop *own = sim_loop_of(loop);
    struct weir_sim *world = own->host->world;
    if (op->kind == WEIR_OP_WORK || op->kind == WEIR_OP_RESOLVE)
        return STARTED_OFFLOAD;
    if (sim_chance(world, DRAW_ORDER, BUSY_PER_MILLION))
        return STARTED_BUSY;
    bool is_file = op->kind == WEIR_OP_OPEN || handle_has_offsets(op->handle);
    if (op->kind != WEIR_OP_POLL && sim_chance(world, DRAW_ORDER, AT_ONCE_PER_MILLION)) {
        int64_t result = loop->sys->perform(op, PERFORM_TRY);
        if (result != WEIR_EAGAIN) {
            op->served = WEIR_SERVED_AT_ONCE;
            op->result = result;
            return STARTED_DONE;
        }
    }
    struct sim_record *record = record_new(own, op);
    if (!record) {
        op->result = WEIR_ENOMEM;
        return STARTED_DONE;
    }
    op->served = WEIR_SERVED_SIMULATED;
    record->seal = seal_of(op, 0);
    if (edge_is_old(own, op))
        await_change(record);
    else
        sim_schedule(world, &record->attempt, sim_time(world, is_file ? FILE_NS : SOCKET_NS),
                     attempt);
    return STARTED;
}

/* What is done, or about to be told, is told; else the cancel ends it. */
static void cancel_comes(struct weir_sim *world, struct sim_event *event)
{
    struct sim_record *record = (struct sim_record *)((char *)event -
                                                      offsetof(struct sim_record, cancel));
    sim_trace(world, "%s cancel %s %d %s", record->own->host->name,
              weir_op_name((enum weir_op_kind)record->op->kind), record->op->handle->in.descriptor,
              record->state == RECORD_WAITS ? "found" : "already");
    if (record->state == RECORD_WAITS)
        finish(record, WEIR_ECANCELED);
}

void sim_completion_cancel(struct weir_loop *loop, struct weir_op *op)
{
    struct sim_record *record = record_of(op);
    struct weir_sim   *world = world_of(record);
    bool               late = sim_fault(world, WEIR_SIM_CANCEL_LATE, "cancel");
    (void)loop;
    sim_schedule(world, &record->cancel, sim_time(world, late ? LATE_NS : CANCEL_NS), cancel_comes);
}

/* The loop told of its end while the kernel still had its memory. */
void sim_completion_ended(struct weir_loop *loop, struct weir_op *op)
{
    struct sim_loop *own = sim_loop_of(loop);
    if (op->kind == WEIR_OP_SIGNAL) /* the engine never had it */
        return;
    sim_break(own->host->world, "host %s: a %s on descriptor %d ended before the kernel let it go",
              own->host->name, weir_op_name((enum weir_op_kind)op->kind),
              op->handle->in.descriptor);
}

void sim_completion_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sim_loop   *own = sim_loop_of(loop);
    struct sim_record *record = own->records;
    for (uint32_t i = 0; i < own->in_flight; i++, record = record->next)
        if (record->op->handle == handle && record->state != RECORD_TOLD)
            sim_break(own->host->world,
                      "host %s: descriptor %d is closed while the kernel has a %s on it",
                      own->host->name, handle->in.descriptor,
                      weir_op_name((enum weir_op_kind)record->op->kind));
}

/* ---- Harvest --------------------------------------------------------------------------------- */

bool sim_completion_has_news(const struct sim_loop *own)
{
    return own->completed_count;
}

/* Any of the completed: across handles they come in no order. */
static struct sim_record *take_completed(struct sim_loop *own)
{
    uint32_t number = (uint32_t)sim_random(own->host->world, DRAW_ORDER, own->completed_count);
    struct sim_record **at = &own->completed;
    while (number--)
        at = &(*at)->completed;
    struct sim_record *record = *at;
    *at = record->completed;
    own->completed_count--;
    return record;
}

/* A receive that the kernel goes on with by itself, until it is asked to end; now and then it stops
 * for no reason. */
static bool goes_on(const struct sim_record *record)
{
    const struct weir_op *op = record->op;
    return op->kind == WEIR_OP_RECV_POOLED && (op->flags & WEIR_MULTISHOT) && record->result > 0 &&
           !op->in.cause && op->handle->in.kind == WEIR_HANDLE_STREAM &&
           !sim_fault(world_of(record), WEIR_SIM_MULTISHOT_ENDS, "receive");
}

static void harvest_picked(struct sim_loop *own, struct sim_record *record)
{
    loop_event(own->loop, record->op, record->result, EVENT_MORE, record->number);
    record->state = RECORD_WAITS;
    record->number = 0;
    record->seal = seal_of(record->op, 0);
    sim_schedule(world_of(record), &record->attempt, sim_time(world_of(record), SOCKET_NS),
                 attempt);
}

static void harvest_record(struct sim_loop *own, struct sim_record *record)
{
    struct weir_op *op = record->op;
    int64_t         result = record->result;
    uint32_t        buffer = record->number; /* an earlier one may not be told yet */
    if (goes_on(record)) {
        harvest_picked(own, record);
        return;
    }
    bool again = op->kind == WEIR_OP_POLL && (op->flags & (WEIR_LEVEL | WEIR_EDGE)) && result >= 0;
    check_seal(record);
    if (op->kind == WEIR_OP_POLL) {
        const struct sim_object *object = sim_descriptor(own->host, op->handle->in.descriptor);
        op->in.step = 1;
        *changes_told(op) = object ? object->changes : 0;
    }
    if (again && op->in.cause) /* no telling ends one that goes on */
        again = false, result = op->in.cause;
    op->in.engine = 0;
    record_free(record);
    if (op->kind == WEIR_OP_ACCEPT && (op->flags & WEIR_MULTISHOT) && result >= 0) {
        loop_accepted(own->loop, op, (int)result, false);
        return;
    }
    loop_event(own->loop, op, result, again ? EVENT_AGAIN : 0, buffer);
}

void sim_completion_harvest(struct sim_loop *own)
{
    while (own->completed_count && loop_room(own->loop, 1))
        harvest_record(own, take_completed(own));
    if (own->completed_count)
        sim_loop_news(own);
}

void sim_completion_close(struct sim_loop *own)
{
    while (own->records) /* of a crash: their ops may be gone */
        record_free(own->records);
    own->completed = NULL;
    own->completed_count = 0;
}
