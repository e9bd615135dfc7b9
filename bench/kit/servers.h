/* SPDX-License-Identifier: MIT */
/* servers.h - the echo servers that are compared: weir's example on each engine, those written by
 * hand for each mechanism, and those on other libraries. */
#ifndef BENCH_SERVERS_H
#define BENCH_SERVERS_H

#include "cell.h"

/* Room behind the table for servers of the command line. */
enum { SERVERS_ADDED_MAX = 8 };

/* All of them; their number. */
struct candidate *servers_all(size_t *count);

/* Takes NAME=PROGRAM of --add; BENCH_DONE or BENCH_USAGE. The text is borrowed, and changed. */
int servers_add(struct bench *bench, char *text);

/* A contender for each server. One that cannot hold so many connections is refused. */
void servers_enter(struct cell *cell, const struct bench *bench, int connections);

/* The goals of an echo cell: each engine against the server written by hand for its mechanism, the
 * default choice against the best of all and against every library. */
void servers_ask(struct cell *cell);

#endif
