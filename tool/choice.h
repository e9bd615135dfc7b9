/* SPDX-License-Identifier: MIT */
/* choice.h - which engines a comparison takes, and where its results go. */
#ifndef TOOL_CHOICE_H
#define TOOL_CHOICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir.h>

enum { CHOICE_ROOM = 32 };

/* Zero it first. */
struct choice {
    struct weir_engine_info        known[CHOICE_ROOM];
    int                            known_count;
    const struct weir_engine_info *chosen[CHOICE_ROOM];
    size_t                         chosen_count;
    const struct weir_engine_info *refused[CHOICE_ROOM]; /* of the default list */
    size_t                         refused_count;
};

/* What is compared where the user says nothing: the mechanisms that this system has for streams,
 * and those that serve files differently. choice_linux.c,
 * choice_kqueue.c, choice_win.c. */
extern const char choice_stream_engines[], choice_file_engines[];

/* Takes the engines of a list with commas; asked NULL: those of the default list that are allowed
 * here. EXIT_DONE, or the status to end with after a sentence. */
int choice_make(struct choice *choice, const char *asked, const char *default_list);

/* A line for each engine of the default list that is refused here. */
void    choice_print_refused(const struct choice *choice);
json_t *choice_json_refused(const struct choice *choice);

/* The most connections that a server of this name is asked to hold; why not more, or *why as it
 * was. */
int choice_most(const char *name, const char **why);

/* Leaves out the engines that do not hold so many connections, as if they were refused. One that
 * was asked for by name is an error. EXIT_DONE, or the status to end with after a sentence. */
int choice_cap(struct choice *choice, bool asked, int connections);

/* Raises the limit of descriptors as far as it may be; each connection is one on both sides.
 * EXIT_DONE, or EXIT_FAILED after a sentence that names `option` as what to lower. */
int choice_ensure_descriptors(int connections, const char *option);

/* Tells before the measuring, not after it, that its result could not be written. */
int choice_check_writable(const char *path);

#endif
