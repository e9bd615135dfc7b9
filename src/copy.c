/* SPDX-License-Identifier: MIT */
/* copy.c - weir_copy(): a poll of weir's own waits for whichever end is not ready, and then a piece
 * is moved: by a call that the system has for such a pair, else by reads and writes.
 *
 * The caller's op has its turn at the target, and `place` has it at the source. A source is looked
 * at, and its bytes are taken only when the target has them, so that none is lost. Only terminals
 * cannot be looked at; what was read of one and could not be written is kept for the next piece. */
#include <string.h>

#include "engine.h"

#define BUFFER_ROOM 65536u
#define WORK_MAX ((uint64_t)1 << 20) /* bytes that a worker moves before others have their turn */

struct copies {
    struct copy   *all, *spare;
    unsigned char *buffer; /* for what is moved on the loop's thread; nothing stays in it */
};

/* ---- Records --------------------------------------------------------------------------------- */

static struct copies *copies_get(struct weir_loop *loop)
{
    struct copies *copies = loop->copies;
    if (copies)
        return copies;
    copies = loop_resize(loop, NULL, sizeof *copies + BUFFER_ROOM);
    if (!copies)
        return NULL;
    *copies = (struct copies){.buffer = (unsigned char *)(copies + 1)};
    loop->copies = copies;
    return copies;
}

/* One that an earlier copy gave back, or a new one; NULL when there is no memory. */
static struct copy *copy_take(struct weir_loop *loop)
{
    struct copies *copies = copies_get(loop);
    struct copy   *copy = copies ? copies->spare : NULL;
    if (!copies)
        return NULL;
    if (copy) {
        copies->spare = copy->spare;
        *copy = (struct copy){.buffer = copy->buffer, .next = copy->next};
        return copy;
    }
    copy = loop_resize(loop, NULL, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = (struct copy){.next = copies->all};
    copies->all = copy;
    return copy;
}

void copy_finish(struct weir_loop *loop)
{
    struct copies *copies = loop->copies;
    for (struct copy *copy = copies ? copies->all : NULL, *next; copy; copy = next) {
        next = copy->next;
        loop_resize(loop, copy->buffer, 0);
        loop_resize(loop, copy, 0);
    }
    loop_resize(loop, copies, 0);
    loop->copies = NULL;
}

/* ---- Starting -------------------------------------------------------------------------------- */

static bool is_copied(const struct weir_handle *handle)
{
    return handle->in.kind == WEIR_HANDLE_FILE || handle->in.kind == WEIR_HANDLE_STREAM ||
           handle->in.kind == WEIR_HANDLE_PIPE || handle->in.kind == WEIR_HANDLE_TTY;
}

/* 0, or what is wrong with one end. */
static int check_end(const struct weir_handle *handle, unsigned closed_way, uint64_t offset,
                     uint64_t length)
{
    if (handle->in.kind == WEIR_HANDLE_NONE || (handle->in.flags & closed_way))
        return WEIR_EBADF;
    if (handle->in.kind == WEIR_HANDLE_DIRECTORY)
        return WEIR_EISDIR;
    if (!is_copied(handle))
        return WEIR_EINVAL;
    if (offset == WEIR_STREAM)
        return 0;
    if (offset > INT64_MAX || (length != UINT64_MAX && length > INT64_MAX - offset))
        return WEIR_EINVAL;
    return handle->in.kind == WEIR_HANDLE_FILE ? 0 : WEIR_ESPIPE;
}

static int check(const struct weir_handle *handle, const struct weir_copy_range *range)
{
    if (!range || !range->from)
        return WEIR_EINVAL;
    if (range->from->loop != handle->loop)
        return range->from->loop ? WEIR_EINVAL : WEIR_EBADF;
    if (range->from->in.flags & HANDLE_CLOSING)
        return WEIR_ECANCELED;
    int error = check_end(range->from, HANDLE_NO_IN, range->from_offset, range->length);
    return error ? error : check_end(handle, HANDLE_NO_OUT, range->to_offset, range->length);
}

/* Among the ops of the source, so that closing it ends the copy; in turn where it has no offset. */
static void enter_source(struct copy *copy)
{
    struct weir_handle *source = copy->source;
    struct weir_op     *place = &copy->place;
    place->handle = source;
    place->kind = WEIR_OP_COPY;
    place->state = OP_COPYING;
    place->told = OP_OWN;
    place->in.arg.copy.record = copy;
    ring_push(&source->in.ops_in, place);
    if (copy->from_offset != WEIR_STREAM)
        return;
    place->in.holds = WEIR_IN;
    if (source->in.busy & WEIR_IN)
        place->state = OP_BEHIND;
    source->in.busy |= WEIR_IN;
}

void weir_copy(struct weir_op *op, struct weir_handle *handle, struct weir_copy_range *range,
               unsigned flags, weir_done *done)
{
    if (!op_begin(op, WEIR_OP_COPY, handle, flags, FLAGS_LATER, done))
        return;
    op->in.arg.copy.range = range;
    int error = (flags & ~WEIR_BACKGROUND) ? WEIR_EINVAL : check(handle, range);
    if (error || !range->length) {
        op_decide(op, error);
        return;
    }
    struct copy *copy = copy_take(handle->loop);
    if (!copy) {
        op_decide(op, WEIR_ENOMEM);
        return;
    }
    copy->op = op;
    copy->source = range->from;
    copy->from_offset = range->from_offset;
    copy->to_offset = range->to_offset;
    copy->left = range->length;
    op->in.arg.copy.record = copy;
    enter_source(copy);
    op_submit(op);
}

/* ---- By reads and writes --------------------------------------------------------------------- */

/* A plain op on one end, that no loop ever sees. */
static int64_t perform(struct weir_handle *handle, enum weir_op_kind kind, unsigned flags,
                       void *data, uint64_t length, uint64_t offset, enum perform how)
{
    struct weir_op op = {.handle = handle, .kind = (uint8_t)kind, .flags = flags};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = (size_t)length;
    op.in.arg.transfer.offset = offset;
    int64_t result;
    do
        result = handle->loop->sys->perform(&op, how);
    while (result == WEIR_EINTR);
    return result;
}

static bool is_readable(struct copy *copy)
{
    struct weir_op op = {.handle = &copy->from, .kind = WEIR_OP_POLL};
    op.in.arg.events = WEIR_IN;
    return copy->from.loop->sys->perform(&op, PERFORM_TRY) != WEIR_EAGAIN;
}

/* A terminal cannot be looked at: what is read from it can be put nowhere else. */
static bool must_keep(const struct copy *copy)
{
    return copy->from.in.kind == WEIR_HANDLE_TTY || copy->blind;
}

/* Looks at the next bytes of the source, or, of one that cannot be looked at, reads them. */
static int64_t take(struct copy *copy, unsigned char *buffer)
{
    uint64_t          wanted = copy->left < BUFFER_ROOM ? copy->left : BUFFER_ROOM;
    enum weir_op_kind kind = handle_is_socket(&copy->from) ? WEIR_OP_RECV : WEIR_OP_READ;
    int64_t taken = perform(&copy->from, kind, must_keep(copy) ? 0 : WEIR_PEEK, buffer, wanted,
                            WEIR_STREAM, PERFORM_TRY);
    if (taken == WEIR_EAGAIN)
        copy->waits_for = WEIR_IN;
    if (taken == WEIR_EOPNOTSUPP && !must_keep(copy)) {
        copy->blind = true;
        copy->waits_for = 0; /* asked again, with a buffer that keeps */
        return WEIR_EAGAIN;
    }
    if (must_keep(copy) && taken > 0) {
        copy->kept_at = 0;
        copy->kept_length = (uint32_t)taken;
    }
    return taken;
}

/* On the loop's thread WEIR_ENOTSUP where only a worker can write. */
static int64_t put(struct copy *copy, unsigned char *data, uint64_t length, enum perform how)
{
    bool    waits = copy->to.in.kind == WEIR_HANDLE_FILE;
    int64_t put = waits && how == PERFORM_TRY
                      ? WEIR_ENOTSUP
                      : perform(&copy->to, WEIR_OP_WRITE, 0, data, length, copy->to_offset,
                                waits ? PERFORM_WAIT : PERFORM_TRY);
    if (put == WEIR_ENOTSUP && how == PERFORM_WAIT)
        put = perform(&copy->to, WEIR_OP_WRITE, 0, data, length, copy->to_offset, PERFORM_WAIT);
    if (put == WEIR_EAGAIN)
        copy->waits_for = WEIR_OUT;
    return put;
}

/* What the target has is no longer the source's. */
static void let_go(struct copy *copy, unsigned char *buffer, uint64_t length)
{
    if (must_keep(copy)) {
        copy->kept_at += (uint32_t)length;
        copy->kept_length -= (uint32_t)length;
        return;
    }
    enum weir_op_kind kind = handle_is_socket(&copy->from) ? WEIR_OP_RECV : WEIR_OP_READ;
    while (length) {
        int64_t gone = perform(&copy->from, kind, OP_DISCARD, buffer, length, WEIR_STREAM,
                               PERFORM_TRY);
        if (gone <= 0)
            return; /* another process took it */
        length -= (uint64_t)gone;
    }
}

static int64_t move_piece(struct copy *copy, unsigned char *buffer, enum perform how)
{
    uint32_t at = copy->kept_length ? copy->kept_at : 0;
    int64_t  length = copy->kept_length;
    if (!length && how == PERFORM_TRY && copy->to.in.kind == WEIR_HANDLE_FILE) {
        copy->waits_for = WEIR_IN;
        return is_readable(copy) ? WEIR_ENOTSUP : WEIR_EAGAIN;
    }
    if (!length)
        length = take(copy, buffer);
    if (length <= 0)
        return length;
    int64_t moved = put(copy, buffer + at, (uint64_t)length, how);
    if (moved > 0)
        let_go(copy, buffer, (uint64_t)moved);
    return moved;
}

/* Several pieces, since the way to a worker and back is long. */
static int64_t work_plainly(struct copy *copy)
{
    uint64_t left = copy->left, to_offset = copy->to_offset, sum = 0;
    int64_t  moved;
    do {
        moved = move_piece(copy, copy->buffer, PERFORM_WAIT);
        sum += moved > 0 ? (uint64_t)moved : 0;
        copy->left = left == UINT64_MAX ? left : left - sum;
        copy->to_offset = to_offset == WEIR_STREAM ? to_offset : to_offset + sum;
    } while (moved > 0 && copy->left && sum < WORK_MAX);
    copy->left = left; /* both are counted where the result is concluded */
    copy->to_offset = to_offset;
    return sum ? (int64_t)sum : moved;
}

int64_t copy_work(struct weir_loop *loop, struct weir_op *op)
{
    struct copy *copy = copy_of(op);
    if (copy->plain)
        return work_plainly(copy);
    int64_t moved = loop->sys->perform(op, PERFORM_WAIT);
    if (moved != WEIR_EOPNOTSUPP)
        return moved;
    copy->plain = true; /* the loop's thread has the memory for it */
    copy->waits_for = 0;
    return WEIR_EAGAIN;
}

/* ---- Piece by piece -------------------------------------------------------------------------- */

/* On the loop's thread; WEIR_ENOTSUP where only a worker can do it. */
static int64_t next_piece(struct weir_loop *loop, struct copy *copy)
{
    if (!copy->plain) {
        int64_t moved = loop->sys->perform(copy->op, PERFORM_TRY);
        if (moved != WEIR_EOPNOTSUPP)
            return moved;
        copy->plain = true;
    }
    bool alone = handle_is_socket(&copy->to) || copy->to.in.kind == WEIR_HANDLE_PIPE;
    if (alone && !must_keep(copy)) /* nothing stays in the buffer, and no worker needs one */
        return move_piece(copy, loop->copies->buffer, PERFORM_TRY);
    if (!copy->buffer)
        copy->buffer = loop_resize(loop, NULL, BUFFER_ROOM);
    return copy->buffer ? move_piece(copy, copy->buffer, PERFORM_TRY) : WEIR_ENOMEM;
}

enum started copy_start(struct weir_loop *loop, struct weir_op *op)
{
    struct copy *copy = copy_of(op);
    if (copy->place.state == OP_BEHIND) {
        op->state = OP_COPYING;
        return STARTED;
    }
    copy->from = *copy->source;
    copy->to = *op->handle;
    int64_t moved = next_piece(loop, copy);
    if (moved == WEIR_ENOTSUP)
        return STARTED_OFFLOAD;
    if (op->served == WEIR_SERVED_NOT && moved != WEIR_EAGAIN)
        op->served = WEIR_SERVED_AT_ONCE;
    op->result = moved;
    return STARTED_DONE;
}

void copy_moved(struct weir_op *op, uint64_t length)
{
    struct copy *copy = copy_of(op);
    op->in.progress += length;
    if (copy->left != UINT64_MAX)
        copy->left -= length;
    if (copy->from_offset != WEIR_STREAM)
        copy->from_offset += length;
    if (copy->to_offset != WEIR_STREAM)
        copy->to_offset += length;
}

void copy_wait(struct weir_loop *loop, struct weir_op *op)
{
    struct copy        *copy = copy_of(op);
    struct weir_handle *handle = copy->waits_for & WEIR_IN ? copy->source : op->handle;
    if (!copy->waits_for) {
        loop_ask(loop, op);
        return;
    }
    op->state = OP_COPYING;
    copy->poll = (struct weir_op){.handle = handle, .kind = WEIR_OP_POLL, .told = OP_OWN};
    copy->poll.in.arg.events = copy->waits_for;
    handle->in.flags |= HANDLE_POLLED;
    ring_push(&handle->in.ops_in, &copy->poll);
    loop_ask(loop, &copy->poll);
}

void copy_polled(struct weir_loop *loop, struct weir_op *poll)
{
    struct copy    *copy = weir_of(poll, struct copy, poll);
    struct weir_op *op = copy->op;
    ring_remove(&poll->handle->in.ops_in, poll);
    poll->state = OP_ENDED;
    if (op->in.cause || poll->result < 0) {
        loop_finish(loop, op, op->in.cause ? op->in.cause : poll->result);
        return;
    }
    if (op->served != WEIR_SERVED_WORKER)
        op->served = WEIR_SERVED_READY;
    loop_ask(loop, op);
}

void copy_turn(struct weir_loop *loop, struct weir_op *place)
{
    struct weir_op *op = copy_of(place)->op;
    place->state = OP_COPYING;
    if (op->state == OP_COPYING)
        loop_ask(loop, op);
}

void copy_end(struct weir_loop *loop, struct weir_op *op)
{
    struct copy *copy = copy_of(op);
    if (!copy)
        return; /* it never began */
    struct weir_handle *source = copy->source;
    bool                had_turn = copy->place.in.holds && copy->place.state != OP_BEHIND;
    ring_remove(&source->in.ops_in, &copy->place);
    copy->place.state = OP_ENDED;
    if (had_turn)
        loop_release(loop, source, WEIR_IN);
    if (source->in.flags & HANDLE_CLOSING)
        handle_op_left(loop, source);
    copy->kept_length = 0;
    copy->spare = loop->copies->spare;
    loop->copies->spare = copy;
}
