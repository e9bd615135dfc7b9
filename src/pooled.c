/* SPDX-License-Identifier: MIT */
/* pooled.c - receives into buffers of a pool: one is taken directly before the attempt, and stays
 * with the op only if something came; where there is none, the op waits for one. */
#include "base/canary.h"
#include "engine.h"

/* ---- The attempt ----------------------------------------------------------------------------- */

/* A plain receive into the buffer, by an op that no loop ever sees. */
static int64_t receive(struct weir_op *op, struct weir_buf *piece, enum perform how)
{
    struct weir_msg *message = op->in.arg.pooled.message;
    struct weir_op   plain = {.handle = op->handle, .in.holds = WEIR_IN};
    int64_t          result;
    if (!message) {
        plain.kind = WEIR_OP_RECV;
        plain.in.arg.transfer.data = piece->data;
        plain.in.arg.transfer.length = piece->length;
        plain.in.arg.transfer.offset = WEIR_STREAM;
        result = op->handle->loop->sys->perform(&plain, how);
    } else {
        struct weir_msg own = *message;
        own.buffers = piece;
        own.count = 1;
        own.told = own.address_length = own.control_length = own.segment = 0;
        plain.kind = WEIR_OP_RECV_MSG;
        plain.in.arg.message.messages = &own;
        plain.in.arg.message.count = 1;
        result = op->handle->loop->sys->perform(&plain, how);
        own.buffers = message->buffers;
        own.count = message->count;
        if (result != WEIR_EAGAIN)
            *message = own;
    }
    op->told = plain.told;
    return result;
}

static bool is_there(struct weir_op *op)
{
    struct weir_op poll = {.handle = op->handle, .kind = WEIR_OP_POLL};
    poll.in.arg.events = WEIR_IN;
    return op->handle->loop->sys->perform(&poll, PERFORM_TRY) != WEIR_EAGAIN;
}

/* The promise is kept, or of no use. */
static void drop_promise(struct weir_op *op)
{
    if (!(op->in.step & POOLED_PROMISED))
        return;
    op->in.step &= (uint8_t)~POOLED_PROMISED;
    op->in.arg.pooled.pool->promised--;
}

/* A buffer for the op, or 0: without asking for more memory while there is nothing to receive. */
static uint32_t take_for(struct weir_op *op, bool *there)
{
    struct weir_pool         *pool = op->in.arg.pooled.pool;
    const struct weir_handle *handle = op->handle;
    bool refused = handle->in.quota && handle_buffers(handle) >= handle->in.quota;
    drop_promise(op);
    op->in.step &= (uint8_t)~POOLED_QUOTA;
    uint32_t number = refused ? 0 : pool_take(pool, false);
    *there = number || is_there(op);
    if (*there && !number && refused)
        op->in.step |= POOLED_QUOTA;
    else if (*there && !number)
        number = pool_take(pool, true);
    return number;
}

int64_t pool_perform(struct weir_op *op, enum perform how)
{
    struct weir_pool *pool = op->in.arg.pooled.pool;
    bool              there;
    uint32_t          number = take_for(op, &there);
    op->in.arg.pooled.data = NULL;
    if (!number)
        return there ? POOL_EMPTY : WEIR_EAGAIN;
    struct weir_buf piece = {pool_data(pool, number), pool->buffer_size};
    int64_t         result = receive(op, &piece, how);
    if (result > 0) {
        op->in.arg.pooled.data = piece.data;
        pool_taken(pool, number, op->handle);
    } else {
        pool_return(pool, number);
        pool_wake(pool);
    }
    return result;
}

/* ---- What the mechanism picked --------------------------------------------------------------- */

/* An empty message has a buffer until then, for what comes beside its bytes. */
void pool_bind(struct weir_op *op, uint32_t number, int64_t result)
{
    struct weir_pool    *pool = op->in.arg.pooled.pool;
    const struct engine *engine = pool->loop->engine;
    op->in.arg.pooled.data = pool_data(pool, number);
    if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM && engine->pool_told)
        engine->pool_told(op, result);
    if (result <= 0) {
        op->in.arg.pooled.data = NULL;
        pool_return(pool, number);
        pool_wake(pool);
    }
}

/* ---- Waiting for a buffer -------------------------------------------------------------------- */

bool pool_starves(const struct weir_op *op)
{
    return op->in.arg.pooled.pool->policy != WEIR_POOL_FAIL;
}

/* Where the mechanism said that there was none, one may have been given back before it is heard. */
void pool_starve(struct weir_op *op)
{
    struct weir_pool         *pool = op->in.arg.pooled.pool;
    const struct weir_handle *handle = op->handle;
    op->state = OP_STARVED;
    op->more = 0;
    pool->counts.waited++;
    if (!(op->in.step & POOLED_QUOTA)) {
        fifo_push(&pool->waiting, op);
        pool_wake(pool);
    } else if (handle_buffers(handle) < handle->in.quota) {
        op->in.step &= (uint8_t)~POOLED_QUOTA;
        loop_ask(pool->loop, op);
    }
}

void pool_leave(struct weir_op *op)
{
    if (!(op->in.step & POOLED_QUOTA))
        fifo_remove(&op->in.arg.pooled.pool->waiting, op);
}

void pool_end(struct weir_op *op)
{
    struct weir_pool *pool = op->in.arg.pooled.pool;
    if (!pool) /* it never got so far */
        return;
    drop_promise(op);
    pool->pending--;
    pool_wake(pool);
}

/* ---- The calls ------------------------------------------------------------------------------- */

static void start(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
                  struct weir_pool *pool, struct weir_msg *message, unsigned flags, weir_done *done)
{
    int error = 0;
    if (!op_begin(op, kind, handle, flags, WEIR_BACKGROUND | WEIR_MULTISHOT, done))
        return;
    if (!pool || pool->loop != handle->loop || (kind == WEIR_OP_RECV_MSG_POOLED && !message))
        error = WEIR_EINVAL;
    else if (message && !handle_is_socket(handle))
        error = WEIR_ENOTSOCK;
    else if (handle_has_offsets(handle))
        error = WEIR_ENOTSUP;
    if (error) {
        op_decide(op, error);
        return;
    }
    op->in.arg.pooled.pool = pool;
    op->in.arg.pooled.message = message;
    pool->pending++;
    op_submit(op);
}

void weir_recv_pooled(struct weir_op *op, struct weir_handle *handle, struct weir_pool *pool,
                      unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_RECV_POOLED, handle, pool, NULL, flags, done);
}

void weir_recv_msg_pooled(struct weir_op *op, struct weir_handle *handle, struct weir_pool *pool,
                          struct weir_msg *message, unsigned flags, weir_done *done)
{
    start(op, WEIR_OP_RECV_MSG_POOLED, handle, pool, message, flags, done);
}

int weir_pooled(const struct weir_op *op, struct weir_buf *pieces, size_t room)
{
    if (!op_is_pooled(op) || op->result <= 0 || !op->in.arg.pooled.data)
        return 0;
    if (room)
        pieces[0] = (struct weir_buf){op->in.arg.pooled.data, (size_t)op->result};
    return 1;
}
