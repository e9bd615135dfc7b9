/* SPDX-License-Identifier: MIT */
/* carpet.c - a carpet of connections that end by a reset, at any moment, while a signal interrupts
 * every call of the loop's thread that can be interrupted. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "contract.h"

#define GUESTS 24 /* accepts that wait at a time */
#define MESSAGE 3000u

struct guest {
    struct weir_handle socket;
    struct weir_op     accept, recv, send;
    uint64_t           received;
    char               data[512];
};

static struct carpet {
    struct contract   *c;
    struct weir_handle listener;
    struct guest       guests[GUESTS];
    uint64_t           random;
    uint16_t           port;
    unsigned           count; /* connections of the peer */
    unsigned           accepted, closed;
    unsigned           ended, reset, sent; /* how receives ended; sends that moved something */
    int                last;
    bool               over; /* the last connection was served */
    char               out[MESSAGE];
} carpet;

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void signals_begin(timer_t *storm)
{
    struct sigaction  action = {.sa_handler = count_signal};
    struct sigevent   event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec each = {.it_interval.tv_nsec = 100000, .it_value.tv_nsec = 100000};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, storm), 0);
    CHECK_EQ(timer_settime(*storm, 0, &each, NULL), 0);
}

/* ---- The peer: a thread that no signal interrupts -------------------------------------------- */

static uint64_t draw(uint64_t *random, uint64_t bound)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return *random * UINT64_C(2685821657736338717) % bound;
}

/* A few connections at a time; each sends something, or nothing, and is reset. The last one, which
 * stands behind all others in the queue, sends more than any of them and ends well. */
static void *throw_resets(void *argument)
{
    enum { ALIVE = 16 };
    int      fds[ALIVE];
    uint64_t random = *(uint64_t *)argument;
    unsigned alive = 0;
    for (unsigned i = 0; i < carpet.count || alive; i++) {
        if (alive == ALIVE || i >= carpet.count) {
            unsigned which = (unsigned)draw(&random, alive);
            contract_raw_reset(fds[which]);
            fds[which] = fds[--alive];
        }
        if (i >= carpet.count)
            continue;
        int fd = contract_raw_connect(carpet.port);
        /* The other side may be gone by now: then nothing is sent. */
        if (draw(&random, 4))
            (void)send(fd, carpet.out, (size_t)draw(&random, MESSAGE), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (draw(&random, 8) == 0)
            shutdown(fd, SHUT_WR);
        if (draw(&random, 3) == 0)
            contract_raw_reset(fd);
        else
            fds[alive++] = fd;
    }
    carpet.last = contract_raw_connect(carpet.port);
    contract_raw_send(carpet.last, carpet.out, MESSAGE);
    contract_raw_shutdown(carpet.last);
    return NULL;
}

/* ---- The server ------------------------------------------------------------------------------ */

static void on_accepted(struct weir_op *op);

static void on_closed(struct weir_handle *socket)
{
    struct guest *guest = weir_of(socket, struct guest, socket);
    carpet.closed++;
    if (!carpet.over)
        weir_accept(&guest->accept, &carpet.listener, &guest->socket, 0, on_accepted);
}

static void check_end(const struct weir_op *op)
{
    if (op->result != WEIR_ECONNRESET && op->result != WEIR_EPIPE && op->result != WEIR_ECANCELED)
        contract_fail(__FILE__, __LINE__, "a %s ended %s", weir_op_name(op->kind),
                      weir_error_name(op->result));
}

static void on_received(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, recv);
    if (op->result > 0) {
        CHECK(contract_filled(guest->data, (size_t)op->result, guest->received, 9));
        guest->received += (uint64_t)op->result;
        weir_recv(op, &guest->socket, guest->data, sizeof guest->data, 0, on_received);
        return;
    }
    if (op->result < 0)
        check_end(op);
    if (op->result == 0 && guest->received == MESSAGE)
        carpet.over = true;
    carpet.ended += op->result == 0;
    carpet.reset += op->result == WEIR_ECONNRESET;
    CHECK_EQ(weir_close(&guest->socket, on_closed), 0);
}

static void on_sent(struct weir_op *op)
{
    if (op->result < 0)
        check_end(op);
    else
        carpet.sent++;
}

static void on_accepted(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, accept);
    if (op->result == WEIR_ECANCELED)
        return;
    CHECK_EQ(op->result, 0);
    carpet.accepted++;
    guest->received = 0;
    weir_recv(&guest->recv, &guest->socket, guest->data, sizeof guest->data, 0, on_received);
    if (draw(&carpet.random, 2))
        weir_send(&guest->send, &guest->socket, carpet.out, MESSAGE, WEIR_ALL, on_sent);
}

/* One more connection gets what it should: the listener and the loop are none the worse. */
static void check_unharmed(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, send = {0};
    char               byte = 0;
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_send(&send, &b, "x", 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &recv), 1);
    CHECK_EQ(byte, 'x');
    contract_close(c, &a);
    contract_close(c, &b);
}

static void resets_in_a_storm(struct contract *c, uint64_t seed)
{
    struct contract_thread peer;
    sigset_t               all, before;
    timer_t                storm;
    memset(&carpet, 0, sizeof carpet);
    carpet.c = c;
    carpet.random = seed;
    carpet.count = contract_count(600);
    contract_fill(carpet.out, MESSAGE, 0, 9);
    carpet.port = contract_listen_any(c, &carpet.listener);
    for (int i = 0; i < GUESTS; i++)
        weir_accept(&carpet.guests[i].accept, &carpet.listener, &carpet.guests[i].socket, 0,
                    on_accepted);
    sigfillset(&all); /* which the thread inherits */
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    contract_thread_start(&peer, throw_resets, &seed);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    signals_begin(&storm);
    /* When the last connection ends while every guest has one, no accept is left pending. */
    while (!carpet.over || carpet.closed < carpet.accepted)
        CHECK(weir_run(c->loop, WEIR_ONCE) == 1 ||
              (carpet.over && carpet.closed == carpet.accepted));
    contract_thread_join(&peer);
    contract_raw_close(carpet.last);
    check_unharmed(c);
    CHECK_EQ(timer_delete(storm), 0);
    contract_close(c, &carpet.listener);
    contract_run(c);
    CHECK(signals > 0);
    CHECK(carpet.reset > 0);
    CHECK(carpet.ended + carpet.reset <= carpet.accepted);
}

static void resets_in_a_storm_of_seed_1(struct contract *c)
{
    resets_in_a_storm(c, 1);
}

/* One more for each run of a longer kind: CONTRACT_SEED in the environment, 2 without it. */
static void resets_in_a_storm_of_the_environments_seed(struct contract *c)
{
    const char *text = getenv("CONTRACT_SEED");
    uint64_t    seed = text ? strtoull(text, NULL, 10) : 2;
    resets_in_a_storm(c, seed ? seed : 2);
}

const struct contract_case contract_cases[] = {
    {"resets_in_a_storm_of_seed_1", resets_in_a_storm_of_seed_1, 0},
    {"resets_in_a_storm_of_the_environments_seed", resets_in_a_storm_of_the_environments_seed, 0},
    {0},
};
