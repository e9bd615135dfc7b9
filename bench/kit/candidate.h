/* SPDX-License-Identifier: MIT */
/* candidate.h - a program that a benchmark measures: where it lies, how it is called, and why it
 * cannot take part. */
#ifndef BENCH_CANDIDATE_H
#define BENCH_CANDIDATE_H

#include <limits.h>
#include <stdbool.h>

#include "../../tool/measure/server.h"

enum { CANDIDATE_ARGUMENTS = 8 };

/* Names begin with who wrote it: weir-, hand-, or the library's name. */
struct candidate {
    const char *name;
    const char *program;  /* beneath the build's directory, or as given */
    const char *engine;   /* its WEIR_ENGINE, or NULL */
    int         most;     /* connections that it can hold; 0: as many as there are descriptors */
    const char *why_most; /* what limits it so */
    bool        given;    /* on the command line: the program's path is as it stands */
    bool        left_out; /* by --only */
    const char *argv[CANDIDATE_ARGUMENTS + 1]; /* argv[0] is filled by candidate_find() */
    char        path[PATH_MAX];
    char        refusal[200]; /* why it does not run here; empty when it does */
};

/* The build's directory: that above the one in which this program lies. 0, or -1 with a
 * sentence. */
int candidate_build(char *path, size_t length, struct failure *why);

/* Fills path and argv[0]. A program that was not built is refused. */
void candidate_find(struct candidate *candidate, const char *build);

#endif
