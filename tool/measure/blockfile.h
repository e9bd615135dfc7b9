/* SPDX-License-Identifier: MIT */
/* blockfile.h - the file that random readers read (reader.h): made, brought into the page cache or
 * out of it, and removed. */
#ifndef MEASURE_BLOCKFILE_H
#define MEASURE_BLOCKFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"

struct blockfile {
    char path[4096];     /* empty when there is none */
    char no_direct[200]; /* why it cannot be read past the cache; empty when it can */
};

/* Makes a file of so many MiB in the directory, named after `purpose`, and brings it to the disk.
 * 0, or -1 with a sentence or, without one, because a stop was requested. */
int blockfile_make(struct blockfile *file, const char *directory, const char *purpose,
                   long long mebibytes, struct failure *why);

/* Finds out whether blocks of so many bytes can be read past the cache: no_direct. */
void blockfile_try_direct(struct blockfile *file, size_t size);

/* The page cache then holds all of the file, or nothing of it, as far as the system lets us. */
void blockfile_warm(const struct blockfile *file, bool cached);

/* May be called again. */
void blockfile_remove(struct blockfile *file);

#endif
