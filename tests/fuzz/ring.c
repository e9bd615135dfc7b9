/* SPDX-License-Identifier: MIT */
/* ring.c - fuzz target: ops, cancels, deadlines and closes on the io_uring engine, above a kernel
 * that answers as the input says (ring_kernel.c, ring_world.c).
 *
 * Oracles: every op ends exactly once and with a result that has a cause; if bytes moved, the
 * result is their count, and they are the right ones in the right order; nothing is touched after
 * its end (each op, handle and buffer is freed then); a descriptor is closed once, when nothing
 * names it any more, and none is left over; the loop never sleeps for ever. */
#include <string.h>

#include "ring_world.h"

enum { HOLDERS = 6, STEPS_MAX = 300 };

enum held { HELD_FILLING, HELD_OPEN, HELD_CLOSING, HELD_CLOSING_SILENTLY };

/* A handle, in memory of its own. */
struct holder {
    struct weir_handle handle;
    enum held          state;
    unsigned           index;
    uint8_t            kind;
    int                descriptor;
    bool               closed_now;
    uint64_t           read; /* bytes of its stream that ops told */
};

static struct holder *holders[HOLDERS];
static bool           closing;

static unsigned take(void)
{
    return input_take(&world.input);
}

static void act(void);

/* ---- Handles --------------------------------------------------------------------------------- */

static struct holder *new_holder(enum held state)
{
    for (unsigned i = 0; i < HOLDERS; i++) {
        if (holders[i])
            continue;
        holders[i] = calloc(1, sizeof *holders[i]);
        FUZZ_CHECK(holders[i]);
        holders[i]->state = state;
        holders[i]->index = i;
        return holders[i];
    }
    return NULL;
}

static void free_holder(struct holder *holder)
{
    for (const struct slot *slot = world.slots; slot < world.slots + SLOTS; slot++)
        FUZZ_CHECK(!slot->op || (slot->holder != holder && slot->fills != holder));
    holders[holder->index] = NULL;
    free(holder);
}

static void become_open(struct holder *holder)
{
    holder->state = HELD_OPEN;
    holder->kind = holder->handle.in.kind;
    holder->descriptor = (int)weir_handle_os(&holder->handle);
    world_place(holder->descriptor);
}

static void attach(void)
{
    static const struct {
        uint8_t  kind;
        uint16_t flags;
    } kinds[] = {{WEIR_HANDLE_STREAM, HANDLE_NONBLOCK},
                 {WEIR_HANDLE_STREAM, 0},
                 {WEIR_HANDLE_STREAM, HANDLE_UNIX},
                 {WEIR_HANDLE_DATAGRAM, HANDLE_UDP},
                 {WEIR_HANDLE_DATAGRAM, 0},
                 {WEIR_HANDLE_LISTENER, 0},
                 {WEIR_HANDLE_PIPE, HANDLE_NONBLOCK},
                 {WEIR_HANDLE_PIPE, 0},
                 {WEIR_HANDLE_FILE, 0},
                 {WEIR_HANDLE_TTY, HANDLE_NONBLOCK}};
    unsigned       which = take() % (sizeof kinds / sizeof kinds[0]);
    struct holder *holder = new_holder(HELD_OPEN);
    if (!holder)
        return;
    int descriptor = world_open((enum weir_handle_kind)kinds[which].kind, kinds[which].flags);
    int error = descriptor < 0 ? descriptor
                               : weir_adopt(&holder->handle, world.loop, descriptor, 0);
    if (!error) {
        become_open(holder);
        return;
    }
    FUZZ_CHECK(closing || descriptor < 0);
    if (descriptor >= 0)
        world.system.close(world.loop, descriptor);
    free_holder(holder);
}

static void expect_ends(const struct holder *holder)
{
    for (struct slot *slot = world.slots; slot < world.slots + SLOTS; slot++)
        if (slot->op && (!holder || slot->holder == holder))
            slot->asked_end = true;
}

static void on_closed(struct weir_handle *handle)
{
    struct holder *holder = weir_of(handle, struct holder, handle);
    FUZZ_CHECK_EQ(holder->state, HELD_CLOSING);
    FUZZ_CHECK_EQ(handle->in.kind, WEIR_HANDLE_NONE);
    if (holder->descriptor >= PLACE_FIRST && !holder->closed_now)
        FUZZ_CHECK(!world.places[holder->descriptor - PLACE_FIRST].is_open);
    free_holder(holder);
}

static void close_holder(struct holder *holder, unsigned how)
{
    enum held before = holder->state;
    if (before == HELD_FILLING && !(holder->handle.in.flags & HANDLE_OPENING))
        return;
    expect_ends(holder);
    if (before != HELD_CLOSING)
        holder->state = how & 1 ? HELD_CLOSING : HELD_CLOSING_SILENTLY;
    int error = weir_close(&holder->handle, how & 1 ? on_closed : NULL);
    if (before == HELD_CLOSING_SILENTLY)
        holder->state = before; /* the first call's on_closed stays */
    else
        FUZZ_CHECK_EQ(error, 0);
}

static void close_holder_now(struct holder *holder)
{
    if (holder->state == HELD_FILLING || holder->closed_now)
        return;
    expect_ends(holder);
    if (holder->state == HELD_OPEN)
        holder->state = HELD_CLOSING_SILENTLY;
    int error = weir_close_now(&holder->handle);
    if (error == WEIR_EBADF && holder->state == HELD_CLOSING_SILENTLY)
        return; /* it was closed already */
    FUZZ_CHECK(error == 0 || error == WEIR_EBUSY);
    holder->closed_now = !error;
    if (!error && holder->descriptor >= PLACE_FIRST)
        FUZZ_CHECK(!world.places[holder->descriptor - PLACE_FIRST].is_open);
}

/* Nobody is told of the end of those that were closed without on_closed. */
static void free_closed(void)
{
    for (unsigned i = 0; i < HOLDERS; i++)
        if (holders[i] && holders[i]->state == HELD_CLOSING_SILENTLY &&
            weir_handle_kind(&holders[i]->handle) == WEIR_HANDLE_NONE)
            free_holder(holders[i]);
}

/* ---- The end of an op ------------------------------------------------------------------------ */

static bool moves(const struct weir_op *op)
{
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
        return true;
    default:
        return false;
    }
}

static bool is_in(const struct weir_op *op)
{
    return op->kind == WEIR_OP_RECV || op->kind == WEIR_OP_RECVV || op->kind == WEIR_OP_READ ||
           op->kind == WEIR_OP_READV || op->kind == WEIR_OP_RECV_MSG;
}

/* The bytes are those of the place in the stream, or file, that the op had. */
static void check_bytes(const struct slot *slot, uint64_t offset)
{
    struct holder *holder = slot->holder;
    uint64_t       left = (uint64_t)slot->op->result;
    uint64_t       position = offset == WEIR_STREAM ? holder->read : offset;
    for (int i = 0; i < PIECES && left; i++)
        for (size_t k = 0; k < slot->pieces[i].length && left; k++, left--)
            FUZZ_CHECK_EQ(((uint8_t *)slot->pieces[i].data)[k],
                          world_byte(holder->descriptor, position++));
    FUZZ_CHECK_EQ(left, 0);
    if (offset == WEIR_STREAM && !(slot->op->flags & WEIR_PEEK))
        holder->read += (uint64_t)slot->op->result;
}

static uint64_t offset_of(const struct weir_op *op)
{
    if (op->kind == WEIR_OP_READ || op->kind == WEIR_OP_WRITE)
        return op->in.arg.transfer.offset;
    if (op->kind == WEIR_OP_READV || op->kind == WEIR_OP_WRITEV)
        return op->in.arg.vector.offset;
    return WEIR_STREAM;
}

/* Each code has somebody who asked for it; what only weir is to see is not told. */
static void check_result(const struct slot *slot)
{
    const struct weir_op *op = slot->op;
    int64_t               codes[] = {op->result, op->error};
    for (int i = 0; i < 2; i++) {
        FUZZ_CHECK(codes[i] != WEIR_EINTR && codes[i] != WEIR_EAGAIN && codes[i] != WEIR_ENOTSUP);
        FUZZ_CHECK(codes[i] != WEIR_ECANCELED || slot->asked_end || closing);
        FUZZ_CHECK(codes[i] != WEIR_EDEADLINE || slot->may_be_late);
        FUZZ_CHECK(codes[i] > -512 || codes[i] == WEIR_EDEADLINE || codes[i] == WEIR_EEOF);
    }
    FUZZ_CHECK(op->served < WEIR_SERVED_KINDS);
    if (!moves(op)) {
        FUZZ_CHECK_EQ(slot->moved, 0);
        return;
    }
    FUZZ_CHECK_EQ(op->result > 0 ? op->result : 0, slot->moved);
    if (op->result > 0 && is_in(op))
        check_bytes(slot, offset_of(op));
}

static void check_filled(const struct slot *slot)
{
    static const struct weir_handle zeroed;
    struct holder                  *holder = slot->fills;
    if (!holder)
        return;
    if (slot->op->result >= 0)
        FUZZ_CHECK(holder->handle.in.kind != WEIR_HANDLE_NONE);
    if (holder->state != HELD_FILLING)
        return; /* it was closed during its open */
    if (slot->op->result >= 0) {
        become_open(holder);
        return;
    }
    FUZZ_CHECK(!memcmp(&holder->handle, &zeroed, sizeof zeroed));
    slot->op->handle = NULL;
}

static void free_slot(struct slot *slot)
{
    for (int i = 0; slot->pieces && i < PIECES; i++)
        free(slot->pieces[i].data);
    if (slot->message)
        free(slot->message->control);
    free(slot->pieces);
    free(slot->message);
    free(slot->other);
    free(slot->op);
    *slot = (struct slot){0};
}

static void on_done(struct weir_op *op)
{
    struct slot *slot = world_slot(op);
    FUZZ_CHECK(slot);
    if (op->more) {
        FUZZ_CHECK(op->kind == WEIR_OP_POLL && (op->flags & (WEIR_LEVEL | WEIR_EDGE)));
        FUZZ_CHECK(op->result > 0 && !(op->result & ~(int64_t)0x1f));
        if (input_is_empty(&world.input) || (take() & 1)) {
            slot->asked_end = true;
            FUZZ_CHECK_EQ(weir_cancel(op), 0);
        }
        return;
    }
    check_result(slot);
    check_filled(slot);
    struct holder *unfilled = slot->fills && slot->fills->state == HELD_FILLING ? slot->fills
                                                                                : NULL;
    free_slot(slot);
    if (unfilled)
        free_holder(unfilled);
    for (unsigned acts = take() & 3; acts && !input_is_empty(&world.input); acts--)
        act();
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Room for what is moved; an op of one piece takes the first. */
static void make_pieces(struct slot *slot, bool in)
{
    uint64_t at = 0;
    slot->pieces = calloc(PIECES, sizeof *slot->pieces);
    FUZZ_CHECK(slot->pieces);
    for (int i = 0; i < PIECES; i++) {
        size_t   length = take() % 50u;
        uint8_t *data = malloc(length ? length : 1);
        FUZZ_CHECK(data);
        for (size_t k = 0; k < length; k++)
            data[k] = in ? 0 : world_sent(at++);
        slot->pieces[i] = (struct weir_buf){data, length};
    }
}

static void make_message(struct slot *slot, unsigned how)
{
    slot->message = calloc(1, sizeof *slot->message);
    slot->other = calloc(1, 128);
    FUZZ_CHECK(slot->message && slot->other);
    *slot->message = (struct weir_msg){.buffers = slot->pieces, .count = PIECES};
    if (how & 1) {
        slot->message->address = slot->other;
        slot->message->address_room = 128;
        slot->message->address_length = how & 2 ? 16 : 0;
        *(uint16_t *)slot->other = how & 4 ? 1 : 2; /* AF_UNIX, AF_INET */
    }
    if (how & 8) {
        slot->message->control = calloc(1, 64);
        slot->message->control_room = 64;
        FUZZ_CHECK(slot->message->control);
    }
}

static void start_transfer(struct slot *slot, struct weir_handle *handle, unsigned what,
                           unsigned flags)
{
    bool in = what & 1;
    make_pieces(slot, in);
    void  *data = slot->pieces[0].data;
    size_t length = slot->pieces[0].length;
    if (in && (flags & WEIR_PEEK) && slot->holder->kind <= WEIR_HANDLE_LISTENER)
        flags &= ~(unsigned)WEIR_ALL;
    else
        flags &= ~(unsigned)WEIR_PEEK;
    switch (what % 6) {
    case 0:
        weir_send(slot->op, handle, data, length, flags, on_done);
        break;
    case 1:
        weir_recv(slot->op, handle, data, length, flags, on_done);
        break;
    case 2:
        weir_sendv(slot->op, handle, slot->pieces, PIECES, flags, on_done);
        break;
    case 3:
        weir_recvv(slot->op, handle, slot->pieces, PIECES, flags, on_done);
        break;
    case 4:
        make_message(slot, take());
        weir_send_msg(slot->op, handle, slot->message, flags & WEIR_BACKGROUND, on_done);
        break;
    default:
        make_message(slot, take());
        weir_recv_msg(slot->op, handle, slot->message, flags & (WEIR_BACKGROUND | WEIR_PEEK),
                      on_done);
        break;
    }
}

static void start_in_file(struct slot *slot, struct weir_handle *handle, unsigned what,
                          unsigned flags)
{
    uint64_t offset = what & 8 ? WEIR_STREAM : take();
    flags &= WEIR_BACKGROUND | WEIR_ALL;
    make_pieces(slot, what & 1);
    void  *data = slot->pieces[0].data;
    size_t length = slot->pieces[0].length;
    switch (what & 3) {
    case 0:
        weir_write(slot->op, handle, data, length, offset, flags, on_done);
        break;
    case 1:
        weir_read(slot->op, handle, data, length, offset, flags, on_done);
        break;
    case 2:
        weir_writev(slot->op, handle, slot->pieces, PIECES, offset, flags, on_done);
        break;
    default:
        weir_readv(slot->op, handle, slot->pieces, PIECES, offset, flags, on_done);
        break;
    }
}

static void start_on_file(struct slot *slot, struct weir_handle *handle, unsigned what,
                          unsigned flags)
{
    flags &= WEIR_BACKGROUND;
    switch (what % 5) {
    case 0:
        weir_fsync(slot->op, handle, flags, on_done);
        break;
    case 1:
        weir_truncate(slot->op, handle, take(), flags, on_done);
        break;
    case 2:
        weir_preallocate(slot->op, handle, take(), 9, flags, on_done);
        break;
    case 3:
        weir_advise(slot->op, handle, take(), what & 8 ? UINT64_C(1) << 33 : 5,
                    WEIR_ADVICE_WILL_NEED, flags, on_done);
        break;
    default:
        slot->other = calloc(1, sizeof(struct weir_stat));
        weir_fstat(slot->op, handle, slot->other, flags, on_done);
        break;
    }
}

static void start_poll(struct slot *slot, struct weir_handle *handle, unsigned flags)
{
    static const unsigned modes[] = {0, WEIR_ONESHOT, WEIR_LEVEL, WEIR_EDGE};
    unsigned              how = take();
    weir_poll(slot->op, handle, how & 0x1fu, modes[how >> 6] | (flags & WEIR_BACKGROUND), on_done);
}

static void start_accept(struct slot *slot, struct weir_handle *handle, unsigned flags)
{
    slot->fills = new_holder(HELD_FILLING);
    weir_accept(slot->op, handle, slot->fills ? &slot->fills->handle : NULL,
                flags & WEIR_BACKGROUND, on_done);
}

static void start_open(struct slot *slot, unsigned flags)
{
    struct holder *holder = new_holder(HELD_FILLING);
    if (!holder) {
        weir_nop(slot->op, world.loop, flags & WEIR_BACKGROUND, on_done);
        return;
    }
    slot->fills = slot->holder = holder;
    slot->other = strdup("/a/path");
    weir_open(slot->op, world.loop, &holder->handle, slot->other, WEIR_OPEN_READ,
              flags & WEIR_BACKGROUND, on_done);
}

static void start_of_loop(struct slot *slot, unsigned what, unsigned flags)
{
    slot->holder = NULL;
    switch (what & 3) {
    case 0:
        weir_nop(slot->op, world.loop, flags & WEIR_BACKGROUND, on_done);
        break;
    case 1:
        weir_timer(slot->op, world.loop, take() * WEIR_MILLISECOND, flags & WEIR_BACKGROUND,
                   on_done);
        break;
    case 2:
        weir_post(slot->op, world.loop, on_done);
        break;
    default:
        start_open(slot, flags);
        break;
    }
}

static void start_on_stream(struct slot *slot, unsigned what, unsigned flags)
{
    struct weir_handle *handle = &slot->holder->handle;
    switch (what >> 5) {
    case 0:
        start_poll(slot, handle, flags);
        break;
    case 1:
        weir_shutdown(slot->op, handle, flags & WEIR_BACKGROUND, on_done);
        break;
    case 2:
        slot->other = calloc(1, 16);
        weir_connect(slot->op, handle, slot->other, 16, flags & WEIR_BACKGROUND, on_done);
        break;
    default:
        start_transfer(slot, handle, what & 0x1fu, flags);
        break;
    }
}

static void start(void)
{
    unsigned     on = take(), what = take(), flags = on & 0x80 ? WEIR_BACKGROUND : 0;
    struct slot *slot = world.slots;
    while (slot < world.slots + SLOTS && slot->op)
        slot++;
    struct holder *holder = holders[on % HOLDERS];
    if (slot == world.slots + SLOTS || (holder && holder->state == HELD_FILLING))
        return;
    flags |= (on & 0x40 ? WEIR_ALL : 0) | (on & 0x20 ? WEIR_PEEK : 0);
    slot->op = calloc(1, sizeof *slot->op);
    FUZZ_CHECK(slot->op);
    slot->holder = holder;
    slot->asked_end = closing || (holder && holder->state != HELD_OPEN);
    if (!holder || (holder->state != HELD_OPEN && holder->handle.in.kind == WEIR_HANDLE_NONE)) {
        start_of_loop(slot, what, flags);
        return;
    }
    switch (holder->kind) {
    case WEIR_HANDLE_STREAM:
        start_on_stream(slot, what, flags);
        break;
    case WEIR_HANDLE_LISTENER:
        if (what & 1)
            start_accept(slot, &holder->handle, flags);
        else
            start_poll(slot, &holder->handle, flags);
        break;
    case WEIR_HANDLE_FILE:
        if (what & 0x10)
            start_in_file(slot, &holder->handle, what, flags);
        else
            start_on_file(slot, &holder->handle, what, flags);
        break;
    case WEIR_HANDLE_DATAGRAM:
        start_transfer(slot, &holder->handle, what, flags & ~(unsigned)WEIR_ALL);
        break;
    default: /* pipes and ttys, which have no messages */
        if (what & 0x80)
            start_poll(slot, &holder->handle, flags);
        else
            start_transfer(slot, &holder->handle, what & 3, flags);
        break;
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void cancel(void)
{
    struct slot *slot = &world.slots[take() % SLOTS];
    if (!slot->op)
        return;
    slot->asked_end = true;
    int result = weir_cancel(slot->op);
    FUZZ_CHECK(result == 0 || result == WEIR_EBUSY || result == WEIR_ENOENT);
}

static void set_deadline(void)
{
    struct slot *slot = &world.slots[take() % SLOTS];
    unsigned     ms = take();
    if (!slot->op)
        return;
    slot->may_be_late = true;
    bool forever = ms == 255 && slot->op->kind != WEIR_OP_TIMER; /* which nothing would end */
    weir_deadline(slot->op, forever ? WEIR_FOREVER : ms * WEIR_MILLISECOND);
}

static void try_transfer(void)
{
    struct holder *holder = holders[take() % HOLDERS];
    uint8_t        data[16];
    if (!holder || holder->state != HELD_OPEN ||
        (holder->kind != WEIR_HANDLE_STREAM && holder->kind != WEIR_HANDLE_PIPE))
        return;
    int64_t result = weir_try_recv(&holder->handle, data, sizeof data, 0);
    for (int64_t i = 0; i < result; i++)
        FUZZ_CHECK_EQ(data[i], world_byte(holder->descriptor, holder->read++));
}

static void act(void)
{
    unsigned       what = take();
    struct holder *holder = holders[what / 16 % HOLDERS];
    switch (what % 16) {
    case 0:
        attach();
        break;
    case 1:
        cancel();
        break;
    case 2:
        if (holder && holder->state != HELD_FILLING) {
            expect_ends(holder);
            weir_cancel_all(&holder->handle);
        }
        break;
    case 3:
        if (holder)
            close_holder(holder, take());
        break;
    case 4:
        if (holder)
            close_holder_now(holder);
        break;
    case 5:
        set_deadline();
        break;
    case 6:
        try_transfer();
        break;
    case 7:
        weir_stop(world.loop);
        break;
    default:
        start();
        break;
    }
}

static void step(void)
{
    unsigned what = take();
    switch (what & 7) {
    case 0:
    case 1:
        FUZZ_CHECK(weir_run(world.loop, WEIR_NOWAIT) >= 0);
        break;
    case 2:
        FUZZ_CHECK(weir_run(world.loop, WEIR_ONCE) >= 0);
        break;
    case 3:
        world.now_ns += (what >> 3) * WEIR_MILLISECOND;
        break;
    case 4:
        if (what == 0xfc)
            FUZZ_CHECK(weir_loop_fd(world.loop) >= 0);
        else
            attach();
        break;
    default:
        act();
        break;
    }
    free_closed();
}

/* What is left ends by itself, or with the loop. */
static void finish(void)
{
    if (take() & 1)
        FUZZ_CHECK(weir_run(world.loop, WEIR_UNTIL_DONE) >= 0);
    free_closed();
    closing = true;
    expect_ends(NULL);
    FUZZ_CHECK_EQ(weir_loop_close(world.loop, WEIR_FOREVER), 0);
    for (const struct slot *slot = world.slots; slot < world.slots + SLOTS; slot++)
        FUZZ_CHECK(!slot->op);
    for (unsigned i = 0; i < HOLDERS; i++) {
        if (!holders[i])
            continue;
        FUZZ_CHECK_EQ(holders[i]->handle.in.kind, WEIR_HANDLE_NONE);
        FUZZ_CHECK(holders[i]->state == HELD_OPEN || holders[i]->state == HELD_CLOSING_SILENTLY);
        free_holder(holders[i]);
    }
    for (int i = 0; i < PLACES; i++)
        FUZZ_CHECK(!world.places[i].is_open);
    kernel_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_options options = {.engine = "io_uring"};
    world = (struct world){.input = input_of(data, size), .now_ns = 1000};
    closing = false;
    kernel_begin();
    options.ring_entries = 1u << (take() & 7);
    int error = weir_loop_open(&world.loop, &options);
    if (error) {
        FUZZ_CHECK(error == WEIR_ENOENGINE || error == WEIR_ENOMEM || error == WEIR_EMFILE);
        FUZZ_CHECK(!world.loop);
        return 0;
    }
    world_install(world.loop);
    for (int steps = 0; steps < STEPS_MAX && !input_is_empty(&world.input); steps++)
        step();
    finish();
    return 0;
}
