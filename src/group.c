/* SPDX-License-Identifier: MIT */
/* group.c - many loops: each on a thread of its own, that opens it, runs it and closes it.
 *
 * The threads get orders, all of them the same one; whoever gave it waits until each has answered.
 * No loop is freed before all of them are empty, so that what a callback posts to another one while
 * the group closes finds it still there. While the loops run nothing is shared between them.
 *
 * Simulated loops are run by their world, on its thread: there the orders are plain calls. */
#include "group.h"

#include <string.h>

#include "os/os.h"
#include "sim/state.h"

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Where the block really begins stands before it. */
void *group_lines_take(const struct weir_allocator *allocator, size_t size)
{
    size_t whole = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    char  *block = allocator->resize(allocator->user, NULL, whole + 2 * CACHE_LINE);
    if (!block)
        return NULL;
    char *lines = block + sizeof(char *);
    lines += CACHE_LINE - (uintptr_t)lines % CACHE_LINE;
    memset(lines, 0, whole);
    memcpy(lines - sizeof block, &block, sizeof block);
    return lines;
}

void group_lines_give(const struct weir_allocator *allocator, void *lines)
{
    char *block;
    if (!lines)
        return;
    memcpy(&block, (char *)lines - sizeof block, sizeof block);
    allocator->resize(allocator->user, block, 0);
}

static void group_free(struct weir_group *group)
{
    struct weir_allocator allocator = group->allocator;
    group_listening_free(group);
    for (unsigned i = 0; group->members && i < group->count; i++)
        group_lines_give(&allocator, group->members[i]);
    allocator.resize(allocator.user, group->members, 0);
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->mutex);
    allocator.resize(allocator.user, group, 0);
}

/* NULL without memory. */
static struct weir_group *group_create(const struct weir_group_options *options)
{
    struct weir_allocator allocator = loop_allocator(&options->loop);
    struct weir_group    *group = allocator.resize(allocator.user, NULL, sizeof *group);
    if (!group)
        return NULL;
    memset(group, 0, sizeof *group);
    group->allocator = allocator;
    group->options = *options;
    group->options.loop.allocator = &group->allocator;
    os_watch_forks();
    group->generation = os_fork_generation();
    group->count = options->loops ? options->loops : os_cpu_count();
    group->simulated = pick_is_simulated(&options->loop);
    pthread_mutex_init(&group->mutex, NULL);
    os_condition_init(&group->changed);
    size_t size = group->count * sizeof(struct group_member *);
    group->members = allocator.resize(allocator.user, NULL, size);
    if (group->members)
        memset(group->members, 0, size);
    for (unsigned i = 0; group->members && i < group->count; i++) {
        struct group_member *member = group_lines_take(&allocator, sizeof *member);
        group->members[i] = member;
        if (!member)
            break;
        member->group = group;
        member->index = i;
    }
    if (group->members && group->members[group->count - 1])
        return group;
    group_free(group);
    return NULL;
}

/* ---- What a thread does ---------------------------------------------------------------------- */

static int open_member(struct group_member *member)
{
    const struct weir_group *group = member->group;
    struct weir_options      options = group->options.loop;
    int                      error = group->options.pin ? os_thread_pin(member->index) : 0;
    if (error)
        return error;
    /* Loops of one group are of one world, also where that is their own. */
    if (group->simulated && group->members[0]->loop)
        options.sim_host = sim_loop_of(group->members[0]->loop)->host;
    error = weir_loop_open(&member->loop, &options);
    if (!error)
        member->loop->member = member;
    return error;
}

static int start_member(struct group_member *member)
{
    const struct weir_group_options *options = &member->group->options;
    return options->start ? options->start(member->loop, member->index, options->user) : 0;
}

static void on_stop(struct weir_op *op)
{
    struct group_member *member = weir_of(op, struct group_member, stop);
    member->stopped = true;
    weir_stop(member->loop);
}

/* Until the group closes, whatever the program stops. */
static int run_member(struct group_member *member)
{
    int left;
    weir_timer(&member->hold, member->loop, WEIR_FOREVER, 0, NULL);
    do
        left = weir_run(member->loop, WEIR_UNTIL_DONE);
    while (left >= 0 && !member->stopped);
    if (left < 0)
        loop_log(member->loop, WEIR_LOG_WARNING, "Loop %u of a group does not run any more: %s.",
                 member->index, weir_error_text(left));
    return left < 0 ? left : 0;
}

static uint64_t time_left(uint64_t until_ns)
{
    uint64_t now_ns = os_now();
    if (until_ns == WEIR_FOREVER)
        return WEIR_FOREVER;
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

static int close_member(struct group_member *member, uint64_t timeout_ns)
{
    int error = weir_loop_close(member->loop, timeout_ns);
    if (!error)
        member->loop = NULL;
    return error;
}

static int obey(struct group_member *member, enum order order, uint64_t until_ns)
{
    switch (order) {
    case ORDER_OPEN:
        return open_member(member);
    case ORDER_START:
        return start_member(member);
    case ORDER_RUN:
        return run_member(member);
    case ORDER_DRAIN:
        return member->loop ? loop_drain(member->loop, time_left(until_ns)) : 0;
    case ORDER_CLOSE:
        break;
    }
    return close_member(member, time_left(until_ns));
}

static void *member_work(void *argument)
{
    struct group_member *member = argument;
    struct weir_group   *group = member->group;
    pthread_mutex_lock(&group->mutex);
    member->mark = os_thread_self();
    while (member->running) {
        while (group_member_rests(member))
            pthread_cond_wait(&group->changed, &group->mutex);
        unsigned   number = group->number;
        enum order order = group->order;
        uint64_t   until_ns = group->until_ns;
        pthread_mutex_unlock(&group->mutex);
        int error = obey(member, order, until_ns);
        pthread_mutex_lock(&group->mutex);
        member->running = order != ORDER_CLOSE || error;
        member->error = error;
        member->answered = number;
        pthread_cond_broadcast(&group->changed);
    }
    pthread_mutex_unlock(&group->mutex);
    return NULL;
}

/* ---- Giving orders --------------------------------------------------------------------------- */

bool group_has_thread(const struct weir_group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i]->mark == os_thread_self())
            return true;
    return false;
}

static void give_order(struct weir_group *group, enum order order, uint64_t until_ns)
{
    pthread_mutex_lock(&group->mutex);
    group->order = order;
    group->until_ns = until_ns;
    group->number++;
    for (unsigned i = 0; i < group->count; i++)
        if (!group->members[i]->running) {
            group->members[i]->answered = group->number;
            group->members[i]->error = 0;
        }
    pthread_cond_broadcast(&group->changed);
    pthread_mutex_unlock(&group->mutex);
}

/* Whether they have done what they were told last, before it is too late. */
static bool all_rest(struct weir_group *group, uint64_t until_ns)
{
    bool in_time = true;
    pthread_mutex_lock(&group->mutex);
    for (unsigned i = 0; i < group->count && in_time; i++)
        while (!group_member_rests(group->members[i]) && in_time)
            in_time = os_condition_wait(&group->changed, &group->mutex, until_ns);
    pthread_mutex_unlock(&group->mutex);
    return in_time;
}

static int first_error(const struct weir_group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i]->error)
            return group->members[i]->error;
    return 0;
}

/* The first loop is the last to be closed: the world may be its own. */
static void command_here(struct weir_group *group, enum order order, uint64_t until_ns)
{
    for (unsigned i = 0; i < group->count; i++) {
        unsigned at = order == ORDER_CLOSE ? group->count - 1 - i : i;
        group->members[at]->error = obey(group->members[at], order, until_ns);
    }
}

/* 0, the first error, or WEIR_EBUSY when they take too long. */
static int command(struct weir_group *group, enum order order, uint64_t until_ns)
{
    if (group->simulated) {
        command_here(group, order, until_ns);
    } else {
        give_order(group, order, until_ns);
        if (!all_rest(group, until_ns))
            return WEIR_EBUSY;
    }
    return first_error(group);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int start_threads(struct weir_group *group)
{
    for (unsigned i = 0; i < group->count && !group->simulated; i++) {
        struct group_member *member = group->members[i];
        member->running = true;
        int error = os_thread_start(member_work, member, 0, &member->thread);
        if (error) {
            member->running = false;
            return error;
        }
        member->started = true;
    }
    return 0;
}

/* No callback runs now: whether one that ran before left something with a loop that was empty. */
static bool any_left(const struct weir_group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i]->loop && atomic_load(&group->members[i]->loop->posted))
            return true;
    return false;
}

static int drain_all(struct weir_group *group, uint64_t until_ns)
{
    int error;
    do
        error = command(group, ORDER_DRAIN, until_ns);
    while (!error && any_left(group) && time_left(until_ns));
    return error || !any_left(group) ? error : WEIR_EBUSY;
}

static int close_all(struct weir_group *group, uint64_t until_ns)
{
    int error = drain_all(group, until_ns);
    if (!error)
        error = command(group, ORDER_CLOSE, WEIR_FOREVER); /* nothing is left to wait for */
    for (unsigned i = 0; i < group->count && !error; i++)
        if (group->members[i]->started)
            pthread_join(group->members[i]->thread, NULL);
    if (!error)
        group_free(group);
    return error;
}

int weir_group_open(struct weir_group **out, const struct weir_group_options *options)
{
    static const struct weir_group_options defaults;
    struct weir_group                     *group = group_create(options ? options : &defaults);
    *out = group;
    if (!group)
        return WEIR_ENOMEM;
    int error = start_threads(group);
    if (!error)
        error = command(group, ORDER_OPEN, WEIR_FOREVER);
    if (!error)
        error = command(group, ORDER_START, WEIR_FOREVER);
    if (error) {
        *out = NULL;
        close_all(group, WEIR_FOREVER);
    } else if (!group->simulated) {
        give_order(group, ORDER_RUN, WEIR_FOREVER);
    }
    return error;
}

static bool any_runs(const struct weir_group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i]->loop && group->members[i]->loop->running)
            return true;
    return false;
}

/* The posts come before the order: a loop that is to be freed must not be posted to any more. */
static void stop_all(struct weir_group *group)
{
    for (unsigned i = 0; i < group->count && !group->stopping; i++)
        weir_post(&group->members[i]->stop, group->members[i]->loop, on_stop);
    group->stopping = true;
}

int weir_group_close(struct weir_group *group, uint64_t timeout_ns)
{
    if (!group)
        return 0;
    if (group->generation != os_fork_generation())
        return WEIR_EPERM;
    if (group->simulated ? any_runs(group) : group_has_thread(group))
        return WEIR_EDEADLK;
    uint64_t now_ns = os_now();
    uint64_t until_ns = timeout_ns > WEIR_FOREVER - 1 - now_ns ? WEIR_FOREVER : now_ns + timeout_ns;
    if (!group->simulated) {
        stop_all(group);
        if (!all_rest(group, until_ns))
            return WEIR_EBUSY;
    }
    return close_all(group, until_ns);
}

void group_lost(struct weir_loop *loop)
{
    if (loop->member)
        loop->member->loop = NULL;
}

/* ---- Looking at it --------------------------------------------------------------------------- */

unsigned weir_group_size(const struct weir_group *group)
{
    return group->count;
}

struct weir_loop *weir_group_loop(struct weir_group *group, unsigned index)
{
    return index < group->count ? group->members[index]->loop : NULL;
}
