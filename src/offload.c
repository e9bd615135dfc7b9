/* SPDX-License-Identifier: MIT */
/* offload.c - worker lanes: blocking calls made asynchronous by threads. Files, names and user work
 * have a lane each, so that none can starve the others. */
#include <pthread.h>
#include <string.h>

#include "engine.h"
#include "os/os.h"

#define WORKERS_MAX 64u /* of one lane */

struct lane {
    struct lanes   *lanes;
    pthread_mutex_t mutex;
    pthread_cond_t  work;
    struct op_fifo  queue; /* under mutex, as all that follows */
    struct weir_op *running[WORKERS_MAX];
    pthread_t       threads[WORKERS_MAX];
    unsigned        count, idle, most;
    bool            ending;
};

struct lanes {
    struct weir_loop *loop;
    struct lane       lane[LANES];
};

static enum loop_lane lane_of(const struct weir_op *op)
{
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_WORK:
        return LANE_WORK;
    case WEIR_OP_RESOLVE:
        return LANE_RESOLVE;
    default:
        return LANE_FILES;
    }
}

/* ---- On the worker's thread ------------------------------------------------------------------ */

/* The next op, in `slot` while it runs; NULL when the lane ends. */
static struct weir_op *take_op(struct lane *lane, unsigned slot)
{
    struct weir_op *op = NULL;
    pthread_mutex_lock(&lane->mutex);
    lane->running[slot] = NULL;
    lane->idle++;
    while (!lane->ending && !(op = fifo_take(&lane->queue)))
        pthread_cond_wait(&lane->work, &lane->mutex);
    lane->idle--;
    lane->running[slot] = op;
    pthread_mutex_unlock(&lane->mutex);
    return op;
}

static unsigned slot_of_self(struct lane *lane)
{
    unsigned slot = 0;
    pthread_mutex_lock(&lane->mutex);
    while (!pthread_equal(lane->threads[slot], pthread_self()))
        slot++;
    pthread_mutex_unlock(&lane->mutex);
    return slot;
}

static int64_t call(struct weir_loop *loop, struct weir_op *op)
{
    int64_t result;
    do
        result = op->kind == WEIR_OP_COPY ? copy_work(loop, op)
                                          : loop->sys->perform(op, PERFORM_WAIT);
    while (result == WEIR_EINTR && op->kind != WEIR_OP_WORK);
    return result;
}

static void *work(void *argument)
{
    struct lane      *lane = argument;
    struct weir_loop *loop = lane->lanes->loop;
    unsigned          slot = slot_of_self(lane);
    for (struct weir_op *op; (op = take_op(lane, slot));) {
        op->result = call(loop, op);
        loop_worked(loop, op);
    }
    return NULL;
}

/* ---- On the loop's thread -------------------------------------------------------------------- */

static void lane_init(struct lane *lane, struct lanes *lanes, unsigned asked, unsigned usual)
{
    lane->lanes = lanes;
    lane->most = asked ? asked : usual;
    if (lane->most > WORKERS_MAX)
        lane->most = WORKERS_MAX;
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->work, NULL);
}

static struct lanes *lanes_get(struct weir_loop *loop)
{
    struct lanes *lanes = loop->lanes;
    if (lanes)
        return lanes;
    lanes = loop_resize(loop, NULL, sizeof *lanes);
    if (!lanes)
        return NULL;
    memset(lanes, 0, sizeof *lanes);
    lanes->loop = loop;
    lane_init(&lanes->lane[LANE_FILES], lanes, loop->options.file_workers, FILE_WORKERS_USUAL);
    lane_init(&lanes->lane[LANE_RESOLVE], lanes, loop->options.resolve_workers, 2);
    lane_init(&lanes->lane[LANE_WORK], lanes, loop->options.work_workers, 4);
    loop->lanes = lanes;
    return lanes;
}

/* One more worker when all are busy. 0, or WEIR_E* when there is none at all. Mutex held. */
static int lane_grow(struct weir_loop *loop, struct lane *lane, unsigned waiting)
{
    if (lane->idle >= waiting || lane->count == lane->most)
        return 0;
    int error = os_thread_start(work, lane, 0, &lane->threads[lane->count]);
    if (error) {
        loop_log(loop, WEIR_LOG_WARNING, "A worker thread cannot be started: %s; %u run.",
                 weir_error_text(error), lane->count);
        return lane->count ? 0 : error;
    }
    lane->count++;
    loop->stats.workers++;
    return 0;
}

/* 0, or why no worker can have it. */
static int give_to_lane(struct weir_loop *loop, struct weir_op *op)
{
    struct lanes *lanes = lanes_get(loop);
    if (!lanes)
        return WEIR_ENOMEM;
    struct lane *lane = &lanes->lane[lane_of(op)];
    unsigned     waiting = 1;
    pthread_mutex_lock(&lane->mutex);
    for (struct weir_op *at = lane->queue.first; at && waiting <= lane->most; at = at->in.lane)
        waiting++;
    int error = lane_grow(loop, lane, waiting);
    if (!error) {
        fifo_push(&lane->queue, op);
        pthread_cond_signal(&lane->work);
    }
    pthread_mutex_unlock(&lane->mutex);
    return error;
}

void offload_start(struct weir_loop *loop, struct weir_op *op)
{
    op->state = OP_OFFLOADED;
    op->served = WEIR_SERVED_WORKER;
    int error = loop->sys->work ? loop->sys->work(loop, op, call) : give_to_lane(loop, op);
    if (error) {
        op->served = WEIR_SERVED_NOT;
        loop_finish(loop, op, error);
    }
}

static bool take_from_lane(struct weir_loop *loop, struct weir_op *op)
{
    struct lane *lane = &loop->lanes->lane[lane_of(op)];
    pthread_mutex_lock(&lane->mutex);
    bool queued = fifo_remove(&lane->queue, op);
    pthread_mutex_unlock(&lane->mutex);
    return queued;
}

bool offload_cancel(struct weir_loop *loop, struct weir_op *op)
{
    bool queued = loop->sys->work ? loop->sys->work_cancel(loop, op) : take_from_lane(loop, op);
    if (queued)
        op->served = WEIR_SERVED_NOT;
    return queued;
}

bool offload_runs(struct weir_loop *loop, struct weir_op *op)
{
    if (loop->sys->work)
        return loop->sys->work_runs(loop, op);
    struct lane *lane = &loop->lanes->lane[lane_of(op)];
    bool         runs = false;
    pthread_mutex_lock(&lane->mutex);
    for (unsigned i = 0; i < lane->count; i++)
        runs |= lane->running[i] == op;
    pthread_mutex_unlock(&lane->mutex);
    return runs;
}

void offload_finish(struct weir_loop *loop)
{
    if (!loop->lanes)
        return;
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &loop->lanes->lane[i];
        pthread_mutex_lock(&lane->mutex);
        lane->ending = true;
        pthread_cond_broadcast(&lane->work);
        pthread_mutex_unlock(&lane->mutex);
        for (unsigned t = 0; t < lane->count; t++)
            pthread_join(lane->threads[t], NULL);
        pthread_cond_destroy(&lane->work);
        pthread_mutex_destroy(&lane->mutex);
    }
    offload_forget(loop);
}

/* In a forked child there are no workers: only their records are left. */
void offload_forget(struct weir_loop *loop)
{
    loop_resize(loop, loop->lanes, 0);
    loop->lanes = NULL;
}
