/* SPDX-License-Identifier: MIT */
/* lists.c - rings, FIFOs and the stack of posts against an array that does the same. */
#include <pthread.h>

#include "base/list.h"
#include "unit.h"

#define OPS 40

/* An array of indices in order: what a list has to hold. */
struct model {
    int at[OPS], count;
};

static void model_take(struct model *m, int position)
{
    m->count--;
    for (int i = position; i < m->count; i++)
        m->at[i] = m->at[i + 1];
}

static int model_find(const struct model *m, int index)
{
    for (int i = 0; i < m->count; i++)
        if (m->at[i] == index)
            return i;
    return -1;
}

static void check_ring(struct weir_op *head, const struct model *m, const struct weir_op *ops)
{
    struct weir_op *op = head;
    for (int i = 0; i < m->count; i++) {
        CHECK(op == &ops[m->at[i]]);
        op = ring_after(head, op);
    }
    CHECK(op == NULL);
}

static void rings(void)
{
    static struct weir_op ops[OPS];
    struct weir_op       *head = NULL;
    struct model          m = {.count = 0};
    uint64_t              seed = 1;
    for (int step = 0; step < 20000; step++) {
        int index = (int)(unit_random(&seed) % OPS), position = model_find(&m, index);
        if (position < 0) {
            ring_push(&head, &ops[index]);
            m.at[m.count++] = index;
        } else {
            ring_remove(&head, &ops[index]);
            CHECK(ops[index].in.next == NULL && ops[index].in.previous == NULL);
            model_take(&m, position);
        }
        check_ring(head, &m, ops);
    }
}

static void check_fifo(const struct op_fifo *fifo, const struct model *m, const struct weir_op *ops)
{
    const struct weir_op *op = fifo->first;
    for (int i = 0; i < m->count; i++, op = op->in.lane)
        CHECK(op == &ops[m->at[i]]);
    CHECK(op == NULL);
    CHECK(fifo->last == (m->count ? &ops[m->at[m->count - 1]] : NULL));
}

static void fifos(void)
{
    static struct weir_op ops[OPS];
    struct op_fifo        fifo = {0};
    struct model          m = {.count = 0};
    uint64_t              seed = 2;
    for (int step = 0; step < 20000; step++) {
        int  index = (int)(unit_random(&seed) % OPS), position = model_find(&m, index);
        bool front = unit_random(&seed) % 4 == 0;
        if (unit_random(&seed) % 4 == 0) {
            struct weir_op *taken = fifo_take(&fifo);
            CHECK(taken == (m.count ? &ops[m.at[0]] : NULL));
            if (m.count)
                model_take(&m, 0);
        } else if (position >= 0) {
            CHECK(fifo_remove(&fifo, &ops[index]));
            model_take(&m, position);
        } else if (front) {
            fifo_push_front(&fifo, &ops[index]);
            for (int i = m.count++; i > 0; i--)
                m.at[i] = m.at[i - 1];
            m.at[0] = index;
        } else {
            CHECK(!fifo_remove(&fifo, &ops[index]));
            fifo_push(&fifo, &ops[index]);
            m.at[m.count++] = index;
        }
        check_fifo(&fifo, &m, ops);
    }
}

static void handle_fifos(void)
{
    static struct weir_handle handles[OPS];
    struct handle_fifo        fifo = {0};
    struct model              m = {.count = 0};
    uint64_t                  seed = 3;
    for (int step = 0; step < 20000; step++) {
        int index = (int)(unit_random(&seed) % OPS), position = model_find(&m, index);
        if (unit_random(&seed) % 3 == 0) {
            CHECK(handles_take(&fifo) == (m.count ? &handles[m.at[0]] : NULL));
            if (m.count)
                model_take(&m, 0);
        } else if (position >= 0) {
            CHECK(handles_remove(&fifo, &handles[index]));
            model_take(&m, position);
        } else {
            CHECK(!handles_remove(&fifo, &handles[index]));
            handles_push(&fifo, &handles[index]);
            m.at[m.count++] = index;
        }
        const struct weir_handle *at = fifo.first;
        for (int i = 0; i < m.count; i++, at = at->in.changed)
            CHECK(at == &handles[m.at[i]]);
        CHECK(at == NULL);
        CHECK(fifo.last == (m.count ? &handles[m.at[m.count - 1]] : NULL));
    }
}

/* ------------------------------------------------------------------------------------------------
 * The stack that any thread pushes on
 * ---------------------------------------------------------------------------------------------- */

#define PUSHERS 4
#define EACH 5000

static _Atomic(struct weir_op *) stack;
static struct weir_op            pushed[PUSHERS][EACH];

static void *push_all(void *argument)
{
    struct weir_op *ops = argument;
    for (int i = 0; i < EACH; i++) {
        ops[i].result = i;
        stack_push(&stack, &ops[i]);
    }
    return NULL;
}

/* Each pusher's ops come exactly once, in its order. */
static void stack_of_posts(void)
{
    pthread_t threads[PUSHERS];
    int       next[PUSHERS] = {0}, taken = 0;
    CHECK(stack_take(&stack) == NULL);
    for (int i = 0; i < PUSHERS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, push_all, pushed[i]), 0);
    while (taken < PUSHERS * EACH) {
        for (struct weir_op *op = stack_take(&stack); op; op = op->in.lane) {
            int who = (int)((op - &pushed[0][0]) / EACH);
            CHECK_EQ(op->result, next[who]);
            next[who]++;
            taken++;
        }
    }
    for (int i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(stack_take(&stack) == NULL);
}

int main(void)
{
    rings();
    fifos();
    handle_fifos();
    stack_of_posts();
    puts("ok");
    return 0;
}
