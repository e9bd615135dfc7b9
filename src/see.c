/* SPDX-License-Identifier: MIT */
/* see.c - seeing inside a loop: its engine, counts, features, and every pending op. */
#include <inttypes.h>

#include "engine.h"

const char *weir_loop_engine(const struct weir_loop *loop)
{
    return loop->engine->name;
}

int weir_loop_refusals(const struct weir_loop *loop, struct weir_engine_info *refusals, size_t room)
{
    for (size_t i = 0; i < (size_t)loop->refusal_count && i < room; i++)
        refusals[i] = loop->refusals[i];
    return loop->refusal_count;
}

int weir_loop_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    return loop->engine->features ? loop->engine->features(loop, features, room) : 0;
}

/* Weir's own ops and handles are nobody's to count. */
static uint32_t internal_ops(const struct weir_loop *loop)
{
    return (op_is_live(&loop->pace) ? 1u : 0u) + signal_internal_ops(loop);
}

void weir_loop_stats(const struct weir_loop *loop, struct weir_stats *stats)
{
    uint32_t internal = internal_ops(loop);
    *stats = loop->stats;
    stats->pending = loop->pending - internal;
    stats->pending_background = loop->pending_background - internal;
    stats->handles = loop->stats.handles - signal_internal_handles(loop);
    stats->timers = loop->timers.count - (loop->pace.in.heap_slot ? 1 : 0);
}

/* How the ops of the loop's life were served, as $WEIR_STATS asks for. */
void see_served(const struct weir_loop *loop, FILE *file)
{
    for (int who = WEIR_SERVED_AT_ONCE; who < WEIR_SERVED_KINDS; who++)
        fprintf(file, "%s %s %" PRIu64, who == WEIR_SERVED_AT_ONCE ? "served:" : ",",
                weir_served_name((enum weir_served)who), loop->stats.served[who]);
    fputc('\n', file);
}

/* ---- The dump -------------------------------------------------------------------------------- */

static const char *state_text(const struct weir_op *op)
{
    switch ((enum op_state)op->state) {
    case OP_IDLE:
    case OP_ENDED:
        return "not the loop's";
    case OP_POSTED:
        return "posted by a thread";
    case OP_ASKED:
        return "to be started";
    case OP_BEHIND:
        return "behind another op of its direction";
    case OP_DECIDED:
        return "decided, behind another op of its direction";
    case OP_TIMED:
        return "until its time";
    case OP_GIVEN:
        return "with the engine";
    case OP_COPYING:
        return "until either end is ready";
    case OP_OFFLOADED:
        return "with a worker";
    case OP_STARVED:
        return "waits for a buffer of its pool";
    case OP_PACED:
        return "paused, to be tried again";
    case OP_HARVESTED:
        return "harvested, to be concluded";
    case OP_SETTLED:
        return "ended, to be told";
    }
    return "unknown";
}

static void dump_op(const struct weir_loop *loop, const struct weir_op *op, uint64_t now_ns,
                    FILE *file)
{
    fprintf(file, "  %-8s on %s", weir_op_name((enum weir_op_kind)op->kind),
            weir_handle_kind_name((enum weir_handle_kind)op->handle->in.kind));
    if (op->handle->in.descriptor >= 0)
        fprintf(file, " %" PRId32, op->handle->in.descriptor);
    fprintf(file, ": %s", state_text(op));
    if (op->in.progress)
        fprintf(file, ", %" PRIu64 " bytes moved", op->in.progress);
    if (op->in.cause)
        fprintf(file, ", asked to end (%s)", weir_error_name(op->in.cause));
    if (op->in.heap_slot)
        fprintf(file, ", due in %.3f s", ((double)op->in.due_ns - (double)now_ns) / 1e9);
    if (op->flags & WEIR_BACKGROUND)
        fprintf(file, ", background");
    if (op == &loop->pace || (op->told & OP_OWN) || signal_is_internal(loop, op))
        fprintf(file, ", weir's own");
    fputc('\n', file);
}

static void dump_handle(const struct weir_loop *loop, const struct weir_handle *handle,
                        uint64_t now_ns, FILE *file)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    for (int i = 0; i < 2; i++)
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op))
            dump_op(loop, op, now_ns, file);
}

void weir_loop_dump(const struct weir_loop *loop, FILE *file)
{
    uint64_t          now_ns = loop->sys->now((struct weir_loop *)(uintptr_t)loop);
    struct weir_stats stats;
    weir_loop_stats(loop, &stats);
    fprintf(file,
            "weir loop on %s: %" PRIu32 " ops pending (%" PRIu32 " in the background), %" PRIu32
            " handles, %" PRIu32 " timers, %" PRIu32 " workers, %" PRIu64
            " turns, open for %.3f s\n",
            loop->engine->name, stats.pending, stats.pending_background, stats.handles,
            stats.timers, stats.workers, stats.turns, (double)(now_ns - loop->opened_ns) / 1e9);
    dump_handle(loop, &loop->none, now_ns, file);
    for (struct weir_handle *handle = loop->handles; handle;) {
        dump_handle(loop, handle, now_ns, file);
        handle = handle->in.next == loop->handles ? NULL : handle->in.next;
    }
}
