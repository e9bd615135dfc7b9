/* SPDX-License-Identifier: MIT */
/* handle.c - attaching descriptors to a loop, and closing them. */
#include "engine.h"

_Static_assert(sizeof(void *) != 8 || sizeof(struct weir_handle) == 80, "a handle is 80 bytes");

#define LISTEN_FLAGS (WEIR_V6ONLY | WEIR_REUSE_PORT | WEIR_NODELAY | WEIR_NO_REUSE_ADDR)

static bool in_use(const struct weir_handle *handle)
{
    return handle->in.kind != WEIR_HANDLE_NONE ||
           (handle->in.flags & (HANDLE_OPENING | HANDLE_CLOSING));
}

static bool is_attached(const struct weir_handle *handle)
{
    return handle->loop && in_use(handle);
}

/* Into the ring of the loop's handles, in front: open ones stand before closing ones. */
void handle_link(struct weir_loop *loop, struct weir_handle *handle)
{
    struct weir_handle *first = loop->handles;
    if (first) {
        handle->in.next = first;
        handle->in.previous = first->in.previous;
        first->in.previous->in.next = handle;
        first->in.previous = handle;
    } else {
        handle->in.next = handle->in.previous = handle;
    }
    loop->handles = handle;
    loop->stats.handles++;
}

void handle_detach(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.next == handle) {
        loop->handles = NULL;
    } else {
        handle->in.next->in.previous = handle->in.previous;
        handle->in.previous->in.next = handle->in.next;
        if (loop->handles == handle)
            loop->handles = handle->in.next;
    }
    handle->in.next = handle->in.previous = NULL;
    pool_forget(loop, handle);
    loop->stats.handles--;
}

int handle_attach(struct weir_handle *handle, struct weir_loop *loop, int descriptor,
                  unsigned flags, enum weir_handle_kind kind, bool own)
{
    *handle = (struct weir_handle){.user = handle->user, .loop = loop};
    handle->in.descriptor = descriptor;
    handle->in.slot = -1;
    handle->in.flags = (uint16_t)(flags & WEIR_BORROWED); /* the others are the socket's now */
    handle->in.kind = (uint8_t)kind;
    if (kind == WEIR_HANDLE_NONE) {
        int error = loop->sys->classify(handle, own);
        if (error) {
            *handle = (struct weir_handle){.user = handle->user};
            return error;
        }
    } else {
        handle->in.flags |= HANDLE_NONBLOCK;
        handle->in.hint = kind == WEIR_HANDLE_LISTENER ? 0 : MAY_OUT;
    }
    handle_link(loop, handle);
    return 0;
}

/* 0 when a new handle may be attached now. */
static int attach_admit(struct weir_handle *handle, struct weir_loop *loop, const char *call,
                        unsigned flags, unsigned allowed)
{
    int error = loop_admit(loop, call);
    if (error)
        return error;
    if (in_use(handle)) {
        struct weir_op op = {.handle = handle};
        loop_doom(&op, call, "the handle to be filled is in use");
    }
    if (flags & ~allowed)
        return WEIR_EINVAL;
    return loop->shutting ? WEIR_ECANCELED : 0;
}

int weir_adopt(struct weir_handle *handle, struct weir_loop *loop, weir_os_handle os,
               unsigned flags)
{
    int error = attach_admit(handle, loop, "weir_adopt", flags, WEIR_BORROWED);
    if (error)
        return error;
    if (os < 0 || os > INT32_MAX)
        return WEIR_EBADF;
    return handle_attach(handle, loop, (int)os, flags, WEIR_HANDLE_NONE, false);
}

static int new_socket(struct weir_handle *handle, struct weir_loop *loop, int family, int type,
                      unsigned flags)
{
    int descriptor = loop->sys->socket(loop, family, type, flags);
    if (descriptor < 0)
        return descriptor;
    int error = handle_attach(handle, loop, descriptor, flags, WEIR_HANDLE_NONE, true);
    if (error)
        loop->sys->close(loop, descriptor);
    return error;
}

int weir_socket(struct weir_handle *handle, struct weir_loop *loop, int family, int type,
                unsigned flags)
{
    int error = attach_admit(handle, loop, "weir_socket", flags, WEIR_V6ONLY | WEIR_NODELAY);
    return error ? error : new_socket(handle, loop, family, type, flags);
}

int weir_bind(struct weir_handle *handle, const void *address, size_t address_length,
              unsigned flags)
{
    if (!is_attached(handle) || (handle->in.flags & HANDLE_CLOSING))
        return WEIR_EBADF;
    int error = loop_admit(handle->loop, "weir_bind");
    if (error)
        return error;
    if (!address || (flags & ~(WEIR_REUSE_PORT)))
        return WEIR_EINVAL;
    return handle->loop->sys->bind(handle, address, address_length, flags);
}

int weir_listen(struct weir_handle *handle, struct weir_loop *loop, const void *address,
                size_t address_length, int backlog, unsigned flags)
{
    int error = attach_admit(handle, loop, "weir_listen", flags, LISTEN_FLAGS);
    if (error)
        return error;
    if (!address)
        return WEIR_EINVAL;
    int descriptor = loop->sys->listen(loop, address, address_length, backlog, flags);
    if (descriptor < 0)
        return descriptor;
    error = handle_attach(handle, loop, descriptor, flags, WEIR_HANDLE_NONE, true);
    if (error)
        loop->sys->close(loop, descriptor);
    return error;
}

int weir_pipe(struct weir_handle *reader, struct weir_handle *writer, struct weir_loop *loop)
{
    int error = attach_admit(reader, loop, "weir_pipe", 0, 0);
    if (!error)
        error = attach_admit(writer, loop, "weir_pipe", 0, 0);
    if (error)
        return error;
    int ends[2];
    error = loop->sys->pipe(loop, ends);
    if (error)
        return error;
    error = handle_attach(reader, loop, ends[0], 0, WEIR_HANDLE_NONE, true);
    if (!error) {
        error = handle_attach(writer, loop, ends[1], 0, WEIR_HANDLE_NONE, true);
        if (!error)
            return 0;
        handle_detach(loop, reader);
        *reader = (struct weir_handle){.user = reader->user};
    }
    loop->sys->close(loop, ends[0]);
    loop->sys->close(loop, ends[1]);
    return error;
}

/* ---- Closing --------------------------------------------------------------------------------- */

/* Out of whatever list of handles it is in. */
void handle_unlist(struct weir_loop *loop, struct weir_handle *handle)
{
    if (!(handle->in.flags & HANDLE_LISTED))
        return;
    if (!handles_remove(&loop->ready, handle) && !handles_remove(&loop->changed, handle))
        handles_remove(&loop->closing, handle);
    handle->in.flags &= (uint16_t)~HANDLE_LISTED;
}

/* An op of a closing handle ended, or it left a list: closes it when it was the last. */
void handle_op_left(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.ops_in || handle->in.ops_out || (handle->in.flags & HANDLE_LISTED))
        return;
    handle->in.flags |= HANDLE_LISTED;
    handles_push(&loop->closing, handle);
}

static void close_descriptor(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.descriptor < 0)
        return;
    if (loop->engine->forget)
        loop->engine->forget(loop, handle);
    if (!(handle->in.flags & WEIR_BORROWED))
        loop->sys->close(loop, handle->in.descriptor);
    handle->in.descriptor = -1;
}

void handle_finish_close(struct weir_loop *loop, struct weir_handle *handle)
{
    weir_closed *on_closed = handle->on_closed;
    bool         groups = handle->in.flags & HANDLE_GROUPS;
    if (loop->serving == handle)
        loop->serving = NULL;
    close_descriptor(loop, handle);
    handle_detach(loop, handle);
    loop->closing_count--;
    loop->tellings++;
    /* It keeps its loop, so that an op started on it by mistake can be told WEIR_EBADF. */
    *handle = (struct weir_handle){.user = handle->user, .loop = loop};
    handle->in.descriptor = -1;
    if (on_closed)
        on_closed(handle);
    if (groups)
        group_forget(handle);
}

static void begin_close(struct weir_loop *loop, struct weir_handle *handle, weir_closed *on_closed)
{
    if (handle->in.flags & HANDLE_MOVING)
        loop_take_posts(loop);
    handle->on_closed = on_closed;
    handle->in.flags |= HANDLE_CLOSING;
    if (handle->in.kind == WEIR_HANDLE_NONE) /* it is being opened; NONE is to say that it closed */
        handle->in.kind = WEIR_HANDLE_OTHER;
    loop->closing_count++;
    if (loop->handles == handle) /* to the end of the ring, behind the open ones */
        loop->handles = handle->in.next;
    else {
        handle_detach(loop, handle);
        struct weir_handle *first = loop->handles;
        handle_link(loop, handle);
        loop->handles = first;
    }
    handle_cancel_ops(loop, handle);
}

int weir_close(struct weir_handle *handle, weir_closed *on_closed)
{
    if (!is_attached(handle))
        return WEIR_EBADF;
    struct weir_loop *loop = handle->loop;
    int               error = loop_admit(loop, "weir_close");
    if (error || (handle->in.flags & HANDLE_CLOSING))
        return error;
    begin_close(loop, handle, on_closed);
    handle_op_left(loop, handle);
    return 0;
}

static bool runs_on_worker(struct weir_loop *loop, struct weir_op *op)
{
    if ((op->told & OP_OWN) && op->kind == WEIR_OP_COPY) /* its call uses the source, too */
        op = copy_of(op)->op;
    return op->state == OP_OFFLOADED && offload_runs(loop, op);
}

/* Whether the kernel, or a worker, still has an op of the handle. */
static bool any_op(struct weir_loop *loop, struct weir_handle *handle, bool on_worker)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    for (int i = 0; i < 2; i++)
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op))
            if (on_worker ? runs_on_worker(loop, op) : op->state == OP_GIVEN)
                return true;
    return false;
}

int weir_close_now(struct weir_handle *handle)
{
    if (!is_attached(handle) || (handle->in.flags & HANDLE_DETACHED))
        return WEIR_EBADF;
    struct weir_loop *loop = handle->loop;
    int               error = loop_admit(loop, "weir_close_now");
    if (error)
        return error;
    if (!(handle->in.flags & HANDLE_CLOSING))
        begin_close(loop, handle, NULL);
    while (any_op(loop, handle, false) && !error)
        error = loop->engine->wait(loop, -1);
    if (error || any_op(loop, handle, true)) {
        handle_op_left(loop, handle);
        return error ? error : WEIR_EBUSY;
    }
    handle_unlist(loop, handle);
    close_descriptor(loop, handle);
    handle->in.flags |= HANDLE_DETACHED;
    if (handle->in.ops_in || handle->in.ops_out)
        return 0;
    if (handle->on_closed) /* of an earlier weir_close(); callbacks run in weir_run() */
        handle_op_left(loop, handle);
    else
        handle_finish_close(loop, handle);
    return 0;
}

/* ---- What a handle is ------------------------------------------------------------------------ */

enum weir_handle_kind weir_handle_kind(const struct weir_handle *handle)
{
    return (enum weir_handle_kind)handle->in.kind;
}

weir_os_handle weir_handle_os(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_NONE ? WEIR_EBADF : handle->in.descriptor;
}

int weir_local_address(const struct weir_handle *handle, struct weir_address *address)
{
    return handle->in.kind == WEIR_HANDLE_NONE ? WEIR_EBADF
                                               : handle->loop->sys->address(handle, false, address);
}

int weir_peer_address(const struct weir_handle *handle, struct weir_address *address)
{
    return handle->in.kind == WEIR_HANDLE_NONE ? WEIR_EBADF
                                               : handle->loop->sys->address(handle, true, address);
}

int weir_direct_alignment(const struct weir_handle *handle, struct weir_alignment *alignment)
{
    *alignment = (struct weir_alignment){0};
    if (handle->in.kind == WEIR_HANDLE_NONE)
        return WEIR_EBADF;
    int error = loop_admit(handle->loop, "weir_direct_alignment");
    return error ? error : handle->loop->sys->alignment(handle, alignment);
}
