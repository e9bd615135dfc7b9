/* SPDX-License-Identifier: MIT */
/* heap.c - a 4-ary heap: half the depth of a binary one, and four children in two cache lines. */
#include "heap.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->sequence < b->sequence);
}

static void put(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    heap->entries[at] = entry;
    entry.op->in.heap_slot = at + 1;
}

/* Moves a hole from `at` towards the root until `entry` fits in it. */
static void rise(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    while (at) {
        uint32_t parent = (at - 1) / 4;
        if (!before(&entry, &heap->entries[parent]))
            break;
        put(heap, at, heap->entries[parent]);
        at = parent;
    }
    put(heap, at, entry);
}

/* Moves a hole from `at` towards the leaves until `entry` fits in it. */
static void sink(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    for (;;) {
        uint32_t child = at * 4 + 1;
        if (child >= heap->count)
            break;
        uint32_t end = child + 4 < heap->count ? child + 4 : heap->count;
        uint32_t least = child;
        for (uint32_t i = child + 1; i < end; i++)
            if (before(&heap->entries[i], &heap->entries[least]))
                least = i;
        if (!before(&heap->entries[least], &entry))
            break;
        put(heap, at, heap->entries[least]);
        at = least;
    }
    put(heap, at, entry);
}

static void place(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    if (at && before(&entry, &heap->entries[(at - 1) / 4]))
        rise(heap, at, entry);
    else
        sink(heap, at, entry);
}

int heap_set(struct heap *heap, struct weir_op *op, const struct weir_allocator *allocator)
{
    struct heap_entry entry = {op->in.due_ns, heap->sequence++, op};
    if (op->in.heap_slot) {
        place(heap, op->in.heap_slot - 1, entry);
        return 0;
    }
    if (heap->count == heap->room) {
        uint32_t room = heap->room ? heap->room * 2 : 64;
        void    *entries = allocator->resize(allocator->user, heap->entries,
                                             (size_t)room * sizeof *heap->entries);
        if (!entries)
            return WEIR_ENOMEM;
        heap->entries = entries;
        heap->room = room;
    }
    rise(heap, heap->count++, entry);
    return 0;
}

void heap_remove(struct heap *heap, struct weir_op *op)
{
    if (!op->in.heap_slot)
        return;
    uint32_t at = op->in.heap_slot - 1;
    op->in.heap_slot = 0;
    heap->count--;
    if (at < heap->count)
        place(heap, at, heap->entries[heap->count]);
}

void heap_finish(struct heap *heap, const struct weir_allocator *allocator)
{
    allocator->resize(allocator->user, heap->entries, 0);
    *heap = (struct heap){0};
}
