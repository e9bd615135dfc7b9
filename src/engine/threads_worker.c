/* SPDX-License-Identifier: MIT */
/* threads_worker.c - the worker's half of the threads engine: waits for an order, then for the
 * descriptor, makes the call, and hands the op back. It touches nothing but its own record. */
#include <errno.h>
#include <poll.h>

#include "../base/rest.h"
#include "../os/os.h"
#include "../os/poll_events.h"
#include "threads.h"

void threads_order(struct worker *worker, enum order order)
{
    worker->order = order;
    gate_let(&worker->ordered);
}

static enum order await_order(struct worker *worker)
{
    gate_wait(&worker->ordered);
    return worker->order;
}

static unsigned interest_of(const struct weir_op *op)
{
    return op->kind == WEIR_OP_POLL ? op->in.arg.events : op->in.holds;
}

/* Sleeps until the descriptor is ready for the op: for what; or WEIR_ECANCELED when the op was
 * asked to end. */
static int64_t await_ready(struct worker *worker)
{
    const struct weir_op *op = &worker->copy;
    struct pollfd         entries[] = {
                {.fd = worker->cancel[0], .events = POLLIN},
                {.fd = op->handle->in.descriptor, .events = poll_mask_of(interest_of(op))},
    };
    while (poll(entries, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    if (entries[0].revents)
        return WEIR_ECANCELED;
    return entries[1].revents & POLLNVAL ? WEIR_EBADF : (int64_t)poll_events_of(entries[1].revents);
}

/* What is sent found no room on the loop's thread; receiving nearly always has to wait. */
static bool waits_first(const struct weir_op *op)
{
    return op->kind == WEIR_OP_POLL || !ready_begins_with_call(op);
}

/* One call of the op, after as much waiting as it takes. */
static int64_t call(struct worker *worker)
{
    struct weir_op *op = &worker->copy;
    bool            waits = waits_first(op);
    for (;;) {
        if (waits) {
            int64_t events = await_ready(worker);
            if (events < 0 || op->kind == WEIR_OP_POLL || op_is_pooled(op))
                return events;
        } else if (atomic_load(&worker->cancelled)) {
            return WEIR_ECANCELED;
        }
        int64_t result = posix_perform(op, PERFORM_TRY);
        if (result != WEIR_EAGAIN)
            return result;
        waits = true;
    }
}

/* The whole op: with WEIR_ALL as many calls as it takes, so that the loop is woken once. What it
 * returns is the last one's result; what moved before that is in the copy's progress. */
static int64_t carry_out(struct worker *worker)
{
    struct weir_op *op = &worker->copy;
    bool            whole = op->handle->in.kind == WEIR_HANDLE_DATAGRAM; /* never in parts */
    bool            transfers = (op_reads(op) || op_writes(op)) && !whole;
    for (;;) {
        int64_t result = call(worker);
        if (result <= 0 || !transfers || !(op->flags & WEIR_ALL))
            return result;
        struct rest rest = rest_of(op);
        if ((uint64_t)result == rest.length && rest.last)
            return result;
        op->in.progress += (uint64_t)result;
    }
}

void *threads_work(void *argument)
{
    struct worker  *worker = argument;
    struct threads *t = worker->threads;
    while (await_order(worker) == ORDER_WORK) {
        worker->copy.result = carry_out(worker);
        stack_push(&t->back, &worker->copy); /* from here on the record is the loop's again */
        if (atomic_exchange(&t->asleep, false))
            os_notifier_tell(t->notifier);
    }
    return NULL;
}
