/* SPDX-License-Identifier: MIT */
/* reader.h - what programs share that read blocks of a file at random places: which block is next,
 * whether it is right, when to end, and the report to the process that started them.
 *
 * Byte k of the file is computed from k (reader_fill), so that a block from another place is
 * found. Not for several threads at once: a program with threads holds a lock around these
 * calls. */
#ifndef MEASURE_READER_H
#define MEASURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

struct reader {
    /* What is asked for. */
    const char *path;
    uint64_t    blocks; /* in the file */
    size_t      size;   /* bytes of a block, and of its alignment in memory */
    unsigned    depth;  /* reads at a time */
    bool        direct; /* past the page cache */

    /* Its own. */
    uint64_t            reads; /* in all; 0: by time */
    uint64_t            warmup_ns, window_ns;
    struct load_report *report; /* shared with who started it */
    int                 control;
    uint64_t            random, started, ended;
    uint64_t            begin_ns, cpu_ns, before; /* of the window */
    enum { READER_WARMS_UP, READER_IN_WINDOW, READER_OVER } stage;
};

/* From the arguments that a batch (batch.h) gives. 0, or -1 when they are wrong. */
int reader_open(struct reader *reader, int argc, char **argv);

/* The file is open and buffers are there: it may begin. */
void reader_begin(struct reader *reader);

/* Where the next read is to start. */
uint64_t reader_next(struct reader *reader);

/* A read ended: ends the program with a sentence when it is wrong. Whether to start another one in
 * its place. */
bool reader_done(struct reader *reader, const void *data, int64_t result, uint64_t offset,
                 uint64_t started_ns);

/* Every read has ended. The exit status. */
int reader_end(struct reader *reader);

/* A sentence for the report; ends the program. */
_Noreturn void reader_fail(struct reader *reader, const char *what, int error);

/* The bytes of the file from an offset on, both a multiple of 8. */
void reader_fill(void *data, size_t length, uint64_t offset);

#endif
