/* SPDX-License-Identifier: MIT */
/* heap.h - the timers: an intrusive 4-ary heap of {due, sequence, op}, smallest first.
 *
 * A deadline is mostly moved to a later time, again and again, and seldom reached. Its entry then
 * stays where it is, and the move is noted: it is moved when it has come up to be the first. So a
 * move costs one access, and the heap is as ordered as anybody can see. A timer has room for the
 * note, and for the time that its entry stands at: its move touches no entry at all. */
#ifndef WEIR_BASE_HEAP_H
#define WEIR_BASE_HEAP_H

#include "weir.h"

/* Where it stands in the heap says {due, sequence}; when op->in.due_ns is later, it really is
 * {op->in.due_ns, moved}. Four of them are 128 bytes, two cache lines that are fetched together. */
struct heap_entry {
    uint64_t due_ns;
    uint64_t sequence; /* of equal times, the one that was set first comes first */
    uint64_t moved;    /* the sequence of its last move to a later time; of a timer in the op */
    union {
        struct weir_op *op;    /* borrowed; op->in.heap_slot is 1 + the entry's index, 0 outside */
        uint64_t        width; /* where pointers are short, an entry is as long as elsewhere */
    };
};

struct heap {
    struct heap_entry *entries; /* within `block`, so that the children of each begin a node */
    void              *block;   /* owned */
    uint32_t           count, room;
    uint64_t           sequence;
};

/* Puts `op` at op->in.due_ns, or moves it there in place. 0, or WEIR_ENOMEM and nothing changed. */
int heap_set(struct heap *heap, struct weir_op *op, const struct weir_allocator *allocator);

/* Takes `op` out, if it is in. */
void heap_remove(struct heap *heap, struct weir_op *op);

/* The entry of the op that is due first, or NULL. Moves those that came up too early. */
const struct heap_entry *heap_first(struct heap *heap);

void heap_finish(struct heap *heap, const struct weir_allocator *allocator);

#endif
