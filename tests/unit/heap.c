/* SPDX-License-Identifier: MIT */
/* heap.c - the heap of timers against a plain list that is searched for its smallest. */
#include "base/heap.h"
#include "unit.h"

#define OPS 500

static size_t bytes_out, calls_left = SIZE_MAX;

static void *count_resize(void *user, void *memory, size_t size)
{
    size_t *block = memory ? (size_t *)memory - 2 : NULL;
    (void)user;
    if (!size) {
        bytes_out -= block ? *block : 0;
        free(block);
        return NULL;
    }
    if (calls_left == 0)
        return NULL;
    calls_left--;
    bytes_out += size - (block ? *block : 0);
    block = realloc(block, size + 2 * sizeof *block);
    CHECK(block != NULL);
    *block = size;
    return block + 2;
}

static const struct weir_allocator allocator = {count_resize, NULL};

/* What the heap has to agree with. */
struct model {
    bool     in[OPS];
    uint64_t due[OPS], sequence[OPS], next_sequence;
    uint32_t count;
};

static int model_first(const struct model *m)
{
    int first = -1;
    for (int i = 0; i < OPS; i++) {
        if (!m->in[i])
            continue;
        if (first < 0 || m->due[i] < m->due[first] ||
            (m->due[i] == m->due[first] && m->sequence[i] < m->sequence[first]))
            first = i;
    }
    return first;
}

static void check_agrees(struct heap *heap, const struct model *m, struct weir_op *ops)
{
    const struct heap_entry *first = heap_first(heap);
    int                      expected = model_first(m);
    CHECK_EQ(heap->count, m->count);
    if (expected < 0) {
        CHECK(first == NULL);
        return;
    }
    CHECK(first->op == &ops[expected]);
    CHECK(first->due_ns == m->due[expected]);
}

static void check_slots(const struct heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        CHECK_EQ(heap->entries[i].op->in.heap_slot, i + 1);
        CHECK(heap->entries[i].due_ns <= heap->entries[i].op->in.due_ns);
        if (i)
            CHECK(heap->entries[(i - 1) / 4].due_ns <= heap->entries[i].due_ns);
        if (i % 4 == 1)
            CHECK_EQ((uintptr_t)&heap->entries[i] % (4 * sizeof *heap->entries), 0);
    }
}

static void set_one(struct heap *heap, struct model *m, struct weir_op *ops, int i, uint64_t due)
{
    ops[i].in.due_ns = due;
    CHECK_EQ(heap_set(heap, &ops[i], &allocator), 0);
    m->count += !m->in[i];
    m->in[i] = true;
    m->due[i] = due;
    m->sequence[i] = m->next_sequence++;
}

static void remove_one(struct heap *heap, struct model *m, struct weir_op *ops, int i)
{
    heap_remove(heap, &ops[i]);
    CHECK_EQ(ops[i].in.heap_slot, 0);
    m->count -= m->in[i];
    m->in[i] = false;
}

/* Sets, moves and removals drawn at random; a small range of times makes many of them equal. */
static void random_steps(uint64_t seed, uint64_t range, unsigned steps)
{
    static struct weir_op ops[OPS];
    struct heap           heap = {0};
    struct model          m = {.count = 0};
    for (int i = 0; i < OPS; i++)
        ops[i] = (struct weir_op){.kind = i % 2 ? WEIR_OP_TIMER : WEIR_OP_RECV};
    for (unsigned step = 0; step < steps; step++) {
        int      i = (int)(unit_random(&seed) % OPS);
        uint64_t how = unit_random(&seed) % 10;
        if (how < 6)
            set_one(&heap, &m, ops, i, unit_random(&seed) % range);
        else if (how < 9)
            remove_one(&heap, &m, ops, i);
        else if (heap_first(&heap))
            remove_one(&heap, &m, ops, (int)(heap_first(&heap)->op - ops));
        check_agrees(&heap, &m, ops);
        if (step % 64 == 0)
            check_slots(&heap);
    }
    while (heap_first(&heap)) {
        remove_one(&heap, &m, ops, (int)(heap_first(&heap)->op - ops));
        check_agrees(&heap, &m, ops);
    }
    heap_finish(&heap, &allocator);
    CHECK_EQ(bytes_out, 0);
}

static void ends_of_time(void)
{
    static struct weir_op ops[OPS];
    struct heap           heap = {0};
    struct model          m = {.count = 0};
    for (int i = 0; i < OPS; i++)
        ops[i] = (struct weir_op){0};
    set_one(&heap, &m, ops, 0, UINT64_MAX);
    set_one(&heap, &m, ops, 1, 0);
    set_one(&heap, &m, ops, 2, UINT64_MAX - 1);
    set_one(&heap, &m, ops, 3, (uint64_t)INT64_MAX + 1);
    set_one(&heap, &m, ops, 4, INT64_MAX);
    static const int order[] = {1, 4, 3, 2, 0};
    for (int i = 0; i < 5; i++) {
        CHECK(heap_first(&heap)->op == &ops[order[i]]);
        remove_one(&heap, &m, ops, order[i]);
    }
    heap_finish(&heap, &allocator);
    CHECK_EQ(bytes_out, 0);
}

/* Without memory for one more, nothing has changed, and moving one that is in needs none. */
static void without_memory(void)
{
    static struct weir_op ops[OPS];
    struct heap           heap = {0};
    struct model          m = {.count = 0};
    int                   fits = 0;
    for (int i = 0; i < OPS; i++)
        ops[i] = (struct weir_op){.in.due_ns = (uint64_t)(OPS - i)};
    calls_left = 0;
    CHECK_EQ(heap_set(&heap, &ops[0], &allocator), WEIR_ENOMEM);
    CHECK_EQ(ops[0].in.heap_slot, 0);
    CHECK_EQ(heap.count, 0);
    calls_left = 2;
    while (heap_set(&heap, &ops[fits], &allocator) == 0) {
        m.in[fits] = true;
        m.due[fits] = ops[fits].in.due_ns;
        m.sequence[fits] = m.next_sequence++;
        m.count++;
        CHECK(++fits < OPS);
    }
    check_agrees(&heap, &m, ops);
    CHECK_EQ(ops[fits].in.heap_slot, 0);
    set_one(&heap, &m, ops, 3, 1000000);
    check_agrees(&heap, &m, ops);
    check_slots(&heap);
    heap_finish(&heap, &allocator);
    calls_left = SIZE_MAX;
    CHECK_EQ(bytes_out, 0);
}

int main(void)
{
    random_steps(1, 10, 20000);
    random_steps(2, 1000, 20000);
    random_steps(3, UINT64_MAX, 20000);
    ends_of_time();
    without_memory();
    puts("ok");
    return 0;
}
