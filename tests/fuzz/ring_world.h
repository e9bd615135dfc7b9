/* SPDX-License-Identifier: MIT */
/* ring_world.h - what the files of the target "ring" share: descriptors that no system has, the ops
 * that the target started, and the ring below them. */
#ifndef RING_WORLD_H
#define RING_WORLD_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "engine.h"
#include "fuzz.h"

enum { SLOTS = 24, PLACES = 48, PLACE_FIRST = 1000, PIECES = 3 };

/* One op of the target: the op and everything that it borrows lie in blocks of their own, which are
 * freed in its last done(). */
struct slot {
    struct weir_op  *op;     /* owned; NULL: the slot is free */
    struct weir_buf *pieces; /* owned, as their data: PIECES of them, some empty */
    struct weir_msg *message;
    void            *other;       /* owned: an address, a path, a struct weir_stat */
    struct holder   *holder;      /* of its handle */
    struct holder   *fills;       /* accept, open: the handle to be filled */
    uint64_t         moved;       /* bytes that the world moved for it */
    bool             asked_end;   /* by a cancel, a close, a deadline or the loop's end */
    bool             may_be_late; /* it had a deadline */
};

/* One descriptor. */
struct place {
    bool     is_open;
    uint8_t  kind; /* enum weir_handle_kind */
    uint16_t flags;
    uint64_t given; /* bytes that a program got from it */
};

struct world {
    struct input      input;
    uint64_t          now_ns;
    struct weir_loop *loop;
    struct system     system;
    struct place      places[PLACES];
    struct slot       slots[SLOTS];
    struct op_fifo    offloaded; /* with workers that do not exist */
    struct weir_op   *running;   /* what one of them is in the call of */
};

extern struct world world;

/* The slot of an op of the target; NULL for any other. */
struct slot *world_slot(const struct weir_op *op);

int           world_open(enum weir_handle_kind kind, uint16_t flags); /* or -EMFILE */
struct place *world_place(int descriptor);                            /* which is open */
uint8_t       world_byte(int descriptor, uint64_t position);          /* what is there to be read */
uint8_t       world_sent(uint64_t position); /* what every op of the target sends */

/* An error that a system may have for a call that moves data, or one that does not. */
int world_error(bool moves);

/* Moves what the input says: a count, or -errno. `waits`: it does not answer -EAGAIN. */
struct move {
    struct weir_op     *op;
    int                 descriptor;
    const struct iovec *pieces;
    size_t              count;
    uint64_t            offset; /* or WEIR_STREAM */
    bool                in, peeks, tells_length, waits;
};
int64_t world_move(const struct move *move);

/* What a kernel leaves in the header of a message that was received. */
void world_tell(struct msghdr *header, int64_t result, bool truncated);

/* The system's table with a world in place of a system. */
void world_install(struct weir_loop *loop);
/* A worker that does not exist takes an op, or finishes it; whether there was one. */
bool world_work(void);

/* ---- ring_kernel.c --------------------------------------------------------------------------- */

void kernel_begin(void);
/* Nothing is left in it. */
void kernel_end(void);
/* No entry names the descriptor any more. */
void kernel_forgot(int descriptor);

#endif
