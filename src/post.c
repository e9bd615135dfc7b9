/* SPDX-License-Identifier: MIT */
/* post.c - what reaches a loop from another thread: posts, and handles that move to it.
 *
 * Both come on one stack that any thread pushes to and the loop takes whole. A handle that moves is
 * the target's from the call: the source makes its mechanism forget it and touches it no more.
 * Until the target has looked at the stack, the handle is in no ring of handles, and HANDLE_MOVING
 * says so: whoever uses it on the target's thread before that takes the stack first. */
#include "engine.h"
#include "os/os.h"

/* What other threads write has its lines of the cache for itself. */
_Static_assert(offsetof(struct weir_loop, posted) - offsetof(struct weir_loop, apart_before) >=
                   CACHE_LINE,
               "a line before");
_Static_assert(offsetof(struct weir_loop, lanes) - offsetof(struct weir_loop, apart_behind) >=
                   CACHE_LINE,
               "a line behind");
_Static_assert(offsetof(struct weir_loop, apart_behind) > offsetof(struct weir_loop, worked) &&
                   offsetof(struct weir_loop, apart_behind) > offsetof(struct weir_loop, wake),
               "all of it between them");

static void hand_over(struct weir_op *op, struct weir_loop *loop)
{
    op->state = OP_POSTED;
    stack_push(&loop->posted, op); /* the loop's: it may have ended, or be gone, from here on */
    weir_wake(loop);
}

void weir_post(struct weir_op *op, struct weir_loop *loop, weir_done *done)
{
    if (loop->generation != os_fork_generation()) {
        op->result = WEIR_EPERM;
        op->state = OP_ENDED;
        op->in.due_ns = loop->generation;
        return;
    }
    if (op_is_live(op))
        loop_doom(op, "weir_post", "the op is still live and was started again");
    *op = (struct weir_op){
        .user = op->user, .done = done, .handle = &loop->none, .kind = WEIR_OP_POST};
    hand_over(op, loop);
}

/* 0, or WEIR_E*, with which the move ends where the handle is, and stays. */
static int refuse_move(const struct weir_op *op, const struct weir_loop *target)
{
    const struct weir_handle *handle = op->handle;
    const struct weir_loop   *loop = handle->loop;
    if (!target || handle == &loop->none)
        return WEIR_EINVAL;
    if (handle->in.ops_out || op->in.next != op)
        return WEIR_EBUSY;
    if (target->generation != os_fork_generation())
        return WEIR_EPERM;
    if (target->sys != loop->sys)
        return WEIR_ENOTSUP; /* a descriptor of another world */
    return target->engine->takes ? target->engine->takes(target, handle) : 0;
}

/* Nothing of the loop knows the handle any more. What it is, and what may be tried at once, goes
 * along; what this mechanism told of it is told anew by the other one. */
static void leave(struct weir_loop *loop, struct weir_handle *handle)
{
    handle_unlist(loop, handle);
    if (loop->serving == handle)
        loop->serving = NULL;
    if (loop->engine->forget)
        loop->engine->forget(loop, handle);
    handle_detach(loop, handle);
    handle->in.slot = -1;
    handle->in.armed = handle->in.want = handle->in.busy = 0;
    handle->in.hint &= MAY_IN | MAY_OUT;
    handle->in.flags &= (uint16_t)~HANDLE_POLLED;
    handle->in.flags |= HANDLE_MOVING;
}

void weir_move(struct weir_op *op, struct weir_handle *handle, struct weir_loop *target,
               unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_MOVE, handle, flags, WEIR_BACKGROUND, done))
        return;
    struct weir_loop *loop = handle->loop;
    int               error = refuse_move(op, target);
    if (error || target == loop) {
        op->served = error ? WEIR_SERVED_NOT : WEIR_SERVED_AT_ONCE;
        loop_finish(loop, op, error);
        return;
    }
    op_retract(op);
    leave(loop, handle);
    handle->loop = target;
    hand_over(op, target);
}

void loop_take_posts(struct weir_loop *loop)
{
    struct weir_op *op = stack_take(&loop->posted);
    while (op) {
        struct weir_op     *after = op->in.lane;
        struct weir_handle *handle = op->handle;
        if (op->kind == WEIR_OP_MOVE) {
            handle->in.flags &= (uint16_t)~HANDLE_MOVING;
            handle_link(loop, handle);
        } else {
            loop->stats.posts++;
        }
        op_enter(op);
        op->served = WEIR_SERVED_AT_ONCE;
        loop_finish(loop, op, loop->shutting ? WEIR_ECANCELED : 0);
        op = after;
    }
}

/* Of a loop that is given up: its ops, and the handles that were to come, belong to nobody. */
void loop_forget_posts(struct weir_loop *loop)
{
    for (struct weir_op *op = stack_take(&loop->posted), *next; op; op = next) {
        struct weir_handle *handle = op->handle;
        next = op->in.lane;
        if (op->kind == WEIR_OP_MOVE)
            *handle = (struct weir_handle){.user = handle->user};
        *op = (struct weir_op){.user = op->user};
    }
}
