/* SPDX-License-Identifier: MIT */
/* ready.c - completion on top of readiness: an op is tried when its handle may be ready, else the
 * handle is watched, and the op is tried directly before its callback once the mechanism told. */
#include "base/rest.h"
#include "engine.h"

static void mark_changed(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.flags & HANDLE_LISTED)
        return; /* in ready: ready_serve() looks at its interest when it is done */
    handle->in.flags |= HANDLE_LISTED;
    handles_push(&loop->changed, handle);
}

static void want(struct weir_loop *loop, struct weir_handle *handle, unsigned interest)
{
    handle->in.want |= (uint8_t)interest;
    if (handle->in.want & ~handle->in.armed)
        mark_changed(loop, handle);
}

static unsigned interest_of_poll(const struct weir_op *op)
{
    return (op->in.arg.events & (WEIR_IN | WEIR_OUT | WEIR_RDHUP)) | WANT_HUNG;
}

unsigned ready_interest(const struct weir_handle *handle)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    unsigned        interest = 0;
    for (int i = 0; i < 2; i++)
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op))
            if (op->state == OP_GIVEN)
                interest |= op->kind == WEIR_OP_POLL ? interest_of_poll(op) : op->in.holds;
    return interest;
}

/* ---- Attempts -------------------------------------------------------------------------------- */

/* A short transfer says that nothing is left; but an edge that told of the end is not told again,
 * pipes and ttys also stop at what was written at a time, TCP before urgent data, and unix streams
 * where descriptors were passed. */
static bool short_means_empty(const struct weir_loop *loop, const struct weir_handle *handle)
{
    bool edge = loop->engine->traits & ENGINE_EDGE;
    switch ((enum weir_handle_kind)handle->in.kind) {
    case WEIR_HANDLE_STREAM:
        return !(edge && ((handle->in.hint & HUNG) || (handle->in.flags & HANDLE_UNIX)));
    case WEIR_HANDLE_PIPE:
    case WEIR_HANDLE_TTY:
        return !edge;
    default:
        return false;
    }
}

/* Whether bytes are left out of what the call asked for: the handle has no more of them now. */
static bool is_short(const struct weir_op *op, int64_t result)
{
    if (op->kind == WEIR_OP_RECV_POOLED)
        return (uint64_t)result < op->in.arg.pooled.pool->buffer_size;
    return op_transfers(op) && (uint64_t)result < rest_length(op) && !(op->flags & WEIR_PEEK);
}

/* The op's call, and what its answer says of the handle's readiness. */
static int64_t attempt(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    int64_t             result = loop->sys->perform(op, PERFORM_TRY);
    if (result <= 0 && loop->engine->attempted)
        result = loop->engine->attempted(loop, op, result);
    loop->stats.attempts++;
    if (result == WEIR_EAGAIN) {
        loop->stats.attempts_empty++;
        handle->in.hint &= (uint8_t)~op->in.holds;
    } else if (result > 0 && is_short(op, result) && short_means_empty(loop, handle)) {
        handle->in.hint &= (uint8_t)~op->in.holds;
    }
    return result;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Nothing of a file is ever awaited: what is at hand is taken, the rest is a worker's. */
static APART enum started start_file(struct weir_loop *loop, struct weir_op *op)
{
    int64_t result = loop->sys->perform(op, PERFORM_TRY);
    if (result == WEIR_EAGAIN || result == WEIR_ENOTSUP)
        return STARTED_OFFLOAD;
    if (result > 0 && (uint64_t)result < rest_of(op).length) {
        op->in.progress += (uint64_t)result; /* what the page cache had; or the file's end */
        return STARTED_OFFLOAD;
    }
    op->served = WEIR_SERVED_AT_ONCE;
    op->result = result;
    return STARTED_DONE;
}

bool ready_begins_with_call(const struct weir_op *op)
{
    const struct weir_handle *handle = op->handle;
    bool                      listens = handle->in.kind == WEIR_HANDLE_LISTENER;
    if (LIKELY(handle->in.kind == WEIR_HANDLE_STREAM && op_transfers(op)))
        return false;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_SHUTDOWN:
        return true;
    case WEIR_OP_CONNECT:
        return op->in.step == 0;
    case WEIR_OP_ACCEPT:
        return !listens;
    default:
        return listens ||
               (handle->in.flags & (op->in.holds & WEIR_IN ? HANDLE_NO_IN : HANDLE_NO_OUT));
    }
}

static enum started start_stream(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if ((handle->in.hint & op->in.holds) || ready_begins_with_call(op)) {
        int64_t result = attempt(loop, op);
        if (result == WEIR_ENOTSUP)
            return STARTED_OFFLOAD;
        if (result != WEIR_EAGAIN) {
            if (op->served == WEIR_SERVED_NOT)
                op->served = WEIR_SERVED_AT_ONCE;
            op->result = result;
            return STARTED_DONE;
        }
    }
    want(loop, handle, op->in.holds);
    return STARTED;
}

static void tell_poll(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    bool again = (op->flags & (WEIR_LEVEL | WEIR_EDGE)) && result >= 0;
    op->in.step = 1;
    op->served = WEIR_SERVED_READY;
    loop_event(loop, op, result, again ? EVENT_AGAIN : 0, 0);
}

/* A mechanism that tells only changes may have told of this one before the op came. */
static APART enum started start_poll(struct weir_loop *loop, struct weir_op *op)
{
    bool told_before = op->in.step && !(op->flags & WEIR_LEVEL);
    if ((loop->engine->traits & ENGINE_EDGE) && !told_before) {
        int64_t result = loop->sys->perform(op, PERFORM_TRY);
        if (result != WEIR_EAGAIN) {
            if (!loop_room(loop, 1))
                return STARTED_BUSY;
            tell_poll(loop, op, result);
            return STARTED;
        }
    }
    want(loop, op->handle, interest_of_poll(op));
    return STARTED;
}

enum started ready_start(struct weir_loop *loop, struct weir_op *op)
{
    if (LIKELY(op_transfers(op)))
        return handle_has_offsets(op->handle) ? start_file(loop, op) : start_stream(loop, op);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_POLL:
        return start_poll(loop, op);
    case WEIR_OP_OPEN:
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
        return STARTED_OFFLOAD;
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
        if (!handle_has_offsets(op->handle))
            return start_stream(loop, op);
        op->result = WEIR_ENOTSUP;
        return STARTED_DONE;
    default:
        return handle_has_offsets(op->handle) ? start_file(loop, op) : start_stream(loop, op);
    }
}

void ready_cancel(struct weir_loop *loop, struct weir_op *op)
{
    loop_finish(loop, op, op->in.cause);
}

void ready_wake(struct weir_loop *loop)
{
    loop->sys->notifier_tell(loop->notifier[1]);
}

/* ---- What the mechanism told ----------------------------------------------------------------- */

static void list_ready(struct weir_loop *loop, struct weir_handle *handle)
{
    if (handle->in.flags & HANDLE_LISTED)
        return;
    handle->in.flags |= HANDLE_LISTED;
    handles_push(&loop->ready, handle);
}

/* What is told beside WEIR_IN. */
static unsigned hints_of(unsigned events)
{
    unsigned hint = 0;
    if (events & WEIR_OUT)
        hint |= MAY_OUT | TOLD_OUT;
    if (events & (WEIR_HUP | WEIR_ERR))
        hint |= MAY_IN | MAY_OUT | HUNG;
    if (events & WEIR_RDHUP)
        hint |= MAY_IN | TOLD_RDHUP | HUNG;
    if (events & READY_URGENT)
        hint |= MAY_IN | HUNG;
    if (events & WEIR_HUP)
        hint |= TOLD_HUP;
    if (events & WEIR_ERR)
        hint |= TOLD_ERR;
    return hint;
}

void ready_told(struct weir_loop *loop, struct weir_handle *handle, unsigned events)
{
    unsigned hint = handle->in.hint & ~(unsigned)HUNG;
    if (events & WEIR_IN)
        hint |= MAY_IN | TOLD_IN;
    if (events & ~(unsigned)WEIR_IN)
        hint |= hints_of(events);
    handle->in.hint = (uint8_t)hint;
    if (loop->engine->traits & ENGINE_ONESHOT)
        handle->in.want = handle->in.armed = 0;
    list_ready(loop, handle);
}

/* Tells the polls of a handle. What they are interested in. */
static unsigned serve_polls(struct weir_loop *loop, struct weir_handle *handle, unsigned told)
{
    unsigned interest = 0;
    unsigned events = (told & TOLD_IN ? WEIR_IN : 0) | (told & TOLD_OUT ? WEIR_OUT : 0) |
                      (told & TOLD_HUP ? WEIR_HUP : 0) | (told & TOLD_ERR ? WEIR_ERR : 0) |
                      (told & TOLD_RDHUP ? WEIR_RDHUP : 0);
    for (struct weir_op *op = handle->in.ops_in; op; op = ring_after(handle->in.ops_in, op)) {
        if (op->kind != WEIR_OP_POLL)
            continue;
        interest |= interest_of_poll(op);
        unsigned result = events & (op->in.arg.events | WEIR_HUP | WEIR_ERR);
        if (!result || op->state != OP_GIVEN)
            continue;
        if (loop_room(loop, 1)) {
            tell_poll(loop, op, result);
        } else { /* told again when those before it were: the mechanism may tell changes only */
            handle->in.hint |= (uint8_t)told;
            list_ready(loop, handle);
        }
    }
    if (!interest)
        handle->in.flags &= (uint16_t)~HANDLE_POLLED;
    /* Who awaits the end of the stream alone has no use for the bytes before it. */
    return (interest & WEIR_RDHUP) && !(told & TOLD_IN) ? interest | WEIR_IN : interest;
}

/* The attempt of the op that has its turn, and its callback. The direction, or 0 when none
 * waited. */
static unsigned serve_direction(struct weir_loop *loop, struct weir_handle *handle,
                                unsigned direction)
{
    struct weir_op *head = direction == WEIR_IN ? handle->in.ops_in : handle->in.ops_out;
    struct weir_op *op = head;
    while (op && !(op->state == OP_GIVEN && op->in.holds == direction))
        op = ring_after(head, op);
    if (!op)
        return 0;
    int64_t result = attempt(loop, op);
    if (result == WEIR_EAGAIN)
        return direction;
    if (result == WEIR_ENOTSUP) {
        offload_start(loop, op);
        return direction;
    }
    op->served = WEIR_SERVED_READY;
    if (loop_conclude(loop, op, result))
        loop_end(loop, op);
    return direction;
}

void ready_serve(struct weir_loop *loop, struct weir_handle *handle)
{
    const unsigned in = TOLD_IN | TOLD_HUP | TOLD_ERR | TOLD_RDHUP;
    const unsigned out = TOLD_OUT | TOLD_HUP | TOLD_ERR;
    unsigned       told = handle->in.hint & (in | out);
    unsigned       waited = 0;
    handle->in.hint &= (uint8_t)~told;
    loop->serving = handle;
    if (handle->in.flags & HANDLE_POLLED)
        waited |= serve_polls(loop, handle, told);
    if (told & in)
        waited |= serve_direction(loop, handle, WEIR_IN);
    if (loop->serving == handle && (told & out))
        waited |= serve_direction(loop, handle, WEIR_OUT);
    if (loop->serving != handle)
        return;
    loop->serving = NULL;
    if (handle->in.flags & (HANDLE_CLOSING | HANDLE_LISTED))
        return;
    /* Told of what no op waited for: the mask shrinks, or it would be told for ever. */
    bool unasked = ((told & in) && !(waited & WEIR_IN)) || ((told & out) && !(waited & WEIR_OUT));
    if (unasked || (loop->engine->traits & ENGINE_ONESHOT))
        handle->in.want = (uint8_t)ready_interest(handle);
    if (handle->in.want != handle->in.armed && !(loop->engine->traits & ENGINE_EDGE))
        mark_changed(loop, handle);
}

/* ---- Interest -------------------------------------------------------------------------------- */

/* The mechanism will not watch the handle: the ops that wait on it end, or go the way of files. */
void ready_refuse(struct weir_loop *loop, struct weir_handle *handle, int error)
{
    struct weir_op *rings[] = {handle->in.ops_in, handle->in.ops_out};
    /* epoll_ctl(2): the descriptor is always ready. Of what can be waited for, it is a denial. */
    bool always_ready = error == WEIR_EPERM && handle->in.kind == WEIR_HANDLE_OTHER;
    if (always_ready)
        handle->in.kind = WEIR_HANDLE_FILE;
    for (int i = 0; i < 2; i++) {
        for (struct weir_op *op = rings[i]; op; op = ring_after(rings[i], op)) {
            if (op->state != OP_GIVEN)
                continue;
            if (always_ready)
                loop_ask(loop, op);
            else
                loop_finish(loop, op, error);
        }
    }
}

void ready_flush(struct weir_loop *loop)
{
    for (struct weir_handle *handle; (handle = handles_take(&loop->changed));) {
        handle->in.flags &= (uint16_t)~HANDLE_LISTED;
        if (handle->in.flags & HANDLE_CLOSING) {
            handle_op_left(loop, handle);
            continue;
        }
        if (handle->in.hint & (TOLD_IN | TOLD_OUT | TOLD_HUP | TOLD_ERR | TOLD_RDHUP)) {
            /* Told since, by a wait in the middle of a turn: the attempts come first. */
            handle->in.flags |= HANDLE_LISTED;
            handles_push(&loop->ready, handle);
            continue;
        }
        if (handle->in.want == handle->in.armed)
            continue;
        loop->stats.changes++;
        int error = loop->engine->watch(loop, handle);
        if (!error)
            continue;
        handle->in.want = handle->in.armed;
        ready_refuse(loop, handle, error);
    }
    if (loop->engine->flush)
        loop->engine->flush(loop);
}

void ready_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    handle->in.want = 0;
    if (handle->in.slot >= 0)
        loop->engine->watch(loop, handle);
}

/* Of ops that take the loop in the place of a handle. */
static int query_loop(enum weir_op_kind op)
{
    switch (op) {
    case WEIR_OP_NOP:
    case WEIR_OP_TIMER:
    case WEIR_OP_POST:
        return WEIR_SUPPORT_AT_ONCE;
    case WEIR_OP_SIGNAL:
        return WEIR_SUPPORT_NATIVE;
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_OPEN:
        return WEIR_SUPPORT_OFFLOADED;
    default:
        return WEIR_SUPPORT_NO;
    }
}

/* Of ops that only sockets have. */
static int query_socket(enum weir_op_kind op, enum weir_handle_kind handle)
{
    bool stream = handle == WEIR_HANDLE_STREAM, datagram = handle == WEIR_HANDLE_DATAGRAM;
    bool listener = handle == WEIR_HANDLE_LISTENER;
    switch (op) {
    case WEIR_OP_ACCEPT:
        return listener ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
    case WEIR_OP_SHUTDOWN:
        return stream || datagram || listener ? WEIR_SUPPORT_AT_ONCE : WEIR_SUPPORT_NO;
    case WEIR_OP_CONNECT:
        if (datagram)
            return WEIR_SUPPORT_AT_ONCE;
        return stream ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return datagram ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
    default:
        return datagram || stream ? WEIR_SUPPORT_NATIVE : WEIR_SUPPORT_NO;
    }
}

/* Of ops that only files have, and what else the system lets have them. */
static int query_file(enum weir_op_kind op, enum weir_handle_kind handle)
{
    bool file = handle == WEIR_HANDLE_FILE, bytes = handle == WEIR_HANDLE_STREAM;
    switch (op) {
    case WEIR_OP_FSTAT:
        return WEIR_SUPPORT_OFFLOADED;
    case WEIR_OP_ADVISE: /* what has no use for it says that it is done */
        return handle == WEIR_HANDLE_PIPE ? WEIR_SUPPORT_NO : WEIR_SUPPORT_OFFLOADED;
    case WEIR_OP_FSYNC:
        file |= handle == WEIR_HANDLE_DIRECTORY;
        break;
    case WEIR_OP_COPY: /* to such a handle */
        if (bytes || handle == WEIR_HANDLE_PIPE || handle == WEIR_HANDLE_TTY)
            return WEIR_SUPPORT_EMULATED;
        break;
    default:
        break;
    }
    return file ? WEIR_SUPPORT_OFFLOADED : WEIR_SUPPORT_NO;
}

int ready_query(enum weir_op_kind op, enum weir_handle_kind handle, unsigned traits)
{
    bool file = handle == WEIR_HANDLE_FILE, directory = handle == WEIR_HANDLE_DIRECTORY;
    if (handle == WEIR_HANDLE_NONE)
        return query_loop(op);
    switch (op) {
    case WEIR_OP_MOVE:
        return WEIR_SUPPORT_AT_ONCE;
    case WEIR_OP_POLL:
        if (file || directory)
            return WEIR_SUPPORT_AT_ONCE;
        return traits & ENGINE_EDGE ? WEIR_SUPPORT_EMULATED : WEIR_SUPPORT_NATIVE;
    case WEIR_OP_ACCEPT:
    case WEIR_OP_CONNECT:
    case WEIR_OP_SHUTDOWN:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_RECV_MSG_POOLED:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return query_socket(op, handle);
    case WEIR_OP_RECV_POOLED:
        return file || directory || handle == WEIR_HANDLE_LISTENER ? WEIR_SUPPORT_NO
                                                                   : WEIR_SUPPORT_NATIVE;
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        if (handle == WEIR_HANDLE_LISTENER || directory)
            return WEIR_SUPPORT_NO;
        return file ? WEIR_SUPPORT_OFFLOADED : WEIR_SUPPORT_NATIVE;
    case WEIR_OP_FSTAT:
    case WEIR_OP_FSYNC:
    case WEIR_OP_TRUNCATE:
    case WEIR_OP_PREALLOCATE:
    case WEIR_OP_ADVISE:
    case WEIR_OP_COPY:
        return query_file(op, handle);
    default:
        return WEIR_SUPPORT_NO;
    }
}
