/* SPDX-License-Identifier: MIT */
/* syscalls.c - counts of system calls in words. */
#include "syscalls.h"

#include <stdio.h>

/* The most frequent call behind the call `after` (-1: of all) in the order of frequency, then of
 * numbers; -1 when there is none. */
static int next_frequent(const struct syscall_counts *counts, int after)
{
    int best = -1;
    for (int i = 0; i < SYSCALL_NUMBERS; i++) {
        uint64_t n = counts->by_number[i];
        bool     open = after < 0 || n < counts->by_number[after] ||
                    (n == counts->by_number[after] && i > after);
        if (open && (best < 0 || n > counts->by_number[best]))
            best = i;
    }
    return best;
}

void syscalls_describe(const struct syscall_counts *counts, char *text, size_t length)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = next_frequent(counts, -1); i >= 0 && at < length; i = next_frequent(counts, i)) {
        double each = (double)counts->by_number[i] / (double)counts->requests;
        if (each < 0.00005)
            break;
        int n = snprintf(text + at, length - at, "%s%s %.*f", at ? ", " : "", syscalls_name(i),
                         each < 0.01 ? 4 : 2, each);
        at += n > 0 ? (size_t)n : 0;
    }
}
