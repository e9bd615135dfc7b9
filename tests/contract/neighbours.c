/* SPDX-License-Identifier: MIT */
/* neighbours.c - several loops in one process, in one thread and in many: each gets what is its
 * own, whatever the mechanism shares between them. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

#define LINES 8 /* so few that the descriptors of all loops have numbers below 1,024 */

/* A connection of a loop to the case, and what waits on it. */
struct line {
    struct weir_handle handle;
    struct weir_op     recv;
    int                peer;
    char               byte;
};

/* A loop with its lines; c.loop is that loop. */
struct party {
    struct contract        c;
    struct line            lines[LINES];
    struct contract_thread thread;
};

static void party_begin(struct party *p, const struct contract *c)
{
    p->c = *c;
    CHECK_EQ(contract_open(&p->c, &p->c.loop, NULL), 0);
}

static void party_lines(struct party *p)
{
    for (int i = 0; i < LINES; i++)
        p->lines[i].peer = i % 2 ? contract_unix_peer(&p->c, &p->lines[i].handle)
                                 : contract_tcp_peer(&p->c, &p->lines[i].handle);
}

static void party_wait(struct party *p)
{
    for (int i = 0; i < LINES; i++)
        weir_recv(&p->lines[i].recv, &p->lines[i].handle, &p->lines[i].byte, 1, 0, contract_done);
}

static void party_speak(struct party *p, char byte)
{
    for (int i = 0; i < LINES; i++)
        contract_raw_send(p->lines[i].peer, &byte, 1);
}

static void party_heard(struct party *p, char byte)
{
    for (int i = 0; i < LINES; i++) {
        CHECK_EQ(contract_await(&p->c, &p->lines[i].recv), 1);
        CHECK_EQ(p->lines[i].byte, byte);
    }
}

static void party_end(struct party *p)
{
    for (int i = 0; i < LINES; i++) {
        contract_close(&p->c, &p->lines[i].handle);
        contract_raw_close(p->lines[i].peer);
    }
    contract_loop_close(&p->c, p->c.loop);
}

/* ------------------------------------------------------------------------------------------------
 * One thread
 * ---------------------------------------------------------------------------------------------- */

/* What became ready for the one while the other was run is not lost with it. */
static void two_loops_of_a_thread_take_turns(struct contract *c)
{
    static struct party a, b;
    party_begin(&a, c);
    party_begin(&b, c);
    party_lines(&a);
    party_lines(&b);
    for (int lap = 0; lap < 50; lap++) {
        struct party *first = lap % 2 ? &b : &a, *second = lap % 2 ? &a : &b;
        party_wait(first);
        party_wait(second);
        CHECK_EQ(weir_run(first->c.loop, WEIR_NOWAIT), 1);
        CHECK_EQ(weir_run(second->c.loop, WEIR_NOWAIT), 1);
        party_speak(second, (char)lap);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(weir_run(first->c.loop, WEIR_NOWAIT), 1);
        party_speak(first, (char)lap);
        party_heard(second, (char)lap);
        party_heard(first, (char)lap);
    }
    party_end(&a);
    /* The one that is left goes on. */
    party_wait(&b);
    party_speak(&b, 'b');
    party_heard(&b, 'b');
    party_end(&b);
}

struct nesting {
    struct party *inner, *outer;
};

static void run_the_inner(struct weir_op *op)
{
    struct nesting *n = op->user;
    party_speak(n->outer, 'o');
    party_speak(n->inner, 'i');
    party_heard(n->inner, 'i');
}

/* The inner loop waits while the outer one's handles become ready. */
static void loop_in_a_callback_leaves_the_other_its_own(struct contract *c)
{
    static struct party inner, outer;
    struct nesting      n = {&inner, &outer};
    struct weir_op      timer = {.user = &n};
    party_begin(&outer, c);
    party_begin(&inner, c);
    party_lines(&outer);
    party_lines(&inner);
    for (int lap = 0; lap < 20; lap++) {
        party_wait(&outer);
        party_wait(&inner);
        weir_timer(&timer, outer.c.loop, lap % 2 ? WEIR_MILLISECOND : 0, 0, run_the_inner);
        CHECK_EQ(contract_await(&outer.c, &timer), 0);
        party_heard(&outer, 'o');
    }
    party_end(&inner);
    party_end(&outer);
}

/* Sleeps until one of the descriptors is readable, and runs that loop alone. A mechanism without
 * one is looked at in turns. */
static void outer_sleep(struct party *parties)
{
    struct pollfd fds[2];
    int64_t       left_ns = -1;
    for (int i = 0; i < 2; i++) {
        weir_os_handle fd = weir_loop_fd(parties[i].c.loop);
        int64_t        due_ns = weir_loop_timeout(parties[i].c.loop);
        fds[i] = (struct pollfd){.fd = (int)fd, .events = POLLIN};
        if (fd < 0)
            due_ns = 0;
        if (due_ns >= 0 && (left_ns < 0 || due_ns < left_ns))
            left_ns = due_ns;
    }
    CHECK(poll(fds, 2, left_ns < 0 ? 20000 : (int)(left_ns / 1000000)) >= 0);
    if (left_ns < 0)
        CHECK(fds[0].revents || fds[1].revents);
    for (int i = 0; i < 2; i++) {
        if (fds[i].fd >= 0 && !fds[i].revents && weir_loop_timeout(parties[i].c.loop))
            continue;
        CHECK(weir_run(parties[i].c.loop, WEIR_NOWAIT) >= 0);
        if (fds[i].fd >= 0)
            return;
    }
}

static bool party_is_done(const struct party *p)
{
    for (int i = 0; i < LINES; i++)
        if (!weir_ended(&p->lines[i].recv))
            return false;
    return true;
}

/* Only the loop whose descriptor is readable is run; what it finds of the other must reach that. */
static void two_embedded_loops_share_a_sleep(struct contract *c)
{
    static struct party parties[2];
    for (int i = 0; i < 2; i++) {
        party_begin(&parties[i], c);
        party_lines(&parties[i]);
        weir_loop_fd(parties[i].c.loop);
    }
    for (int lap = 0; lap < 50; lap++) {
        for (int i = 0; i < 2; i++) {
            party_wait(&parties[i]);
            CHECK(weir_run(parties[i].c.loop, WEIR_NOWAIT) >= 0);
        }
        party_speak(&parties[lap % 2], (char)lap);
        party_speak(&parties[!(lap % 2)], (char)lap);
        while (!party_is_done(&parties[0]) || !party_is_done(&parties[1]))
            outer_sleep(parties);
        for (int i = 0; i < 2; i++)
            party_heard(&parties[i], (char)lap);
    }
    party_end(&parties[0]);
    party_end(&parties[1]);
}

/* ------------------------------------------------------------------------------------------------
 * Many threads
 * ---------------------------------------------------------------------------------------------- */

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int number = 1; number < 65; number++)
        if (sigismember(a, number) != sigismember(b, number))
            return false;
    return true;
}

/* Laps with each line, then the end; the thread's mask is as it was given. */
static void party_talks_and_ends(struct party *p, const sigset_t *before)
{
    sigset_t after;
    unsigned laps = contract_count(300);
    for (unsigned lap = 0; lap < laps; lap++) {
        party_wait(p);
        CHECK_EQ(weir_run(p->c.loop, WEIR_NOWAIT), 1);
        party_speak(p, (char)lap);
        party_heard(p, (char)lap);
    }
    party_end(p);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    CHECK(same_mask(before, &after));
}

static void *open_and_talk(void *argument)
{
    struct party *p = argument;
    sigset_t      before;
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    CHECK_EQ(contract_open(&p->c, &p->c.loop, NULL), 0);
    party_lines(p);
    party_talks_and_ends(p, &before);
    return NULL;
}

/* More loops than the system has of whatever a mechanism numbers. */
static void loops_of_many_threads_have_their_own(struct contract *c)
{
    enum { THREADS = 40 };
    static struct party parties[THREADS];
    unsigned            threads = contract_count(THREADS);
    for (unsigned i = 0; i < threads; i++) {
        parties[i].c = *c;
        contract_thread_start(&parties[i].thread, open_and_talk, &parties[i]);
    }
    for (unsigned i = 0; i < threads; i++)
        contract_thread_join(&parties[i].thread);
}

static void *talk_on(void *argument)
{
    struct party *p = argument;
    sigset_t      before;
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    CHECK_EQ(contract_await(&p->c, &p->lines[0].recv), 1);
    CHECK_EQ(p->lines[0].byte, 'x');
    party_talks_and_ends(p, &before);
    return NULL;
}

/* Opened and filled by one thread, woken by it before anybody runs it, and run by another. */
static void loop_is_filled_here_and_run_there(struct contract *c)
{
    static struct party p;
    struct line        *line = &p.lines[0];
    party_begin(&p, c);
    for (int i = 0; i < LINES; i++) {
        int ends[2];
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        CHECK_EQ(weir_adopt(&p.lines[i].handle, p.c.loop, ends[0], 0), 0);
        p.lines[i].peer = ends[1];
    }
    weir_recv(&line->recv, &line->handle, &line->byte, 1, 0, contract_done);
    weir_loop_fd(p.c.loop);
    weir_wake(p.c.loop);
    contract_raw_send(line->peer, "x", 1);
    contract_thread_start(&p.thread, talk_on, &p);
    contract_thread_join(&p.thread);
}

/* ------------------------------------------------------------------------------------------------
 * Processes
 * ---------------------------------------------------------------------------------------------- */

/* A child that shares every description lives on when the loop is gone; that what it shares ends
 * with it is no news to anybody. */
static void child_outlives_the_loop(struct contract *c)
{
    static struct party p;
    int                 gate[2], status = -1;
    char                byte;
    contract_needs("processes beside that of the case");
    party_begin(&p, c);
    party_lines(&p);
    party_wait(&p);
    CHECK_EQ(weir_run(p.c.loop, WEIR_NOWAIT), 1);
    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) != 0);
    }
    party_speak(&p, 'c');
    party_heard(&p, 'c');
    party_end(&p);
    contract_raw_close(gate[1]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    contract_raw_close(gate[0]);
}

/* Each of these opens its loops. */
const struct contract_case contract_cases[] = {
    {"two_loops_of_a_thread_take_turns", two_loops_of_a_thread_take_turns, CONTRACT_OWN_LOOP},
    {"loop_in_a_callback_leaves_the_other_its_own", loop_in_a_callback_leaves_the_other_its_own,
     CONTRACT_OWN_LOOP},
    {"two_embedded_loops_share_a_sleep", two_embedded_loops_share_a_sleep, CONTRACT_OWN_LOOP},
    {"loops_of_many_threads_have_their_own", loops_of_many_threads_have_their_own,
     CONTRACT_OWN_LOOP},
    {"loop_is_filled_here_and_run_there", loop_is_filled_here_and_run_there, CONTRACT_OWN_LOOP},
    {"child_outlives_the_loop", child_outlives_the_loop, CONTRACT_OWN_LOOP},
    {0},
};
