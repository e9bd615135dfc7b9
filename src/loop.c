/* SPDX-License-Identifier: MIT */
/* loop.c - the life of a loop and its turn: start what was asked, sleep once, tell what ended. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/canary.h"
#include "base/rest.h"
#include "engine.h"
#include "os/os.h"

/* How often one event's callback may start an op that ends at once and see it told, before the next
 * event is served: recv -> send -> recv takes two. More wait for the next turn. */
#define ROUNDS_AFTER_EVENT 2

/* How often in a turn what was asked is started, and what ended at once told, before the wait; more
 * often as long as each time tells something, and it was little so far: one op that ends at once
 * again and again shares a wait with as many as several do. */
#define ROUNDS_BEFORE_WAIT 4
#define TELLINGS_BEFORE_WAIT 16

#define SIZE_HEADER 16 /* keeps the alignment of malloc */

void *loop_resize(void *user, void *memory, size_t size)
{
    struct weir_loop *loop = user;
    char             *block = memory ? (char *)memory - SIZE_HEADER : NULL;
    size_t            before = 0;
    if (block)
        memcpy(&before, block, sizeof before);
    if (!size) {
        if (block)
            loop->allocator.resize(loop->allocator.user, block, 0);
        loop->stats.bytes -= before;
        return NULL;
    }
    if (size > SIZE_MAX - SIZE_HEADER)
        return NULL;
    block = loop->allocator.resize(loop->allocator.user, block, size + SIZE_HEADER);
    if (!block)
        return NULL;
    memcpy(block, &size, sizeof size);
    loop->stats.bytes += size - before;
    return block + SIZE_HEADER;
}

void *weir_resize(struct weir_loop *loop, void *memory, size_t size)
{
    return loop_admit(loop, "weir_resize") ? NULL : loop_resize(loop, memory, size);
}

static void *libc_resize(void *user, void *memory, size_t size)
{
    (void)user;
    if (size)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

void loop_log(struct weir_loop *loop, enum weir_log_level level, const char *format, ...)
{
    if (!loop->options.log)
        return;
    char    sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    loop->options.log(loop->options.log_user, level, sentence);
}

/* ---- Who may call ---------------------------------------------------------------------------- */

int loop_admit(const struct weir_loop *loop, const char *call)
{
    if (loop->generation != os_fork_generation())
        return WEIR_EPERM;
    if (loop->thread && loop->thread != os_thread_self()) {
        fprintf(stderr, "weir: %s() was called from a thread that is not the loop's.\n", call);
        abort();
    }
    return 0;
}

/* ---- The notifier ---------------------------------------------------------------------------- */

int loop_notifier_open(struct weir_loop *loop)
{
    int error = loop->sys->notifier_open(loop->notifier);
    if (error)
        loop->notifier[0] = loop->notifier[1] = -1;
    return error;
}

void loop_notifier_close(struct weir_loop *loop)
{
    if (loop->notifier[0] < 0)
        return;
    loop->sys->close(loop, loop->notifier[0]);
    if (loop->notifier[1] != loop->notifier[0])
        loop->sys->close(loop, loop->notifier[1]);
    loop->notifier[0] = loop->notifier[1] = -1;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

struct weir_allocator loop_allocator(const struct weir_options *options)
{
    return options->allocator ? *options->allocator : (struct weir_allocator){libc_resize, NULL};
}

static struct weir_loop *loop_create(const struct weir_options *options)
{
    struct weir_allocator allocator = loop_allocator(options);
    struct weir_loop     *loop = allocator.resize(allocator.user, NULL, sizeof *loop);
    if (!loop)
        return NULL;
    memset(loop, 0, sizeof *loop);
    loop->allocator = allocator;
    loop->memory = (struct weir_allocator){loop_resize, loop};
    loop->options = *options;
    loop->options.allocator = NULL;
    loop->options.engine = NULL;
    loop->stats.bytes = sizeof *loop;
    os_watch_forks();
    loop->generation = os_fork_generation();
    loop->none.loop = loop;
    loop->none.in.descriptor = -1;
    loop->notifier[0] = loop->notifier[1] = -1;
    loop->wake = AWAKE;
    return loop;
}

static void loop_destroy(struct weir_loop *loop)
{
    struct weir_allocator allocator = loop->allocator;
    loop_resize(loop, loop->events, 0);
    heap_finish(&loop->timers, &loop->memory);
    allocator.resize(allocator.user, loop, 0);
}

int loop_open_with_reason(struct weir_loop **out, const struct weir_options *options,
                          struct weir_engine_info *refusal)
{
    *out = NULL;
    struct weir_loop *loop = loop_create(options);
    if (!loop)
        return WEIR_ENOMEM;
    /* Room for some events is had from the beginning, so that a harvest always gets on. */
    int error = loop_room(loop, 64) ? 0 : WEIR_ENOMEM;
    if (!error)
        error = pick_engine(loop, options);
    if (error) {
        if (refusal && loop->refusal_count)
            *refusal = loop->refusals[loop->refusal_count - 1];
        loop_destroy(loop);
        return error;
    }
    loop->opened_ns = loop->sys->now(loop);
    *out = loop;
    return 0;
}

int weir_loop_open(struct weir_loop **out, const struct weir_options *options)
{
    static const struct weir_options defaults;
    return loop_open_with_reason(out, options ? options : &defaults, NULL);
}

/* Whether nothing is left that could still touch the caller's memory. */
static bool loop_is_empty(struct weir_loop *loop)
{
    return !loop->pending && !loop->handles && !loop->closing_count &&
           !atomic_load(&loop->posted) && !atomic_load(&loop->worked);
}

static int  turn(struct weir_loop *loop, int64_t timeout_ns, bool once);
static void begin_running(struct weir_loop *loop);
static void sleep_in_outer_loop(struct weir_loop *loop);

/* First the ops end, with their handles still open: a callback may close those and be told. */
static void cancel_everything(struct weir_loop *loop)
{
    struct weir_handle *handle = loop->handles;
    handle_cancel_ops(loop, &loop->none);
    while (handle) {
        handle_cancel_ops(loop, handle);
        handle = handle->in.next == loop->handles ? NULL : handle->in.next;
    }
}

/* Then what nobody closed. Closing handles stand behind the open ones. */
static void close_leftovers(struct weir_loop *loop)
{
    while (loop->handles && !(loop->handles->in.flags & HANDLE_CLOSING))
        weir_close(loop->handles, NULL);
}

int loop_drain(struct weir_loop *loop, uint64_t timeout_ns)
{
    int error = 0;
    if (!loop->thread)
        loop->thread = os_thread_self();
    loop->shutting = true;
    begin_running(loop);
    cancel_everything(loop);
    uint64_t start_ns = loop->sys->now(loop);
    int64_t  wait_ns = 0; /* the first turn tells what is known, the others may sleep */
    while (!error && !loop_is_empty(loop)) {
        loop->stop = false; /* a callback that stops the loop does not keep it from closing */
        error = turn(loop, wait_ns, true);
        if (error) /* the mechanism is gone, and what it holds with it */
            break;
        if (!loop->pending)
            close_leftovers(loop);
        uint64_t gone_ns = loop->sys->now(loop) - start_ns;
        uint64_t left_ns = timeout_ns > gone_ns ? timeout_ns - gone_ns : 1;
        if (gone_ns >= timeout_ns && wait_ns && !loop_is_empty(loop))
            error = WEIR_EBUSY;
        wait_ns = left_ns > INT64_MAX ? -1 : (int64_t)left_ns;
    }
    loop->stop = loop->running = false;
    if (error == WEIR_EBUSY && loop->embedded)
        sleep_in_outer_loop(loop);
    return error;
}

int weir_loop_close(struct weir_loop *loop, uint64_t timeout_ns)
{
    if (!loop)
        return 0;
    int error = loop_admit(loop, "weir_loop_close");
    if (error)
        return error;
    if (loop->running)
        return WEIR_EDEADLK;
    error = loop_drain(loop, timeout_ns);
    if (error)
        return error;
    offload_finish(loop);
    if (getenv("WEIR_STATS"))
        see_served(loop, stderr);
    signal_finish(loop);
    copy_finish(loop);
    pool_finish(loop);
    loop->engine->close(loop);
    loop_destroy(loop);
    return 0;
}

/* The child's copies of the ops belong to nobody. */
static void forget_ops(struct weir_handle *handle)
{
    struct weir_op **rings[] = {&handle->in.ops_in, &handle->in.ops_out};
    for (int i = 0; i < 2; i++) {
        while (*rings[i]) {
            struct weir_op *op = *rings[i];
            ring_remove(rings[i], op);
            *op = (struct weir_op){.user = op->user};
        }
    }
}

void loop_abandon(struct weir_loop *loop)
{
    bool is_child = loop->generation != os_fork_generation();
    while (loop->handles) {
        struct weir_handle *handle = loop->handles;
        handle->in.next->in.previous = handle->in.previous;
        handle->in.previous->in.next = handle->in.next;
        loop->handles = handle->in.next == handle ? NULL : handle->in.next;
        if (signal_is_internal_handle(loop, handle) && (!is_child || os_gathers_are_inherited()))
            loop->sys->close(loop, handle->in.descriptor);
        forget_ops(handle);
        if (handle->in.flags & HANDLE_GROUPS)
            group_forget(handle);
        else
            *handle = (struct weir_handle){.user = handle->user};
    }
    forget_ops(&loop->none);
    loop_forget_posts(loop);
    group_lost(loop);
    offload_forget(loop);
    signal_finish(loop);
    copy_finish(loop);
    pool_finish(loop);
    loop->engine->close(loop);
    loop_destroy(loop);
}

int weir_loop_forget(struct weir_loop *loop)
{
    if (loop->generation == os_fork_generation())
        return WEIR_EINVAL;
    loop_abandon(loop);
    return 0;
}

/* ---- Events ---------------------------------------------------------------------------------- */

bool loop_room(struct weir_loop *loop, uint32_t count)
{
    if (loop->event_room - loop->event_count >= count)
        return true;
    if (loop->event_next) { /* what was told makes room */
        memmove(loop->events, loop->events + loop->event_next,
                (loop->event_count - loop->event_next) * sizeof *loop->events);
        loop->event_count -= loop->event_next;
        loop->event_next = 0;
        if (loop->event_room - loop->event_count >= count)
            return true;
    }
    uint32_t room = loop->event_room ? loop->event_room * 2 : 64;
    while (room < loop->event_count + count)
        room *= 2;
    void *events = loop_resize(loop, loop->events, room * sizeof *loop->events);
    if (!events)
        return false;
    loop->events = events;
    loop->event_room = room;
    return true;
}

void loop_event(struct weir_loop *loop, struct weir_op *op, int64_t result, uint32_t flags,
                uint32_t detail)
{
    if (!(flags & EVENT_MORE)) {
        op->state = OP_HARVESTED;
        op->result = result;
    }
    if (flags & EVENT_AGAIN)
        op->more = 1;
    loop->events[loop->event_count++] = (struct event){op, result, flags, detail};
}

void loop_worked(struct weir_loop *loop, struct weir_op *op)
{
    stack_push(&loop->worked, op);
    weir_wake(loop);
}

/* Ops from other threads join the loop: posts are asked, workers' results concluded. */
static void take_from_threads(struct weir_loop *loop)
{
    struct weir_op *op = stack_take(&loop->worked);
    while (op) {
        struct weir_op *after = op->in.lane;
        op->in.lane = NULL;
        if (loop_conclude(loop, op, op->result))
            fifo_push(&loop->ended, op);
        op = after;
    }
    loop_take_posts(loop);
}

/* ---- The turn -------------------------------------------------------------------------------- */

/* The core's own ops and what is always ready never reach the engine. */
static enum started start_op(struct weir_loop *loop, struct weir_op *op)
{
    if (LIKELY(op_transfers(op)))
        return loop->engine->start(loop, op);
    if (op->kind == WEIR_OP_COPY)
        return copy_start(loop, op);
    if (op->kind == WEIR_OP_SIGNAL) {
        signal_resume(loop, op);
        return STARTED;
    }
    if (op->kind == WEIR_OP_POLL && handle_has_offsets(op->handle)) {
        bool again = op->flags & (WEIR_LEVEL | WEIR_EDGE);
        if ((op->flags & WEIR_EDGE) && op->more)
            return STARTED; /* told once; it never was not ready again */
        if (!loop_room(loop, 1))
            return STARTED_BUSY;
        op->served = WEIR_SERVED_AT_ONCE;
        loop_event(loop, op, op->in.arg.events & (WEIR_IN | WEIR_OUT), again ? EVENT_AGAIN : 0, 0);
        return STARTED;
    }
    return loop->engine->start(loop, op);
}

static void start_asked(struct weir_loop *loop)
{
    struct op_fifo asked = loop->asked;
    loop->asked = (struct op_fifo){0};
    for (struct weir_op *op; (op = fifo_take(&asked));) {
        if (op->in.cause) {
            if (op->kind == WEIR_OP_SIGNAL)
                signal_cancel(loop, op);
            else
                loop_finish(loop, op, op->in.cause);
            continue;
        }
        op->state = OP_GIVEN;
        switch (start_op(loop, op)) {
        case STARTED:
            break;
        case STARTED_DONE:
            if (loop_conclude(loop, op, op->result))
                fifo_push(&loop->ended, op);
            break;
        case STARTED_OFFLOAD:
            offload_start(loop, op);
            break;
        case STARTED_BUSY:
            /* The rest keeps its order, before what is asked meanwhile. */
            op->state = OP_ASKED;
            fifo_push_front(&asked, op);
            if (loop->asked.first)
                asked.last->in.lane = loop->asked.first, asked.last = loop->asked.last;
            loop->asked = asked;
            return;
        }
    }
}

/* Tells what has ended so far; what ends meanwhile waits for the next round. */
static void run_ended(struct weir_loop *loop)
{
    struct weir_op *last = loop->ended.last;
    while (loop->ended.first && !loop->stop) {
        struct weir_op *op = fifo_take(&loop->ended);
        bool            was_last = op == last;
        loop_end(loop, op);
        if (was_last)
            break;
    }
}

static void run_closing(struct weir_loop *loop)
{
    struct weir_handle *last = loop->closing.last;
    while (loop->closing.first && !loop->stop) {
        struct weir_handle *handle = handles_take(&loop->closing);
        bool                was_last = handle == last;
        bool                has_ops = handle->in.ops_in || handle->in.ops_out;
        if (has_ops && !CANARY(ghost_after_close)) /* started since: its end lists it again */
            handle->in.flags &= (uint16_t)~HANDLE_LISTED;
        else
            handle_finish_close(loop, handle);
        if (was_last)
            break;
    }
}

void loop_settle(struct weir_loop *loop, int rounds)
{
    while (rounds-- && (loop->asked.first || loop->ended.first) && !loop->stop) {
        start_asked(loop);
        run_ended(loop);
    }
}

/* Those that are there now; what is harvested meanwhile waits for the next time. */
static void tell_events(struct weir_loop *loop)
{
    for (uint32_t left = loop->event_count - loop->event_next; left && !loop->stop; left--) {
        loop_tell_event(loop, loop->events[loop->event_next++]);
        loop_settle(loop, ROUNDS_AFTER_EVENT);
    }
    if (loop->event_next == loop->event_count)
        loop->event_next = loop->event_count = 0;
}

/* The callback phase: what the kernel completed, then the attempts of what it called ready. */
static void tell_harvest(struct weir_loop *loop)
{
    struct weir_handle *last = loop->ready.last;
    tell_events(loop);
    while (loop->ready.first && !loop->stop) {
        struct weir_handle *handle = handles_take(&loop->ready);
        bool                was_last = handle == last;
        handle->in.flags &= (uint16_t)~HANDLE_LISTED;
        if (handle->in.flags & HANDLE_CLOSING)
            handle_op_left(loop, handle);
        else
            ready_serve(loop, handle);
        if (loop->event_count)
            tell_events(loop);
        loop_settle(loop, ROUNDS_AFTER_EVENT);
        if (was_last)
            break;
    }
}

/* The loop itself has something to do without a wait. */
static bool loop_has_to_do(const struct weir_loop *loop)
{
    return loop->asked.first || loop->ended.first || loop->closing.first || loop->ready.first ||
           loop->event_next < loop->event_count;
}

/* Something can be told without a wait. */
static bool loop_has_news(struct weir_loop *loop)
{
    return loop_has_to_do(loop) || atomic_load(&loop->posted) || atomic_load(&loop->worked);
}

/* weir_run() has a reason to go on. */
static bool loop_has_work(struct weir_loop *loop)
{
    if (loop->shutting)
        return !loop_is_empty(loop);
    return loop->pending > loop->pending_background || loop->closing_count ||
           loop->event_next < loop->event_count || atomic_load(&loop->posted);
}

static int64_t until_timer(struct weir_loop *loop, int64_t timeout_ns)
{
    const struct heap_entry *first = heap_first(&loop->timers);
    if (!first || !timeout_ns || first->due_ns == WEIR_FOREVER)
        return timeout_ns;
    uint64_t now_ns = loop->sys->now(loop);
    if (first->due_ns <= now_ns)
        return 0;
    uint64_t left_ns = first->due_ns - now_ns;
    if (left_ns > INT64_MAX)
        return timeout_ns;
    return timeout_ns < 0 || (int64_t)left_ns < timeout_ns ? (int64_t)left_ns : timeout_ns;
}

/* Sleeps in the mechanism, unless another thread was there first. */
static int sleep_once(struct weir_loop *loop, int64_t timeout_ns)
{
    int  awake = AWAKE;
    bool sleeps = timeout_ns && atomic_compare_exchange_strong(&loop->wake, &awake, ASLEEP);
    if (!sleeps || atomic_load(&loop->posted) || atomic_load(&loop->worked))
        timeout_ns = 0;
    if (loop->options.before_wait)
        loop->options.before_wait(loop, loop->options.wait_user, timeout_ns);
    loop->stats.waits++;
    int error = loop->engine->wait(loop, timeout_ns);
    if (loop->options.after_wait)
        loop->options.after_wait(loop, loop->options.wait_user);
    if (sleeps)
        atomic_store(&loop->wake, AWAKE);
    return error;
}

/* Whether another thread called weir_wake() since the last time; the turn that hears it does not
 * sleep, and what it brought is taken after this. */
static bool was_told(struct weir_loop *loop)
{
    if (atomic_load_explicit(&loop->wake, memory_order_relaxed) != TOLD)
        return false;
    atomic_store(&loop->wake, AWAKE);
    loop->stats.wakes++;
    return true;
}

/* What was asked is started, and told if it ended at once; what that asks, too. */
static void settle_before_wait(struct weir_loop *loop)
{
    uint64_t begin = loop->tellings, told_before = begin;
    for (int round = 0; !loop->stop; round++) {
        if (!loop->asked.first && !loop->ended.first && !loop->closing.first)
            return;
        if (round >= ROUNDS_BEFORE_WAIT &&
            (loop->tellings == told_before || loop->tellings - begin >= TELLINGS_BEFORE_WAIT))
            return;
        told_before = loop->tellings;
        start_asked(loop);
        run_ended(loop);
        run_closing(loop);
    }
}

/* One pass; waits at most timeout_ns (-1: for ever). `once`: what was told before the wait
 * counts. */
static int turn(struct weir_loop *loop, int64_t timeout_ns, bool once)
{
    uint64_t tellings = loop->tellings;
    loop->stats.turns++;
    if (was_told(loop))
        timeout_ns = 0;
    take_from_threads(loop);
    settle_before_wait(loop);
    if (loop->stop || (timeout_ns && !loop_has_work(loop)))
        return 0;
    if (loop->engine->traits & ENGINE_READINESS)
        ready_flush(loop);
    signal_settle(loop);
    if ((once && loop->tellings != tellings) || loop_has_news(loop))
        timeout_ns = 0;
    int error = sleep_once(loop, until_timer(loop, timeout_ns));
    if (error)
        return error;
    timers_fire(loop);
    take_from_threads(loop);
    run_ended(loop);
    tell_harvest(loop);
    run_closing(loop);
    return 0;
}

/* The outer loop sleeps on our descriptor: what was started must be with the kernel by then, and
 * whoever posts from now on must write to it. What was posted just before would be slept over, so
 * it is told again. */
static void sleep_in_outer_loop(struct weir_loop *loop)
{
    if (loop->engine->traits & ENGINE_READINESS)
        ready_flush(loop);
    else if (loop->thread) /* nothing was started before the first run, whose thread it is */
        loop->engine->wait(loop, 0);
    bool told = atomic_exchange(&loop->wake, ASLEEP) == TOLD || loop->ready.first ||
                atomic_load(&loop->posted) || atomic_load(&loop->worked);
    if (told && !CANARY(lost_wake))
        weir_wake(loop);
}

/* Back from the outer loop's sleep, if there is one: from now on its own waits sleep. */
static void begin_running(struct weir_loop *loop)
{
    loop->running = true;
    if (loop->embedded && atomic_exchange(&loop->wake, AWAKE) == TOLD)
        loop->stats.wakes++;
}

int weir_run(struct weir_loop *loop, enum weir_run_mode mode)
{
    int error = loop_admit(loop, "weir_run");
    if (error)
        return error;
    if (loop->running)
        return WEIR_EDEADLK;
    if (!loop->thread)
        loop->thread = os_thread_self();
    begin_running(loop);
    do {
        bool has_work = loop_has_work(loop);
        if (loop->stop || (mode == WEIR_UNTIL_DONE && !has_work))
            break;
        error = turn(loop, mode == WEIR_NOWAIT || !has_work ? 0 : -1, mode == WEIR_ONCE);
    } while (mode == WEIR_UNTIL_DONE && !error);
    loop->stop = false;
    loop->running = false;
    signal_settle(loop);
    if (loop->embedded)
        sleep_in_outer_loop(loop);
    return error ? error : loop_has_work(loop);
}

void weir_stop(struct weir_loop *loop)
{
    if (!loop_admit(loop, "weir_stop"))
        loop->stop = true;
}

void weir_wake(struct weir_loop *loop)
{
    if (loop->generation == os_fork_generation() && atomic_exchange(&loop->wake, TOLD) == ASLEEP)
        loop->engine->wake(loop);
}

uint64_t weir_now(struct weir_loop *loop)
{
    return loop_admit(loop, "weir_now") ? 0 : loop->sys->now(loop);
}

/* ---- Embedding ------------------------------------------------------------------------------- */

/* Between its turns such a loop sleeps, so that whoever posts wakes it; which it is told by its
 * engine. */
void loop_visit(struct weir_loop *loop)
{
    loop->embedded = true;
    weir_run(loop, WEIR_NOWAIT);
}

/* What others bring is not looked at: who brings it has to wake the loop, and a simulation that
 * knew of it by itself would hide a wake that is lost. */
int64_t loop_next_turn(struct weir_loop *loop)
{
    if (loop_has_to_do(loop) || loop->changed.first)
        return 0;
    return until_timer(loop, -1);
}

weir_os_handle weir_loop_fd(struct weir_loop *loop)
{
    int error = loop_admit(loop, "weir_loop_fd");
    if (error)
        return error;
    int descriptor = loop->engine->fd(loop);
    if (descriptor >= 0 && !loop->embedded) {
        loop->embedded = true;
        if (!loop->running)
            sleep_in_outer_loop(loop);
    }
    return descriptor;
}

int64_t weir_loop_timeout(struct weir_loop *loop)
{
    int error = loop_admit(loop, "weir_loop_timeout");
    if (error)
        return error;
    return loop_has_news(loop) ? 0 : loop_next_turn(loop);
}
