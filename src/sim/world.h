/* SPDX-License-Identifier: MIT */
/* world.h - a simulated world: hosts with descriptors, a network and disks, driven by one queue of
 * events in virtual time. Every choice is drawn from the seed; nothing here asks the real system.
 *
 * world.c   clock, events, randomness, faults, trace, hosts, descriptors
 * system.c  struct system on top of it: what the loop asks of a platform
 * perform.c the switch: an op and the object that does it
 * stream.c, listener.c, datagram.c, pipe.c, message.c, option.c, name.c   the network
 * disk.c, file.c, console.c   what lasts, and the standard streams
 *
 * The world is a test's tool: where the real machine has no memory for it, it says so and aborts.
 * Everything runs on one thread. */
#ifndef WEIR_SIM_WORLD_H
#define WEIR_SIM_WORLD_H

#include "../base/rest.h"
#include "../engine.h"
#include "weir/sim.h"

/* Of a disk: what is never torn, and what direct I/O is aligned to. */
#define SIM_SECTOR 512u

/* ---- Randomness ------------------------------------------------------------------------------ */

/* A stream of numbers for each purpose, so that one choice more of a kind does not change all
 * others. */
enum sim_draw {
    DRAW_ORDER, /* which of several comes first */
    DRAW_TIME,  /* how long something takes */
    DRAW_SIZE,  /* how much moves at once */
    DRAW_FAULT, /* what fails */
    DRAW_TEST,  /* weir_sim_random() */
    DRAWS
};

/* 0 .. bound - 1; bound > 0. */
uint64_t sim_random(struct weir_sim *world, enum sim_draw draw, uint64_t bound);
bool     sim_chance(struct weir_sim *world, enum sim_draw draw, uint32_t per_million);

/* Whether the fault happens now, by its chance; `where` names the place in the trace. Always asked
 * where the fault could happen and would change something, so that its chance means what it
 * says. */
bool sim_fault(struct weir_sim *world, enum weir_sim_fault fault, const char *where);

/* How much of `length` > 0 moves now: all, or with WEIR_SIM_SHORT_TRANSFER fewer, at least 1. */
size_t sim_some(struct weir_sim *world, size_t length);

/* A time around usual_ns: from a half to twice; with WEIR_SIM_LATENCY now and then 1,000 times. */
uint64_t sim_time(struct weir_sim *world, uint64_t usual_ns);

/* ---- Events ---------------------------------------------------------------------------------- */

/* Something that will happen; lies in what it is about. Zeroed: not scheduled. */
struct sim_event {
    uint64_t due_ns, order; /* equal times: in an order that is drawn */
    uint32_t place;         /* in the queue, from 1; 0: not in it */
    void (*happen)(struct weir_sim *world, struct sim_event *event);
};

/* In delay_ns from now, at the earliest; one that is scheduled already keeps its time. */
void sim_schedule(struct weir_sim *world, struct sim_event *event, uint64_t delay_ns,
                  void (*happen)(struct weir_sim *world, struct sim_event *event));
/* Nothing where it is not scheduled. */
void sim_unschedule(struct weir_sim *world, struct sim_event *event);

/* ---- Seeing ---------------------------------------------------------------------------------- */

/* One line of the trace: hashed always, written where a trace is wanted. */
void sim_trace(struct weir_sim *world, const char *format, ...) PRINTF_LIKE(2, 3);

/* An invariant broke: the first sentence is kept, and the run ends with an error. */
void sim_break(struct weir_sim *world, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* As realloc(3), zeroed where it is new, and never NULL but for size 0, which frees. */
void *sim_resize(void *memory, size_t before, size_t size);
void *sim_new(size_t size); /* zeroed */
void  sim_free(void *memory);

/* ---- Objects and descriptors ----------------------------------------------------------------- */

struct sim_object;

/* One who wants to hear of every change of an object; lies in a record of the engine. */
struct sim_wait {
    struct sim_wait   *next, *previous; /* ring, NULL when it waits for nothing */
    struct sim_object *object;
    void (*changed)(struct sim_wait *wait);
};

/* What a descriptor names: an open file description. */
struct sim_object_type {
    const char *name;
    /* As struct system's perform, of an op on this object. Nothing in a simulation waits: EAGAIN
     * says that a later change of the object (sim_changed) makes another try worthwhile. */
    int64_t (*perform)(struct sim_object *object, struct weir_op *op);
    /* WEIR_IN, _OUT, _HUP, _ERR, _RDHUP as poll(2) tells them. */
    unsigned (*events)(struct sim_object *object);
    /* The last reference is gone: frees what it owns, not itself. */
    void (*close)(struct sim_object *object);
    /* Sockets only, else NULL: as of struct system. */
    int (*bind)(struct sim_object *object, const void *address, size_t length, unsigned flags);
    int (*address)(struct sim_object *object, bool peer, struct weir_address *address);
};

struct sim_object {
    const struct sim_object_type *type;
    struct weir_sim_host         *host;
    struct sim_object            *next, *previous; /* ring of all of the world */
    struct sim_wait              *waits;
    uint32_t                      references; /* descriptors, and messages on their way */
    uint64_t                      changes;    /* how often it was sim_changed() */
    uint32_t                      number;     /* its name in the trace; never used again */
    enum weir_handle_kind         kind;
    unsigned                      handle_flags; /* HANDLE_*, as classify finds them */
    int64_t options[WEIR_OPTION_ERROR + 1];     /* of sockets: as set; ERROR: the one that pends */
};

/* `size`: of the struct that begins with the object; zeroed, with no reference yet. */
void *sim_object_new(struct weir_sim_host *host, const struct sim_object_type *type,
                     enum weir_handle_kind kind, size_t size);
void  sim_hold(struct sim_object *object);
void  sim_release(struct sim_object *object); /* closes and frees it with the last reference */

/* What perform or events would say may have changed: whoever waits tries again. */
void sim_changed(struct sim_object *object);

/* The lowest free number, which then holds the object; WEIR_EMFILE, also by the fault (the object
 * is not touched). */
int sim_descriptor_take(struct weir_sim_host *host, struct sim_object *object);
/* The object of a number of this host, or NULL. */
struct sim_object *sim_descriptor(const struct weir_sim_host *host, int descriptor);
void               sim_descriptor_close(struct weir_sim_host *host, int descriptor);

/* ---- The world and its hosts ----------------------------------------------------------------- */

/* One loop of a host; loop->hybrid or ->mechanism leads to it. Owned by the engine. */
struct sim_loop;

struct weir_sim_host {
    struct weir_sim      *world;
    struct weir_sim_host *next;
    char                  name[64];
    struct weir_address   address;     /* IPv4 or IPv6, port 0 */
    struct sim_object   **descriptors; /* owned array */
    uint32_t              descriptor_room;
    struct sim_loop      *loops; /* linked through their next */
    struct sim_disk      *disk;  /* owned; NULL until the first file */
    struct sim_net       *net;   /* owned; NULL until the first socket that needs it */
    uint32_t              ports; /* how many ephemeral ports were given out */
    bool                  down;  /* crashed, and no loop was opened since */
};

uint64_t sim_now(const struct weir_sim *world);

/* Whether a packet from one host reaches the other now. */
bool sim_linked(const struct weir_sim *world, const struct weir_sim_host *one,
                const struct weir_sim_host *other);

/* Whose address it is: `from` itself for loopback and wildcard addresses; NULL: nobody's. */
struct weir_sim_host *sim_host_of(struct weir_sim_host *from, const struct weir_address *address);

/* First of all objects of the world; the next ones by ->next, until it comes again. */
struct sim_object *sim_objects(const struct weir_sim *world);

/* First of all hosts of the world; the next ones by ->next. */
struct weir_sim_host *sim_hosts(const struct weir_sim *world);

/* ---- What the parts of the world offer to system.c and perform.c ----------------------------- */

/* The network. Results as struct system says. */
int     sim_socket(struct weir_sim_host *host, int family, int type, unsigned flags);
int     sim_listen(struct weir_sim_host *host, const void *address, size_t length, int backlog,
                   unsigned flags);
int     sim_pipe(struct weir_sim_host *host, int ends[2]);
int     sim_option_set(struct sim_object *object, enum weir_option option, int64_t value);
int     sim_option_get(struct sim_object *object, enum weir_option option, int64_t *value);
int     sim_multicast(struct sim_object *object, const struct weir_address *group,
                      unsigned interface_index, bool join);
int64_t sim_resolve(struct weir_sim_host *host, const struct weir_lookup *lookup);
/* Power is lost: what the host's sockets had is gone, without a word to their peers. */
void sim_net_crash(struct weir_sim_host *host);
/* A link was cut; links were mended: what was held back goes on. */
void sim_net_cut(struct weir_sim *world);
void sim_net_mended(struct weir_sim *world);
/* The host goes, with every connection that it has. */
void sim_net_finish(struct weir_sim_host *host);

/* The disk: 1 GiB, with the directories / /data /dev /tmp; a relative name lies in /data. What
 * lasts over a crash, see disk.h. A descriptor, or WEIR_E*. */
int64_t sim_open(struct weir_sim_host *host, const char *path, unsigned mode);
/* The name of a unix socket: made, or found. Its inode, or WEIR_E*. */
int64_t sim_path_bind(struct weir_sim_host *host, const char *path);
int64_t sim_path_find(struct weir_sim_host *host, const char *path);
/* 0 or WEIR_E*. */
int  sim_path_remove(struct weir_sim_host *host, const char *path);
void sim_disk_crash(struct weir_sim_host *host); /* keeps what was synced, and a part of the rest */
void sim_disk_finish(struct weir_sim_host *host);
/* As of struct system; 0 for what is no file of the disk. */
void sim_alignment(const struct sim_object *object, struct weir_alignment *alignment);
/* A piece of a copy, as perform of WEIR_OP_COPY: from a file; WEIR_EOPNOTSUPP from anything else,
 * which the core does by reads and writes. */
int64_t sim_copy(struct copy *copy);
/* Whether the two are the ends of one pipe, or one and the same. */
bool sim_pipe_is_one(const struct sim_object *one, const struct sim_object *other);
/* Standard input (empty), output and error (written through to the real ones) as 0, 1, 2. */
void sim_console_open(struct weir_sim_host *host);

/* system.c, perform.c */
int64_t sim_perform(struct weir_op *op, enum perform how);

/* The host of a loop: of its engine's record. */
struct weir_sim_host *sim_host_of_loop(const struct weir_loop *loop);

#endif
