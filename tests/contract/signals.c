/* SPDX-License-Identifier: MIT */
/* signals.c - signals as an op. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "contract.h"

static void send_self(int number)
{
    CHECK_EQ(kill(getpid(), number), 0);
}

static bool is_blocked(int number)
{
    sigset_t mask;
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    return sigismember(&mask, number) == 1;
}

/* Until the mask says so: weir lets a signal through again at the latest in the next run. */
static void check_unblocked(struct contract *c, int number)
{
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK(!is_blocked(number));
}

static void signal_is_delivered(struct contract *c)
{
    struct weir_op op = {0};
    for (int lap = 0; lap < 3; lap++) {
        weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
        CHECK(is_blocked(SIGUSR1));
        if (lap)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        send_self(SIGUSR1);
        CHECK_EQ(contract_await(c, &op), SIGUSR1);
        CHECK_EQ(op.more, 0);
    }
    check_unblocked(c, SIGUSR1);
}

static void sigint_is_an_op(struct contract *c)
{
    struct weir_op interrupt = {0}, terminate = {0};
    weir_signal(&interrupt, c->loop, SIGINT, 0, contract_done);
    weir_signal(&terminate, c->loop, SIGTERM, 0, contract_done);
    send_self(SIGINT);
    CHECK_EQ(contract_await(c, &interrupt), SIGINT);
    CHECK(!weir_ended(&terminate));
    send_self(SIGTERM);
    CHECK_EQ(contract_await(c, &terminate), SIGTERM);
}

/* Also one that was sent to this thread alone. */
static void signal_to_the_thread_is_delivered(struct contract *c)
{
    struct weir_op op = {0};
    for (int lap = 0; lap < 3; lap++) {
        weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
        CHECK_EQ(contract_await(c, &op), SIGUSR1);
    }
    check_unblocked(c, SIGUSR1);
}

/* An outer loop sleeps, where it can, on the loop's descriptor: a signal wakes it, whether the
 * signal op was there before the descriptor was asked for or not. */
static void signal_while_embedded_is_seen(struct contract *c)
{
    struct weir_op op = {0};
    weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    for (int lap = 0; lap < 4; lap++) {
        int fd = (int)weir_loop_fd(c->loop);
        CHECK(fd >= 0 || fd == WEIR_ENOTSUP);
        while (weir_loop_timeout(c->loop) == 0)
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        if (lap % 2)
            CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
        else
            send_self(SIGUSR1);
        while (!weir_ended(&op)) {
            CHECK(fd < 0 || weir_loop_timeout(c->loop) == 0 || contract_raw_readable(fd, 20000));
            CHECK(weir_run(c->loop, fd < 0 ? WEIR_ONCE : WEIR_NOWAIT) >= 0);
        }
        CHECK_RESULT(&op, SIGUSR1);
        weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    }
    CHECK_EQ(weir_cancel(&op), 0);
    contract_run(c);
}

struct counted {
    int told, last;
};

static void count_told(struct weir_op *op)
{
    struct counted *n = op->user;
    if (op->more) {
        CHECK_EQ(op->result, SIGUSR2);
        n->told++;
    } else {
        n->last++;
    }
}

static void multishot_tells_each(struct contract *c)
{
    struct counted n = {0, 0};
    struct weir_op op = {.user = &n};
    weir_signal(&op, c->loop, SIGUSR2, WEIR_MULTISHOT, count_told);
    for (int i = 1; i <= 10; i++) {
        send_self(SIGUSR2);
        while (n.told < i)
            CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
        CHECK_EQ(n.told, i);
    }
    CHECK_EQ(n.last, 0);
    CHECK_EQ(weir_cancel(&op), 0);
    contract_run(c);
    CHECK_EQ(n.last, 1);
    CHECK_EQ(n.told, 10);
    CHECK_RESULT(&op, WEIR_ECANCELED);
    check_unblocked(c, SIGUSR2);
}

/* Real-time signals queue: each one is told. */
static void queued_signals_are_all_told(struct contract *c)
{
    struct counted n = {0, 0};
    struct weir_op op = {.user = &n};
    int            number = SIGRTMIN + 3;
    weir_signal(&op, c->loop, number, WEIR_MULTISHOT, contract_done);
    contract_needs("queue of signals");
    for (int i = 0; i < 20; i++)
        send_self(number);
    while (contract_told(&op) < 20)
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
    CHECK_EQ(op.result, number);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(contract_told(&op), 20);
    CHECK_EQ(weir_cancel(&op), 0);
    contract_run(c);
}

static void several_ops_on_one_signal(struct contract *c)
{
    struct weir_op ops[3] = {{0}};
    for (int i = 0; i < 3; i++)
        weir_signal(&ops[i], c->loop, SIGUSR1, 0, contract_done);
    CHECK_EQ(weir_cancel(&ops[1]), 0);
    send_self(SIGUSR1);
    contract_run(c);
    CHECK_RESULT(&ops[0], SIGUSR1);
    CHECK_RESULT(&ops[1], WEIR_ECANCELED);
    CHECK_RESULT(&ops[2], SIGUSR1);
    check_unblocked(c, SIGUSR1);
}

/* Those that there is no memory to tell of at once are told later. */
static void more_ops_on_one_signal_than_memory(struct contract *c)
{
    static struct weir_op ops[200];
    contract_needs("memory of a kernel's own");
    for (int i = 0; i < 200; i++)
        weir_signal(&ops[i], c->loop, SIGUSR1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_heap_fail(1, true);
    send_self(SIGUSR1);
    contract_await(c, &ops[199]);
    contract_heap_fail(0, false);
    contract_run(c);
    for (int i = 0; i < 200; i++)
        CHECK_RESULT(&ops[i], SIGUSR1);
    check_unblocked(c, SIGUSR1);
}

static void cancelled_signal_is_let_through(struct contract *c)
{
    struct weir_op op = {0}, other = {0};
    weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    weir_signal(&other, c->loop, SIGUSR2, WEIR_BACKGROUND, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_cancel(&op), 0);
    CHECK_EQ(contract_await(c, &op), WEIR_ECANCELED);
    check_unblocked(c, SIGUSR1);
    CHECK(is_blocked(SIGUSR2));
    CHECK_EQ(weir_cancel(&other), 0);
    while (!weir_ended(&other))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    check_unblocked(c, SIGUSR2);
}

/* What the program had blocked itself stays blocked. */
static void own_mask_is_kept(struct contract *c)
{
    sigset_t       set;
    struct weir_op op = {0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    send_self(SIGUSR1);
    CHECK_EQ(contract_await(c, &op), SIGUSR1);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 0);
    CHECK(is_blocked(SIGUSR1));
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
}

static void loop_close_lets_through(struct contract *c)
{
    struct weir_op op = {0}, done = {0};
    weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    weir_signal(&done, c->loop, SIGUSR2, 0, contract_done);
    send_self(SIGUSR2);
    CHECK_EQ(contract_await(c, &done), SIGUSR2);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
    CHECK_RESULT(&op, WEIR_ECANCELED);
    CHECK(!is_blocked(SIGUSR1));
    CHECK(!is_blocked(SIGUSR2));
}

static void what_cannot_be_caught_is_refused(struct contract *c)
{
    static const int numbers[] = {SIGKILL, SIGSTOP, 0, -1, 65, 1000};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct weir_op op = {0};
        weir_signal(&op, c->loop, numbers[i], 0, contract_done);
        CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    }
}

static void background_signal_does_not_hold(struct contract *c)
{
    struct weir_op    op = {0};
    struct weir_stats stats;
    weir_signal(&op, c->loop, SIGINT, WEIR_BACKGROUND | WEIR_MULTISHOT, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.pending, 1);
    CHECK_EQ(stats.pending_background, 1);
    CHECK_EQ(stats.handles, 0);
    CHECK_EQ(weir_cancel(&op), 0);
    while (!weir_ended(&op))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

static void poll_is_told_of(struct contract *c, int fd, int signals)
{
    struct weir_handle      handle = {0};
    struct weir_op          poll = {0};
    struct signalfd_siginfo info;
    CHECK_EQ(weir_adopt(&handle, c->loop, fd, 0), 0);
    for (int lap = 0; lap < 3; lap++) {
        weir_poll(&poll, &handle, WEIR_IN, 0, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        send_self(SIGUSR2);
        CHECK_EQ(contract_await(c, &poll), WEIR_IN);
        CHECK_EQ(read(signals, &info, sizeof info), sizeof info);
        CHECK_EQ(info.ssi_signo, SIGUSR2);
    }
    contract_close(c, &handle);
}

/* The program's own signalfd, and an epoll that holds one: ready for the thread that asks. */
static void signalfd_of_the_program_is_told(struct contract *c)
{
    sigset_t           mask;
    struct epoll_event event = {.events = EPOLLIN};
    int                outer = epoll_create1(EPOLL_CLOEXEC);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, NULL), 0);
    int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(outer >= 0 && signals >= 0);
    CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, signals, &event), 0);
    poll_is_told_of(c, outer, signals);
    poll_is_told_of(c, signals, signals);
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), 0);
}

/* What tells signals may not be there in a child, and its number another file's. */
static void forget_beside_new_files(struct contract *c)
{
    int files[8];
    for (int i = 0; i < 8; i++) {
        files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(files[i] >= 0);
    }
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    for (int i = 0; i < 8; i++)
        CHECK(contract_fd_open(files[i]));
}

static void forgotten_loop_closes_no_other_file(struct contract *c)
{
    struct weir_op op = {0};
    int            fd = (int)weir_loop_fd(c->loop);
    CHECK(fd >= 0 || fd == WEIR_ENOTSUP);
    weir_signal(&op, c->loop, SIGUSR1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    contract_in_fork(c, forget_beside_new_files);
    send_self(SIGUSR1);
    CHECK_EQ(contract_await(c, &op), SIGUSR1);
}

/* Several that were sent before anybody awaited them, one of them awaited later than the other. */
static void pending_before_it_was_awaited_is_told_once(struct contract *c)
{
    struct weir_op first = {0}, second = {0}, again = {0};
    sigset_t       mask, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGUSR2);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &mask, &before), 0);
    send_self(SIGUSR1);
    send_self(SIGUSR2);
    weir_signal(&first, c->loop, SIGUSR1, 0, contract_done);
    weir_signal(&second, c->loop, SIGUSR2, 0, contract_done);
    CHECK_EQ(contract_await(c, &first), SIGUSR1);
    CHECK_EQ(contract_await(c, &second), SIGUSR2);
    weir_signal(&again, c->loop, SIGUSR1, 0, contract_done);
    weir_deadline(&again, 20 * WEIR_MILLISECOND);
    CHECK_EQ(contract_await(c, &again), WEIR_EDEADLINE);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

const struct contract_case contract_cases[] = {
    {"signal_is_delivered", signal_is_delivered, 0},
    {"signal_to_the_thread_is_delivered", signal_to_the_thread_is_delivered, 0},
    {"signal_while_embedded_is_seen", signal_while_embedded_is_seen, 0},
    {"sigint_is_an_op", sigint_is_an_op, 0},
    {"multishot_tells_each", multishot_tells_each, 0},
    {"queued_signals_are_all_told", queued_signals_are_all_told, 0},
    {"several_ops_on_one_signal", several_ops_on_one_signal, 0},
    {"more_ops_on_one_signal_than_memory", more_ops_on_one_signal_than_memory, 0},
    {"cancelled_signal_is_let_through", cancelled_signal_is_let_through, 0},
    {"own_mask_is_kept", own_mask_is_kept, 0},
    {"loop_close_lets_through", loop_close_lets_through, 0},
    {"what_cannot_be_caught_is_refused", what_cannot_be_caught_is_refused, 0},
    {"background_signal_does_not_hold", background_signal_does_not_hold, 0},
    {"signalfd_of_the_program_is_told", signalfd_of_the_program_is_told, 0},
    {"pending_before_it_was_awaited_is_told_once", pending_before_it_was_awaited_is_told_once, 0},
    {"forgotten_loop_closes_no_other_file", forgotten_loop_closes_no_other_file, 0},
    {0},
};
