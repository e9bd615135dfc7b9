/* SPDX-License-Identifier: MIT */
/* apart.h - scripts in processes of their own, compared and made shorter. */
#ifndef DIFFERENTIAL_APART_H
#define DIFFERENTIAL_APART_H

#include "run.h"

/* The program that runs scripts on FAR_ENGINE. */
void apart_reach(const char *command);

/* Runs the script on the engine in a child, in a directory of its own, and waits for it: a crash or
 * a hang is a line of the trace. The trace is valid until the next one into the same `slot`. */
const struct trace *apart_run(const struct script *script, const char *engine, enum plant plant,
                              int slot);

/* Whether the two engines differ; the fault is planted on the second. */
bool apart_differ(const struct script *script, const char *const engines[2], enum plant plant);

/* Takes steps out of the script while the engines differ; at most `runs` tries. */
void shrink(struct script *script, const char *const engines[2], enum plant plant, unsigned runs);

#endif
