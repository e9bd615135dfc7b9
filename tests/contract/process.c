/* SPDX-License-Identifier: MIT */
/* process.c - a loop in a process that gets signals, forks, executes, and shares its standard
 * input. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "contract.h"

#define HOUR (3600 * WEIR_SECOND)

/* ------------------------------------------------------------------------------------------------
 * Interrupted calls
 * ---------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t storm_count;

static void count_signal(int number)
{
    (void)number;
    storm_count++;
}

/* A signal every 200 us, whose handler interrupts every call that can be interrupted. */
static void storm_begin(timer_t *storm)
{
    struct sigaction  action = {.sa_handler = count_signal};
    struct sigevent   event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec each = {.it_interval.tv_nsec = 200000, .it_value.tv_nsec = 200000};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, storm), 0);
    CHECK_EQ(timer_settime(*storm, 0, &each, NULL), 0);
}

static int64_t return_7(struct weir_op *op)
{
    (void)op;
    return 7;
}

static void eintr_storm(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, file = {0};
    struct weir_op     send = {0}, recv = {0}, timer = {0}, work = {0}, file_op = {0};
    unsigned           rounds = contract_count(300);
    uint64_t           at = 0;
    char               out[512], in[512];
    timer_t            storm;
    storm_begin(&storm);
    contract_tcp_pair(c, &a, &b);
    weir_open(&file_op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 0);
    for (unsigned i = 0; i < rounds; i++, at += sizeof out) {
        contract_fill(out, sizeof out, at, 1);
        weir_recv(&recv, &b, in, sizeof in, WEIR_ALL, contract_done);
        uint64_t due = weir_now(c->loop) + WEIR_MILLISECOND; /* read before: the timer's is later */
        weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
        CHECK_EQ(contract_await(c, &timer), 0);
        CHECK(weir_now(c->loop) >= due);
        weir_send(&send, &a, out, sizeof out, WEIR_ALL, contract_done);
        weir_work(&work, c->loop, return_7, 0, contract_done);
        weir_write(&file_op, &file, out, sizeof out, at, 0, contract_done);
        contract_run(c);
        CHECK_RESULT(&send, sizeof out);
        CHECK_RESULT(&recv, sizeof in);
        CHECK_RESULT(&work, 7);
        CHECK_RESULT(&file_op, sizeof out);
        CHECK(contract_filled(in, sizeof in, at, 1));
    }
    CHECK(storm_count > 0);
    CHECK_EQ(timer_delete(storm), 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &file);
}

/* ------------------------------------------------------------------------------------------------
 * Forks
 * ---------------------------------------------------------------------------------------------- */

struct family {
    struct weir_handle a, b;
    struct weir_op     recv, timer;
    char               byte;
};

static void family_begin(struct contract *c, struct family *f)
{
    contract_tcp_pair(c, &f->a, &f->b);
    weir_recv(&f->recv, &f->a, &f->byte, 1, 0, contract_done);
    weir_timer(&f->timer, c->loop, HOUR, 0, contract_done);
    c->user = f;
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
}

/* What the parent had pending before the child was there goes on after it is gone. */
static void family_goes_on(struct contract *c, struct family *f)
{
    struct weir_op send = {0}, again = {0};
    CHECK(!weir_ended(&f->recv));
    weir_send(&send, &f->b, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &send), 1);
    CHECK_EQ(contract_await(c, &f->recv), 1);
    CHECK_EQ(f->byte, 'x');
    weir_recv(&again, &f->a, &f->byte, 1, 0, contract_done);
    weir_send(&send, &f->b, "y", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &again), 1);
    CHECK_EQ(f->byte, 'y');
    CHECK(!weir_ended(&f->timer));
    CHECK_EQ(weir_cancel(&f->timer), 0);
    contract_close(c, &f->a);
    contract_close(c, &f->b);
    contract_run(c);
}

static void exit_normally(struct contract *c)
{
    (void)c;
    /* Runs what is registered for the end, closes every inherited descriptor. */
    exit(0);
}

static void fork_exit(struct contract *c)
{
    struct family f = {.byte = 0};
    family_begin(c, &f);
    contract_in_fork(c, exit_normally);
    family_goes_on(c, &f);
}

static void call_everything(struct contract *c)
{
    struct family     *f = c->user;
    struct weir_handle fresh = {0};
    struct weir_op     ops[4] = {{0}};
    char               byte;
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), WEIR_EPERM);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), WEIR_EPERM);
    CHECK_EQ(weir_loop_close(c->loop, 0), WEIR_EPERM);
    CHECK_EQ(weir_loop_fd(c->loop), WEIR_EPERM);
    CHECK_EQ(weir_loop_timeout(c->loop), WEIR_EPERM);
    CHECK_EQ(weir_close(&f->a, NULL), WEIR_EPERM);
    CHECK_EQ(weir_close_now(&f->a), WEIR_EPERM);
    CHECK_EQ(weir_cancel(&f->recv), WEIR_EPERM);
    CHECK_EQ(weir_cancel_all(&f->a), WEIR_EPERM);
    CHECK_EQ(weir_try_send(&f->b, "z", 1, 0), WEIR_EPERM);
    CHECK_EQ(weir_try_recv(&f->a, &byte, 1, 0), WEIR_EPERM);
    CHECK_EQ(weir_socket(&fresh, c->loop, AF_INET, SOCK_STREAM, 0), WEIR_EPERM);
    CHECK_EQ(weir_adopt(&fresh, c->loop, 1, WEIR_BORROWED), WEIR_EPERM);
    CHECK_EQ(weir_pipe(&fresh, &fresh, c->loop), WEIR_EPERM);
    weir_wake(c->loop);
    weir_stop(c->loop);
    weir_deadline(&f->timer, 0);
    weir_nop(&ops[0], c->loop, 0, contract_done);
    weir_recv(&ops[1], &f->a, &byte, 1, 0, contract_done);
    weir_send(&ops[2], &f->b, "z", 1, 0, contract_done);
    weir_post(&ops[3], c->loop, contract_done);
    for (int i = 0; i < 4; i++) {
        CHECK_RESULT(&ops[i], WEIR_EPERM);
        CHECK_EQ(contract_told(&ops[i]), 0);
    }
    CHECK(!weir_ended(&f->recv)); /* inherited ops never end */
    CHECK_EQ(contract_told(&f->recv), 0);
}

static void fork_calls_return_eperm(struct contract *c)
{
    struct family f = {.byte = 0};
    family_begin(c, &f);
    contract_in_fork(c, call_everything);
    family_goes_on(c, &f);
}

static void forget_and_open(struct contract *c)
{
    struct family     *f = c->user;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, send = {0};
    char               byte = 0;
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    CHECK_EQ(contract_heap().blocks, 0);
    /* Its ops and handles are as zeroed. */
    CHECK_EQ(weir_handle_kind(&f->a), WEIR_HANDLE_NONE);
    CHECK(f->a.loop == NULL);
    CHECK(weir_ended(&f->recv));
    CHECK(weir_ended(&f->timer));
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_send(&send, &b, "c", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'c');
    weir_timer(&f->timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &f->timer), 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_loop_close(c, c->loop);
}

static void fork_new_loop(struct contract *c)
{
    struct family f = {.byte = 0};
    CHECK_EQ(weir_loop_forget(c->loop), WEIR_EINVAL); /* it was not inherited */
    family_begin(c, &f);
    contract_in_fork(c, forget_and_open);
    family_goes_on(c, &f);
}

static void open_beside(struct contract *c)
{
    struct weir_loop *loop;
    struct weir_op    timer = {0};
    CHECK_EQ(contract_open(c, &loop, NULL), 0);
    weir_timer(&timer, loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_RESULT(&timer, 0);
    contract_loop_close(c, loop);
}

/* A child may open a loop of its own without forgetting the inherited one. */
static void fork_loop_beside_the_inherited(struct contract *c)
{
    struct family f = {.byte = 0};
    family_begin(c, &f);
    contract_in_fork(c, open_beside);
    family_goes_on(c, &f);
}

struct held_work {
    struct weir_op       op;
    struct contract_gate begun, may_end;
};

static int64_t wait_at_gate(struct weir_op *op)
{
    struct held_work *work = op->user;
    contract_gate_open(&work->begun);
    contract_gate_wait(&work->may_end);
    return 1;
}

static void forget_with_workers(struct contract *c)
{
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    CHECK_EQ(contract_heap().blocks, 0);
}

static void fork_with_a_busy_worker(struct contract *c)
{
    struct held_work work = {.op = {.user = &work}};
    weir_work(&work.op, c->loop, wait_at_gate, 0, contract_done);
    contract_gate_wait(&work.begun);
    contract_in_fork(c, forget_with_workers);
    contract_gate_open(&work.may_end);
    CHECK_EQ(contract_await(c, &work.op), 1);
}

/* ------------------------------------------------------------------------------------------------
 * Execution, standard input
 * ---------------------------------------------------------------------------------------------- */

/* Every descriptor that is there now and was not before is closed by an exec. */
static void check_close_on_exec(const bool *before, int count)
{
    for (int fd = 0; fd < count; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !before[fd] && !(flags & FD_CLOEXEC))
            contract_fail(__FILE__, __LINE__, "descriptor %d would be inherited", fd);
    }
}

static void exec_leaks_nothing(struct contract *c)
{
    enum { MOST = 256 };
    bool               before[MOST];
    struct weir_handle a = {0}, b = {0}, listener = {0}, reader = {0}, writer = {0}, file = {0};
    struct weir_op     open_op = {0}, signal_op = {0}, work = {0};
    contract_loop_close(c, c->loop);
    for (int fd = 0; fd < MOST; fd++)
        before[fd] = contract_fd_open(fd);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    weir_loop_fd(c->loop);
    contract_tcp_pair(c, &a, &b);
    contract_listen_any(c, &listener);
    contract_pipe_pair(c, &reader, &writer);
    weir_open(&open_op, c->loop, &file, contract_temp_file(c), WEIR_OPEN_WRITE | WEIR_OPEN_CREATE,
              0, contract_done);
    CHECK_EQ(contract_await(c, &open_op), 0);
    weir_signal(&signal_op, c->loop, SIGUSR1, WEIR_BACKGROUND, contract_done);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    contract_run(c);
    check_close_on_exec(before, MOST);
    CHECK_EQ(weir_cancel(&signal_op), 0);
    while (!weir_ended(&signal_op))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &listener);
    contract_close(c, &reader);
    contract_close(c, &writer);
    contract_close(c, &file);
}

/* Standard input is shared with whoever started the program: its flags are not weir's to change. */
static void stdin_flags_unchanged(struct contract *c)
{
    int                pipes[2], sockets[2];
    const char        *path = contract_temp_file(c);
    int                kept = contract_fd_copy(STDIN_FILENO);
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    int file = open(path, O_CREAT | O_RDWR, 0600);
    CHECK_EQ(write(file, "x", 1), 1);
    int sources[] = {pipes[0], sockets[0], file, open("/dev/null", O_RDWR)};
    for (int i = 0; i < 4; i++) {
        struct weir_handle handle = {0};
        struct weir_op     op = {0};
        char               byte;
        CHECK_EQ(dup2(sources[i], STDIN_FILENO), STDIN_FILENO);
        CHECK_EQ(lseek(STDIN_FILENO, 0, SEEK_SET), i < 2 ? -1 : 0);
        int flags = fcntl(STDIN_FILENO, F_GETFL);
        CHECK_EQ(weir_adopt(&handle, c->loop, STDIN_FILENO, WEIR_BORROWED), 0);
        CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), flags);
        weir_read(&op, &handle, &byte, 1, WEIR_STREAM, 0, contract_done);
        weir_run(c->loop, WEIR_NOWAIT);
        CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), flags);
        if (i == 0)
            CHECK_EQ(write(pipes[1], "x", 1), 1);
        if (i == 1)
            CHECK_EQ(write(sockets[1], "x", 1), 1);
        CHECK_EQ(contract_await(c, &op), i == 3 ? 0 : 1);
        CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), flags);
        contract_close(c, &handle);
        CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), flags);
        CHECK(contract_fd_open(STDIN_FILENO));
    }
    CHECK_EQ(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    int all[] = {pipes[0], pipes[1], sockets[0], sockets[1], file, sources[3], kept};
    for (int i = 0; i < 7; i++)
        contract_raw_close(all[i]);
}

/* weir ignores nothing in the program's name: SIGPIPE stays what it was, and is not raised. */
static void sigpipe_is_left_alone(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, reader = {0}, writer = {0};
    struct weir_op     send = {0}, write_op = {0};
    struct sigaction   action;
    sigset_t           pending;
    contract_tcp_pair(c, &a, &b);
    contract_pipe_pair(c, &reader, &writer);
    contract_close(c, &b);
    contract_close(c, &reader);
    int64_t result;
    do { /* the first ones may still be taken */
        weir_send(&send, &a, "x", 1, 0, contract_done);
        result = contract_await(c, &send);
    } while (result > 0);
    CHECK(result == WEIR_EPIPE || result == WEIR_ECONNRESET);
    weir_write(&write_op, &writer, "x", 1, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &write_op), WEIR_EPIPE);
    CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_EQ(sigpending(&pending), 0);
    CHECK(!sigismember(&pending, SIGPIPE));
    contract_close(c, &a);
    contract_close(c, &writer);
}

const struct contract_case contract_cases[] = {
    {"eintr_storm", eintr_storm, 0},
    {"fork_exit", fork_exit, 0},
    {"fork_calls_return_eperm", fork_calls_return_eperm, 0},
    {"fork_new_loop", fork_new_loop, 0},
    {"fork_loop_beside_the_inherited", fork_loop_beside_the_inherited, 0},
    {"fork_with_a_busy_worker", fork_with_a_busy_worker, 0},
    {"exec_leaks_nothing", exec_leaks_nothing, 0},
    {"stdin_flags_unchanged", stdin_flags_unchanged, 0},
    {"sigpipe_is_left_alone", sigpipe_is_left_alone, 0},
    {0},
};
