/* SPDX-License-Identifier: MIT */
/* denied.c - system calls that are denied, before a loop is opened and in the middle of its life,
 * in every combination: what cannot be had is told with a sentence, and nothing hangs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contract.h"

#define ENGINES 32
#define CALLS_OF_ONE 4
#define PATIENCE (5 * WEIR_SECOND)
#define NOBODY 65534

static const int errors[] = {EPERM, ENOSYS, ENOMEM};

/* What a mechanism is set up by, and the words that its refusal must hold. */
static const struct mechanism {
    const char *names; /* how the names of its engines begin */
    int         call;  /* 0: threads */
    const char *words;
} mechanisms[] = {
    {"io_uring", SYS_io_uring_setup, "io_uring"},
    {"epoll", SYS_epoll_create1, "epoll_create1"},
    {"linux-aio", SYS_io_setup, "io_setup"},
    {"threads", 0, "thread"}, /* the other engines have none at the beginning */
};
#define MECHANISMS (int)(sizeof mechanisms / sizeof mechanisms[0])

/* One denial, tried in a process of its own. */
static struct trial {
    unsigned mechanisms; /* bits: denied before the loop is opened */
    int      calls[CALLS_OF_ONE];
    bool     threads; /* denied too */
    int      error;
} trial;

static int error_told(void)
{
    return -trial.error;
}

/* ---- A little of everything ------------------------------------------------------------------ */

/* Runs until the op has ended. False when the loop itself told that it cannot go on. */
static bool settle(struct contract *c, struct weir_op *op)
{
    if (op->kind != WEIR_OP_TIMER) /* which it would move */
        weir_deadline(op, PATIENCE);
    while (!weir_ended(op)) {
        int result = weir_run(c->loop, WEIR_ONCE);
        if (result >= 0)
            continue;
        CHECK_EQ(result, error_told());
        return false;
    }
    /* pthread_create(3) knows one error for all that keeps it from making a thread. */
    bool no_thread = (trial.threads || (trial.mechanisms & 1u << (MECHANISMS - 1))) &&
                     op->result == WEIR_EAGAIN;
    if (op->result < 0 && op->result != error_told() && !no_thread)
        contract_fail(__FILE__, __LINE__, "%s with %s denied: %s", weir_op_name(op->kind),
                      weir_error_name(error_told()), weir_error_name(op->result));
    return true;
}

static bool use_sockets(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    static struct weir_op recv, send;
    static char           bytes[5];
    weir_recv(&recv, b, bytes, 5, WEIR_ALL, contract_done);
    if (weir_run(c->loop, WEIR_NOWAIT) < 0)
        return false;
    weir_send(&send, a, "hello", 5, WEIR_ALL, contract_done);
    if (!settle(c, &send))
        return false;
    if (send.result < 0)
        weir_cancel(&recv);
    if (!weir_ended(&recv) && send.result < 0)
        return weir_run(c->loop, WEIR_NOWAIT) >= 0;
    return settle(c, &recv);
}

static bool use_a_file(struct contract *c)
{
    static struct weir_handle file;
    static struct weir_op     op;
    static char               bytes[5];
    file = (struct weir_handle){0};
    weir_open(&op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    if (!settle(c, &op))
        return false;
    if (op.result < 0)
        return true;
    weir_write(&op, &file, "hello", 5, 0, 0, contract_done);
    if (!settle(c, &op))
        return false;
    weir_read(&op, &file, bytes, 5, 0, 0, contract_done);
    if (!settle(c, &op))
        return false;
    weir_fsync(&op, &file, 0, contract_done);
    if (!settle(c, &op))
        return false;
    CHECK_EQ(weir_close(&file, NULL), 0);
    return weir_run(c->loop, WEIR_NOWAIT) >= 0;
}

static int64_t work(struct weir_op *op)
{
    (void)op;
    return 7;
}

/* Everything that is used ends, rightly or with the error of the denial. */
static void use_all(struct contract *c, struct weir_handle *a, struct weir_handle *b)
{
    static struct weir_op timer, worked;
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    if (!settle(c, &timer))
        return;
    CHECK_RESULT(&timer, 0);
    weir_work(&worked, c->loop, work, 0, contract_done);
    if (settle(c, &worked) && use_sockets(c, a, b))
        use_a_file(c);
}

/* ---- Before the loop is opened --------------------------------------------------------------- */

static void deny_trial(void)
{
    for (int i = 0; i < MECHANISMS; i++) {
        if (!(trial.mechanisms & (1u << i)))
            continue;
        if (mechanisms[i].call)
            contract_deny(mechanisms[i].call, trial.error);
        else
            contract_deny_threads(trial.error);
    }
    for (int i = 0; i < CALLS_OF_ONE && trial.calls[i]; i++)
        contract_deny(trial.calls[i], trial.error);
    if (trial.threads)
        contract_deny_threads(trial.error);
}

/* The mechanism whose denial refuses the engine, or NULL. */
static const struct mechanism *denied_for(const char *engine)
{
    for (int i = 0; i < MECHANISMS; i++)
        if ((trial.mechanisms & (1u << i)) &&
            !strncmp(engine, mechanisms[i].names, strlen(mechanisms[i].names)))
            return &mechanisms[i];
    return NULL;
}

/* pthread_create(3) says EAGAIN where memory is what it lacks, in some C libraries always. */
static int refusal_of(const struct mechanism *denied, int told)
{
    return !denied->call && told == WEIR_EAGAIN ? told : error_told();
}

static void check_refusal(const struct weir_engine_info *info)
{
    const struct mechanism *denied = denied_for(info->name);
    if (!denied || info->refused == WEIR_ENOTSUP) { /* not in this build */
        CHECK(!info->refused || strlen(info->reason) > 10);
        return;
    }
    int error = refusal_of(denied, info->refused);
    CHECK_EQ(info->refused, error);
    if (!strstr(info->reason, denied->words) || !strstr(info->reason, weir_error_name(error)))
        contract_fail(__FILE__, __LINE__, "the reason does not hold \"%s\" and %s: %s",
                      denied->words, weir_error_name(error), info->reason);
}

static void use_loop(struct contract *c, const char *engine)
{
    struct weir_options       options = {.engine = engine};
    static struct weir_handle a, b;
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    contract_unix_pair(c, &a, &b);
    use_all(c, &a, &b);
    CHECK_EQ(weir_loop_close(c->loop, PATIENCE), 0);
    a = b = (struct weir_handle){0};
}

static void before(struct contract *c)
{
    static struct weir_engine_info engines[ENGINES];
    struct weir_options            options = {.engine = c->engine};
    deny_trial();
    int count = weir_engine_list(engines, ENGINES);
    for (int i = 0; i < count; i++)
        check_refusal(&engines[i]);
    if (denied_for(c->engine)) {
        bool memory = denied_for(c->engine)->call && error_told() == WEIR_ENOMEM;
        int  result = weir_loop_open(&c->loop, &options);
        CHECK_EQ(result, memory ? WEIR_ENOMEM : WEIR_ENOENGINE);
        CHECK(c->loop == NULL);
    } else {
        use_loop(c, c->engine);
    }
    use_loop(c, NULL);
}

static void every_combination_before_set_up(struct contract *c)
{
    if (!strncmp(c->engine, "kqueue", strlen("kqueue")))
        SKIP("the test double of kqueue stands on epoll");
    for (unsigned set = 1; set < 1u << MECHANISMS; set++)
        for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
            trial = (struct trial){.mechanisms = set, .error = errors[e]};
            contract_in_fork(c, before);
        }
}

/* ---- In the middle of its life --------------------------------------------------------------- */

static void after(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_options       options = {.engine = c->engine};
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    contract_unix_pair(c, &a, &b);
    CHECK(use_sockets(c, &a, &b));
    deny_trial();
    use_all(c, &a, &b);
    /* What the mechanism holds is gone with it; then the close says so. */
    int result = weir_loop_close(c->loop, PATIENCE);
    CHECK(result == 0 || result == error_told());
}

static void try_after(struct contract *c, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
            trial = (struct trial){.calls = {calls[i]}, .error = errors[e]};
            contract_in_fork(c, after);
        }
}

static const int mechanism_calls[] = {
    SYS_io_uring_enter, SYS_epoll_ctl,    SYS_epoll_pwait, SYS_epoll_pwait2,
    SYS_io_submit,      SYS_io_getevents, SYS_ppoll,       SYS_pselect6,
};

/* The calls of the mechanisms themselves, one by one. */
static void each_mechanism_in_mid_life(struct contract *c)
{
    try_after(c, mechanism_calls, sizeof mechanism_calls / sizeof mechanism_calls[0]);
}

/* All of them at once, and threads too. */
static void all_mechanisms_in_mid_life(struct contract *c)
{
    static const int sets[][CALLS_OF_ONE] = {
        {SYS_io_uring_enter, SYS_epoll_ctl, SYS_io_submit},
        {SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2},
        {SYS_io_submit, SYS_io_getevents, SYS_io_cancel},
        {SYS_io_uring_enter, SYS_ppoll, SYS_pselect6, SYS_rt_sigtimedwait},
    };
    for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++)
        for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
            trial = (struct trial){.error = errors[e], .threads = true};
            memcpy(trial.calls, sets[s], sizeof sets[s]);
            contract_in_fork(c, after);
        }
}

static struct flight {
    struct weir_handle a, b, c, d, listener, accepted, fifo;
    struct weir_op     recv, all, poll, accept, open, timer, cancelled;
    char               bytes[8], byte;
    int                ended;
} flight;

static void count_end(struct weir_op *op)
{
    (void)op;
    flight.ended++;
}

static void take_off(struct contract *c)
{
    const char *path = contract_temp_file(c);
    flight = (struct flight){.ended = 0};
    contract_unix_pair(c, &flight.a, &flight.b);
    contract_unix_pair(c, &flight.c, &flight.d);
    contract_listen_any(c, &flight.listener);
    unlink(path); /* of the trial before */
    CHECK_EQ(mkfifo(path, 0600), 0);
    weir_recv(&flight.recv, &flight.a, flight.bytes, 1, 0, count_end);
    weir_recv(&flight.all, &flight.b, flight.bytes + 1, 5, WEIR_ALL, count_end);
    weir_poll(&flight.poll, &flight.c, WEIR_IN, 0, count_end);
    weir_recv(&flight.cancelled, &flight.d, &flight.byte, 1, 0, count_end);
    weir_accept(&flight.accept, &flight.listener, &flight.accepted, 0, count_end);
    weir_open(&flight.open, c->loop, &flight.fifo, path, WEIR_OPEN_READ, 0, count_end);
    weir_timer(&flight.timer, c->loop, WEIR_MILLISECOND, 0, count_end);
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    int both = open(path, O_RDWR | O_CLOEXEC); /* or nobody could end the open */
    CHECK(both >= 0);
}

/* Ops wait in the mechanism when it is denied: whatever still can be told is told once, and the
 * close does not hang. */
static void in_flight(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_options       options = {.engine = c->engine};
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    contract_unix_pair(c, &a, &b);
    take_off(c);
    deny_trial();
    weir_cancel(&flight.cancelled);
    weir_close(&flight.c, NULL);
    use_all(c, &a, &b);
    weir_try_send(&flight.b, "x", 1, 0);
    weir_try_send(&flight.a, "hello", 5, 0);
    for (int i = 0; i < 5; i++)
        weir_run(c->loop, WEIR_NOWAIT);
    int result = weir_loop_close(c->loop, PATIENCE);
    CHECK(result == 0 || result == error_told());
    CHECK(flight.ended <= 7);
    if (result == 0)
        CHECK_EQ(flight.ended, 7);
}

static void with_everything_in_flight(struct contract *c)
{
    for (size_t i = 0; i < sizeof mechanism_calls / sizeof mechanism_calls[0]; i++)
        for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
            trial = (struct trial){.calls = {mechanism_calls[i]}, .error = errors[e]};
            contract_in_fork(c, in_flight);
        }
}

static const int op_calls[] = {
    SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_preadv2, SYS_pwritev2,
    SYS_pread64,  SYS_preadv, SYS_pwritev, SYS_openat,  SYS_fsync,
};

/* An op that the kernel took yesterday and denies today. */
static void op_unsupported_in_mid_life(struct contract *c)
{
    try_after(c, op_calls, sizeof op_calls / sizeof op_calls[0]);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* A macro, since the type of what names a resource differs: glibc has an enumeration of its own. */
#define limit(resource, value)                                                                     \
    CHECK_EQ(setrlimit((resource), &(const struct rlimit){(value), (value)}), 0)

/* No memory can be locked or mapped any more, no process or thread made, no signal queued: what was
 * had goes on, what cannot be had is told. */
static void under_limits(struct contract *c)
{
    static struct weir_handle a, b;
    struct weir_options       options = {.engine = c->engine};
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    contract_unix_pair(c, &a, &b);
    CHECK(use_sockets(c, &a, &b));
    limit(RLIMIT_MEMLOCK, 0);
    limit(RLIMIT_SIGPENDING, 0);
    limit(RLIMIT_CORE, 0);
    CHECK(use_sockets(c, &a, &b));
    limit(RLIMIT_NOFILE, (rlim_t)contract_fd_count() + 3);
    CHECK(use_sockets(c, &a, &b));
    CHECK_EQ(weir_loop_close(c->loop, PATIENCE), 0);
}

static void exhausted_limits_are_told(struct contract *c)
{
    trial = (struct trial){.error = EMFILE};
    contract_in_fork(c, under_limits);
}

/* The limit counts the processes and threads of a user, and holds for nobody with privileges. */
static void limit_threads(rlim_t most)
{
    struct rlimit threads;
    CHECK_EQ(getrlimit(RLIMIT_NPROC, &threads), 0);
    threads.rlim_cur = most < threads.rlim_max ? most : threads.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NPROC, &threads), 0);
}

static void without_threads(struct contract *c)
{
    static struct weir_handle file;
    struct weir_options       options = {.engine = c->engine};
    struct weir_op            sync = {0};
    int                       descriptor = open(contract_temp_file(c), O_RDWR | O_CREAT, 0600);
    CHECK(descriptor >= 0);
    if (!geteuid())
        CHECK_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    CHECK_EQ(weir_adopt(&file, c->loop, descriptor, 0), 0);
    limit_threads(1);
    weir_fsync(&sync, &file, 0, contract_done);
    int64_t result = contract_await(c, &sync);
    CHECK(result == WEIR_EAGAIN || result == 0); /* who needs no thread of this process */
    limit_threads(RLIM_INFINITY);
    weir_fsync(&sync, &file, 0, contract_done);
    CHECK_EQ(contract_await(c, &sync), 0);
    contract_close(c, &file);
    CHECK_EQ(weir_loop_close(c->loop, PATIENCE), 0);
}

/* A mechanism whose own threads cannot be made (io_uring cancels what they should do) asks weir's
 * workers, and the op tells why when there are none either. */
static void no_thread_to_be_had_is_told(struct contract *c)
{
    contract_in_fork(c, without_threads);
}

/* Each forked process opens loops of its own. */
const struct contract_case contract_cases[] = {
    {"every_combination_before_set_up", every_combination_before_set_up,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {"each_mechanism_in_mid_life", each_mechanism_in_mid_life, CONTRACT_OWN_LOOP},
    {"all_mechanisms_in_mid_life", all_mechanisms_in_mid_life, CONTRACT_OWN_LOOP},
    {"with_everything_in_flight", with_everything_in_flight, CONTRACT_OWN_LOOP},
    {"op_unsupported_in_mid_life", op_unsupported_in_mid_life, CONTRACT_OWN_LOOP},
    {"exhausted_limits_are_told", exhausted_limits_are_told,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {"no_thread_to_be_had_is_told", no_thread_to_be_had_is_told,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {0},
};
