/* SPDX-License-Identifier: MIT */
/* trace.h - what happened, as text that has to be the same on each engine. */
#ifndef DIFFERENTIAL_TRACE_H
#define DIFFERENTIAL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TRACE_ROOM 262144
#define TRACE_WRONG "WRONG: " /* such a line begins so */

/* Lies in memory that the child shares, so that a crash keeps what was written before. */
struct trace {
    size_t   length;
    unsigned wrong; /* lines that tell what must not be on any engine */
    char     text[TRACE_ROOM];
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void trace_line(struct trace *trace, const char *format, ...);

/* A line of what is wrong, whether others do it too or not. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void trace_wrong(struct trace *trace, const char *format, ...);

/* Nothing is wrong on either, and each did what the other did. */
bool trace_same(const struct trace *a, const struct trace *b);

/* Both, with the first line that differs marked. */
void trace_print_pair(const struct trace *a, const char *name_a, const struct trace *b,
                      const char *name_b, FILE *file);

#endif
