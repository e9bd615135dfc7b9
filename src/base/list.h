/* SPDX-License-Identifier: MIT */
/* list.h - the three ways ops and handles are strung together: rings, FIFOs and an atomic stack. */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdatomic.h>

#include "weir.h"

/* A ring of ops through in.next and in.previous; the head is the oldest. NULL is empty. */
static inline void ring_push(struct weir_op **head, struct weir_op *op)
{
    struct weir_op *first = *head;
    if (!first) {
        op->in.next = op->in.previous = op;
        *head = op;
        return;
    }
    op->in.next = first;
    op->in.previous = first->in.previous;
    first->in.previous->in.next = op;
    first->in.previous = op;
}

static inline void ring_remove(struct weir_op **head, struct weir_op *op)
{
    if (op->in.next == op) {
        *head = NULL;
    } else {
        op->in.previous->in.next = op->in.next;
        op->in.next->in.previous = op->in.previous;
        if (*head == op)
            *head = op->in.next;
    }
    op->in.next = op->in.previous = NULL;
}

/* The op after `op` in its ring, or NULL at the end. */
static inline struct weir_op *ring_after(struct weir_op *head, struct weir_op *op)
{
    return op->in.next == head ? NULL : op->in.next;
}

/* A FIFO of ops through in.lane. */
struct op_fifo {
    struct weir_op *first, *last;
};

static inline void fifo_push(struct op_fifo *fifo, struct weir_op *op)
{
    op->in.lane = NULL;
    if (fifo->last)
        fifo->last->in.lane = op;
    else
        fifo->first = op;
    fifo->last = op;
}

static inline void fifo_push_front(struct op_fifo *fifo, struct weir_op *op)
{
    op->in.lane = fifo->first;
    fifo->first = op;
    if (!fifo->last)
        fifo->last = op;
}

static inline struct weir_op *fifo_take(struct op_fifo *fifo)
{
    struct weir_op *op = fifo->first;
    if (op) {
        fifo->first = op->in.lane;
        if (!fifo->first)
            fifo->last = NULL;
        op->in.lane = NULL;
    }
    return op;
}

/* Takes out an op wherever it stands. Whether it was there. */
static inline bool fifo_remove(struct op_fifo *fifo, struct weir_op *op)
{
    struct weir_op *before = NULL;
    for (struct weir_op *at = fifo->first; at; before = at, at = at->in.lane) {
        if (at != op)
            continue;
        if (before)
            before->in.lane = op->in.lane;
        else
            fifo->first = op->in.lane;
        if (fifo->last == op)
            fifo->last = before;
        op->in.lane = NULL;
        return true;
    }
    return false;
}

/* A FIFO of handles through in.changed. A handle is in at most one: HANDLE_LISTED says so. */
struct handle_fifo {
    struct weir_handle *first, *last;
};

static inline void handles_push(struct handle_fifo *fifo, struct weir_handle *handle)
{
    handle->in.changed = NULL;
    if (fifo->last)
        fifo->last->in.changed = handle;
    else
        fifo->first = handle;
    fifo->last = handle;
}

static inline struct weir_handle *handles_take(struct handle_fifo *fifo)
{
    struct weir_handle *handle = fifo->first;
    if (handle) {
        fifo->first = handle->in.changed;
        if (!fifo->first)
            fifo->last = NULL;
        handle->in.changed = NULL;
    }
    return handle;
}

static inline bool handles_remove(struct handle_fifo *fifo, struct weir_handle *handle)
{
    struct weir_handle *before = NULL;
    for (struct weir_handle *at = fifo->first; at; before = at, at = at->in.changed) {
        if (at != handle)
            continue;
        if (before)
            before->in.changed = handle->in.changed;
        else
            fifo->first = handle->in.changed;
        if (fifo->last == handle)
            fifo->last = before;
        handle->in.changed = NULL;
        return true;
    }
    return false;
}

/* A stack of ops that any thread pushes on and one thread takes whole: no lock, and no ABA problem,
 * since nothing is ever popped singly. */
static inline void stack_push(_Atomic(struct weir_op *) *stack, struct weir_op *op)
{
    struct weir_op *top = atomic_load_explicit(stack, memory_order_relaxed);
    do
        op->in.lane = top;
    while (!atomic_compare_exchange_weak_explicit(stack, &top, op, memory_order_seq_cst,
                                                  memory_order_relaxed));
}

/* Everything on the stack, oldest first, as a list through in.lane. */
static inline struct weir_op *stack_take(_Atomic(struct weir_op *) *stack)
{
    if (!atomic_load_explicit(stack, memory_order_relaxed))
        return NULL;
    struct weir_op *op = atomic_exchange_explicit(stack, NULL, memory_order_acquire);
    struct weir_op *oldest = NULL;
    while (op) {
        struct weir_op *below = op->in.lane;
        op->in.lane = oldest;
        oldest = op;
        op = below;
    }
    return oldest;
}

#endif
