/* SPDX-License-Identifier: MIT */
/* torture.c - torture in the process of a case: which call fails, and how a case is given up. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CONTRACT_NO_WRAPPERS
#include "host.h"
#include "ledger.h"
#include "simulated.h"
#include "torture.h"

/* A case in which nothing happens for two ticks waits for what will not come. */
#define TICK_MS 150

/* For what must come by itself: what is ready and is to be served; what a disk has to do. */
#define PATIENCE_NS (5 * WEIR_SECOND)
#define DISK_PATIENCE_NS (20 * WEIR_SECOND)
#define CLOSE_TIMEOUT (5 * WEIR_SECOND)

/* A case that goes on for longer than this after the failure may go on for ever: it tries again. */
#define BUSY_MS 4000

#define LOOPS 512

/* Shared with the parent and with processes that the case forks. */
static struct seen {
    struct torture_point point;
    atomic_uint          counted, fired;
} * seen;

static struct loop_entry {
    _Atomic(struct weir_loop *) loop;
    pthread_t                   thread; /* of its first run, if `ran` */
    bool                        ran;
    atomic_bool                 stopped;
    struct weir_op              stop;
} loops[LOOPS];

static bool     on, armed;
static pid_t    process; /* the case's */
static unsigned limit_ms, ticked_ms, still_ms, given_up_ms;
static void (*check_books)(unsigned threads_left);
static pthread_t         main_thread;
static const int        *main_inside;
static atomic_bool       given_up;
static atomic_uint       progress, threads_running, threads_parked;
static char              reason[900];
static _Atomic(bool)     reason_taken;
static atomic_bool       closing; /* the main thread closes the books */
static _Thread_local int inside_deep;
/* Threads that are neither the main one nor started by contract_thread_start() are weir's. */
static _Thread_local bool                   of_the_case;
static _Thread_local struct torture_escape *escape;

/* ---- Points ---------------------------------------------------------------------------------- */

void torture_plan(const struct torture_point *point)
{
    if (!seen) {
        void *pages = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                           -1, 0);
        CHECK(pages != MAP_FAILED);
        seen = pages;
    }
    seen->point = *point;
    atomic_store(&seen->counted, 0);
    atomic_store(&seen->fired, 0);
}

unsigned torture_counted(void)
{
    return seen ? atomic_load(&seen->counted) : 0;
}

bool torture_fired(void)
{
    return seen && atomic_load(&seen->fired);
}

bool torture_on(void)
{
    return on;
}

bool torture_given_up(void)
{
    return atomic_load_explicit(&given_up, memory_order_relaxed);
}

bool torture_inside(void)
{
    return !of_the_case || inside_deep;
}

void torture_progress(void)
{
    atomic_fetch_add_explicit(&progress, 1, memory_order_relaxed);
}

static void tick_in(unsigned ms)
{
    struct itimerval soon = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &soon, NULL);
}

bool torture_fails(enum torture_kind kind)
{
    if (!armed || seen->point.kind != kind || !torture_inside())
        return false;
    unsigned nth = atomic_fetch_add(&seen->counted, 1) + 1;
    if (!seen->point.nth || nth < seen->point.nth || (nth > seen->point.nth && !seen->point.stay))
        return false;
    if (atomic_exchange(&seen->fired, 1) == 0) { /* from now on the case may wait in vain */
        if (getpid() == process)
            tick_in(TICK_MS);
        else
            kill(process, SIGALRM); /* for what was forked here */
    }
    return true;
}

void torture_begin(void (*close_books)(unsigned threads_left), unsigned limit_s)
{
    if (!seen || seen->point.kind == TORTURE_NONE)
        return;
    process = getpid();
    limit_ms = limit_s * 1000;
    check_books = close_books;
    main_thread = pthread_self();
    main_inside = &inside_deep;
    of_the_case = true;
    on = true;
}

void torture_arm(void)
{
    armed = on;
}

/* ---- In and out of weir ---------------------------------------------------------------------- */

void torture_check(void)
{
    if (torture_given_up() && !closing)
        contract_fail(__FILE__, __LINE__, "the case was given up");
}

void contract_inside_begins(void)
{
    inside_deep++;
}

void contract_inside_ends(void)
{
    inside_deep--;
    if (!inside_deep)
        torture_check();
}

void torture_callback_begins(struct torture_escape *out)
{
    out->before = escape;
    out->inside = inside_deep;
    inside_deep = 0;
    escape = out;
}

void torture_callback_ends(struct torture_escape *out)
{
    escape = out->before;
    inside_deep = out->inside;
}

void torture_stop(struct weir_loop *loop)
{
    if (!closing)
        weir_stop(loop);
}

/* ---- Threads and loops of the case ----------------------------------------------------------- */

void torture_thread_begins(void)
{
    atomic_fetch_add(&threads_running, 1);
}

void torture_thread_runs(void)
{
    of_the_case = true;
}

void torture_thread_ends(void)
{
    atomic_fetch_sub(&threads_running, 1);
}

static struct loop_entry *entry_of(const struct weir_loop *loop)
{
    for (int i = 0; on && i < LOOPS; i++)
        if (atomic_load(&loops[i].loop) == loop)
            return &loops[i];
    return NULL;
}

static void loop_opened(struct weir_loop *loop)
{
    struct weir_loop *none = NULL;
    for (int i = 0; on && i < LOOPS; i++, none = NULL)
        if (atomic_compare_exchange_strong(&loops[i].loop, &none, loop)) {
            loops[i].ran = false;
            return;
        }
}

static void loop_runs(struct weir_loop *loop)
{
    struct loop_entry *entry = entry_of(loop);
    if (!entry || entry->ran)
        return;
    entry->thread = pthread_self();
    entry->ran = true;
}

int contract_call_loop_open(struct weir_loop **loop, const struct weir_options *options)
{
    contract_inside_begins();
    int result = weir_loop_open(loop, options);
    if (result == 0)
        loop_opened(*loop);
    contract_inside_ends();
    return result;
}

int contract_call_run(struct weir_loop *loop, enum weir_run_mode mode)
{
    contract_inside_begins();
    loop_runs(loop);
    int result = weir_run(loop, mode);
    contract_inside_ends();
    return result;
}

/* While it closes nothing may be posted to it, so it is not known then. */
int contract_call_loop_close(struct weir_loop *loop, uint64_t timeout_ns)
{
    contract_inside_begins();
    struct loop_entry *entry = entry_of(loop);
    bool               ran = entry && entry->ran;
    if (entry)
        atomic_store(&entry->loop, NULL);
    int result = weir_loop_close(loop, timeout_ns);
    if (result && entry && getpid() == process)
        loop_opened(loop);
    if (result && ran)
        loop_runs(loop);
    contract_inside_ends();
    return result;
}

static bool is_ours(const struct loop_entry *entry)
{
    if (!atomic_load(&entry->loop))
        return false;
    return entry->ran ? pthread_equal(entry->thread, pthread_self())
                      : pthread_equal(main_thread, pthread_self());
}

static void stop_loop(struct weir_op *op)
{
    weir_stop(op->handle->loop);
}

/* Every loop that waits is to return from weir_run(), and the case with it. */
static void stop_loops(void)
{
    for (int i = 0; i < LOOPS; i++) {
        struct weir_loop *loop = atomic_load(&loops[i].loop);
        if (loop && !atomic_exchange(&loops[i].stopped, true))
            weir_post(&loops[i].stop, loop, stop_loop);
    }
}

/* ---- Giving up ------------------------------------------------------------------------------- */

static void breathe(void)
{
    struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * WEIR_SECOND + (uint64_t)t.tv_nsec;
}

/* Ends the process with a verdict: "gave up", the books balance; "loose", nobody could look. */
static _Noreturn void leave_with(const char *verdict)
{
    char text[1000];
    snprintf(text, sizeof text, "%s %s", verdict, reason);
    host_report(text);
    host_leave(0);
}

static void give_up(const char *text)
{
    if (!atomic_exchange(&reason_taken, true))
        snprintf(reason, sizeof reason, "%s", text);
    atomic_store(&given_up, true);
}

/* The call of an op that is overdue all the same, or NULL. */
static const char *serve_for(uint64_t patience_ns, bool files)
{
    const char *overdue = NULL;
    for (uint64_t until = now_ns() + patience_ns; (overdue = ledger_overdue(files));) {
        for (int i = 0; i < LOOPS; i++)
            if (is_ours(&loops[i]))
                weir_run(loops[i].loop, WEIR_NOWAIT);
        if (now_ns() > until)
            break;
        breathe();
    }
    return overdue;
}

/* What failed came back, so what is ready must be served, given a few turns. */
static void serve_what_is_ready(void)
{
    const char *overdue = serve_for(PATIENCE_NS, false);
    if (!overdue)
        overdue = serve_for(DISK_PATIENCE_NS, true);
    if (overdue)
        contract_broken(__FILE__, __LINE__,
                        "a %s did not end, though all that it needs was there; the case: %s",
                        overdue, reason);
}

static void close_our_loops(void)
{
    for (int i = 0; i < LOOPS; i++) {
        if (!is_ours(&loops[i]))
            continue;
        struct weir_loop *loop = atomic_exchange(&loops[i].loop, NULL);
        int               result = weir_loop_close(loop, CLOSE_TIMEOUT);
        if (result == WEIR_EBUSY && ledger_waits_for_workers())
            leave_with(
                "loose"); /* what the case's end would have released: a FIFO, a name server */
        if (result)
            contract_broken(__FILE__, __LINE__, "weir_loop_close() returned %s; the case: %s",
                            weir_error_name(result), reason);
    }
}

/* The threads of the case notice that it was given up, or its check failed: they end, or park. One
 * that never looks goes on beside the books. */
static void await_threads(void)
{
    if (atomic_load(&threads_running))
        stop_loops();
    uint64_t until = now_ns() + WEIR_SECOND;
    while (atomic_load(&threads_running) != atomic_load(&threads_parked) && now_ns() < until)
        breathe();
}

static _Noreturn void close_the_books(void)
{
    closing = true;
    signal(SIGPIPE, SIG_IGN); /* a thread of the case may write to what is closed now */
    contract_fd_release(NULL);
    if (!seen->point.stay)
        serve_what_is_ready();
    await_threads();
    close_our_loops();
    for (int i = 0; i < LOOPS; i++)
        if (atomic_load(&loops[i].loop)) /* of a thread that is gone: nobody may close it */
            leave_with("loose");
    opened_close();
    if (simulated())
        simulated_end();
    check_books(atomic_load(&threads_running));
    leave_with("gave up");
}

static _Noreturn void park(void)
{
    close_our_loops();
    atomic_fetch_add(&threads_parked, 1);
    while (true)
        pause();
}

void torture_check_failed(const char *text)
{
    if (!on || !torture_fired() || (closing && pthread_equal(main_thread, pthread_self())))
        return;
    if (getpid() != process) /* its parent judges by the status */
        host_leave(1);
    give_up(text);
    if (escape)
        longjmp(escape->out, 1);
    if (torture_inside()) /* a callback with no way out */
        leave_with("loose");
    if (!pthread_equal(main_thread, pthread_self()))
        park();
    close_the_books();
}

/* ---- The clock ------------------------------------------------------------------------------- */

/* Runs in a signal handler. */
bool torture_tick(void)
{
    static unsigned last;
    if (!on || getpid() != process || !torture_fired())
        return false;
    ticked_ms += TICK_MS;
    if (ticked_ms >= limit_ms)
        return false;
    unsigned now = atomic_load(&progress);
    still_ms = now == last ? still_ms + TICK_MS : 0;
    last = now;
    if (torture_given_up()) {
        given_up_ms += TICK_MS;
        if (given_up_ms > BUSY_MS && !closing && *main_inside == 0)
            leave_with("loose"); /* the case itself waits for what will not come */
    } else if (still_ms >= 2 * TICK_MS || ticked_ms > BUSY_MS) {
        give_up(still_ms ? "nothing happened any more" : "it goes on and on");
        if (!simulated()) /* a world's loop returns by itself where nothing can happen any more */
            stop_loops();
    }
    tick_in(TICK_MS);
    return true;
}
