/* SPDX-License-Identifier: MIT */
/* reader.h - what programs share that read blocks of a file at random places: which block is next,
 * and whether it is right. They measure their own work (work.h).
 *
 * Byte k of the file is computed from k (reader_fill), so that a block from another place is
 * found. Not for several threads at once: a program with threads holds a lock around these
 * calls. */
#ifndef MEASURE_READER_H
#define MEASURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "work.h"

/* Which blocks of which file, how. */
struct reader_plan {
    const char *path;
    uint64_t    blocks; /* in the file */
    size_t      size;   /* bytes of a block, and of its alignment in memory */
    unsigned    depth;  /* reads at a time */
    bool        direct; /* past the page cache */
};

enum { READER_PROGRAM_WORDS = 4, READER_TEXT = 32 };

/* The command line of a reader: the words of its program, then the plan. */
struct reader_command {
    char        text[3][READER_TEXT];
    const char *argv[READER_PROGRAM_WORDS + 6]; /* ends with NULL */
};

/* Fills the command; the program has at most READER_PROGRAM_WORDS words and ends with NULL. The
 * path is borrowed. */
void reader_command(struct reader_command *command, const char *const *program,
                    const struct reader_plan *plan);

struct reader {
    struct reader_plan plan;
    struct work        work;
    uint64_t           random, started;
};

/* From its arguments. 0, or -1 when they are wrong. */
int reader_open(struct reader *reader, int argc, char **argv);

/* Opens the file as the plan says; -1 with errno. */
int reader_file(const struct reader *reader);

/* Where the next read is to start. */
uint64_t reader_next(struct reader *reader);

/* A read ended: ends the program with a sentence when it is wrong. Whether to start another one in
 * its place. */
bool reader_done(struct reader *reader, const void *data, int64_t result, uint64_t offset,
                 uint64_t started_ns);

/* The bytes of the file from an offset on, both a multiple of 8. */
void reader_fill(void *data, size_t length, uint64_t offset);

#endif
