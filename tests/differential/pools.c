/* SPDX-License-Identifier: MIT */
/* pools.c - pools of a script: whose each buffer is, and where engines may share them otherwise.
 *
 * Each side of a link has a pool of its own, and all of them have one that they share. Who gets the
 * last buffer of a pool when several want it, and whether one that is given back comes in time for
 * a receive that would end without, is not said anywhere. Where it came to that the pool is loose:
 * so is each way that was received into it, and at the end of the act it has all of its buffers. */
#include <poll.h>
#include <string.h>

#include "run.h"

static unsigned index_of(const struct step *step)
{
    bool shared = step->variant & POOLED_SHARED;
    return shared ? POOLS - 1 : (unsigned)step->place;
}

static const struct pool_plan *plan_of(const struct run *run, unsigned index)
{
    return &run->script->pools[index == POOLS - 1 ? LINKS_MAX : index / 2];
}

static unsigned count_most(const struct run *run, unsigned index)
{
    const struct pool_plan *plan = plan_of(run, index);
    return plan->policy == WEIR_POOL_GROW ? plan->count_max : plan->count;
}

struct weir_pool *pools_open(struct run *run, const struct step *step)
{
    unsigned                index = index_of(step);
    const struct pool_plan *plan = plan_of(run, index);
    struct pool            *pool = &run->pools[index];
    if (pool->pool)
        return pool->pool;
    const struct weir_pool_options options = {.buffer_size = plan->buffer_size,
                                              .count = plan->count,
                                              .count_max = plan->count_max,
                                              .policy = (enum weir_pool_policy)plan->policy};

    int error = weir_pool_open(&pool->pool, run->loop, &options);
    if (error)
        trace_wrong(run->trace, "act %d: weir_pool_open() is %s", run->act, weir_error_name(error));
    return pool->pool;
}

/* ---- Whose a buffer is ----------------------------------------------------------------------- */

static unsigned counted_of(const struct run *run, int place)
{
    unsigned count = 0;
    for (unsigned i = 0; i < POOLS; i++)
        for (unsigned k = 0; k < run->pools[i].held_count; k++)
            count += run->pools[i].held[k].place == place && run->pools[i].held[k].counts;
    return count;
}

static void hold(struct run *run, struct pool *pool, int place, const struct weir_buf *buffer,
                 bool counts)
{
    if (pool->held_count == HELD_MAX) {
        trace_wrong(run->trace, "act %d: more buffers are out than there are", run->act);
        return;
    }
    for (unsigned i = 0; i < pool->held_count; i++)
        if (pool->held[i].data == buffer->data)
            trace_wrong(run->trace, "act %d: a buffer was told that is out already", run->act);
    pool->held[pool->held_count++] = (struct held){.data = buffer->data,
                                                   .length = buffer->length,
                                                   .hash = bytes_hash(buffer->data, buffer->length),
                                                   .place = (int8_t)place,
                                                   .counts = counts};
}

/* Gives one back, unchanged since it was told, and none a second time. */
static void give(struct run *run, struct pool *pool, unsigned at)
{
    struct held held = pool->held[at];
    for (unsigned i = at + 1; i < pool->held_count; i++)
        pool->held[i - 1] = pool->held[i];
    pool->held_count--;
    pool->gives++;
    if (plant(run, PLANT_CHANGE_BUFFER, held.length > 0))
        ((char *)held.data)[0] ^= 1;
    if (bytes_hash(held.data, held.length) != held.hash)
        trace_wrong(run->trace, "act %d: a buffer changed while it was out", run->act);
    if (plant(run, PLANT_LOSE_BUFFER, true))
        return;
    int result = weir_pool_give(pool->pool, held.data);
    int second = weir_pool_give(pool->pool, held.data);
    if (result || second != WEIR_EINVAL)
        trace_wrong(run->trace, "act %d: weir_pool_give() is %s, then %s", run->act,
                    weir_error_name(result), weir_error_name(second));
}

/* What a pooled receive told: its bytes are copied, and its buffer is kept or given back. */
void pools_told(struct run *run, struct running *running)
{
    const struct step  *step = running->step;
    struct pool        *pool = &run->pools[index_of(step)];
    struct weir_buf     piece = {.data = NULL};
    const struct place *place = &run->places[step->place];
    int64_t             result = running->op.result;
    int                 pieces = weir_pooled(&running->op, &piece, 1);
    pool->asked += result >= 0 || result == WEIR_ENOBUFS;
    if (pieces != (result > 0) || (result > 0 && piece.length != (size_t)result) ||
        result > (int64_t)running->length) {
        trace_wrong(run->trace, "act %d: #%d tells %lld bytes, and %d pieces of %zu", run->act,
                    step->id, (long long)result, pieces, piece.length);
        return;
    }
    if (result <= 0)
        return;
    memcpy(running->data, piece.data, piece.length);
    hold(run, pool, step->place, &piece, place->quota > 0);
    if (!(step->variant & POOLED_KEPT))
        give(run, pool, pool->held_count - 1);
}

static bool give_oldest(struct run *run, struct pool *pool, int place)
{
    for (unsigned i = 0; i < pool->held_count; i++) {
        if (pool->held[i].place != place)
            continue;
        give(run, pool, i);
        return true;
    }
    return false;
}

static bool give_all(struct run *run, struct pool *pool)
{
    bool any = pool->held_count;
    while (pool->held_count)
        give(run, pool, 0);
    return any;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static int64_t take(struct run *run, const struct step *step)
{
    struct pool    *pool = &run->pools[index_of(step)];
    struct weir_buf buffer;
    int             result = weir_pool_take(pools_open(run, step), &buffer);
    pool->asked++;
    if (result)
        return result;
    if (buffer.length != plan_of(run, index_of(step))->buffer_size)
        trace_wrong(run->trace, "act %d: #%d took %zu bytes", run->act, step->id, buffer.length);
    memset(buffer.data, step->id, buffer.length);
    hold(run, pool, step->place, &buffer, false);
    return 0;
}

int64_t pools_step(struct run *run, const struct step *step)
{
    struct place *place = &run->places[step->place];
    struct pool  *pool = &run->pools[index_of(step)];
    int           result;
    switch (step->what) {
    case STEP_TAKE:
        return take(run, step);
    case STEP_GIVE:
        return give_oldest(run, pool, step->place);
    case STEP_QUOTA:
        result = weir_handle_quota(&place->handle, step->number);
        if (!result)
            place->quota = (uint8_t)step->number;
        return result;
    default:
        result = weir_pool_close(pool->pool);
        if (!result)
            pool->pool = NULL;
        return result;
    }
}

/* ---- What may come next ---------------------------------------------------------------------- */

static bool is_used_by(const struct run *run, unsigned index, int place)
{
    for (int id = 1; id <= STEPS_MAX; id++) {
        const struct running *running = &run->running[id];
        if (running->live && running->step->place == place && step_is_pooled(running->step) &&
            index_of(running->step) == index)
            return true;
    }
    for (unsigned i = 0; i < run->event_count; i++) {
        const struct event *event = &run->events[i];
        const struct step  *step = event->id ? run->running[event->id].step : NULL;
        if (event->place == place && step && step_is_pooled(step) && index_of(step) == index)
            return true;
    }
    return false;
}

static bool has_quota_left(const struct run *run, int place)
{
    unsigned quota = run->places[place].quota;
    return !quota || counted_of(run, place) < quota;
}

bool pools_have_one(const struct run *run, const struct step *step)
{
    unsigned index = index_of(step);
    return run->pools[index].held_count < count_most(run, index) &&
           has_quota_left(run, step->place);
}

bool pools_can_go_on(const struct run *run, const struct step *step)
{
    return plan_of(run, index_of(step))->policy == WEIR_POOL_FAIL || pools_have_one(run, step);
}

/* ---- Where engines may differ ---------------------------------------------------------------- */

/* Of those that wait for a buffer each has something to receive. */
static unsigned count_waiting(const struct run *run, unsigned index)
{
    unsigned count = 0;
    for (int id = 1; id <= STEPS_MAX; id++) {
        const struct running *running = &run->running[id];
        if (running->live && step_is_pooled(running->step) && index_of(running->step) == index)
            count += world_ready(run, running->step->place, POLLIN | POLLRDHUP) != 0;
    }
    return count;
}

static bool pool_is_loose(const struct run *run, unsigned index)
{
    const struct pool *pool = &run->pools[index];
    bool               shared = index == POOLS - 1, quota = false;
    unsigned           users = 0, asked = pool->asked + count_waiting(run, index);
    for (int place = 0; place < PLACE_FILES; place++) {
        if (!is_used_by(run, index, place))
            continue;
        users++;
        quota |= run->places[place].quota > 0;
        if (run->ways[place ^ 1].loose || run->links[place / 2].torn)
            return true;
    }
    bool scarce = pool->held_before + asked > count_most(run, index) || (quota && asked);
    if (plan_of(run, index)->policy == WEIR_POOL_FAIL && pool->gives)
        return users && scarce;
    return shared && users > 1 && scarce;
}

bool pools_straighten(struct run *run)
{
    bool any = false;
    for (unsigned index = 0; index < POOLS; index++) {
        struct pool *pool = &run->pools[index];
        if (!pool->loose && pool_is_loose(run, index)) {
            pool->loose = pool->unsure = any = true;
            for (int place = 0; place < PLACE_FILES; place++)
                run->ways[place ^ 1].loose_by_pool |= is_used_by(run, index, place);
        }
        if (pool->loose)
            any |= give_all(run, pool);
    }
    return any;
}

void pools_begin_act(struct run *run)
{
    for (unsigned index = 0; index < POOLS; index++) {
        struct pool *pool = &run->pools[index];
        pool->held_before = pool->held_count;
        pool->asked = pool->gives = 0;
        pool->loose = false;
    }
}

/* ---- What is told ---------------------------------------------------------------------------- */

static void check_counts(struct run *run, unsigned index)
{
    const struct pool      *pool = &run->pools[index];
    struct weir_pool_counts counts;
    weir_pool_stats(pool->pool, &counts);
    if (counts.out != pool->held_count || counts.taken - counts.given != counts.out ||
        counts.out_most < counts.out || counts.count < counts.out_most ||
        counts.count > count_most(run, index))
        trace_wrong(run->trace, "act %d: of pool %u are %u of %u buffers out, and %u are held",
                    run->act, index, counts.out, counts.count, pool->held_count);
    if (!pool->unsure)
        trace_line(run->trace, "act %d: of pool %u %u are out, %llu were", run->act, index,
                   counts.out, (unsigned long long)counts.taken);
}

void pools_end_act(struct run *run)
{
    for (unsigned index = 0; index < POOLS; index++)
        if (run->pools[index].pool)
            check_counts(run, index);
}

/* The loop is closed: its pools are no more. */
void pools_forget(struct run *run)
{
    for (unsigned index = 0; index < POOLS; index++)
        run->pools[index].pool = NULL;
}

void pools_close(struct run *run)
{
    for (unsigned index = 0; index < POOLS; index++) {
        struct pool *pool = &run->pools[index];
        give_all(run, pool);
        int result = weir_pool_close(pool->pool);
        if (result)
            trace_wrong(run->trace, "end: weir_pool_close() is %s", weir_error_name(result));
        pool->pool = NULL;
    }
}
