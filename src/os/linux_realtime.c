/* SPDX-License-Identifier: MIT */
/* linux_realtime.c - real-time signals that weir may use: those that the program does not. */
#include <signal.h>
#include <stdatomic.h>

#include "os.h"

static _Atomic uint64_t taken; /* bit n is signal n + 1 */

/* From the highest on, since programs that want one for themselves count up from SIGRTMIN; the very
 * highest is that of Valgrind. */
int os_realtime_take(void)
{
    for (int number = SIGRTMAX - 1; number >= SIGRTMIN; number--) {
        uint64_t         bit = UINT64_C(1) << (number - 1);
        struct sigaction action;
        if (sigaction(number, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
            continue;
        if (!(atomic_fetch_or(&taken, bit) & bit))
            return number;
    }
    return WEIR_EBUSY;
}

void os_realtime_give(int number)
{
    atomic_fetch_and(&taken, ~(UINT64_C(1) << (number - 1)));
}
