/* SPDX-License-Identifier: MIT */
/* heap.h - the timers: an intrusive 4-ary heap of {due, sequence, op}, smallest first. */
#ifndef WEIR_BASE_HEAP_H
#define WEIR_BASE_HEAP_H

#include "weir.h"

struct heap_entry {
    uint64_t        due_ns;
    uint64_t        sequence; /* of equal times, the one that was set first comes first */
    struct weir_op *op;       /* borrowed; op->in.heap_slot is 1 + the entry's index, 0 outside */
};

struct heap {
    struct heap_entry *entries; /* owned */
    uint32_t           count, room;
    uint64_t           sequence;
};

/* Puts `op` at op->in.due_ns, or moves it there in place. 0, or WEIR_ENOMEM and nothing changed. */
int heap_set(struct heap *heap, struct weir_op *op, const struct weir_allocator *allocator);

/* Takes `op` out, if it is in. */
void heap_remove(struct heap *heap, struct weir_op *op);

static inline const struct heap_entry *heap_first(const struct heap *heap)
{
    return heap->count ? &heap->entries[0] : NULL;
}

void heap_finish(struct heap *heap, const struct weir_allocator *allocator);

#endif
