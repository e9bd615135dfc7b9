/* SPDX-License-Identifier: MIT */
/* files_beside.c - file ops beside what else a program has: threads, signals, cancels, loops. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "contract.h"

#define PIECE 64u

static void open_file(struct contract *c, struct weir_handle *file, const char *path)
{
    struct weir_op op = {0};
    weir_open(&op, c->loop, file, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0,
              contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
}

/* Writes 16 pieces at a time, syncs, and reads them back at a time. */
static void move_pieces(struct contract *c, struct weir_handle *file, unsigned char first)
{
    struct weir_op ops[16] = {{0}}, sync = {0};
    unsigned char  out[16][PIECE], in[16][PIECE];
    for (unsigned i = 0; i < 16; i++) {
        memset(out[i], first + (int)i, PIECE);
        weir_write(&ops[i], file, out[i], PIECE, (uint64_t)i * PIECE, 0, contract_done);
    }
    contract_run(c);
    for (unsigned i = 0; i < 16; i++)
        CHECK_RESULT(&ops[i], PIECE);
    weir_fsync(&sync, file, WEIR_DATA_ONLY, contract_done);
    CHECK_EQ(contract_await(c, &sync), 0);
    memset(in, 0, sizeof in);
    for (unsigned i = 0; i < 16; i++)
        weir_read(&ops[i], file, in[i], PIECE, (uint64_t)i * PIECE, 0, contract_done);
    contract_run(c);
    for (unsigned i = 0; i < 16; i++)
        CHECK_RESULT(&ops[i], PIECE);
    CHECK(memcmp(in, out, sizeof in) == 0);
}

/* ------------------------------------------------------------------------------------------------
 * Beside threads that know nothing of weir
 * ---------------------------------------------------------------------------------------------- */

struct bystander {
    struct contract_thread thread;
    struct contract_gate   ready;
    atomic_bool            end;
    int                    interrupted;
};

/* Lets every signal through, as a thread does that never heard of any. */
static void *stand_by(void *argument)
{
    struct bystander *bystander = argument;
    sigset_t          all;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &all, NULL), 0);
    contract_gate_open(&bystander->ready);
    while (!atomic_load(&bystander->end))
        if (poll(NULL, 0, 1) < 0 && errno == EINTR)
            bystander->interrupted++;
    return NULL;
}

/* Every file op ends, no signal of the engine's ends the process, and none interrupts a wait. */
static void threads_that_block_nothing_are_left_alone(struct contract *c)
{
    static struct bystander bystanders[3];
    struct weir_handle      file = {0};
    for (int i = 0; i < 3; i++) {
        contract_thread_start(&bystanders[i].thread, stand_by, &bystanders[i]);
        contract_gate_wait(&bystanders[i].ready);
    }
    open_file(c, &file, contract_temp_file(c));
    for (unsigned lap = 0; lap < contract_count(200); lap++)
        move_pieces(c, &file, (unsigned char)lap);
    for (int i = 0; i < 3; i++) {
        atomic_store(&bystanders[i].end, true);
        contract_thread_join(&bystanders[i].thread);
        CHECK_EQ(bystanders[i].interrupted, 0);
    }
    contract_close(c, &file);
}

/* ------------------------------------------------------------------------------------------------
 * Beside signals
 * ---------------------------------------------------------------------------------------------- */

static void never(int number)
{
    contract_fail(__FILE__, __LINE__, "signal %d is blocked while an op waits for it", number);
}

static void count_told(struct weir_op *op)
{
    int *told = op->user;
    if (op->more)
        ++*told;
}

/* A real-time signal that the program uses is told as often as it was sent, and no file op takes
 * one. */
static void real_time_signals_beside_file_ops(struct contract *c)
{
    struct sigaction   mine = {.sa_handler = never};
    struct weir_handle file = {0};
    struct weir_op     await = {0};
    int                told = 0, sent = 0, number = SIGRTMIN + 1;
    contract_needs("signal mask");
    CHECK_EQ(sigaction(number, &mine, NULL), 0); /* before the loop: it can be seen to be in use */
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    open_file(c, &file, contract_temp_file(c));
    await.user = &told;
    weir_signal(&await, c->loop, number, WEIR_MULTISHOT | WEIR_BACKGROUND, count_told);
    for (unsigned lap = 0; lap < contract_count(100); lap++) {
        CHECK_EQ(sigqueue(getpid(), number, (union sigval){.sival_int = sent}), 0);
        sent++;
        move_pieces(c, &file, (unsigned char)lap);
    }
    contract_until(c, &told, sent);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK_EQ(told, sent);
    CHECK_EQ(weir_cancel(&await), 0);
    CHECK_EQ(contract_await(c, &await), WEIR_ECANCELED);
    contract_close(c, &file);
}

/* Where the process may queue no signal, a file op still tells what it did. */
static void results_are_true_without_room_for_signals(struct contract *c)
{
    struct weir_handle file = {0};
    struct rlimit      none = {0, 0};
    CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    open_file(c, &file, contract_temp_file(c));
    for (unsigned char lap = 0; lap < 20; lap++)
        move_pieces(c, &file, lap);
    contract_close(c, &file);
}

/* ------------------------------------------------------------------------------------------------
 * Many, cancelled
 * ---------------------------------------------------------------------------------------------- */

#define MANY 200

struct many {
    struct weir_handle file;
    struct weir_op     reads[MANY], writes[MANY];
    unsigned char      in[MANY][PIECE], out[MANY][PIECE], found[2 * MANY][PIECE];
    bool               sure[2 * MANY]; /* weir_cancel() said that its true result will be told */
};

/* The first half of the file is read, the second written. */
static void many_begin(struct contract *c, struct many *m)
{
    struct weir_op op = {0};
    for (int i = 0; i < MANY; i++) {
        memset(m->found[i], 1 + i % 250, PIECE);
        memset(m->found[MANY + i], 0, PIECE);
        memset(m->in[i], 0, PIECE);
        memset(m->out[i], 251, PIECE);
        m->sure[i] = m->sure[MANY + i] = false;
    }
    weir_write(&op, &m->file, m->found, sizeof m->found, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof m->found);
    for (unsigned i = 0; i < MANY; i++) {
        weir_read(&m->reads[i], &m->file, m->in[i], PIECE, i * PIECE, 0, contract_done);
        weir_write(&m->writes[i], &m->file, m->out[i], PIECE, (MANY + i) * PIECE, 0, contract_done);
    }
}

static void many_cancel(struct many *m, int i)
{
    struct weir_op *ops[] = {&m->reads[i], &m->writes[i]};
    for (int n = 0; n < 2; n++) {
        int asked = weir_cancel(ops[n]);
        CHECK(asked == 0 || asked == WEIR_EBUSY || asked == WEIR_ENOENT);
        if (asked)
            m->sure[n * MANY + i] = true;
    }
}

/* What was cancelled moved nothing; what was not, or was too late, all of it. */
static void many_check(struct contract *c, struct many *m)
{
    struct weir_op op = {0};
    unsigned char  zeros[PIECE] = {0}, written[PIECE];
    memset(written, 251, PIECE);
    weir_read(&op, &m->file, m->found, sizeof m->found, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof m->found);
    for (int i = 0; i < MANY; i++) {
        if (m->reads[i].result != WEIR_ECANCELED || m->sure[i]) {
            CHECK_RESULT(&m->reads[i], PIECE);
            CHECK(memcmp(m->in[i], m->found[i], PIECE) == 0);
        }
        if (m->writes[i].result != WEIR_ECANCELED || m->sure[MANY + i]) {
            CHECK_RESULT(&m->writes[i], PIECE);
            CHECK(memcmp(m->found[MANY + i], written, PIECE) == 0);
        } else {
            CHECK(memcmp(m->found[MANY + i], zeros, PIECE) == 0);
        }
    }
}

static void hundreds_in_flight_with_cancels(struct contract *c)
{
    static struct many m;
    open_file(c, &m.file, contract_temp_file(c));
    for (unsigned lap = 0; lap < contract_count(40); lap++) {
        many_begin(c, &m);
        if (lap % 2) /* with the engine, or still to be given to it */
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        for (int i = 0; i < MANY; i++)
            if (i % 3 != (int)lap % 3)
                many_cancel(&m, i);
        contract_run(c);
        many_check(c, &m);
    }
    contract_close(c, &m.file);
}

/* ------------------------------------------------------------------------------------------------
 * Beside another loop
 * ---------------------------------------------------------------------------------------------- */

struct mover {
    struct contract        c;
    struct contract_thread thread;
    const char            *path;
    unsigned char          first;
};

static void *move_all_the_time(void *argument)
{
    struct mover      *mover = argument;
    struct weir_handle file = {0};
    CHECK_EQ(contract_open(&mover->c, &mover->c.loop, NULL), 0);
    open_file(&mover->c, &file, mover->path);
    for (unsigned lap = 0; lap < contract_count(200); lap++)
        move_pieces(&mover->c, &file, (unsigned char)(mover->first + lap));
    contract_close(&mover->c, &file);
    contract_loop_close(&mover->c, mover->c.loop);
    return NULL;
}

/* Each is told of its own ops only. */
static void loops_of_several_threads_with_file_ops(struct contract *c)
{
    static struct mover movers[3];
    for (int i = 0; i < 3; i++) {
        movers[i].c = *c;
        movers[i].path = contract_temp_file(c);
        movers[i].first = (unsigned char)(i * 64);
    }
    for (int i = 0; i < 3; i++)
        contract_thread_start(&movers[i].thread, move_all_the_time, &movers[i]);
    for (int i = 0; i < 3; i++)
        contract_thread_join(&movers[i].thread);
}

struct canceller {
    struct contract        c;
    struct contract_thread thread;
    int                    fd; /* the other loop's, too */
    atomic_bool            end;
};

/* Reads 32 pieces at a time and cancels most of them. */
static void *cancel_all_the_time(void *argument)
{
    struct canceller  *canceller = argument;
    struct weir_handle file = {0};
    struct weir_op     ops[32] = {{0}};
    unsigned char      in[32][PIECE];
    CHECK_EQ(contract_open(&canceller->c, &canceller->c.loop, NULL), 0);
    CHECK_EQ(weir_adopt(&file, canceller->c.loop, canceller->fd, WEIR_BORROWED), 0);
    while (!atomic_load(&canceller->end)) {
        for (unsigned i = 0; i < 32; i++)
            weir_read(&ops[i], &file, in[i], PIECE, (i % 16) * PIECE, 0, contract_done);
        CHECK(weir_run(canceller->c.loop, WEIR_NOWAIT) >= 0);
        for (unsigned i = 0; i < 32; i++)
            if (i % 5)
                weir_cancel(&ops[i]);
        contract_run(&canceller->c);
        for (unsigned i = 0; i < 32; i++)
            CHECK(ops[i].result == PIECE || (i % 5 && ops[i].result == WEIR_ECANCELED));
    }
    contract_close(&canceller->c, &file);
    contract_loop_close(&canceller->c, canceller->c.loop);
    return NULL;
}

/* Ops of two loops on one descriptor: what one cancels is only its own. */
static void cancels_on_a_shared_descriptor(struct contract *c)
{
    static struct canceller canceller;
    struct weir_handle      file = {0};
    open_file(c, &file, contract_temp_file(c));
    move_pieces(c, &file, 0);
    canceller.c = *c;
    canceller.fd = (int)weir_handle_os(&file);
    contract_thread_start(&canceller.thread, cancel_all_the_time, &canceller);
    for (unsigned lap = 0; lap < contract_count(200); lap++)
        move_pieces(c, &file, (unsigned char)lap);
    atomic_store(&canceller.end, true);
    contract_thread_join(&canceller.thread);
    contract_close(c, &file);
}

struct chain {
    struct weir_handle file;
    struct weir_op     op;
    unsigned char      data[PIECE];
    unsigned           left;
};

/* A write and a read in turn, each started by the callback of the one before. */
static void chain_goes_on(struct weir_op *op)
{
    struct chain *chain = op->user;
    CHECK_RESULT(op, PIECE);
    if (chain->left-- == 0)
        return;
    if (chain->left % 2)
        weir_read(op, &chain->file, chain->data, PIECE, 0, 0, chain_goes_on);
    else
        weir_write(op, &chain->file, chain->data, PIECE, 0, 0, chain_goes_on);
}

/* The descriptor is readable when a file op has ended, with no further run between. */
static void file_ops_inside_another_loop(struct contract *c)
{
    struct chain   chain = {.left = contract_count(500)};
    weir_os_handle fd = weir_loop_fd(c->loop);
    if (fd == WEIR_ENOTSUP)
        SKIP("the mechanism has no descriptor that another loop can wait for");
    open_file(c, &chain.file, contract_temp_file(c));
    chain.op.user = &chain;
    weir_write(&chain.op, &chain.file, chain.data, PIECE, 0, 0, chain_goes_on);
    while (weir_loop_timeout(c->loop) == 0)
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    while (!weir_ended(&chain.op)) {
        CHECK(weir_loop_timeout(c->loop) == 0 || contract_raw_readable((int)fd, 20000));
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    }
    contract_close(c, &chain.file);
}

/* ------------------------------------------------------------------------------------------------
 * Without what it needs
 * ---------------------------------------------------------------------------------------------- */

/* An op that cannot be served for want of a thread says so; it does not stay. */
static void file_ops_without_threads_end(struct contract *c)
{
    struct weir_handle file = {0};
    struct weir_op     read = {0}, write = {0}, sync = {0};
    char               in[PIECE], out[PIECE] = {0};
    int                fd = open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(&file, c->loop, fd, 0), 0);
    contract_deny_threads(EAGAIN);
    weir_write(&write, &file, out, PIECE, 0, 0, contract_done);
    CHECK(contract_await(c, &write) == PIECE || write.result < 0);
    weir_read(&read, &file, in, PIECE, 0, 0, contract_done);
    CHECK(contract_await(c, &read) == (write.result < 0 ? 0 : PIECE) || read.result < 0);
    weir_fsync(&sync, &file, 0, contract_done);
    CHECK(contract_await(c, &sync) <= 0);
    contract_close(c, &file);
}

const struct contract_case contract_cases[] = {
    {"threads_that_block_nothing_are_left_alone", threads_that_block_nothing_are_left_alone, 0},
    /* The signal is seen to be in use before a loop is opened. */
    {"real_time_signals_beside_file_ops", real_time_signals_beside_file_ops, CONTRACT_OWN_LOOP},
    {"results_are_true_without_room_for_signals", results_are_true_without_room_for_signals, 0},
    {"hundreds_in_flight_with_cancels", hundreds_in_flight_with_cancels, 0},
    {"loops_of_several_threads_with_file_ops", loops_of_several_threads_with_file_ops, 0},
    {"cancels_on_a_shared_descriptor", cancels_on_a_shared_descriptor, 0},
    {"file_ops_inside_another_loop", file_ops_inside_another_loop, 0},
    {"file_ops_without_threads_end", file_ops_without_threads_end, 0},
    {0},
};
