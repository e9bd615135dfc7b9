/* SPDX-License-Identifier: MIT */
/* posix_signal.c - masks of signals: bit n is signal n + 1. */
#include <signal.h>

#include "os.h"
#include "posix_signal.h"

static bool has(uint64_t mask, int number)
{
    return mask & (UINT64_C(1) << (number - 1));
}

int posix_signal_set(sigset_t *set, uint64_t mask)
{
    sigemptyset(set);
    for (int number = 1; number <= 64; number++)
        if (has(mask, number) &&
            (number == SIGKILL || number == SIGSTOP || sigaddset(set, number) < 0))
            return WEIR_EINVAL;
    return 0;
}

int posix_signal_block(uint64_t mask, uint64_t *blocked)
{
    sigset_t awaited, let_through, before;
    if (posix_signal_set(&awaited, mask) || posix_signal_set(&let_through, *blocked & ~mask))
        return WEIR_EINVAL;
    pthread_sigmask(SIG_UNBLOCK, &let_through, NULL);
    pthread_sigmask(SIG_BLOCK, &awaited, &before);
    *blocked &= mask;
    for (int number = 1; number <= 64; number++)
        if (has(mask, number) && sigismember(&before, number) != 1)
            *blocked |= UINT64_C(1) << (number - 1);
    return 0;
}
