/* SPDX-License-Identifier: MIT */
/* unwrapped.c - the harness where the linker cannot put calls of its own between a program and the
 * system (--wrap): cases that count or deny calls are skipped, and there is no world of the engine
 * sim, nor torture of more than a loop's memory. */
#include "../simulated.h"
#include "../torture.h"

uint64_t contract_malloc_calls(void)
{
    SKIP("macOS has no linker that tells of calls of malloc");
}

/* Descriptors of the case end with its process. */
void opened_close(void)
{
}

/* ---- No world -------------------------------------------------------------------------------- */

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

void simulated_begin(struct contract *c)
{
    (void)c;
    SKIP("macOS has no linker that leads calls into a simulated world");
}

void simulated_end(void)
{
}

void simulated_moment(void)
{
}

unsigned simulated_count(void)
{
    return 0;
}

void simulated_exhaust(bool on)
{
    (void)on;
}

/* ---- No calls that are denied ---------------------------------------------------------------- */

static const char no_filter[] = "macOS has no filter of system calls";

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

void contract_deny_for_a_while(int number, int error, unsigned times)
{
    (void)number, (void)error, (void)times;
    SKIP(no_filter);
}

unsigned contract_denied_times(void)
{
    return 0;
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
