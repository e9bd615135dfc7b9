/* SPDX-License-Identifier: MIT */
/* group.h - what the two halves of a group share: group.c, which has the loops and their threads,
 * and group_listen.c, which has what they listen on and the memory of the connections. */
#ifndef WEIR_GROUP_H
#define WEIR_GROUP_H

#include <pthread.h>

#include "engine.h"

/* What the threads of a group are asked to do, all of them and one after the other; each answers
 * when it has done it. */
enum order { ORDER_OPEN, ORDER_START, ORDER_RUN, ORDER_DRAIN, ORDER_CLOSE };

/* A loop of a group, and its thread. In cache lines of its own. */
struct group_member {
    struct weir_group *group;
    struct weir_loop  *loop; /* owned; its thread's. NULL: not opened, closed, or lost in a crash */
    unsigned           index;
    pthread_t          thread;
    const void        *mark;       /* of its thread; NULL before it runs */
    struct weir_op     hold, stop; /* hold: keeps the loop running; stop: a post that ends that */
    bool               stopped;    /* its thread's */
    bool               started, running; /* there is a thread to join; one that takes orders */
    unsigned           answered;         /* number of the last order that it did */
    int                error;            /* how that ended */
};

struct weir_group {
    struct weir_allocator     allocator;
    struct weir_group_options options; /* copied; what options.loop points to is not kept */
    unsigned                  generation, count;
    bool                  simulated; /* no threads: the loops are of a world's, and so is this */
    bool                  stopping;
    struct group_member **members; /* owned, each of them too */

    /* Under mutex, as are answered, error and running of the members. */
    pthread_mutex_t   mutex;
    pthread_cond_t    changed;
    enum order        order;
    unsigned          number; /* of the order */
    uint64_t          until_ns;
    struct listening *listening; /* owned; a list */
};

/* Memory in cache lines that nothing else lies in, zeroed; NULL without memory. */
void *group_lines_take(const struct weir_allocator *allocator, size_t size);
void  group_lines_give(const struct weir_allocator *allocator, void *lines);

/* From a mutex that is held: whether the member has done what it was told last. */
static inline bool group_member_rests(const struct group_member *member)
{
    return member->answered == member->group->number;
}

/* Whether the calling thread is one of the group's. */
bool group_has_thread(const struct weir_group *group);

/* No loop is there any more. */
void group_listening_free(struct weir_group *group);

#endif
