/* SPDX-License-Identifier: MIT */
/* later.c - the functions of weir.h that this version does not have yet: each says
 * WEIR_ENOTSUP, an op in its done(). tests/later.txt names what brings them. */
#include <string.h>

#include "engine.h"

static void end_unsupported(struct weir_op *op, enum weir_op_kind kind, struct weir_handle *handle,
                            unsigned flags, weir_done *done)
{
    if (op_begin(op, kind, handle, flags, flags, done))
        op_decide(op, WEIR_ENOTSUP);
}

/* ---- Pools ----------------------------------------------------------------------------------- */

int weir_pool_open(struct weir_pool **pool, struct weir_loop *loop,
                   const struct weir_pool_options *options)
{
    (void)loop, (void)options;
    *pool = NULL;
    return WEIR_ENOTSUP;
}

int weir_pool_close(struct weir_pool *pool)
{
    (void)pool;
    return WEIR_ENOTSUP;
}

void weir_recv_pooled(struct weir_op *op, struct weir_handle *handle, struct weir_pool *pool,
                      unsigned flags, weir_done *done)
{
    (void)pool;
    end_unsupported(op, WEIR_OP_RECV_POOLED, handle, flags, done);
}

void weir_recv_msg_pooled(struct weir_op *op, struct weir_handle *handle, struct weir_pool *pool,
                          struct weir_msg *message, unsigned flags, weir_done *done)
{
    (void)pool, (void)message;
    end_unsupported(op, WEIR_OP_RECV_MSG_POOLED, handle, flags, done);
}

int weir_pooled(const struct weir_op *op, struct weir_buf *pieces, size_t room)
{
    (void)op, (void)pieces, (void)room;
    return 0;
}

int weir_pool_take(struct weir_pool *pool, struct weir_buf *buffer)
{
    (void)pool, (void)buffer;
    return WEIR_ENOTSUP;
}

int weir_pool_give(struct weir_pool *pool, void *data)
{
    (void)pool, (void)data;
    return WEIR_ENOTSUP;
}

int weir_handle_quota(struct weir_handle *handle, unsigned buffers_max)
{
    (void)handle, (void)buffers_max;
    return WEIR_ENOTSUP;
}

void weir_pool_stats(const struct weir_pool *pool, struct weir_pool_counts *counts)
{
    (void)pool;
    memset(counts, 0, sizeof *counts);
}

/* ---- Many loops ------------------------------------------------------------------------------ */

void weir_move(struct weir_op *op, struct weir_handle *handle, struct weir_loop *target,
               unsigned flags, weir_done *done)
{
    (void)target;
    end_unsupported(op, WEIR_OP_MOVE, handle, flags, done);
}

int weir_group_open(struct weir_group **group, const struct weir_group_options *options)
{
    (void)options;
    *group = NULL;
    return WEIR_ENOTSUP;
}

int weir_group_listen(struct weir_group *group, const void *address, size_t address_length,
                      int backlog, unsigned                                                flags,
                      void (*on_accept)(struct weir_handle *connection, void *user), void *user)
{
    (void)group, (void)address, (void)address_length, (void)backlog, (void)flags, (void)on_accept;
    (void)user;
    return WEIR_ENOTSUP;
}

unsigned weir_group_size(const struct weir_group *group)
{
    (void)group;
    return 0;
}

struct weir_loop *weir_group_loop(struct weir_group *group, unsigned index)
{
    (void)group, (void)index;
    return NULL;
}

int weir_group_close(struct weir_group *group, uint64_t timeout_ns)
{
    (void)group, (void)timeout_ns;
    return WEIR_ENOTSUP;
}
