/* SPDX-License-Identifier: MIT */
/* history.c - whether a read may return what it returned. */
#include <stdio.h>

#include "kv_test.h"

unsigned history_floor(const struct key *key)
{
    return key->done > key->seen ? key->done : key->seen;
}

void history_read(struct history *history, struct key *key, unsigned floor, unsigned value)
{
    if (!history->wrong[0] && value < floor)
        snprintf(history->wrong, sizeof history->wrong,
                 "%s was %u, after a write or a read had said %u", key->name, value, floor);
    if (!history->wrong[0] && value > key->started)
        snprintf(history->wrong, sizeof history->wrong, "%s was %u, which nobody wrote", key->name,
                 value);
    if (value > key->seen)
        key->seen = value;
}
