/* SPDX-License-Identifier: MIT */
/* perform.c - the switch of the simulation: an op, and the part of the world that does it. */
#include "state.h"

/* A call on a number that is not open, or that was closed, is weir's error and not the caller's. */
static int64_t perform_on_object(struct weir_sim_host *host, struct weir_op *op)
{
    struct sim_object *object = sim_descriptor(host, op->handle->in.descriptor);
    if (!object) {
        sim_break(host->world, "host %s: %s on descriptor %d, which is not open", host->name,
                  weir_op_name((enum weir_op_kind)op->kind), op->handle->in.descriptor);
        return WEIR_EBADF;
    }
    return object->type->perform(object, op);
}

static int64_t perform_open(struct weir_sim_host *host, const struct weir_op *op)
{
    return sim_open(host, op->in.arg.open.path, op->in.arg.open.mode);
}

static int64_t perform(struct weir_sim_host *host, struct weir_op *op, enum perform how)
{
    bool interruptible = how == PERFORM_WAIT || op->handle->in.kind;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_WORK:
        return op->in.arg.work(op);
    case WEIR_OP_RESOLVE:
        return sim_resolve(host, op->in.arg.lookup);
    case WEIR_OP_COPY:
        return how == PERFORM_TRY && handle_has_offsets(op->handle)
                   ? WEIR_ENOTSUP /* into a file it takes its time, on a worker */
                   : sim_copy(op->in.arg.copy.record);
    case WEIR_OP_OPEN:
        return perform_open(host, op);
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
        return pool_perform(op, how);
    default:
        break;
    }
    if (interruptible && sim_fault(host->world, WEIR_SIM_INTERRUPTED, "call"))
        return WEIR_EINTR;
    return perform_on_object(host, op);
}

int64_t sim_perform(struct weir_op *op, enum perform how)
{
    struct weir_sim_host *host = sim_loop_of(op->handle->loop)->host;
    int64_t               result = perform(host, op, how);
    if (result != WEIR_EAGAIN && result != WEIR_EOPNOTSUPP)
        sim_trace(host->world, "%s %s %d = %lld%s%s", host->name,
                  weir_op_name((enum weir_op_kind)op->kind), op->handle->in.descriptor,
                  (long long)result, result < 0 ? " " : "",
                  result < 0 ? weir_error_name(result) : "");
    return result;
}
