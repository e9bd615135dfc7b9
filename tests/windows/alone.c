/* SPDX-License-Identifier: MIT */
/* alone.c - what the harness does elsewhere, and here does not: nothing is made to fail, no world
 * is simulated, no process is forked, no call denied. A case that needs it is skipped. */
#define CONTRACT_NO_WRAPPERS
#include <stdatomic.h>

#include "../contract/simulated.h"
#include "../contract/torture.h"

/* ---- Torture --------------------------------------------------------------------------------- */

bool torture_fired(void)
{
    return false;
}

bool torture_read(const char *text, struct torture_point *point)
{
    (void)text, (void)point;
    return false; /* as any other unknown word */
}

bool torture_case(struct contract *c, const struct contract_case *wanted, unsigned limit_s,
                  const struct torture_point *wanted_point)
{
    (void)c, (void)wanted, (void)limit_s, (void)wanted_point;
    return false;
}

void torture_begin(void (*close_books)(unsigned threads_left), unsigned limit_s)
{
    (void)close_books, (void)limit_s;
}

bool torture_on(void)
{
    return false;
}

void torture_arm(void)
{
}

bool torture_fails(enum torture_kind kind)
{
    (void)kind;
    return false;
}

void torture_check_failed(const char *text)
{
    (void)text;
}

bool torture_given_up(void)
{
    return false;
}

void torture_check(void)
{
}

void torture_progress(void)
{
}

void torture_callback_begins(struct torture_escape *escape)
{
    (void)escape;
}

void torture_callback_ends(struct torture_escape *escape)
{
    (void)escape;
}

void torture_stop(struct weir_loop *loop)
{
    (void)loop;
}

void contract_inside_begins(void)
{
}

void contract_inside_ends(void)
{
}

int contract_call_loop_open(struct weir_loop **loop, const struct weir_options *options)
{
    return weir_loop_open(loop, options);
}

int contract_call_run(struct weir_loop *loop, enum weir_run_mode mode)
{
    return weir_run(loop, mode);
}

int contract_call_loop_close(struct weir_loop *loop, uint64_t timeout_ns)
{
    return weir_loop_close(loop, timeout_ns);
}

/* ---- Calls of the allocator: the linker leads them through here ------------------------------ */

static atomic_ullong calls;

void *__real_malloc(size_t length);
void *__real_calloc(size_t count, size_t length);
void *__real_realloc(void *memory, size_t length);
void *__wrap_malloc(size_t length);
void *__wrap_calloc(size_t count, size_t length);
void *__wrap_realloc(void *memory, size_t length);

void *__wrap_malloc(size_t length)
{
    atomic_fetch_add(&calls, 1);
    return __real_malloc(length);
}

void *__wrap_calloc(size_t count, size_t length)
{
    atomic_fetch_add(&calls, 1);
    return __real_calloc(count, length);
}

void *__wrap_realloc(void *memory, size_t length)
{
    atomic_fetch_add(&calls, 1);
    return __real_realloc(memory, length);
}

uint64_t contract_malloc_calls(void)
{
    return atomic_load(&calls);
}

/* ---- Worlds ---------------------------------------------------------------------------------- */

void simulated_begin(struct contract *c)
{
    (void)c;
    SKIP("Windows has no simulated worlds");
}

void simulated_end(void)
{
}

bool simulated(void)
{
    return false;
}

bool contract_simulated(void)
{
    return false;
}

void contract_needs(const char *what)
{
    (void)what;
}

void contract_aside(bool on)
{
    (void)on;
}

/* ---- Processes and filters ------------------------------------------------------------------- */

static const char no_fork[] = "Windows has no fork";
static const char no_filter[] = "Windows has no system call filters";

void contract_expect_abort(struct contract *c, void (*run)(struct contract *c), const char *words)
{
    (void)c, (void)run, (void)words;
    SKIP(no_fork);
}

int contract_fork_status(struct contract *c, void (*run)(struct contract *c))
{
    (void)c, (void)run;
    SKIP(no_fork);
}

void contract_in_fork(struct contract *c, void (*run)(struct contract *c))
{
    (void)c, (void)run;
    SKIP(no_fork);
}

void contract_deny(int number, int error)
{
    (void)number, (void)error;
    SKIP(no_filter);
}

void contract_deny_when(int number, unsigned argument, uint32_t value, int error)
{
    (void)number, (void)argument, (void)value, (void)error;
    SKIP(no_filter);
}

void contract_deny_waiting(int error)
{
    (void)error;
    SKIP(no_filter);
}

void contract_deny_threads(int error)
{
    (void)error;
    SKIP(no_filter);
}

void contract_fd_exhaust(struct contract *c, unsigned spare)
{
    (void)c, (void)spare;
    SKIP("Windows has no limit of descriptors");
}

void contract_fd_release(struct contract *c)
{
    (void)c;
}
