/* SPDX-License-Identifier: MIT */
/* client.c - the load generator: connections to an echo server (sockets.h), driven by a plain loop
 * (watch.h). With datagrams, a connection is a socket that is connected to the server's address,
 * and each request and each answer one datagram; loopback keeps their order.
 *
 * It uses nothing of weir. Requests are computed, not stored (pattern.h), so all connections share
 * one buffer each way. A connection may send up to its quota of requests and `depth` requests ahead
 * of the answers; the phases of a load are nothing but changes of the quota. Idle connections get a
 * quota of one request, which proves that the server has them. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "pattern.h"
#include "sockets.h"
#include "system.h"
#include "watch.h"

enum {
    BUFFER_SIZE = 256 * 1024,
    CONNECT_BATCH = 64, /* answered before the next are made, so that no backlog overflows */
    GRACEFUL_COUNT = 64 /* closed in both directions and checked; the rest are reset */
};

static const uint64_t patience_ns = 5 * NS_PER_S;

struct conn {
    int       fd;
    bool      want_out; /* it is told of room to send */
    uint32_t  number;
    uint64_t  quota;   /* requests that it may send in all */
    uint64_t  sending; /* the request being sent, and how far */
    size_t    sent;
    uint64_t  receiving; /* the request whose answer is awaited, and how far it came */
    size_t    received;
    uint64_t *started_ns; /* ring of `depth`: when each outstanding request was sent */
};

struct client {
    const struct load_plan *plan;
    struct load_report     *report;
    int                     control, status; /* the pipes to and from the parent */
    struct conn            *conns;           /* owned */
    int                     count;           /* connections made so far */
    int                     unfinished;      /* connections whose quota is not answered yet */
    int                     watch;
    bool                    in_window;
    uint64_t                private_kib; /* of the server, when the first batch was connected */
    uint64_t                answered;    /* requests, in all */
    uint64_t                moved_ns;    /* when the last byte arrived */
    uint64_t               *started_ns;  /* owned; the rings of all connections */
    unsigned char          *out, *in;    /* owned, BUFFER_SIZE each */
};

/* The connections that send, which come first, and the silent ones. */
static int all_of(const struct load_plan *plan)
{
    return plan->shape.connections + plan->shape.idle;
}

/* Remembers the sentence; always -1. */
#define client_fail(client, ...) fail(&(client)->report->failure, __VA_ARGS__)

/* Asks for writability only while there is something that could not be sent. */
static int want_out(struct client *client, struct conn *c, bool on)
{
    if (c->want_out == on)
        return 0;
    if (watch_want_out(client->watch, c->fd, c, on) < 0)
        return client_fail(client, "the load generator cannot wait to send on connection %u: %s",
                           c->number, system_error());
    c->want_out = on;
    return 0;
}

/* Puts what the connection may send next into the shared buffer without moving the connection on;
 * returns its length. */
static size_t fill_requests(struct client *client, const struct conn *c, uint64_t limit)
{
    size_t size = client->plan->shape.size, length = 0, offset = c->sent;
    if (client->plan->shape.datagrams && limit > c->sending + 1)
        limit = c->sending + 1;
    for (uint64_t r = c->sending; r < limit && length < BUFFER_SIZE; r++, offset = 0) {
        size_t part = size - offset;
        if (part > BUFFER_SIZE - length)
            part = BUFFER_SIZE - length;
        pattern_fill(client->out + length, pattern_base(c->number, r), offset, part);
        length += part;
    }
    return length;
}

/* Moves the connection on by what was really sent, and notes when each request began. */
static void count_sent(struct client *client, struct conn *c, size_t length, uint64_t now_ns)
{
    size_t size = client->plan->shape.size;
    while (length > 0) {
        if (c->sent == 0)
            c->started_ns[c->sending % (uint64_t)client->plan->shape.depth] = now_ns;
        size_t part = size - c->sent < length ? size - c->sent : length;
        c->sent += part;
        length -= part;
        if (c->sent == size) {
            c->sent = 0;
            c->sending++;
        }
    }
}

/* Sends until quota or depth is used up, or the socket is full. */
static int conn_send(struct client *client, struct conn *c, uint64_t now_ns)
{
    uint64_t limit = c->receiving + (uint64_t)client->plan->shape.depth;
    if (limit > c->quota)
        limit = c->quota;
    while (c->sending < limit) {
        size_t  length = fill_requests(client, c, limit);
        ssize_t n = sockets_send(c->fd, client->out, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return want_out(client, c, true);
        if (n < 0)
            return client_fail(client, "sending request %llu on connection %u failed: %s",
                               (unsigned long long)c->sending, c->number, system_error());
        count_sent(client, c, (size_t)n, now_ns);
        if ((size_t)n < length)
            return want_out(client, c, true);
    }
    return want_out(client, c, false);
}

/* Compares what came with what it has to be. */
static int check_bytes(struct client *client, struct conn *c, size_t length, uint64_t now_ns)
{
    size_t size = client->plan->shape.size;
    for (size_t at = 0; at < length;) {
        if (c->receiving > c->sending || (c->receiving == c->sending && c->received >= c->sent))
            return client_fail(
                client,
                "the server answered more than it was sent: connection %u, after %llu "
                "requests",
                c->number, (unsigned long long)c->sending);
        size_t   part = size - c->received < length - at ? size - c->received : length - at;
        uint64_t base = pattern_base(c->number, c->receiving);
        size_t   same = pattern_check(client->in + at, base, c->received, part);
        if (same < part) {
            unsigned char right[1];
            pattern_fill(right, base, c->received + same, 1);
            return client_fail(
                client,
                "the server answered a wrong byte: connection %u, request %llu, byte "
                "%zu is 0x%02x where 0x%02x was sent",
                c->number, (unsigned long long)c->receiving, c->received + same,
                client->in[at + same], right[0]);
        }
        at += part;
        c->received += part;
        if (c->received < size)
            continue;
        if (client->in_window)
            hist_add(&client->report->latency,
                     now_ns - c->started_ns[c->receiving % (uint64_t)client->plan->shape.depth]);
        c->received = 0;
        c->receiving++;
        client->answered++;
        if (c->receiving == c->quota)
            client->unfinished--;
    }
    return 0;
}

/* Takes what is there, once: 1 when something came, 0 when nothing was there. */
static int receive_once(struct client *client, struct conn *c)
{
    ssize_t n = sockets_receive(c->fd, client->in, BUFFER_SIZE);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return client_fail(client, "receiving on connection %u failed after %llu answers: %s",
                           c->number, (unsigned long long)c->receiving, system_error());
    if (n == 0)
        return client_fail(client, "the server closed connection %u after %llu answers", c->number,
                           (unsigned long long)c->receiving);
    if (client->plan->shape.datagrams && (size_t)n != client->plan->shape.size)
        return client_fail(client, "a datagram of %zd bytes answers one of %zu, on connection %u",
                           n, client->plan->shape.size, c->number);
    client->moved_ns = clock_ns();
    return check_bytes(client, c, (size_t)n, client->moved_ns) < 0 ? -1 : 1;
}

/* Receives, of a stream once and of datagrams all that are there, and sends in place of what was
 * answered. */
static int conn_receive(struct client *client, struct conn *c)
{
    int got = receive_once(client, c);
    while (got > 0 && client->plan->shape.datagrams && c->receiving < c->sending)
        got = receive_once(client, c);
    return got < 0 ? -1 : conn_send(client, c, client->moved_ns);
}

/* Waits once and serves what is there. */
static int client_turn(struct client *client)
{
    struct watch_event events[WATCH_ROOM];
    int                n = watch_wait(client->watch, events, 100);
    if (n < 0 && errno != EINTR)
        return client_fail(client, "the load generator cannot wait: %s", system_error());
    for (int i = 0; i < n; i++) {
        /* Errors and hang-ups are told by the receive. */
        if (events[i].in && conn_receive(client, events[i].user) < 0)
            return -1;
        if (events[i].out && conn_send(client, events[i].user, clock_ns()) < 0)
            return -1;
    }
    if (n <= 0 && clock_ns() - client->moved_ns > patience_ns)
        return client_fail(client, "no answer came for %llu s; %d of %d connections still wait",
                           (unsigned long long)(patience_ns / NS_PER_S), client->unfinished,
                           client->count);
    return 0;
}

/* Lets connections first .. end - 1 send up to the quota. */
static int raise_quota(struct client *client, int first, int end, uint64_t quota)
{
    uint64_t now_ns = client->moved_ns = clock_ns();
    for (int i = first; i < end && i < client->count; i++) {
        struct conn *c = &client->conns[i];
        if (c->receiving >= c->quota && quota > c->receiving)
            client->unfinished++;
        c->quota = quota;
        if (conn_send(client, c, now_ns) < 0)
            return -1;
    }
    return 0;
}

static int run_until_answered(struct client *client)
{
    while (client->unfinished > 0)
        if (client_turn(client) < 0)
            return -1;
    return 0;
}

static int conn_open(struct client *client, struct conn *c)
{
    c->fd = sockets_make(client->plan->shape.datagrams, patience_ns);
    if (c->fd < 0)
        return client_fail(client, "connection %u of %d could not be made: %s", c->number + 1,
                           all_of(client->plan), system_error());
    if (sockets_connect(c->fd, client->plan->port) < 0)
        return client_fail(client, "connection %u of %d to port %u failed: %s", c->number + 1,
                           all_of(client->plan), client->plan->port, system_error());
    c->started_ns = client->started_ns + (size_t)c->number * (size_t)client->plan->shape.depth;
    if (watch_add(client->watch, c->fd, c) < 0)
        return client_fail(client, "connection %u of %d: %s", c->number + 1, all_of(client->plan),
                           system_error());
    return 0;
}

/* Connects in batches; the first answers prove that the server has accepted a batch. */
static int connect_all(struct client *client)
{
    int all = all_of(client->plan);
    for (int i = 0; i < all; i++) {
        client->conns[i].number = (uint32_t)i;
        if (conn_open(client, &client->conns[i]) < 0)
            return -1;
        client->count = i + 1;
        bool full = client->count % CONNECT_BATCH == 0;
        if (!full && client->count < all)
            continue;
        int first = client->count - (full ? CONNECT_BATCH : client->count % CONNECT_BATCH);
        if (raise_quota(client, first, client->count, 1) < 0 || run_until_answered(client) < 0)
            return -1;
        if (first == 0)
            client->private_kib = system_private_kib(client->plan->server);
    }
    return 0;
}

/* What the server needed for the connections behind the first batch. */
static void weigh(struct client *client)
{
    int64_t now = (int64_t)system_private_kib(client->plan->server);
    client->report->added_connections = client->count - CONNECT_BATCH;
    client->report->added_bytes = (now - (int64_t)client->private_kib) * 1024;
}

/* Tells the parent a phase and waits until it says to go on. */
static int pause_at(struct client *client, enum load_phase phase)
{
    char byte = 0;
    client->report->phase = (int)phase;
    if (write(client->status, &byte, 1) == 1 && read(client->control, &byte, 1) == 1)
        return 0;
    return -1; /* the parent is gone or wants no more */
}

/* Whether there is something to divide by, on a machine that is starved, too: an answer and, where
 * CPU time grows in steps, one of those. */
static bool is_enough(const struct client *client, uint64_t answered, uint64_t server_ns,
                      uint64_t end_ns)
{
    if (client->answered == answered)
        return false;
    return system_cpu_step_ns() == 0 || clock_ns() > end_ns + patience_ns ||
           system_cpu_ns(client->plan->server) > server_ns;
}

/* Every connection sends and nobody is hurried; then the window, exactly between two turns. */
static int run_timed(struct client *client)
{
    const struct load_plan *plan = client->plan;
    struct load_report     *report = client->report;
    if (raise_quota(client, 0, plan->shape.connections, UINT64_MAX) < 0)
        return -1;
    uint64_t end_ns = clock_ns() + plan->warmup_ns;
    while (clock_ns() < end_ns)
        if (client_turn(client) < 0)
            return -1;
    uint64_t begin_ns = clock_ns();
    uint64_t server_ns = system_cpu_ns(plan->server),
             own_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t answered = client->answered;
    end_ns = begin_ns + plan->window_ns;
    client->in_window = true;
    while (clock_ns() < end_ns || !is_enough(client, answered, server_ns, end_ns))
        if (client_turn(client) < 0)
            return -1;
    client->in_window = false;
    report->window_ns = clock_ns() - begin_ns;
    report->requests = client->answered - answered;
    report->server_cpu_ns = system_cpu_ns(plan->server) - server_ns;
    report->client_cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - own_ns;
    weigh(client);
    return 0;
}

/* Every connection sends all that its depth allows, and nobody sends again before the last
 * answer. */
static int run_bursts(struct client *client, uint64_t bursts)
{
    for (uint64_t i = 0; i < bursts; i++) {
        uint64_t quota = client->conns[0].receiving + (uint64_t)client->plan->shape.depth;
        if (raise_quota(client, 0, client->plan->shape.connections, quota) < 0 ||
            run_until_answered(client) < 0)
            return -1;
    }
    return 0;
}

/* Warms up, waits, runs whole bursts, and waits again. Bursts make what is counted repeatable: the
 * server finds every connection's request, however slow counting makes it. */
static int run_counted(struct client *client)
{
    const struct load_plan *plan = client->plan;
    uint64_t                burst = (uint64_t)plan->shape.connections * (uint64_t)plan->shape.depth;
    uint64_t                bursts = (plan->requests + burst - 1) / burst;
    if (run_bursts(client, 2) < 0 || pause_at(client, LOAD_READY) < 0)
        return -1;
    uint64_t answered = client->answered;
    if (run_bursts(client, bursts) < 0)
        return -1;
    client->report->requests = client->answered - answered;
    return pause_at(client, LOAD_DONE);
}

/* Every datagram was answered: there is none that is one too many. */
static int expect_silence(struct client *client)
{
    for (int i = 0; i < client->count; i++)
        if (sockets_receive(client->conns[i].fd, client->in, BUFFER_SIZE) >= 0)
            return client_fail(client, "the server answered a datagram twice, on connection %d", i);
    return 0;
}

/* Takes the answers that are still out; then an end in both directions has to bring an end and
 * nothing else, which catches answers given twice. */
static int finish(struct client *client)
{
    for (int i = 0; i < client->count; i++) {
        struct conn *c = &client->conns[i];
        bool         idle = c->receiving >= c->quota;
        c->quota = c->sending + (c->sent > 0);
        if (!idle && c->receiving >= c->quota)
            client->unfinished--;
        if (conn_send(client, c, clock_ns()) < 0)
            return -1;
    }
    if (run_until_answered(client) < 0)
        return -1;
    if (client->plan->shape.datagrams)
        return expect_silence(client);
    for (int i = 0; i < client->count && i < GRACEFUL_COUNT; i++)
        sockets_end(client->conns[i].fd);
    for (int i = 0; i < client->count && i < GRACEFUL_COUNT; i++) {
        ssize_t n = sockets_await(client->conns[i].fd, client->in, BUFFER_SIZE, patience_ns);
        if (n > 0)
            return client_fail(
                client,
                "the server sent more than it was sent: %zd on connection %d, after the "
                "last answer",
                n, i);
        if (n < 0)
            return client_fail(client,
                               "connection %d was not closed by the server after its end: %s", i,
                               system_error());
    }
    /* A reset leaves no TIME_WAIT behind: thousands of them would slow the next runs. */
    for (int i = GRACEFUL_COUNT; i < client->count; i++)
        sockets_reset_at_close(client->conns[i].fd);
    return 0;
}

void client_run(const struct load_plan *plan, struct load_report *report, int control, int status)
{
    struct client client = {.plan = plan, .report = report, .control = control, .status = status};
    client.watch = watch_open();
    client.conns = calloc((size_t)all_of(plan), sizeof *client.conns);
    client.started_ns = calloc((size_t)all_of(plan) * (size_t)plan->shape.depth,
                               sizeof *client.started_ns);
    client.out = malloc(BUFFER_SIZE);
    client.in = malloc(BUFFER_SIZE);
    if (client.watch < 0 || !client.conns || !client.started_ns || !client.out || !client.in)
        client_fail(&client, "the load generator could not start: %s", strerror(errno));
    else if (connect_all(&client) == 0 &&
             (plan->requests > 0 ? run_counted(&client) : run_timed(&client)) == 0 &&
             finish(&client) == 0)
        report->phase = LOAD_DONE;
    /* What is open goes with the process, which ends now. */
    free(client.started_ns);
    free(client.conns);
    free(client.out);
    free(client.in);
}
