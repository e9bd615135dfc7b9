/* SPDX-License-Identifier: MIT */
/* small.c - every small world: two handles that are connected, every sequence of up to four ops on
 * them, and one of the ops cancelled or one of the handles closed at every point of the run. */
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define OPS_MAX 4
#define LENGTH 300u

enum small_op { SEND_A, RECV_B, SEND_B, RECV_A, POLL_B, SHUT_A, SMALL_OPS };
static const char *const op_names[] = {"send-a", "recv-b", "send-b", "recv-a", "poll-b", "shut-a"};

/* What happens at the point: op 0 to 3 is cancelled, or one of these. */
enum small_blow { CLOSE_A = OPS_MAX, CLOSE_B, CLOSE_NOW_A, CLOSE_NOW_B, SMALL_BLOWS };
static const char *const blow_names[] = {"close a", "close b", "close a now", "close b now"};

struct small {
    const char   *model;
    bool          pipe; /* else a connection */
    unsigned      count;
    enum small_op ops[OPS_MAX];
    unsigned      blow, point, at; /* at: points so far */
    struct thing *a, *b;
    struct task  *tasks[OPS_MAX]; /* NULL: not begun */
};

/* ---- One world ------------------------------------------------------------------------------- */

static void strike(struct small *small)
{
    struct thing *thing = small->blow == CLOSE_A || small->blow == CLOSE_NOW_A ? small->a
                                                                               : small->b;
    if (small->blow < OPS_MAX) {
        struct task *task = small->tasks[small->blow];
        if (task && task->state == TASK_LIVE)
            task_cancel(task);
    } else if (thing_is_open(thing)) {
        if (small->blow == CLOSE_A || small->blow == CLOSE_B)
            thing_close(thing);
        else
            thing_close_now(thing);
    }
    weir_wake(
        small->a->place->loop); /* between two turns nothing else tells it of what was begun */
}

static void at_point(struct run *run)
{
    struct small *small = run->user;
    if (small->at++ == small->point)
        strike(small);
}

static struct task *start(struct small *small, enum small_op op)
{
    struct task *newest = small->a->run->tasks;
    if (op == SEND_A && thing_is_open(small->a))
        send_on(small->a, LENGTH);
    else if (op == SEND_B && thing_is_open(small->b))
        send_on(small->b, LENGTH);
    else if (op == RECV_A && thing_is_open(small->a))
        recv_on(small->a, LENGTH - 100);
    else if (op == RECV_B && thing_is_open(small->b))
        recv_on(small->b, LENGTH - 100);
    else if (op == POLL_B && thing_is_open(small->b))
        poll_on(small->b, WEIR_IN);
    else if (op == SHUT_A && thing_is_open(small->a))
        shut_down(small->a);
    return small->a->run->tasks != newest ? small->a->run->tasks : NULL;
}

static struct thing *newest(struct run *run, enum thing_kind kind)
{
    struct thing *thing = run->things;
    while (thing->kind != kind)
        thing = thing->next;
    return thing;
}

static void connect_ends(struct run *run, struct small *small)
{
    struct place *place = &run->places[0];
    struct step   step = {.c = 1u << 28};
    if (small->pipe) {
        step_pipe(place, &step);
        small->a = newest(run, WRITER);
        small->b = newest(run, READER);
        return;
    }
    step_listen(place, &step);
    step_accept(place, &step);
    small->b = newest(run, STREAM);
    step_connect(place, &step);
    small->a = newest(run, STREAM);
    run_sleep(run, WEIR_MILLISECOND * 100);
}

static void run_small(struct small *small, uint64_t seed, struct outcome *outcome)
{
    static struct run run;
    struct plan       plan = {.seed = seed,
                              .model = small->model,
                              .host_count = 1,
                              .loop_count = {1},
                              .ending = seed % 2 ? END_LOOPS : END_CANCEL};
    run_begin(&run, &plan, NULL);
    connect_ends(&run, small);
    memset(small->tasks, 0, sizeof small->tasks);
    small->at = 0;
    run.user = small;
    run.at_point = at_point;
    for (unsigned i = 0; i < small->count; i++) {
        small->tasks[i] = start(small, small->ops[i]);
        at_point(&run);
    }
    run_sleep(&run, WEIR_SECOND);
    run.at_point = NULL;
    run_end(&run, outcome);
}

/* ---- All of them ----------------------------------------------------------------------------- */

static void describe(const struct small *small, struct outcome *outcome)
{
    char   sentence[sizeof outcome->failure];
    int    length;
    char  *text = outcome->failure;
    size_t room = sizeof outcome->failure;
    memcpy(sentence, text, sizeof sentence);
    length = snprintf(text, room, "%s %s,", small->model, small->pipe ? "pipe" : "connection");
    for (unsigned i = 0; i < small->count; i++)
        length += snprintf(text + length, room - (size_t)length, " %s", op_names[small->ops[i]]);
    if (small->blow < OPS_MAX)
        length += snprintf(text + length, room - (size_t)length, ", cancel of the op %u",
                           small->blow + 1);
    else
        length += snprintf(text + length, room - (size_t)length, ", %s",
                           blow_names[small->blow - OPS_MAX]);
    snprintf(text + length, room - (size_t)length, " at point %u: %.150s", small->point, sentence);
}

/* At each point until the run is over before it comes. */
static unsigned long run_points(struct small *small, struct outcome *outcome)
{
    unsigned long count = 0;
    for (small->point = 0;; small->point++) {
        run_small(small, small->point + 1, outcome);
        count++;
        if (outcome->failure[0]) {
            describe(small, outcome);
            return count;
        }
        if (small->at <= small->point)
            return count;
    }
}

static unsigned long run_blows(struct small *small, struct outcome *outcome)
{
    unsigned long count = 0;
    for (small->blow = 0; small->blow < SMALL_BLOWS && !outcome->failure[0]; small->blow++)
        if (small->blow >= OPS_MAX || small->blow < small->count)
            count += run_points(small, outcome);
    return count;
}

/* Every sequence of so many ops. A pipe has two of them, and a poll. */
static unsigned long run_sequences(struct small *small, struct outcome *outcome)
{
    static const enum small_op of_pipes[] = {SEND_A, RECV_B, POLL_B};
    unsigned                   kinds = small->pipe ? 3 : SMALL_OPS, all = 1;
    unsigned long              count = 0;
    for (unsigned i = 0; i < small->count; i++)
        all *= kinds;
    for (unsigned number = 0; number < all && !outcome->failure[0]; number++) {
        unsigned left = number;
        for (unsigned i = 0; i < small->count; i++, left /= kinds)
            small->ops[i] = small->pipe ? of_pipes[left % kinds] : (enum small_op)(left % kinds);
        count += run_blows(small, outcome);
    }
    return count;
}

unsigned long small_worlds(const char *model, unsigned ops_most, struct outcome *outcome)
{
    struct small  small = {.model = model};
    unsigned long count = 0;
    for (int pipe = 0; pipe < 2; pipe++)
        for (small.count = 1; small.count <= ops_most && !outcome->failure[0]; small.count++) {
            small.pipe = pipe;
            count += run_sequences(&small, outcome);
        }
    return count;
}
