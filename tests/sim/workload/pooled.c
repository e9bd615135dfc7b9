/* SPDX-License-Identifier: MIT */
/* pooled.c - receives into buffers of a pool: each buffer that is out is one that the program
 * holds, and what lies in it stays as it was told. */
#include <string.h>

#include "workload.h"

#define SIZE 700u
#define COUNT 3u

/* Few, so that receives find none; who keeps them depends on the seed. */
void pooled_open(struct place *place)
{
    struct run              *run = place->run;
    struct weir_pool_options options = {
        .buffer_size = SIZE, .count = COUNT, .count_max = 2 * COUNT};
    options.policy = (enum weir_pool_policy)((run->plan->seed + run->place_count) % 3);
    place->held_count = place->pooled_live = 0;
    int error = weir_pool_open(&place->pool, place->loop, &options);
    if (error && error != WEIR_ENOMEM)
        run_fail(run, "weir_pool_open() answered %s", weir_error_name(error));
}

static uint64_t sum_of(const struct weir_buf *piece)
{
    const unsigned char *bytes = piece->data;
    uint64_t             sum = 1;
    for (size_t i = 0; i < piece->length; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static void check_conserved(struct place *place)
{
    struct weir_pool_counts counts;
    weir_pool_stats(place->pool, &counts);
    if (place->pooled_live ? counts.out < place->held_count : counts.out != place->held_count)
        run_fail(place->run, "%u buffers of the pool are out, and the program holds %u", counts.out,
                 place->held_count);
}

static void give_first(struct place *place)
{
    struct held held = place->held[0];
    place->held_count--;
    memmove(place->held, place->held + 1, place->held_count * sizeof held);
    if (sum_of(&held.piece) != held.sum)
        run_fail(place->run, "a buffer of the pool was changed while the program held it");
    int error = weir_pool_give(place->pool, (char *)held.piece.data + held.piece.length - 1);
    if (error)
        run_fail(place->run, "weir_pool_give() answered %s", weir_error_name(error));
    check_conserved(place);
}

void pooled_give(struct place *place, unsigned left)
{
    while (place->held_count > left && !place->run->failure[0])
        give_first(place);
}

static void received(struct task *task)
{
    struct place   *place = task->place;
    struct weir_buf piece = {0};
    int             count = weir_pooled(&task->op, &piece, 1);
    place->pooled_live -= !task->op.more;
    if (count != (task->op.result > 0) || (count && piece.length != (size_t)task->op.result) ||
        piece.length > SIZE) {
        run_fail(task->run, "%s told %lld bytes in %d pieces, the first of %zu", task_name(task),
                 (long long)task->op.result, count, piece.length);
        return;
    }
    if (count) {
        flow_got(task->thing->in, piece.data, piece.length);
        place->held[place->held_count++] = (struct held){piece, sum_of(&piece)};
    }
    if (task->op.result == 0)
        task->thing->in->ended = true;
    check_conserved(place);
    bool at_once = task->run->draining || place->closing || task->number % 2;
    pooled_give(place, at_once ? 0 : COUNT - 1);
}

bool pooled_recv(struct thing *thing, const struct step *step)
{
    struct place *place = thing->place;
    struct task  *task = place->pool ? task_new(place, thing, received) : NULL;
    if (!task)
        return false;
    unsigned flags = task_flags(task, step->c) | (step->b % 2 ? WEIR_MULTISHOT : 0);
    run_say(place->run, "pooled recv #%u on %u%s", task->number, thing->number,
            flags & WEIR_MULTISHOT ? ", again and again" : "");
    place->pooled_live++;
    if (step->b % 4 < 2)
        pooled_give(place, 0);
    weir_recv_pooled(&task->op, &thing->handle, place->pool, flags, task_done);
    return true;
}
