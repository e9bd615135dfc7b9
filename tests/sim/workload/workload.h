/* SPDX-License-Identifier: MIT */
/* workload.h - random operations in a simulated world, and what has to hold of them.
 *
 * plan.c     the steps of a run, drawn from its seed
 * run.c      a world, from opening to the last check
 * task.c     an op: the checks that hold for every kind
 * thing.c    a handle
 * flow.c     bytes on their way from a writer to a reader; memory.c  buffers with guards
 * steps.c    picks and steps; streams.c, pooled.c, datagrams.c, files.c, copies.c, options.c,
 *            idle.c  those of a kind
 * small.c    every small world there is; shrink.c  a failing run made short; main.c */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "weir/sim.h"

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

#define STEPS_MAX 150
#define HOSTS_MAX 3
#define PLACES_MAX 6
#define LIVE_MAX 48u
#define FILES_MAX 3
#define BATCH_MAX 3
#define BLOCK 512u
#define BLOCKS 16u

/* ---- What a run does ------------------------------------------------------------------------- */

#define STEPS(X)                                                                                   \
    X(LISTEN, 6)                                                                                   \
    X(CONNECT, 20)                                                                                 \
    X(ACCEPT, 22)                                                                                  \
    X(SEND, 30)                                                                                    \
    X(RECV, 26)                                                                                    \
    X(TRY, 4)                                                                                      \
    X(SHUTDOWN, 4)                                                                                 \
    X(PIPE, 5)                                                                                     \
    X(COPY, 6)                                                                                     \
    X(POLL, 7)                                                                                     \
    X(DATAGRAM, 5)                                                                                 \
    X(SEND_TO, 8)                                                                                  \
    X(RECV_FROM, 8)                                                                                \
    X(OPEN, 6)                                                                                     \
    X(WRITE, 9)                                                                                    \
    X(READ, 9)                                                                                     \
    X(SYNC, 5)                                                                                     \
    X(CHANGE, 4)                                                                                   \
    X(OPTION, 3)                                                                                   \
    X(TIMER, 9)                                                                                    \
    X(DEADLINE, 14)                                                                                \
    X(NOP, 3)                                                                                      \
    X(POST, 9)                                                                                     \
    X(WORK, 5)                                                                                     \
    X(RESOLVE, 3)                                                                                  \
    X(SIGNAL, 3)                                                                                   \
    X(RAISE, 3)                                                                                    \
    X(CANCEL, 26)                                                                                  \
    X(CANCEL_ALL, 4)                                                                               \
    X(CLOSE, 10)                                                                                   \
    X(CLOSE_NOW, 4)                                                                                \
    X(LATE, 8)                                                                                     \
    X(STOP, 3)                                                                                     \
    X(CUT, 3)                                                                                      \
    X(MEND, 3)                                                                                     \
    X(CRASH, 1)                                                                                    \
    X(REOPEN, 1)                                                                                   \
    X(SLEEP, 4)

#define STEP_KIND_(NAME, weight) STEP_##NAME,
enum step_kind { STEPS(STEP_KIND_) STEP_KINDS };
#undef STEP_KIND_

/* One step. What it is done to is found by the numbers among what there is then, so that a plan
 * makes sense whatever is left out of it. */
struct step {
    enum step_kind kind;
    bool           inside; /* in the next callback, not between two turns */
    bool           left_out;
    uint32_t       a, b, c;
    uint64_t       wait_ns; /* until the next */
};

/* How a run ends: with every stream read to its end; with everything cancelled and closed; by
 * closing the loops at once. */
enum ending { END_READ, END_CANCEL, END_LOOPS, ENDINGS };

struct plan {
    uint64_t    seed;
    uint32_t    per_million[WEIR_SIM_FAULTS];
    const char *model; /* or NULL: drawn for each loop */
    unsigned    host_count, loop_count[HOSTS_MAX];
    enum ending ending;
    unsigned    step_count;
    struct step steps[STEPS_MAX];
};

void        plan_draw(struct plan *plan, uint64_t seed);
const char *plan_step_name(enum step_kind kind);
void        plan_print(const struct plan *plan, FILE *file);

/* SplitMix64. */
uint64_t draw(uint64_t *state, uint64_t bound);

/* ---- A run ----------------------------------------------------------------------------------- */

struct task;
struct thing;
struct run;

/* Bytes that grow. */
struct bytes {
    unsigned char *data; /* owned */
    size_t         length, room;
};

/* From a writer to a reader. */
struct flow {
    struct flow *next;
    struct run  *run;
    struct bytes sent;    /* what ended sends told, in order */
    struct bytes got;     /* what the reader was told */
    struct task *writers; /* whose ends are to come, in order */
    size_t       checked; /* of got, as sent */
    bool         ended;   /* the reader saw the end */
    bool         unsure;  /* a crash took writers with it */
    bool         broken;  /* the reader's end was told an error: what ends now is no orderly end */
    bool         blind;   /* which bytes were sent is not known */
};

struct block {
    unsigned char now[BLOCK], durable[BLOCK];
    bool          known, durable_known;
    unsigned      version, durable_version; /* counts writes that began */
    unsigned      writers;
};

/* What is known of a file. */
struct file {
    struct block blocks[BLOCKS];
    uint64_t     size, durable_size; /* at least */
    unsigned     syncs, syncs_begun;
    unsigned     cuts, cuts_begun; /* truncates, as syncs are counted */
};

struct host {
    struct weir_sim_host *sim;
    struct file           files[FILES_MAX];
    uint16_t              ports;
    char                  name[16], address[24];
};

/* What a buffer of a pool holds while the program holds it. */
struct held {
    struct weir_buf piece;
    uint64_t        sum;
};

#define HELD_MAX 8

/* A loop. */
struct place {
    struct run       *run;
    struct host      *host;
    struct weir_loop *loop;     /* NULL: crashed */
    unsigned          live;     /* tasks */
    unsigned          tellings; /* in this turn */
    uint32_t          post_told;
    uint64_t          timer_due_ns; /* of the last that was told */
    uint32_t          timer_number;
    bool              closing;
    struct weir_pool *pool; /* or NULL, without memory */
    struct held       held[HELD_MAX];
    unsigned          held_count, pooled_live;
};

enum thing_kind { STREAM, LISTENER, DATAGRAM, READER, WRITER, DISK_FILE, THING_KINDS };

enum thing_state {
    THING_EMPTY,   /* an accept is to fill it */
    THING_OPENING, /* a weir_open() has it */
    THING_OPEN,
    THING_CLOSING, /* weir_close() was called */
    THING_LEAVING, /* weir_close_now() was called, or the loop closes: no on_closed comes */
    THING_CLOSED,
    THING_GONE /* its host crashed */
};

struct thing {
    struct weir_handle  handle;
    struct thing       *next;
    struct run         *run;
    struct place       *place;
    enum thing_kind     kind;
    enum thing_state    state;
    uint32_t            number;
    struct weir_address address;
    uint16_t            port;
    struct flow        *in, *out;
    struct thing       *peer;
    struct file        *file;
    uint64_t            closed_by_ns;
    bool                connected, shut, read_on, is_unix;
    bool                unlinked; /* its name was taken off the disk */
};

/* Memory of an op, with guards on both sides. */
struct guarded {
    unsigned char *memory; /* owned */
    size_t         length;
};

enum task_state { TASK_LIVE, TASK_ENDED, TASK_GONE };

struct task {
    struct weir_op  op;
    struct task    *next, *next_writer;
    struct run     *run;
    struct place   *place;
    struct thing   *thing, *other; /* other: to be accepted; the source of a copy */
    enum task_state state;
    uint32_t        number;
    void (*told)(struct task *task);
    bool                   cancelled, restarts, rearmed, was_due;
    bool                   lonely;    /* began on a unix stream that was not connected */
    uint64_t               due_ns;    /* its deadline, or 0; of a timer, its time */
    uint64_t               end_by_ns; /* or 0 */
    struct guarded         buffer;
    size_t                 length;
    uint64_t               offset, size; /* size: of the file, at least, when it began */
    unsigned               count;
    struct weir_buf        pieces[BATCH_MAX];
    struct weir_msg        messages[BATCH_MAX];
    unsigned               arrived[BATCH_MAX]; /* how often each was received */
    struct weir_address    address, addresses[4];
    struct weir_copy_range range;
    struct weir_lookup     lookup;
    struct weir_stat       stat;
    char                   path[16];
    unsigned               syncs_begun; /* of the file, then; UINT_MAX: one was on its way */
    unsigned               cuts_begun;
    size_t                 to_first, to_count; /* blocks of a file, of a copy into one */
    unsigned               versions[BLOCKS];   /* of the file's blocks, when it began */
};

struct run {
    const struct plan *plan;
    struct weir_sim   *sim;
    struct host        hosts[HOSTS_MAX];
    struct place       places[PLACES_MAX];
    unsigned           place_count;
    struct task       *tasks;  /* all there ever were; freed with the run */
    struct thing      *things; /* so too */
    struct flow       *flows;
    uint32_t           task_count, thing_count, live;
    const struct step *inside; /* to be done in the next callback */
    bool               healed, draining, in_callback;
    uint64_t           healed_ns;
    void (*at_point)(struct run *run); /* after each step of the world; or NULL */
    void *user;
    FILE *story; /* what was done, in words; or NULL */
    char  failure[256];
};

struct outcome {
    char     failure[300]; /* empty: none */
    uint64_t hash;
    unsigned ops;
};

void run_begin(struct run *run, const struct plan *plan, FILE *story);
/* No faults any more, and everything comes to its end; frees what the run has. */
void run_end(struct run *run, struct outcome *outcome);
/* Runs a plan once. */
void run_plan(const struct plan *plan, FILE *story, struct outcome *outcome);

/* The first sentence is kept; the run ends at the end of the step. */
void     run_fail(struct run *run, const char *format, ...) PRINTF_LIKE(2, 3);
void     run_say(struct run *run, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t run_now(const struct run *run);
/* Whether times can be relied on: the clock does not leap. */
bool run_is_timely(const struct run *run);
int  place_open(struct place *place);
void place_close(struct place *place);
void run_sleep(struct run *run, uint64_t ns);
void host_crash(struct run *run, struct host *host);

/* ---- Steps ----------------------------------------------------------------------------------- */

/* `place`: where the callback runs; NULL: between two turns. */
void step_do(struct run *run, const struct step *step, struct place *place);

struct thing *pick_thing(struct run *run, const struct place *place, unsigned kinds, uint32_t a);
struct task  *pick_task(struct run *run, const struct place *place, uint32_t a);
#define KIND(kind) (1u << (kind))

void step_listen(struct place *place, const struct step *step);
void step_connect(struct place *place, const struct step *step);
void step_accept(struct place *place, const struct step *step);
void step_send(struct place *place, const struct step *step);
void step_recv(struct place *place, const struct step *step);
void step_try(struct place *place, const struct step *step);
void step_shutdown(struct place *place, const struct step *step);
void step_pipe(struct place *place, const struct step *step);
void step_copy(struct place *place, const struct step *step);
void step_poll(struct place *place, const struct step *step);
void step_datagram(struct place *place, const struct step *step);
void step_send_to(struct place *place, const struct step *step);
void step_recv_from(struct place *place, const struct step *step);
void step_open(struct place *place, const struct step *step);
void step_write(struct place *place, const struct step *step);
void step_read(struct place *place, const struct step *step);
void step_sync(struct place *place, const struct step *step);
void step_change(struct place *place, const struct step *step);
void step_option(struct place *place, const struct step *step);
void step_timer(struct place *place, const struct step *step);
void step_nop(struct place *place, const struct step *step);
void step_post(struct place *place, const struct step *step);
void step_work(struct place *place, const struct step *step);
void step_resolve(struct place *place, const struct step *step);
void step_signal(struct place *place, const struct step *step);

/* One op, without the numbers of a step. */
void send_on(struct thing *thing, size_t length);
void recv_on(struct thing *thing, size_t length);
void poll_on(struct thing *thing, unsigned events);
/* Reads to the end of a stream, op after op. */
void read_on(struct thing *thing);
void shut_down(struct thing *thing);
void files_crash(struct host *host);

/* A place for a socket of its own on its host: an address, an abstract name, or a path. */
void name_socket(struct thing *thing, bool is_unix);
/* Binds it there, or by an abstract name where the disk has no room for the path. */
int bind_socket(struct thing *thing);
/* As a server leaves it, some of which take their path with them. */
void unname_socket(struct thing *thing);
/* Whether the path that the task was sent to need not be there. */
bool path_may_be_missing(const struct task *task);
/* The buffer of a task in three pieces. */
void cut_in_pieces(struct task *task, uint32_t c);

/* Blocks of a file: a range of a step; whether an op writes in it; one begins and ends to, with the
 * bytes that it wrote, or NULL: unknown. */
size_t file_range(uint32_t b, uint32_t c, size_t *first);
bool   file_is_written(const struct file *file, size_t first, size_t count);
void   file_writes(struct file *file, size_t first, size_t count);
void   file_wrote(struct file *file, size_t first, size_t count, const unsigned char *data,
                  int64_t result);
/* A task begins to look at a range; whether the block that it looked at as the i-th is as it was
 * then, and known. */
void file_reads(const struct file *file, size_t first, size_t count, struct task *task);
bool file_was_known(const struct file *file, size_t first, size_t i, const struct task *task);

/* The pool of a loop; gives back all but so many of the buffers that are kept; a receive, or false
 * when none can be had. */
void pooled_open(struct place *place);
void pooled_give(struct place *place, unsigned left);
bool pooled_recv(struct thing *thing, const struct step *step);

/* ---- Tasks and things ------------------------------------------------------------------------ */

/* NULL: there are enough. */
struct task *task_new(struct place *place, struct thing *thing, void (*told)(struct task *task));
void         task_free(struct task *task);
void         task_done(struct weir_op *op);
void         task_cancel(struct task *task);
void         task_deadline(struct task *task, uint64_t ns);
/* It has to end so soon whatever happens. */
void task_bound(struct task *task);
/* It was started again in its own done(). */
void        task_again(struct task *task);
const char *task_name(const struct task *task);
void        task_look(struct task *task, const struct thing *thing); /* sees whether it is lonely */
bool        task_may_be_cancelled(const struct task *task);
unsigned    task_flags(const struct task *task, uint32_t c);
/* Each op that is overdue, each handle that does not close. */
void tasks_sweep(struct run *run);

struct thing *thing_new(struct place *place, enum thing_kind kind, enum thing_state state);
void          thing_close(struct thing *thing);
void          thing_close_now(struct thing *thing);
bool          thing_is_open(const struct thing *thing);

/* ---- Memory ---------------------------------------------------------------------------------- */

void *need(void *memory);
void  bytes_push(struct bytes *bytes, const void *data, size_t length);
void  bytes_free(struct bytes *bytes);
void  guarded_take(struct guarded *buffer, size_t length);
/* Fills it as the task `number` does. */
void          guarded_fill(struct guarded *buffer, uint32_t number);
void          guarded_free(struct guarded *buffer);
unsigned char pattern(uint32_t number, size_t at);
/* Whether nobody wrote there since the buffer was taken. */
bool guarded_untouched(const unsigned char *data, size_t length);
/* NULL, or what is wrong: a guard; what lies behind the first `moved` bytes. */
const char *guarded_check(const struct guarded *buffer, size_t moved, bool received);

/* ---- Flows ----------------------------------------------------------------------------------- */

struct flow *flow_new(struct run *run);
void         flow_free(struct flow *flow);
/* A send was started; it ended and moved so many bytes of data. */
void flow_writes(struct flow *flow, struct task *task);
void flow_wrote(struct flow *flow, struct task *task, const unsigned char *data, size_t length);
void flow_got(struct flow *flow, const unsigned char *data, size_t length);
/* The next bytes are these, and stay. */
void flow_peeked(struct flow *flow, const unsigned char *data, size_t length);
/* The next bytes, which a copy took, are put to others; false: they are not all known. */
bool flow_take(struct flow *flow, size_t length, struct bytes *bytes);
/* Nothing is known of it any more. */
void flow_lose(struct flow *flow);
void flow_finish(struct flow *flow);

/* ---- Small worlds, shrinking ----------------------------------------------------------------- */

/* How many there are; the first failure, or empty. */
unsigned long small_worlds(const char *model, unsigned ops_most, struct outcome *outcome);

/* Leaves out what the failure does not need, by runs in processes of their own. */
void shrink(struct plan *plan, char *faults, size_t faults_room);

/* What a process of its own does, and what it tells of it, while it does it. */
struct batch {
    uint64_t           first, last, until; /* until: seconds of the clock, or 0 */
    const struct plan *plan;
};

struct shared {
    uint64_t       seed, runs, ops;
    struct outcome outcome;
};

void apart_bound(void);
void apart_run(void (*run)(const struct batch *batch, struct shared *shared),
               const struct batch *batch, struct shared *result);

/* In a process of its own, which may crash or hang: whether it failed, with the sentence. */
bool run_apart(const struct plan *plan, struct outcome *outcome);

#endif
