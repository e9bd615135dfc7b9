/* SPDX-License-Identifier: MIT */
/* gate.h - where a thread waits until another lets it through: a semaphore that begins closed. What
 * was written before gate_let() is seen behind gate_wait(). macOS has those of POSIX in name
 * alone. */
#ifndef WEIR_GATE_H
#define WEIR_GATE_H

#include <stdbool.h>

#ifdef __APPLE__
#include <dispatch/dispatch.h>

struct gate {
    dispatch_semaphore_t semaphore; /* owned */
};

/* False: out of memory. */
static inline bool gate_init(struct gate *gate)
{
    gate->semaphore = dispatch_semaphore_create(0);
    return gate->semaphore != NULL;
}

static inline void gate_let(struct gate *gate)
{
    dispatch_semaphore_signal(gate->semaphore);
}

static inline void gate_wait(struct gate *gate)
{
    dispatch_semaphore_wait(gate->semaphore, DISPATCH_TIME_FOREVER);
}

static inline void gate_finish(struct gate *gate)
{
    dispatch_release(gate->semaphore);
}
#else
#include <semaphore.h>

struct gate {
    sem_t semaphore;
};

static inline bool gate_init(struct gate *gate)
{
    return sem_init(&gate->semaphore, 0, 0) == 0;
}

static inline void gate_let(struct gate *gate)
{
    sem_post(&gate->semaphore);
}

static inline void gate_wait(struct gate *gate)
{
    while (sem_wait(&gate->semaphore)) /* a signal came in between */
        continue;
}

static inline void gate_finish(struct gate *gate)
{
    sem_destroy(&gate->semaphore);
}
#endif

#endif
