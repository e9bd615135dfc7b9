/* SPDX-License-Identifier: MIT */
/* weir/sim.h - a simulated world for tests: network, disk, clock, workers, from one seed.
 *
 * A program that is written for weir runs under it without change: options.engine = "sim" (or
 * WEIR_ENGINE=sim, with WEIR_SIM_SEED) gives a loop in a world of its own. A test that wants
 * several hosts opens a world, adds hosts, opens each host's loop with options.sim_host, and lets
 * the world run: every choice that a real kernel makes - how much moves, in what order things
 * complete, what fails - is drawn from the seed, and time is virtual. The same seed makes the same
 * run.
 *
 * The environment, which `weir sim` sets for a program that it runs: WEIR_SIM_SEED, _STEPS, _SWARM,
 * _TRACE and _MODEL say what the options of weir_sim_open() do not; WEIR_SIM_FAULTS, such as
 * "1-4,9", names those faults of the run that happen, by the numbers that its trace gives them.
 *
 * All functions belong to one thread, that of the world; so do its loops. */
#ifndef WEIR_SIM_H
#define WEIR_SIM_H

#include "weir.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_sim;
struct weir_sim_host;

/* What may go wrong; each is drawn with a weight of its own. */
enum weir_sim_fault {
    WEIR_SIM_SHORT_TRANSFER,   /* fewer bytes than asked */
    WEIR_SIM_LATENCY,          /* slow links and disks */
    WEIR_SIM_RESET,            /* connections reset */
    WEIR_SIM_DATAGRAM_LOST,    /* and doubled, and out of order */
    WEIR_SIM_DATAGRAM_DOUBLED, /**/
    WEIR_SIM_DATAGRAM_SWAPPED, /**/
    WEIR_SIM_DISK_ERROR,       /* EIO */
    WEIR_SIM_DISK_FULL,        /* ENOSPC */
    WEIR_SIM_TORN_WRITE,       /* a crash keeps a part of what was not synced */
    WEIR_SIM_DESCRIPTORS,      /* EMFILE, ENFILE */
    WEIR_SIM_MEMORY,           /* allocation fails */
    WEIR_SIM_THREADS,          /* no worker can be started */
    WEIR_SIM_INTERRUPTED,      /* EINTR, EAGAIN */
    WEIR_SIM_CANCEL_LATE,      /* cancel not found, or already done */
    WEIR_SIM_MULTISHOT_ENDS,   /* a multishot op stops for no reason */
    WEIR_SIM_NO_BUFFERS,       /* ENOBUFS of a buffer ring */
    WEIR_SIM_CLOCK_JUMP,       /* the clock stalls, then leaps */
    WEIR_SIM_FAULTS
};

struct weir_sim_options {
    uint64_t seed;                         /* 0: $WEIR_SIM_SEED, else 1 */
    uint32_t per_million[WEIR_SIM_FAULTS]; /* chance of each, where it could happen */
    bool     swarm;                        /* draw a random subset of the faults, and weights, in
                                            * place of per_million; so does $WEIR_SIM_SWARM=1 */
    uint64_t steps_max;                    /* 0: $WEIR_SIM_STEPS, else 10,000,000; beyond it the run
                                            * has failed */
    FILE    *trace; /* each step, a line; NULL: the file that $WEIR_SIM_TRACE names, or nowhere */
    const char *model; /* how the simulated mechanism is: "completion", "level", "edge", "oneshot";
                        * NULL: $WEIR_SIM_MODEL, else drawn for each loop */
    bool by_hand; /* a loop has its turn in its own weir_run() only, as on a real system: not while
                   * another one waits, nor in weir_sim_run() */
};

/* Opens a world; NULL: no faults, all as the environment says. 0, or, with *sim NULL, WEIR_EINVAL:
 * a variable of the environment, or the model, makes no sense. Where the real machine has no memory
 * for a world, it says so and aborts. */
WEIR_API int weir_sim_open(struct weir_sim **sim, const struct weir_sim_options *options);

/* Every loop of the world must be closed. 0 or WEIR_EBUSY. After a run that failed, nothing ends
 * any more: then loops that are open go with it, as in weir_sim_crash(). */
WEIR_API int weir_sim_close(struct weir_sim *sim);

/* A host with an address of its own ("10.0.0.1"); it lives as long as the world. Its loops are
 * opened with options.sim_host. 0, or, with *host NULL, WEIR_EADDRINUSE: another one has the name
 * or the address; WEIR_EINVAL: the name is empty or longer than 63 bytes, or the address is not a
 * plain IPv4 or IPv6 one, or is every host's. */
WEIR_API int weir_sim_host_add(struct weir_sim *sim, struct weir_sim_host **host, const char *name,
                               const char *address);

/* Loops that this thread opens from now on without options.sim_host are of this host; NULL: of a
 * world of their own. So a program that knows nothing of simulation runs beside others. */
WEIR_API void weir_sim_use(struct weir_sim_host *host);

/* A signal comes to a host, as kill(2) sends it to a process: ended by weir_signal() ops of its
 * loops; ignored where none awaits it. */
WEIR_API void weir_sim_signal(struct weir_sim_host *host, int signo);

/* Lets every host's loop run until `ns` of virtual time passed, or, WEIR_FOREVER, until nothing is
 * pending but WEIR_BACKGROUND ops. 0; 1 when something pends and time is up, or nothing can happen
 * any more; WEIR_EDEADLINE beyond steps_max; WEIR_EIO when an invariant broke (see
 * weir_sim_broken()). Once it has failed nothing happens any more, and it says the same again. */
WEIR_API int weir_sim_run(struct weir_sim *sim, uint64_t ns);

/* Nanoseconds of virtual time since the world began. */
WEIR_API uint64_t weir_sim_now(const struct weir_sim *sim);

/* A number from the world's own randomness, 0 .. bound - 1, for the test's choices; 0 of 0. */
WEIR_API uint64_t weir_sim_random(struct weir_sim *sim, uint64_t bound);

/* Cuts (or mends) the link between two hosts: nothing passes, nothing is told. */
WEIR_API void weir_sim_partition(struct weir_sim *sim, struct weir_sim_host *one,
                                 struct weir_sim_host *other, bool cut);

/* Stops a host as power loss does: its loops are gone, its files keep what was synced and a seeded
 * part of the rest: of each file the first few of its changes, or, by WEIR_SIM_TORN_WRITE, any
 * sectors of them. A sync of a file keeps its name, too, as on ext4; what a sync that failed could
 * not write is not written by a later one. Ops and handles of the loops are as zeroed, but for
 * `user`, and told nothing; connections end without a word to their peers. The host may be given
 * new loops then. Called while a loop of the host runs a callback, it prints a sentence and
 * aborts. */
WEIR_API void weir_sim_crash(struct weir_sim *sim, struct weir_sim_host *host);

/* Changes the chance of a fault, of which there are none beyond the enum; heal sets all to none and
 * mends every link. */
WEIR_API void weir_sim_fault_set(struct weir_sim *sim, enum weir_sim_fault fault,
                                 uint32_t per_million);
WEIR_API void weir_sim_heal(struct weir_sim *sim);

/* "reset", "disk-full", ...; "unknown" where there is none. */
WEIR_API const char *weir_sim_fault_name(enum weir_sim_fault fault);

/* A check of the test's own, after every step: a sentence of what is broken, which ends the run, or
 * NULL. There is one at a time; NULL: none. */
WEIR_API void weir_sim_check(struct weir_sim *sim, const char *(*check)(void *user), void *user);

/* Takes a name off a host's disk, as unlink(2): that of a file, which is there as long as it is
 * open, or of a unix socket, which stays when its socket is closed, and is in the way of the next
 * one: bind(2). A crash may bring it back until its directory was synced. 0; WEIR_ENOENT,
 * WEIR_ENOTDIR, WEIR_ENAMETOOLONG; WEIR_EISDIR: directories stay. */
WEIR_API int weir_sim_unlink(struct weir_sim_host *host, const char *path);

/* How many descriptors the host has open, beside the standard streams. */
WEIR_API unsigned weir_sim_descriptors(const struct weir_sim_host *host);

/* The sentence of the first invariant that broke, the test's or weir's own, or NULL; a hash over
 * every step so far. */
WEIR_API const char *weir_sim_broken(const struct weir_sim *sim);
WEIR_API uint64_t    weir_sim_trace_hash(const struct weir_sim *sim);

#ifdef __cplusplus
}
#endif

#endif
