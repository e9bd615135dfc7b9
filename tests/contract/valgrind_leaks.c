/* SPDX-License-Identifier: MIT */
/* valgrind_leaks.c - asks Valgrind what the harness asks a sanitizer where there is one: whether
 * there is memory that nobody holds. Only in builds for Valgrind. */
#include <valgrind/memcheck.h>

int __lsan_do_recoverable_leak_check(void);

int __lsan_do_recoverable_leak_check(void)
{
    unsigned long lost = 0, dubious = 0, reachable = 0, suppressed = 0;
    VALGRIND_DO_LEAK_CHECK;
    VALGRIND_COUNT_LEAKS(lost, dubious, reachable, suppressed);
    (void)dubious, (void)reachable, (void)suppressed;
    return lost != 0;
}
