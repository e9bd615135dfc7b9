/* SPDX-License-Identifier: MIT */
/* canary.h - bugs that are planted on purpose, to see that the simulation finds them. They are in a
 * build with WEIR_CANARY alone, and there each sleeps until $WEIR_CANARY names it. */
#ifndef WEIR_BASE_CANARY_H
#define WEIR_BASE_CANARY_H

#ifdef WEIR_CANARY
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool canary_sings(const char *name)
{
    const char *chosen = getenv("WEIR_CANARY");
    return chosen && strcmp(chosen, name) == 0;
}

#define CANARY(name) canary_sings(#name)
#else
#define CANARY(name) 0
#endif

#endif
