/* SPDX-License-Identifier: MIT */
/* heap.c - a 4-ary heap: half the depth of a binary one, and four children in two cache lines. */
#include "heap.h"

#include <string.h>

#define NODE 128u /* bytes: the four children of an entry */

_Static_assert(sizeof(void *) != 8 || sizeof(struct heap_entry) * 4 == NODE, "children are a node");

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->sequence < b->sequence);
}

static void put(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    heap->entries[at] = entry;
    entry.op->in.heap_slot = at + 1;
    if (entry.op->kind == WEIR_OP_TIMER)
        entry.op->in.arg.timer.placed_ns = entry.due_ns;
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

/* The second entry begins a node, and so does every fourth behind it. */
static struct heap_entry *entries_in(void *block)
{
    uintptr_t second = (uintptr_t)block + sizeof(struct heap_entry);
    return (struct heap_entry *)(void *)((char *)block + (NODE - second % NODE) % NODE);
}

/* 0, or WEIR_ENOMEM and nothing changed. */
static int grow(struct heap *heap, const struct weir_allocator *allocator)
{
    uint32_t room = heap->room ? heap->room * 2 : 64;
    size_t   before = heap->block ? (size_t)((char *)heap->entries - (char *)heap->block) : 0;
    char    *block = allocator->resize(allocator->user, heap->block,
                                       (size_t)room * sizeof *heap->entries + NODE);
    if (!block)
        return WEIR_ENOMEM;
    heap->block = block;
    heap->entries = entries_in(block);
    heap->room = room;
    if (heap->count) /* the block may begin elsewhere in a node than it did */
        memmove(heap->entries, block + before, heap->count * sizeof *heap->entries);
    return 0;
}

/* Whether the entry of the op may stay where it is for now. */
static bool moves_later(struct heap *heap, struct weir_op *op)
{
    if (op->kind == WEIR_OP_TIMER) {
        if (op->in.due_ns <= op->in.arg.timer.placed_ns)
            return false;
        op->in.arg.timer.moved = heap->sequence++;
        return true;
    }
    struct heap_entry *entry = &heap->entries[op->in.heap_slot - 1];
    if (op->in.due_ns <= entry->due_ns)
        return false;
    entry->moved = heap->sequence++;
    return true;
}

static uint64_t sequence_of_move(const struct heap_entry *entry)
{
    return entry->op->kind == WEIR_OP_TIMER ? entry->op->in.arg.timer.moved : entry->moved;
}

int heap_set(struct heap *heap, struct weir_op *op, const struct weir_allocator *allocator)
{
    if (op->in.heap_slot && moves_later(heap, op))
        return 0;
    struct heap_entry entry = {.due_ns = op->in.due_ns, .sequence = heap->sequence++, .op = op};
    if (op->in.heap_slot) {
        place(heap, op->in.heap_slot - 1, entry);
        return 0;
    }
    if (heap->count == heap->room && grow(heap, allocator))
        return WEIR_ENOMEM;
    rise(heap, heap->count++, entry);
    return 0;
}

const struct heap_entry *heap_first(struct heap *heap)
{
    if (!heap->count)
        return NULL;
    for (;;) {
        struct heap_entry first = heap->entries[0];
        if (first.op->in.due_ns <= first.due_ns)
            return &heap->entries[0];
        first.due_ns = first.op->in.due_ns;
        first.sequence = sequence_of_move(&first);
        sink(heap, 0, first);
    }
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
    allocator->resize(allocator->user, heap->block, 0);
    *heap = (struct heap){0};
}
