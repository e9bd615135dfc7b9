/* SPDX-License-Identifier: MIT */
/* sim_net.c - simulated connections: what is received is what was sent, and each way to end has its
 * own results. */
#include "sim_calls.h"

#define CUT 12345

static void fill(unsigned char *data, size_t length, uint64_t place, unsigned seed)
{
    for (size_t i = 0; i < length; i++)
        data[i] = byte_at(place + i, seed);
}

static bool is_filled(const unsigned char *data, size_t length, uint64_t place, unsigned seed)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] != byte_at(place + i, seed))
            return false;
    return true;
}

/* ---- Under all faults ------------------------------------------------------------------------ */

#define LINKS 4

/* One side of a connection, and what went out of it and came in. */
struct side {
    struct weir_sim_host *host;
    int                   descriptor; /* -1: closed, or not there yet */
    uint64_t              sent, received;
    bool                  ending, ended, failed;
};

struct link {
    struct side sides[2];
    bool        connecting;
};

struct traffic {
    struct pair_of_hosts hosts;
    struct link          links[LINKS];
    int                  listener;
    bool                 cut;
    uint64_t             moved, clean, broken; /* bytes, ends of streams, errors */
};

static uint64_t draw(struct traffic *t, uint64_t bound)
{
    return weir_sim_random(t->hosts.world, bound);
}

static void fail(struct traffic *t, struct side *side)
{
    t->broken += !side->failed;
    side->failed = true;
}

static void put_bytes(struct traffic *t, struct side *side, unsigned seed)
{
    static unsigned char data[70000];
    size_t               length = 1 + (size_t)draw(t, draw(t, 4) ? 3000 : sizeof data);
    fill(data, length, side->sent, seed);
    int64_t result = sim_send(side->host, side->descriptor, data, length);
    if (result == WEIR_EAGAIN)
        return;
    if (result < 0) {
        CHECK(result == WEIR_EPIPE || result == WEIR_ECONNRESET || result == WEIR_ETIMEDOUT);
        if (!side->ending || result != WEIR_EPIPE)
            fail(t, side);
        return;
    }
    CHECK(result > 0 && (size_t)result <= length && !side->ending);
    side->sent += (uint64_t)result;
}

static void get_bytes(struct traffic *t, struct side *side, const struct side *other, unsigned seed)
{
    static unsigned char data[70000];
    size_t               length = 1 + (size_t)draw(t, draw(t, 4) ? 3000 : sizeof data);
    int64_t              result = sim_recv(side->host, side->descriptor, data, length);
    if (result == WEIR_EAGAIN) {
        CHECK(!side->ended);
        return;
    }
    if (result < 0) {
        CHECK(result == WEIR_EPIPE || result == WEIR_ECONNRESET || result == WEIR_ETIMEDOUT);
        fail(t, side);
        return;
    }
    if (result == 0) { /* the end: a clean one has everything that was sent */
        if (!side->ended && !side->failed) {
            CHECK_EQ(side->received, other->sent);
            CHECK(other->ending);
            t->clean++;
        }
        side->ended = true;
        return;
    }
    CHECK((size_t)result <= length && !side->ended);
    CHECK(is_filled(data, (size_t)result, side->received, seed));
    side->received += (uint64_t)result;
    CHECK(side->received <= other->sent);
    t->moved += (uint64_t)result;
}

static void close_side(struct traffic *t, struct side *side)
{
    if (draw(t, 4) == 0)
        CHECK_EQ(set(side->host, side->descriptor, WEIR_OPTION_LINGER, 0), 0);
    sim_descriptor_close(side->host, side->descriptor);
    side->descriptor = -1;
    side->ending = true;
}

static void shut_side(struct side *side)
{
    int64_t result = plain(side->host, side->descriptor, WEIR_OP_SHUTDOWN);
    CHECK(result == 0 || result == WEIR_ENOTCONN);
    side->ending |= result == 0;
}

static void begin_link(struct traffic *t, struct link *link)
{
    struct side *side = &link->sides[0];
    *link = (struct link){0};
    side->host = t->hosts.one;
    link->sides[1].host = t->hosts.other;
    link->sides[1].descriptor = -1;
    side->descriptor = sim_socket(side->host, AF_INET, SOCK_STREAM, 0);
    if (side->descriptor < 0) /* by a fault */
        return;
    CHECK_EQ(sim_connect(side->host, side->descriptor, "10.0.0.2:80", false), WEIR_EAGAIN);
    link->connecting = true;
}

/* The one of a link is told by the address that its peer has. */
static void accept_one(struct traffic *t)
{
    char name[160];
    int  descriptor = (int)plain(t->hosts.other, t->listener, WEIR_OP_ACCEPT);
    if (descriptor < 0) {
        CHECK(descriptor == WEIR_EAGAIN || descriptor == WEIR_ECONNABORTED ||
              descriptor == WEIR_EMFILE);
        return;
    }
    struct sim_object  *object = sim_descriptor(t->hosts.other, descriptor);
    struct weir_address peer;
    if (object->type->address(object, true, &peer) != 0) { /* it broke while it waited */
        sim_descriptor_close(t->hosts.other, descriptor);
        return;
    }
    weir_address_format(&peer, name, sizeof name);
    for (int i = 0; i < LINKS; i++) {
        struct link *link = &t->links[i];
        if (link->sides[0].descriptor < 0 || link->sides[1].descriptor >= 0 ||
            strcmp(address_of(t->hosts.one, link->sides[0].descriptor, false), name) != 0)
            continue;
        link->sides[1].descriptor = descriptor;
        return;
    }
    sim_descriptor_close(t->hosts.other, descriptor); /* its other side left meanwhile */
}

static void act_on_side(struct traffic *t, struct link *link, int which)
{
    struct side *side = &link->sides[which], *other = &link->sides[!which];
    if (side->descriptor < 0)
        return;
    switch (draw(t, 32)) {
    case 0:
        shut_side(side);
        break;
    case 1:
        close_side(t, side);
        break;
    default:
        if (draw(t, 2))
            put_bytes(t, side, (unsigned)which);
        else
            get_bytes(t, side, other, (unsigned)!which);
        break;
    }
}

/* What the other host had is gone; what it listens at, until it is there again. */
static void crash(struct traffic *t)
{
    weir_sim_crash(t->hosts.world, t->hosts.other);
    for (int i = 0; i < LINKS; i++)
        t->links[i].sides[1].descriptor = -1;
    t->listener = -1;
}

static void come_back(struct traffic *t)
{
    t->hosts.other->down = false; /* as when a loop is opened on it again */
    t->listener = listen_at(t->hosts.other, "0.0.0.0:80", 3, 0);
    CHECK(t->listener >= 0 || t->listener == WEIR_EMFILE);
}

static void act(struct traffic *t)
{
    struct link *link = &t->links[draw(t, LINKS)];
    if (t->listener < 0 && draw(t, 8) == 0)
        come_back(t);
    else if (t->listener >= 0 && draw(t, 256) == 0)
        crash(t);
    if (draw(t, 64) == 0) {
        t->cut = !t->cut;
        weir_sim_partition(t->hosts.world, t->hosts.one, t->hosts.other, t->cut);
    }
    if (t->listener >= 0)
        accept_one(t);
    if (link->connecting) {
        int64_t result = sim_connect(t->hosts.one, link->sides[0].descriptor, "10.0.0.2:80", true);
        link->connecting = result == WEIR_EAGAIN;
        if (result < 0 && !link->connecting) {
            sim_descriptor_close(t->hosts.one, link->sides[0].descriptor);
            link->sides[0].descriptor = -1;
        }
    } else if (link->sides[0].descriptor < 0 && link->sides[1].descriptor < 0) {
        begin_link(t, link);
    } else {
        act_on_side(t, link, (int)draw(t, 2));
    }
    pass(&t->hosts, draw(t, draw(t, 32) ? 300000 : 20 * WEIR_SECOND));
}

static uint64_t run_traffic(uint64_t seed, struct traffic *t)
{
    struct weir_sim_options options = {.seed = seed, .swarm = seed % 2};
    *t = (struct traffic){.hosts = hosts_open(&options)};
    unsigned nothing = objects(t->hosts.world);
    for (int i = 0; i < LINKS; i++)
        t->links[i].sides[0].descriptor = t->links[i].sides[1].descriptor = -1;
    t->listener = -1;
    for (int i = 0; i < 600; i++)
        act(t);
    weir_sim_heal(t->hosts.world);
    if (t->listener < 0)
        come_back(t);
    for (int i = 0; i < LINKS; i++)
        for (int k = 0; k < 2; k++)
            if (t->links[i].sides[k].descriptor >= 0)
                close_side(t, &t->links[i].sides[k]);
    sim_descriptor_close(t->hosts.other, t->listener);
    pass(&t->hosts, 2000 * WEIR_SECOND);
    CHECK_EQ(objects(t->hosts.world), nothing);
    CHECK(!sim_first_event(t->hosts.world)); /* nothing is on its way for ever */
    uint64_t hash = weir_sim_trace_hash(t->hosts.world);
    hosts_close(&t->hosts);
    return hash;
}

static void received_is_a_prefix_of_sent(void)
{
    struct traffic t;
    uint64_t       moved = 0, clean = 0, broken = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t hash = run_traffic(seed, &t);
        moved += t.moved;
        clean += t.clean;
        broken += t.broken;
        if (seed % 50 == 0)
            CHECK_EQ(run_traffic(seed, &t), hash);
    }
    printf("%llu bytes, %llu streams to their end, %llu broken\n", (unsigned long long)moved,
           (unsigned long long)clean, (unsigned long long)broken);
    CHECK(moved > 10000000 && clean > 300 && broken > 100); /* each was really there */
}

/* ---- Ends of streams ------------------------------------------------------------------------- */

static void fin_comes_behind_the_data(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 3});
    unsigned char        out[3000], in[4000];
    int                  ends[2];
    connect_pair(&hosts, ends);
    CHECK_EQ(events(hosts.one, ends[0]), WEIR_OUT);
    fill(out, sizeof out, 0, 7);
    CHECK_EQ(sim_send(hosts.one, ends[0], out, sizeof out), sizeof out);
    CHECK_EQ(plain(hosts.one, ends[0], WEIR_OP_SHUTDOWN), 0);
    CHECK_EQ(sim_send(hosts.one, ends[0], out, 1), WEIR_EPIPE);
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, sizeof in), WEIR_EAGAIN); /* it takes its time */
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(events(hosts.other, ends[1]), WEIR_IN | WEIR_OUT | WEIR_RDHUP);
    CHECK_EQ(transfer(hosts.other, ends[1], WEIR_OP_RECV, in, 10, WEIR_PEEK), 10);
    size_t got = 0;
    for (int64_t n; (n = sim_recv(hosts.other, ends[1], in + got, sizeof in - got)) > 0;)
        got += (size_t)n;
    CHECK_EQ(got, sizeof out);
    CHECK(is_filled(in, got, 0, 7));
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, 1), 0);
    CHECK_EQ(sim_send(hosts.other, ends[1], "back", 4), 4); /* the other direction goes on */
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, sizeof in), 4);
    CHECK_EQ(plain(hosts.other, ends[1], WEIR_OP_SHUTDOWN), 0);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(events(hosts.one, ends[0]), WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_RDHUP);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, sizeof in), 0);
    CHECK_EQ(plain(hosts.one, ends[0], WEIR_OP_SHUTDOWN), WEIR_ENOTCONN);
    hosts_close(&hosts);
}

static void each_reset_has_its_results(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 4});
    char                 in[8];
    int                  ends[2];
    connect_pair(&hosts, ends); /* SO_LINGER of 0: what had arrived is read before */
    CHECK_EQ(sim_send(hosts.other, ends[1], "abc", 3), 3);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(set(hosts.other, ends[1], WEIR_OPTION_LINGER, 0), 0);
    sim_descriptor_close(hosts.other, ends[1]);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(events(hosts.one, ends[0]), WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_ERR | WEIR_RDHUP);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), 3);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), WEIR_ECONNRESET);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), 0);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), WEIR_EPIPE);
    connect_pair(&hosts, ends); /* closed with bytes that were not read */
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), 1);
    pass(&hosts, WEIR_SECOND);
    sim_descriptor_close(hosts.other, ends[1]);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), WEIR_ECONNRESET);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), WEIR_EPIPE);
    connect_pair(&hosts, ends); /* closed, and then sent to */
    sim_descriptor_close(hosts.other, ends[1]);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), 1);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), 0);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), WEIR_EPIPE);
    hosts_close(&hosts);
}

static void a_closed_socket_delivers_its_tail(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 5});
    unsigned char        out[5000], in[700];
    uint64_t             sent = 0, received = 0;
    int                  ends[2];
    int64_t              n;
    connect_pair(&hosts, ends);
    do { /* until no window has room */
        fill(out, sizeof out, sent, 1);
        n = sim_send(hosts.one, ends[0], out, sizeof out);
        sent += n > 0 ? (uint64_t)n : 0;
        pass(&hosts, WEIR_MILLISECOND);
    } while (n > 0);
    CHECK_EQ(n, WEIR_EAGAIN);
    CHECK(!(events(hosts.one, ends[0]) & WEIR_OUT));
    sim_descriptor_close(hosts.one, ends[0]);
    while ((n = sim_recv(hosts.other, ends[1], in, sizeof in)) != 0) {
        if (n > 0)
            CHECK(is_filled(in, (size_t)n, received, 1));
        received += n > 0 ? (uint64_t)n : 0;
        pass(&hosts, WEIR_MILLISECOND);
    }
    CHECK_EQ(received, sent);
    hosts_close(&hosts);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static int64_t connect_within(struct pair_of_hosts *hosts, int descriptor, const char *text,
                              uint64_t seconds)
{
    int64_t result = sim_connect(hosts->one, descriptor, text, false);
    if (result != WEIR_EAGAIN)
        return result;
    pass(hosts, seconds * WEIR_SECOND);
    return sim_connect(hosts->one, descriptor, text, true);
}

static void each_failure_to_connect_has_its_result(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 6});
    int                  socket = sim_socket(hosts.one, AF_INET, SOCK_STREAM, 0);
    char                 in[1];
    CHECK_EQ(events(hosts.one, socket), WEIR_OUT | WEIR_HUP);
    CHECK_EQ(sim_recv(hosts.one, socket, in, 1), WEIR_ENOTCONN);
    CHECK_EQ(sim_send(hosts.one, socket, in, 1), WEIR_EPIPE);
    CHECK_EQ(connect_within(&hosts, socket, "10.0.0.2:80", 1), WEIR_ECONNREFUSED);
    CHECK_EQ(connect_within(&hosts, socket, "127.0.0.1:80", 1), WEIR_ECONNREFUSED);
    CHECK_EQ(connect_within(&hosts, socket, "10.0.0.9:80", 10), WEIR_EHOSTUNREACH);
    CHECK_EQ(connect_within(&hosts, socket, "[::1]:80", 1), WEIR_EAFNOSUPPORT);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, true);
    CHECK_EQ(connect_within(&hosts, socket, "10.0.0.2:80", 120), WEIR_EAGAIN);
    CHECK_EQ(sim_connect(hosts.one, socket, "10.0.0.2:80", false), WEIR_EALREADY);
    pass(&hosts, 10 * WEIR_SECOND);
    CHECK_EQ(sim_connect(hosts.one, socket, "10.0.0.2:80", true), WEIR_ETIMEDOUT);
    int listener = listen_at(hosts.other, "0.0.0.0:80", 0, 0);
    CHECK_EQ(connect_within(&hosts, socket, "10.0.0.2:80", 20), WEIR_EAGAIN);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, false);
    pass(&hosts, 60 * WEIR_SECOND); /* it is asked again by itself */
    CHECK_EQ(sim_connect(hosts.one, socket, "10.0.0.2:80", true), 0);
    CHECK_EQ(sim_connect(hosts.one, socket, "10.0.0.2:80", false), WEIR_EISCONN);
    CHECK(plain(hosts.other, listener, WEIR_OP_ACCEPT) >= 0);
    hosts_close(&hosts);
}

static void a_backlog_is_bounded(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 7});
    int                  listener = listen_at(hosts.other, "10.0.0.2:80", 1, 0);
    int                  sockets[4];
    for (int i = 0; i < 4; i++) {
        sockets[i] = sim_socket(hosts.one, AF_INET, SOCK_STREAM, 0);
        int64_t result = connect_within(&hosts, sockets[i], "10.0.0.2:80", 1);
        CHECK_EQ(result, i < 2 ? 0 : WEIR_EAGAIN); /* one more than was asked for, as Linux does */
    }
    CHECK_EQ(events(hosts.other, listener), WEIR_IN);
    sim_descriptor_close(hosts.one, sockets[0]); /* that one is accepted all the same */
    CHECK(plain(hosts.other, listener, WEIR_OP_ACCEPT) >= 0);
    pass(&hosts, 10 * WEIR_SECOND);
    int connected = 0;
    for (int i = 2; i < 4; i++)
        connected += sim_connect(hosts.one, sockets[i], "10.0.0.2:80", true) == 0;
    CHECK_EQ(connected, 1);
    pass(&hosts, 130 * WEIR_SECOND);
    int late = sim_connect(hosts.one, sockets[2], "10.0.0.2:80", true) == WEIR_ETIMEDOUT ||
               sim_connect(hosts.one, sockets[3], "10.0.0.2:80", true) == WEIR_ETIMEDOUT;
    CHECK(late);
    sim_descriptor_close(hosts.other, listener); /* those in the queue are reset */
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_send(hosts.one, sockets[1], "x", 1), WEIR_ECONNRESET);
    hosts_close(&hosts);
}

static void ports_are_taken_once(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 8});
    int                  first = listen_at(hosts.one, "127.0.0.1:80", 0, 0);
    CHECK(first >= 0);
    CHECK_EQ(listen_at(hosts.one, "127.0.0.1:80", 0, 0), WEIR_EADDRINUSE);
    CHECK_EQ(listen_at(hosts.one, "0.0.0.0:80", 0, 0), WEIR_EADDRINUSE);
    CHECK_EQ(listen_at(hosts.one, "[::]:80", 0, 0), WEIR_EADDRINUSE);
    CHECK(listen_at(hosts.one, "[::]:80", 0, WEIR_V6ONLY) >= 0);
    CHECK(listen_at(hosts.one, "10.0.0.1:80", 0, 0) >= 0);
    CHECK_EQ(listen_at(hosts.one, "10.0.0.2:80", 0, 0), WEIR_EADDRNOTAVAIL);
    CHECK(listen_at(hosts.other, "10.0.0.2:80", 0, 0) >= 0);
    CHECK(listen_at(hosts.one, "0.0.0.0:81", 0, WEIR_REUSE_PORT) >= 0);
    CHECK(listen_at(hosts.one, "0.0.0.0:81", 0, WEIR_REUSE_PORT) >= 0);
    CHECK_EQ(listen_at(hosts.one, "0.0.0.0:81", 0, 0), WEIR_EADDRINUSE);
    int socket = sim_socket(hosts.one, AF_INET6, SOCK_STREAM, 0);
    CHECK_EQ(connect_within(&hosts, socket, "[::ffff:127.0.0.1]:80", 1), 0);
    CHECK(strcmp(address_of(hosts.one, socket, true), "[::ffff:127.0.0.1]:80") == 0);
    int peer = (int)plain(hosts.one, first, WEIR_OP_ACCEPT);
    CHECK(strncmp(address_of(hosts.one, peer, true), "127.0.0.1:", 10) == 0);
    CHECK(strcmp(address_of(hosts.one, peer, false), "127.0.0.1:80") == 0);
    sim_descriptor_close(hosts.one, first);
    sim_descriptor_close(hosts.one, peer); /* it ends first: its port waits */
    pass(&hosts, WEIR_SECOND);
    sim_descriptor_close(hosts.one, socket);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(listen_at(hosts.one, "127.0.0.1:80", 0, WEIR_NO_REUSE_ADDR), WEIR_EADDRINUSE);
    first = listen_at(hosts.one, "127.0.0.1:80", 0, 0);
    CHECK(first >= 0);
    sim_descriptor_close(hosts.one, first);
    pass(&hosts, 60 * WEIR_SECOND);
    CHECK(listen_at(hosts.one, "127.0.0.1:80", 0, WEIR_NO_REUSE_ADDR) >= 0);
    hosts_close(&hosts);
}

/* ---- Cut and crashed ------------------------------------------------------------------------- */

static void a_cut_link_holds_bytes_back(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 9});
    char                 in[8];
    int                  ends[2];
    connect_pair(&hosts, ends);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, true);
    CHECK_EQ(sim_send(hosts.one, ends[0], "held", 4), 4);
    pass(&hosts, 800 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, 8), WEIR_EAGAIN);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, false);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, 8), 4);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, true);
    CHECK_EQ(sim_send(hosts.one, ends[0], "lost", 4), 4);
    pass(&hosts, 1200 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), WEIR_ETIMEDOUT);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), 0);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, false);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, 8), WEIR_EAGAIN); /* nobody told it */
    CHECK_EQ(sim_send(hosts.other, ends[1], "x", 1), 1);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, ends[1], in, 8), WEIR_ECONNRESET);
    hosts_close(&hosts);
}

static void a_crash_says_nothing(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 10});
    char                 in[8];
    int                  ends[2], idle[2];
    connect_pair(&hosts, ends);
    connect_pair(&hosts, idle);
    CHECK_EQ(sim_send(hosts.other, ends[1], "gone", 4), 4);
    weir_sim_crash(hosts.world, hosts.other);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), WEIR_EAGAIN);
    CHECK_EQ(sim_send(hosts.one, ends[0], "x", 1), 1);
    pass(&hosts, 10 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), WEIR_EAGAIN);
    hosts.other->down = false; /* as when a loop is opened on it again */
    pass(&hosts, 300 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, ends[0], in, 8), WEIR_ECONNRESET);
    CHECK_EQ(sim_recv(hosts.one, idle[0], in, 8), WEIR_EAGAIN);
    CHECK_EQ(plain(hosts.one, idle[0], WEIR_OP_SHUTDOWN), 0);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, idle[0], in, 8), WEIR_ECONNRESET);
    hosts_close(&hosts);
}

static void an_idle_connection_is_probed(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 11});
    char                 in[8];
    int                  cut[2], crashed[2];
    connect_pair(&hosts, cut);
    CHECK_EQ(set(hosts.one, cut[0], WEIR_OPTION_KEEPALIVE, 30), 0);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, true);
    pass(&hosts, 600 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, cut[0], in, 8), WEIR_EAGAIN);
    pass(&hosts, 120 * WEIR_SECOND); /* 30 seconds, and 9 times 75 */
    CHECK_EQ(sim_recv(hosts.one, cut[0], in, 8), WEIR_ETIMEDOUT);
    CHECK_EQ(sim_recv(hosts.other, cut[1], in, 8), WEIR_EAGAIN); /* it did not ask */
    weir_sim_partition(hosts.world, hosts.one, hosts.other, false);
    connect_pair(&hosts, crashed);
    CHECK_EQ(set(hosts.one, crashed[0], WEIR_OPTION_KEEPALIVE, 30), 0);
    weir_sim_crash(hosts.world, hosts.other);
    hosts.other->down = false;
    pass(&hosts, 20 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, crashed[0], in, 8), WEIR_EAGAIN);
    pass(&hosts, 20 * WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.one, crashed[0], in, 8), WEIR_ECONNRESET);
    hosts_close(&hosts);
}

int main(void)
{
    received_is_a_prefix_of_sent();
    fin_comes_behind_the_data();
    each_reset_has_its_results();
    a_closed_socket_delivers_its_tail();
    each_failure_to_connect_has_its_result();
    a_backlog_is_bounded();
    ports_are_taken_once();
    a_cut_link_holds_bytes_back();
    a_crash_says_nothing();
    an_idle_connection_is_probed();
    return 0;
}
