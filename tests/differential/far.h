/* SPDX-License-Identifier: MIT */
/* far.h - an engine of another system: a program that reads a script, and the fault to plant into
 * what it does, and writes the trace. */
#ifndef DIFFERENTIAL_FAR_H
#define DIFFERENTIAL_FAR_H

#include <sys/types.h>

#include "run.h"

/* The engine is called so. */
#define FAR_ENGINE "far"

/* Makes every script one that the other system can run: see far.c. */
void far_fit(struct script *script);

/* In a child, inside its folder: becomes the program. */
_Noreturn void far_be(const struct script *script, enum plant plant, const char *command);

/* Of what the program wrote into that folder. */
void far_read(struct trace *trace, const char *folder);

#endif
