/* SPDX-License-Identifier: MIT */
/* refusal.c - mechanisms that are denied, rings that are too small: what weir says, and does
 * instead. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contract.h"

#define ENGINES 32
#define PAIRS 200

/* ------------------------------------------------------------------------------------------------
 * Denied mechanisms. Each case runs on every engine: those that are not denied must not mind.
 * ---------------------------------------------------------------------------------------------- */

static const struct weir_engine_info *find_engine(const struct weir_engine_info *engines, int count,
                                                  const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(engines[i].name, name))
            return &engines[i];
    contract_fail(__FILE__, __LINE__, "weir_engine_list() does not tell of %s", name);
}

/* A loop on this engine (NULL: the default) works. */
static void check_works(struct contract *c, const char *engine)
{
    struct weir_options options = {.engine = engine};
    struct weir_handle  handle = {0};
    struct weir_op      recv = {0};
    char                byte;
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    if (engine)
        CHECK(!strcmp(weir_loop_engine(c->loop), engine));
    int peer = contract_tcp_peer(c, &handle);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    contract_close(c, &handle);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    contract_raw_close(peer);
}

/* The engines whose names begin with `denied` are refused for `error`, with words in the reason;
 * the others, and the default, work. */
static void check_denied(struct contract *c, const char *denied, int error, const char *words)
{
    static struct weir_engine_info engines[ENGINES], refusals[ENGINES];
    struct weir_options            options = {.engine = c->engine};
    int                            count = weir_engine_list(engines, ENGINES);
    CHECK(count > 0 && count <= ENGINES);
    for (int i = 0; i < count; i++) {
        if (strncmp(engines[i].name, denied, strlen(denied)) != 0)
            continue;
        CHECK(!engines[i].is_default);
        if (engines[i].refused == WEIR_ENOTSUP) { /* a build without it says so instead */
            CHECK(strstr(engines[i].reason, "without liburing"));
            continue;
        }
        CHECK_EQ(engines[i].refused, error);
        if (!strstr(engines[i].reason, words))
            contract_fail(__FILE__, __LINE__, "the reason lacks \"%s\": %s", words,
                          engines[i].reason);
    }
    if (!strncmp(c->engine, denied, strlen(denied))) {
        c->loop = (struct weir_loop *)&options; /* must be cleared */
        CHECK_EQ(weir_loop_open(&c->loop, &options),
                 error == WEIR_ENOMEM ? WEIR_ENOMEM : WEIR_ENOENGINE);
        CHECK(c->loop == NULL);
    } else {
        CHECK_EQ(find_engine(engines, count, c->engine)->refused, 0);
        check_works(c, c->engine);
    }
    check_works(c, NULL);
    /* The default keeps what was refused before it. */
    options.engine = NULL;
    CHECK_EQ(weir_loop_open(&c->loop, &options), 0);
    int kept = weir_loop_refusals(c->loop, refusals, ENGINES);
    for (int i = 0; i < kept; i++) {
        CHECK(refusals[i].refused < 0);
        CHECK(refusals[i].reason[0] != '\0');
    }
    if (!strcmp(denied, "io_uring")) /* weir's first choice */
        CHECK_EQ(find_engine(refusals, kept, denied)->refused,
                 find_engine(engines, count, denied)->refused);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void uring_eperm(struct contract *c)
{
    contract_deny(SYS_io_uring_setup, EPERM);
    check_denied(c, "io_uring", WEIR_EPERM, "denied");
}

/* A call that the kernel does not have needs no denial. */
static void without_call(int number)
{
    contract_needs("kernel that denies calls");
    if (syscall(number, 0, NULL) >= 0 || errno != ENOSYS)
        contract_deny(number, ENOSYS);
}

static void uring_enosys(struct contract *c)
{
    without_call(SYS_io_uring_setup);
    check_denied(c, "io_uring", WEIR_ENOSYS, "no io_uring");
}

static void uring_enomem(struct contract *c)
{
    contract_deny(SYS_io_uring_setup, ENOMEM);
    check_denied(c, "io_uring", WEIR_ENOMEM, "memory");
}

/* A kernel whose ring cannot say which ops it has lacks some that weir needs. */
static void op_missing(struct contract *c)
{
    enum { REGISTER_PROBE = 8 }; /* io_uring_register(2) */
    contract_deny_when(SYS_io_uring_register, 1, REGISTER_PROBE, EINVAL);
    check_denied(c, "io_uring", WEIR_ENOSYS, "Linux");
}

static void epoll_denied(struct contract *c)
{
    if (!strncmp(c->engine, "kqueue", strlen("kqueue")))
        SKIP("the test double of kqueue stands on epoll");
    contract_deny(SYS_epoll_create1, EPERM);
    check_denied(c, "epoll", WEIR_EPERM, "epoll_create1");
}

static void aio_eperm(struct contract *c)
{
    contract_deny(SYS_io_setup, EPERM);
    check_denied(c, "linux-aio", WEIR_EPERM, "denied");
}

static void aio_enosys(struct contract *c)
{
    without_call(SYS_io_setup);
    check_denied(c, "linux-aio", WEIR_ENOSYS, "no Linux AIO");
}

/* What all processes together may have of it is taken: both numbers are told. */
static void aio_eagain(struct contract *c)
{
    contract_deny(SYS_io_setup, EAGAIN);
    check_denied(c, "linux-aio", WEIR_EAGAIN, "aio-max-nr");
}

/* As before Linux 4.18. */
static void aio_polls_missing(struct contract *c)
{
    contract_deny(SYS_io_submit, EINVAL);
    check_denied(c, "linux-aio", WEIR_ENOSYS, "4.18");
}

static void all_denied_clear_error(struct contract *c)
{
    static struct weir_engine_info engines[ENGINES];
    struct weir_options            options = {.engine = c->engine};
    contract_deny(SYS_io_uring_setup, EPERM);
    contract_deny(SYS_epoll_create1, EPERM);
    contract_deny(SYS_io_setup, EPERM);
    contract_deny(SYS_eventfd2, EPERM);
    contract_deny(SYS_pipe2, EPERM);
    contract_deny(SYS_sched_yield, EPERM);
    c->loop = (struct weir_loop *)&options;
    CHECK_EQ(weir_loop_open(&c->loop, NULL), WEIR_ENOENGINE);
    CHECK(c->loop == NULL);
    CHECK_EQ(weir_loop_open(&c->loop, &options), WEIR_ENOENGINE);
    CHECK(c->loop == NULL);
    int count = weir_engine_list(engines, ENGINES);
    for (int i = 0; i < count; i++) {
        if (strcmp(engines[i].name, "sim") == 0) /* which asks no kernel */
            continue;
        CHECK(engines[i].refused < 0);
        CHECK(!engines[i].is_default);
        CHECK(engines[i].reason[0] != '\0');
    }
    /* Nothing is left of the attempts. */
    CHECK_EQ(contract_heap().blocks, 0);
}

/* ------------------------------------------------------------------------------------------------
 * A ring that is too small for what is asked of it
 * ---------------------------------------------------------------------------------------------- */

struct pairs {
    struct weir_handle handles[PAIRS];
    struct weir_op     recvs[PAIRS], sends[PAIRS];
    char               bytes[PAIRS];
    int                peers[PAIRS];
};

static void open_small(struct contract *c, struct pairs *p)
{
    struct weir_options options = {.ring_entries = 2};
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < PAIRS; i++)
        p->peers[i] = contract_unix_peer(c, &p->handles[i]);
}

static void close_pairs(struct contract *c, struct pairs *p)
{
    for (int i = 0; i < PAIRS; i++) {
        CHECK_EQ(weir_close(&p->handles[i], contract_closed), 0);
        contract_raw_close(p->peers[i]);
    }
    contract_run(c);
}

/* More is asked at once than the submission queue holds. */
static void sq_full(struct contract *c)
{
    static struct pairs p;
    open_small(c, &p);
    for (int lap = 0; lap < 10; lap++) {
        for (int i = 0; i < PAIRS; i++) {
            weir_recv(&p.recvs[i], &p.handles[i], &p.bytes[i], 1, 0, contract_done);
            weir_send(&p.sends[i], &p.handles[i], "x", 1, 0, contract_done);
            contract_raw_send(p.peers[i], "y", 1);
        }
        contract_run(c);
        for (int i = 0; i < PAIRS; i++) {
            CHECK_RESULT(&p.recvs[i], 1);
            CHECK_RESULT(&p.sends[i], 1);
        }
        /* And all of them cancelled at once. */
        for (int i = 0; i < PAIRS; i++)
            weir_recv(&p.recvs[i], &p.handles[i], &p.bytes[i], 1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        for (int i = 0; i < PAIRS; i++)
            CHECK_EQ(weir_cancel(&p.recvs[i]), 0);
        contract_run(c);
        for (int i = 0; i < PAIRS; i++)
            CHECK_RESULT(&p.recvs[i], WEIR_ECANCELED);
    }
    close_pairs(c, &p);
}

/* Everything completes between two turns: far more than the completion queue holds. */
static void cq_overflow_none_lost(struct contract *c)
{
    static struct pairs p;
    open_small(c, &p);
    for (int lap = 0; lap < 10; lap++) {
        for (int i = 0; i < PAIRS; i++)
            weir_recv(&p.recvs[i], &p.handles[i], &p.bytes[i], 1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        for (int i = 0; i < PAIRS; i++)
            contract_raw_send(p.peers[i], "y", 1);
        contract_run(c);
        for (int i = 0; i < PAIRS; i++) {
            CHECK_RESULT(&p.recvs[i], 1);
            CHECK_EQ(p.bytes[i], 'y');
            p.bytes[i] = 0;
        }
    }
    close_pairs(c, &p);
}

/* Queued signals are counted against a limit, that of all processes of a user; what finds no room
 * must not be forgotten. */
static void signal_queue_full_none_lost(struct contract *c)
{
    static struct pairs p;
    struct rlimit       limit;
    CHECK_EQ(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    open_small(c, &p);
    for (int lap = 0; lap < 10; lap++) {
        limit.rlim_cur = lap % 2 ? 0 : 5;
        CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
        for (int i = 0; i < PAIRS; i++)
            weir_recv(&p.recvs[i], &p.handles[i], &p.bytes[i], 1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        for (int i = 0; i < PAIRS; i++)
            contract_raw_send(p.peers[i], "y", 1);
        contract_run(c);
        for (int i = 0; i < PAIRS; i++) {
            CHECK_RESULT(&p.recvs[i], 1);
            CHECK_EQ(p.bytes[i], 'y');
            p.bytes[i] = 0;
        }
    }
    close_pairs(c, &p);
}

/* A process that handles every real-time signal itself leaves none to weir. */
static void realtime_signals_all_taken(struct contract *c)
{
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        CHECK(signal(number, SIG_IGN) != SIG_ERR);
    check_denied(c, "sigio", WEIR_EBUSY, "real-time signal");
}

static void signals_for_descriptors_denied(struct contract *c)
{
    contract_deny_when(SYS_fcntl, 1, F_SETSIG, EPERM);
    check_denied(c, "sigio", WEIR_EPERM, "F_SETSIG");
}

/* ------------------------------------------------------------------------------------------------
 * Threads. An engine that tells of the feature THREAD_PER_OP needs one for each op that waits; the
 * others must not mind.
 * ---------------------------------------------------------------------------------------------- */

enum { CAP = 4, ASKED = 7 };

static bool needs_threads(const struct weir_loop *loop)
{
    struct weir_feature features[16];
    int                 count = weir_loop_features(loop, features, 16);
    CHECK(count >= 0 && count <= 16);
    for (int i = 0; i < count; i++)
        if (!strcmp(features[i].name, "THREAD_PER_OP"))
            return features[i].used;
    return false;
}

struct crowd {
    struct weir_handle handles[ASKED];
    struct weir_op     ops[ASKED];
    char               bytes[ASKED][2];
    int                peers[ASKED];
    char               log[1024];
    unsigned           sentences;
};

static void note_sentence(void *user, enum weir_log_level level, const char *sentence)
{
    struct crowd *crowd = user;
    if (level != WEIR_LOG_WARNING)
        return;
    crowd->sentences++;
    snprintf(crowd->log, sizeof crowd->log, "%s", sentence);
}

static void crowd_open(struct contract *c, struct crowd *crowd, unsigned threads_max)
{
    struct weir_options options = {
        .threads_max = threads_max, .log = note_sentence, .log_user = crowd};
    memset(crowd, 0, sizeof *crowd);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < ASKED; i++)
        crowd->peers[i] = contract_unix_peer(c, &crowd->handles[i]);
}

static void crowd_recv(struct crowd *crowd, int i)
{
    weir_recv(&crowd->ops[i], &crowd->handles[i], crowd->bytes[i], 2, WEIR_ALL, contract_done);
}

/* Ops from..to-1 are live and do their work; what came half before goes on. */
static void crowd_ends(struct contract *c, struct crowd *crowd, int from, int to)
{
    for (int i = from; i < to; i++) {
        CHECK(contract_live(&crowd->ops[i]));
        contract_raw_send(crowd->peers[i], "x", 1);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        contract_raw_send(crowd->peers[i], "y", 1);
    }
    for (int i = from; i < to; i++) {
        CHECK_EQ(contract_await(c, &crowd->ops[i]), 2);
        CHECK(crowd->bytes[i][0] == 'x' && crowd->bytes[i][1] == 'y');
    }
}

static void crowd_close(struct contract *c, struct crowd *crowd)
{
    for (int i = 0; i < ASKED; i++) {
        CHECK_EQ(weir_close(&crowd->handles[i], contract_closed), 0);
        contract_raw_close(crowd->peers[i]);
    }
    contract_run(c);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* What needs no thread of its own goes on while every thread is taken. */
static void check_rest_works(struct contract *c, struct weir_handle *handle)
{
    struct weir_op   timer = {0}, number = {0}, fstat = {0};
    struct weir_stat stat;
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    weir_signal(&number, c->loop, SIGUSR1, 0, contract_done);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(contract_await(c, &number), SIGUSR1);
    weir_fstat(&fstat, handle, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &fstat), 0);
    CHECK_EQ(weir_try_send(handle, "z", 1, 0), 1);
}

static void threads_cap_refuses_at_the_op(struct contract *c)
{
    static struct crowd crowd;
    crowd_open(c, &crowd, CAP);
    int held = needs_threads(c->loop) ? CAP : ASKED;
    for (int lap = 0; lap < 3; lap++) {
        for (int i = 0; i < ASKED; i++)
            crowd_recv(&crowd, i);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        for (int i = held; i < ASKED; i++) {
            CHECK_EQ(contract_await(c, &crowd.ops[i]), WEIR_EAGAIN);
            CHECK_EQ(crowd.ops[i].error, WEIR_EAGAIN);
            CHECK_EQ(crowd.ops[i].served, WEIR_SERVED_NOT);
        }
        check_rest_works(c, &crowd.handles[0]);
        crowd_ends(c, &crowd, 0, held);
    }
    if (held == CAP) {
        CHECK_EQ(crowd.sentences, 3); /* once for those that were refused one after the other */
        CHECK(strstr(crowd.log, "threads_max") && strstr(crowd.log, "recv"));
    } else {
        CHECK_EQ(crowd.sentences, 0);
    }
    crowd_close(c, &crowd);
}

/* An op that tells more than once keeps its thread in between. */
static struct {
    struct crowd   crowd;
    struct weir_op poll;
    int            told;
} polled;

static void tell_and_crowd(struct weir_op *op)
{
    if (op->result < 0)
        return;
    CHECK_EQ(op->result, WEIR_IN);
    if (polled.told++ == 0)
        for (int i = 1; i < ASKED; i++)
            crowd_recv(&polled.crowd, i);
}

static void capped_poll_is_told_again(struct contract *c)
{
    polled.told = 0;
    crowd_open(c, &polled.crowd, CAP);
    int held = needs_threads(c->loop) ? CAP : ASKED;
    weir_poll(&polled.poll, &polled.crowd.handles[0], WEIR_IN, WEIR_LEVEL, tell_and_crowd);
    contract_raw_send(polled.crowd.peers[0], "x", 1);
    contract_until(c, &polled.told, 10);
    for (int i = held; i < ASKED; i++)
        CHECK_EQ(contract_await(c, &polled.crowd.ops[i]), WEIR_EAGAIN);
    CHECK_EQ(weir_cancel(&polled.poll), 0);
    CHECK_EQ(contract_await(c, &polled.poll), WEIR_ECANCELED);
    crowd_ends(c, &polled.crowd, 1, held);
    crowd_close(c, &polled.crowd);
}

/* First in mid-life, since it cannot be taken back; then a loop that never had a thread. */
static void thread_creation_denied_before_and_after(struct contract *c)
{
    static struct crowd            crowd;
    static struct weir_engine_info engines[ENGINES];
    struct weir_options            options = {.engine = c->engine};
    crowd_open(c, &crowd, 0);
    bool needs = needs_threads(c->loop);
    for (int i = 0; i < 3; i++)
        crowd_recv(&crowd, i);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_deny_threads(EAGAIN);
    int held = needs ? 3 : ASKED;
    for (int lap = 0; lap < 2; lap++) {
        for (int i = lap ? 0 : 3; i < ASKED; i++)
            crowd_recv(&crowd, i);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        for (int i = held; i < ASKED; i++)
            CHECK_EQ(contract_await(c, &crowd.ops[i]), WEIR_EAGAIN);
        crowd_ends(c, &crowd, 0, held);
    }
    CHECK_EQ(crowd.sentences, needs ? 2 : 0);
    crowd_close(c, &crowd);

    int                            count = weir_engine_list(engines, ENGINES);
    const struct weir_engine_info *info = find_engine(engines, count, c->engine);
    CHECK_EQ(info->refused, needs ? WEIR_EAGAIN : 0);
    CHECK(!needs || strstr(info->reason, "thread"));
    if (needs)
        CHECK_EQ(weir_loop_open(&c->loop, &options), WEIR_ENOENGINE);
    else
        check_works(c, c->engine);
    CHECK(c->loop == NULL);
    check_works(c, NULL);
}

/* A thread that waits needs a descriptor by which it is ended. Where there is none, the op is told;
 * an accept waits for one, as the contract says. */
static void threads_without_descriptors(struct contract *c)
{
    static struct crowd       crowd;
    static struct weir_handle listener, accepted;
    struct weir_op            accept = {0};
    crowd_open(c, &crowd, 0);
    bool     needs = needs_threads(c->loop);
    uint16_t port = contract_listen_any(c, &listener);
    int      client = contract_raw_connect(port);
    crowd_recv(&crowd, 0);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_fd_exhaust(c, 0);
    crowd_recv(&crowd, 1);
    weir_accept(&accept, &listener, &accepted, 0, contract_done);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK(contract_live(&accept));
    CHECK_EQ(contract_live(&crowd.ops[1]), !needs);
    if (needs)
        CHECK_RESULT(&crowd.ops[1], WEIR_EMFILE);
    crowd_ends(c, &crowd, 0, needs ? 1 : 2);
    contract_fd_release(c);
    CHECK_EQ(contract_await(c, &accept), 0);
    contract_close(c, &accepted);
    contract_close(c, &listener);
    contract_raw_close(client);
    crowd_close(c, &crowd);
}

/* Kernels before Linux 4.6 lack the calls that never wait on what may block, and sandboxes deny
 * them: pipes and files are served all the same, and a wrong end is told at once. */
static void calls_that_never_wait_are_missing(struct contract *c)
{
    struct weir_handle reader = {0}, writer = {0}, file = {0};
    struct weir_op     recv = {0}, send = {0}, op = {0};
    char               data[8] = "";
    without_call(SYS_preadv2);
    without_call(SYS_pwritev2);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    contract_pipe_pair(c, &reader, &writer);
    weir_recv(&recv, &reader, data, sizeof data, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_send(&send, &writer, "through", 7, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &send), 7);
    CHECK_EQ(contract_await(c, &recv), 7);
    CHECK(!memcmp(data, "through", 7));

    weir_recv(&recv, &writer, data, sizeof data, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), WEIR_EBADF);
    weir_send(&send, &reader, data, sizeof data, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EBADF);
    CHECK_EQ(weir_try_recv(&writer, data, sizeof data, 0), WEIR_EBADF);
    CHECK_EQ(weir_try_send(&reader, data, sizeof data, 0), WEIR_EBADF);

    contract_close(c, &reader); /* and no SIGPIPE ends the case */
    weir_send(&send, &writer, "gone", 4, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), WEIR_EPIPE);
    contract_close(c, &writer);

    weir_open(&op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_write(&op, &file, "kept", 4, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    weir_read(&op, &file, data, sizeof data, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 4);
    CHECK(!memcmp(data, "kept", 4));
    contract_close(c, &file);
}

/* Each of these opens its loops with options of its own. */
const struct contract_case contract_cases[] = {
    {"uring_eperm", uring_eperm, CONTRACT_OWN_LOOP},
    {"uring_enosys", uring_enosys, CONTRACT_OWN_LOOP},
    {"uring_enomem", uring_enomem, CONTRACT_OWN_LOOP},
    {"op_missing", op_missing, CONTRACT_OWN_LOOP},
    {"epoll_denied", epoll_denied, CONTRACT_OWN_LOOP},
    {"aio_eperm", aio_eperm, CONTRACT_OWN_LOOP},
    {"aio_enosys", aio_enosys, CONTRACT_OWN_LOOP},
    {"aio_eagain", aio_eagain, CONTRACT_OWN_LOOP},
    {"aio_polls_missing", aio_polls_missing, CONTRACT_OWN_LOOP},
    {"calls_that_never_wait_are_missing", calls_that_never_wait_are_missing, CONTRACT_OWN_LOOP},
    {"all_denied_clear_error", all_denied_clear_error, CONTRACT_OWN_LOOP},
    {"realtime_signals_all_taken", realtime_signals_all_taken, CONTRACT_OWN_LOOP},
    {"signals_for_descriptors_denied", signals_for_descriptors_denied, CONTRACT_OWN_LOOP},
    {"sq_full", sq_full, CONTRACT_OWN_LOOP},
    {"cq_overflow_none_lost", cq_overflow_none_lost, CONTRACT_OWN_LOOP},
    {"signal_queue_full_none_lost", signal_queue_full_none_lost, CONTRACT_OWN_LOOP},
    {"threads_cap_refuses_at_the_op", threads_cap_refuses_at_the_op, CONTRACT_OWN_LOOP},
    {"capped_poll_is_told_again", capped_poll_is_told_again, CONTRACT_OWN_LOOP},
    {"thread_creation_denied_before_and_after", thread_creation_denied_before_and_after,
     CONTRACT_OWN_LOOP},
    {"threads_without_descriptors", threads_without_descriptors,
     CONTRACT_OWN_LOOP | CONTRACT_NO_VALGRIND},
    {0},
};
