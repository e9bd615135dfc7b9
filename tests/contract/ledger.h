/* SPDX-License-Identifier: MIT */
/* ledger.h - the ledger's inside: begun before a case, checked after it. */
#ifndef CONTRACT_LEDGER_H
#define CONTRACT_LEDGER_H

#include "contract.h"

/* Starts empty books; in a forked process, leaves the parent's behind. */
void ledger_begin(void);

/* Fails the case when an op did not end, memory of a loop is out (if `heap`), or a sealed buffer
 * has changed. */
void ledger_check(bool heap);

/* The call that started a live op which lacks nothing that it needs to end, or NULL; if `files`,
 * also one that waits for a disk. */
const char *ledger_overdue(bool files);

/* Whether every op that is live is with a worker. */
bool ledger_waits_for_workers(void);

/* Frees the buffers and what the ledger holds. */
void ledger_end(void);

/* Counts, fills what it gives with 0xa5, and fails the case on memory that is not its own. */
const struct weir_allocator *ledger_allocator(void);

#endif
