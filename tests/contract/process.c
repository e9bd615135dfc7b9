/* SPDX-License-Identifier: MIT */
/* process.c - a loop in a process that gets signals, forks, executes, and shares its standard
 * input. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "held_work.h"

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
    CHECK(storm_count > 0 || contract_simulated()); /* whose time passes without waiting */
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
    struct weir_op     recv, timer, ended;
    char               byte;
};

static void family_begin(struct contract *c, struct family *f)
{
    contract_tcp_pair(c, &f->a, &f->b);
    weir_send(&f->ended, &f->a, "", 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &f->ended), 0);
    CHECK_EQ(weir_cancel(&f->ended), WEIR_ENOENT);
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
    CHECK_EQ(weir_cancel(&f->ended), WEIR_EPERM);
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
        CHECK_EQ(weir_cancel(&ops[i]), WEIR_EPERM);
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
    CHECK_EQ(weir_cancel(&recv), WEIR_ENOENT); /* that is the child's own */
    weir_timer(&f->timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &f->timer), 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_loop_close(c, c->loop);
}

/* The child takes the stacks of the parent's threads for its own, and the sanitizer, which does not
 * know that those are not there, ends it. */
static void child_may_start_threads(struct contract *c)
{
    struct weir_stats stats;
    weir_loop_stats(c->loop, &stats);
    if (stats.workers && contract_sanitized("thread"))
        SKIP("the thread sanitizer cannot follow threads that a forked child starts");
}

static void fork_new_loop(struct contract *c)
{
    struct family f = {.byte = 0};
    child_may_start_threads(c);
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
    child_may_start_threads(c);
    family_begin(c, &f);
    contract_in_fork(c, open_beside);
    family_goes_on(c, &f);
}

static void forget_with_workers(struct contract *c)
{
    CHECK_EQ(weir_loop_forget(c->loop), 0);
    CHECK_EQ(contract_heap().blocks, 0);
}

static void fork_with_a_busy_worker(struct contract *c)
{
    struct held_work work;
    held_work_start(&work, c->loop);
    contract_gate_wait(&work.begun);
    contract_in_fork(c, forget_with_workers);
    contract_gate_open(&work.may_end);
    CHECK_EQ(contract_await(c, &work.op), HELD_WORK_RESULT);
}

/* Writes to a file of its own, and reads that back. */
static void move_to_file(struct contract *c)
{
    struct weir_handle file = {0};
    struct weir_op     op = {0};
    char               data[6] = "";
    weir_open(&op, c->loop, &file, contract_temp_file(c),
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_write(&op, &file, "family", 6, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    weir_read(&op, &file, data, 6, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    CHECK(memcmp(data, "family", 6) == 0);
    weir_fsync(&op, &file, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    contract_close(c, &file);
}

static void open_and_move(struct contract *c)
{
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    move_to_file(c);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* Threads that the system keeps for file ops do not come along: the child needs none of them. The
 * loop is closed first, so that weir's own are gone. */
static void fork_after_file_ops(struct contract *c)
{
    open_and_move(c);
    contract_in_fork(c, open_and_move);
    open_and_move(c);
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

/* O_ASYNC is left out, by which signals tell of a descriptor: it changes no call. */
static int flags_kept(int fd)
{
    return fcntl(fd, F_GETFL) & ~O_ASYNC;
}

/* Standard input is shared with whoever started the program: its flags are not weir's to change. */
static void stdin_flags_unchanged(struct contract *c)
{
    int         pipes[2], sockets[2];
    const char *path = contract_temp_file(c);
    int         kept = contract_fd_copy(STDIN_FILENO);
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
        CHECK_EQ(flags_kept(STDIN_FILENO), flags);
        if (i == 0)
            CHECK_EQ(write(pipes[1], "x", 1), 1);
        if (i == 1)
            CHECK_EQ(write(sockets[1], "x", 1), 1);
        CHECK_EQ(contract_await(c, &op), i == 3 ? 0 : 1);
        CHECK_EQ(flags_kept(STDIN_FILENO), flags);
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

/* ------------------------------------------------------------------------------------------------
 * High descriptors
 * ---------------------------------------------------------------------------------------------- */

#define HIGH 1100 /* above the FD_SETSIZE of every system that has one */

struct high {
    int64_t            refused; /* how an op on a high descriptor ends that might wait, or 0 */
    unsigned           sentences;
    struct weir_handle a, b; /* low */
    int                low[HIGH];
};

static void count_sentences(void *user, enum weir_log_level level, const char *sentence)
{
    struct high *h = user;
    if (level == WEIR_LOG_WARNING && strstr(sentence, "FD_SETSIZE") && strstr(sentence, "1100"))
        h->sentences++;
}

/* An engine whose mechanism cannot hold them says so by this feature. */
static bool is_limited(struct weir_loop *loop)
{
    struct weir_feature features[16];
    int                 count = weir_loop_features(loop, features, 16);
    for (int i = 0; i < count && i < 16; i++)
        if (!strcmp(features[i].name, "FD_SETSIZE"))
            return features[i].used && strstr(features[i].reason, "refused");
    return false;
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= HIGH + 200)
        return;
    limit.rlim_cur = HIGH + 200;
    limit.rlim_max = limit.rlim_max < limit.rlim_cur ? limit.rlim_cur : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        SKIP("this process may not have so many descriptors");
}

static int move_high(int descriptor)
{
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, HIGH);
    CHECK(high >= HIGH);
    CHECK_EQ(close(descriptor), 0);
    return high;
}

static void high_pair(struct contract *c, struct weir_handle *handle, int *peer)
{
    int ends[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *peer = ends[1];
    CHECK_EQ(weir_adopt(handle, c->loop, move_high(ends[0]), 0), 0);
    CHECK(weir_handle_os(handle) >= HIGH);
}

/* An op that waits on low descriptors meanwhile, a timer and a worker get on. */
static void low_ones_go_on(struct contract *c, struct high *h)
{
    struct weir_op recv = {0}, send = {0}, timer = {0}, work = {0};
    char           byte = 0;
    weir_recv(&recv, &h->a, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
    CHECK_EQ(contract_await(c, &work), 7);
    CHECK(contract_live(&recv));
    weir_send(&send, &h->b, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(contract_await(c, &send), 1);
}

/* The op ends as it would on a low descriptor, or it is refused, untouched. */
static void ends_or_refused(struct contract *c, struct high *h, struct weir_op *op, int64_t result)
{
    CHECK_EQ(contract_await(c, op), h->refused ? h->refused : result);
    CHECK_EQ(contract_told(op), 1);
    CHECK_EQ(op->served == WEIR_SERVED_NOT, h->refused != 0);
}

static void high_streams(struct contract *c, struct high *h)
{
    struct weir_handle s = {0};
    struct weir_op     op = {0};
    struct weir_buf    piece;
    char               bytes[4];
    int                peer;
    high_pair(c, &s, &peer);
    piece = (struct weir_buf){bytes, 1};
    weir_recv(&op, &s, bytes, 1, 0, contract_done); /* one that has to wait */
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(contract_live(&op), !h->refused);
    contract_raw_send(peer, "abcdef", 6);
    ends_or_refused(c, h, &op, 1);
    weir_recvv(&op, &s, &piece, 1, 0, contract_done); /* and those that would not */
    ends_or_refused(c, h, &op, 1);
    weir_read(&op, &s, bytes, 1, WEIR_STREAM, 0, contract_done);
    ends_or_refused(c, h, &op, 1);
    weir_send(&op, &s, "x", 1, 0, contract_done);
    ends_or_refused(c, h, &op, 1);
    weir_sendv(&op, &s, &piece, 1, WEIR_ALL, contract_done);
    ends_or_refused(c, h, &op, 1);
    weir_write(&op, &s, "x", 1, WEIR_STREAM, 0, contract_done);
    ends_or_refused(c, h, &op, 1);
    weir_poll(&op, &s, WEIR_IN | WEIR_OUT, 0, contract_done);
    ends_or_refused(c, h, &op, WEIR_IN | WEIR_OUT);
    /* What never waits is served. */
    CHECK_EQ(weir_try_recv(&s, bytes, 4, 0), h->refused ? 4 : 3);
    CHECK_EQ(weir_try_send(&s, "y", 1, 0), 1);
    weir_shutdown(&op, &s, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    for (int i = h->refused ? 3 : 0; i < 4; i++)
        contract_raw_recv(peer, bytes, 1);
    CHECK_EQ(contract_raw_recv_some(peer, bytes, 1), 0);
    contract_close(c, &s);
    contract_raw_close(peer);
}

static void high_listeners_and_files(struct contract *c, struct high *h)
{
    struct weir_handle  listener = {0}, accepted = {0}, client = {0}, file = {0};
    struct weir_op      accept_op = {0}, connect_op = {0}, file_op = {0};
    struct weir_stat    stat;
    struct weir_address address;
    uint16_t            port;
    char                byte = 0;
    int                 descriptor = move_high(contract_raw_listen(&port, 4));
    CHECK_EQ(weir_adopt(&listener, c->loop, descriptor, 0), 0);
    descriptor = move_high(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    CHECK_EQ(weir_adopt(&client, c->loop, descriptor, 0), 0);
    address = contract_loopback(port);
    weir_accept(&accept_op, &listener, &accepted, 0, contract_done);
    weir_connect(&connect_op, &client, address.data.bytes, address.length, 0, contract_done);
    ends_or_refused(c, h, &accept_op, 0);
    ends_or_refused(c, h, &connect_op, 0);
    if (!h->refused)
        contract_close(c, &accepted);
    CHECK_EQ(weir_handle_kind(&accepted), WEIR_HANDLE_NONE);
    contract_close(c, &client);
    contract_close(c, &listener);
    descriptor = move_high(open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    CHECK_EQ(weir_adopt(&file, c->loop, descriptor, 0), 0);
    weir_write(&file_op, &file, "z", 1, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 1);
    weir_read(&file_op, &file, &byte, 1, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 1);
    CHECK_EQ(byte, 'z');
    weir_fstat(&file_op, &file, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &file_op), 0);
    CHECK_EQ(stat.size, 1);
    contract_close(c, &file);
}

/* Descriptors that weir opens itself are high when every low number is taken. */
static void low_numbers_are_taken(struct contract *c, struct high *h)
{
    struct weir_handle      listener = {0}, accepted = {0};
    struct weir_op          accept_op = {0}, recv = {0}, signal_op = {0};
    struct weir_loop       *second = c->loop;
    struct weir_options     options = {.engine = c->engine};
    struct weir_engine_info engines[32];
    char                    byte = 0;
    int                     count = 0;
    uint16_t                port = contract_listen_any(c, &listener);
    int                     client = contract_raw_connect(port);
    while (!count || h->low[count - 1] < HIGH - 1)
        h->low[count++] = contract_fd_copy(STDIN_FILENO);
    weir_accept(&accept_op, &listener, &accepted, 0, contract_done);
    CHECK_EQ(contract_await(c, &accept_op), 0);
    CHECK(weir_handle_os(&accepted) >= HIGH);
    contract_raw_send(client, "x", 1);
    weir_recv(&recv, &accepted, &byte, 1, 0, contract_done);
    ends_or_refused(c, h, &recv, 1);
    for (int lap = 0; lap < 2; lap++) {
        weir_signal(&signal_op, c->loop, SIGUSR1, 0, contract_done);
        if (!h->refused)
            CHECK_EQ(raise(SIGUSR1), 0);
        ends_or_refused(c, h, &signal_op, SIGUSR1);
    }
    int opened = weir_loop_open(&second, &options);
    CHECK_EQ(opened, h->refused ? WEIR_EMFILE : 0);
    CHECK_EQ(second == NULL, opened != 0);
    if (!opened)
        contract_loop_close(c, second);
    int known = weir_engine_list(engines, 32);
    for (int i = 0; i < known && i < 32; i++)
        if (!strcmp(engines[i].name, c->engine)) {
            CHECK_EQ(engines[i].refused, opened);
            CHECK(!opened || strstr(engines[i].reason, "FD_SETSIZE"));
        }
    low_ones_go_on(c, h);
    contract_close(c, &accepted);
    contract_close(c, &listener);
    contract_raw_close(client);
    while (count)
        contract_raw_close(h->low[--count]);
}

/* select(2) holds descriptors below FD_SETSIZE only. Such an engine refuses each op that might wait
 * on a higher one, whether it would or not; its sentence is logged, and the loop goes on. */
static void select_over_1024_refused(struct contract *c)
{
    static struct high  h;
    struct weir_options options = {.log = count_sentences, .log_user = &h};
    contract_needs("descriptors of its own choice");
    raise_descriptors();
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    h.refused = is_limited(c->loop) ? WEIR_ENOTSUP : 0;
    contract_unix_pair(c, &h.a, &h.b);
    high_streams(c, &h);
    low_ones_go_on(c, &h);
    CHECK_EQ(h.sentences, h.refused ? 1 : 0);
    high_listeners_and_files(c, &h);
    low_ones_go_on(c, &h);
    low_numbers_are_taken(c, &h);
    CHECK_EQ(h.sentences, h.refused ? 1 : 0);
    low_ones_go_on(c, &h);
    contract_close(c, &h.a);
    contract_close(c, &h.b);
}

const struct contract_case contract_cases[] = {
    {"eintr_storm", eintr_storm, 0},
    {"fork_exit", fork_exit, 0},
    {"fork_calls_return_eperm", fork_calls_return_eperm, 0},
    {"fork_new_loop", fork_new_loop, 0},
    {"fork_loop_beside_the_inherited", fork_loop_beside_the_inherited, 0},
    {"fork_with_a_busy_worker", fork_with_a_busy_worker, 0},
    /* The loop is closed before the fork. */
    {"fork_after_file_ops", fork_after_file_ops, CONTRACT_OWN_LOOP},
    {"exec_leaks_nothing", exec_leaks_nothing, 0},
    {"stdin_flags_unchanged", stdin_flags_unchanged, 0},
    {"sigpipe_is_left_alone", sigpipe_is_left_alone, 0},
    {"select_over_1024_refused", select_over_1024_refused, CONTRACT_OWN_LOOP}, /* with a log */
    {0},
};
