/* SPDX-License-Identifier: MIT */
/* posix_signal.h - masks of signals, bit n is signal n + 1, as POSIX has them. */
#ifndef WEIR_POSIX_SIGNAL_H
#define WEIR_POSIX_SIGNAL_H

#include <signal.h>
#include <stdint.h>

/* As a set: 0, or WEIR_EINVAL where one cannot be caught; and blocked while they are awaited, let
 * through again after, where it was weir that blocked. */
int posix_signal_set(sigset_t *set, uint64_t mask);
int posix_signal_block(uint64_t mask, uint64_t *blocked);

#endif
