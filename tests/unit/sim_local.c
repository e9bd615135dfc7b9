/* SPDX-License-Identifier: MIT */
/* sim_local.c - simulated datagrams, unix sockets with the descriptors that they pass, pipes, names
 * and options. */
#include <netinet/in.h>

#include "sim_calls.h"

/* ---- UDP ------------------------------------------------------------------------------------- */

struct arrivals {
    unsigned count, doubled, swapped;
};

/* 1,000 numbered datagrams from one host to the other, under a fault. */
static struct arrivals send_thousand(enum weir_sim_fault fault, uint32_t per_million, uint64_t seed)
{
    struct weir_sim_options options = {.seed = seed};
    struct pair_of_hosts    hosts = hosts_open(&options);
    struct arrivals         arrivals = {0};
    int                     from = sim_socket(hosts.one, AF_INET, SOCK_DGRAM, 0), last = -1;
    int                     to = sim_socket(hosts.other, AF_INET, SOCK_DGRAM, 0);
    weir_sim_fault_set(hosts.world, fault, per_million);
    CHECK_EQ(bind_at(hosts.other, to, "10.0.0.2:53"), 0);
    CHECK_EQ(sim_connect(hosts.one, from, "10.0.0.2:53", false), 0);
    for (int i = 0; i < 1000; i++) {
        int got;
        CHECK_EQ(sim_send(hosts.one, from, &i, sizeof i), sizeof i);
        pass(&hosts, 20 * WEIR_MICROSECOND);
        if (i == 999)
            pass(&hosts, WEIR_SECOND);
        while (sim_recv(hosts.other, to, &got, sizeof got) == sizeof got) {
            CHECK(got >= 0 && got <= i);
            arrivals.count++;
            arrivals.doubled += got == last;
            arrivals.swapped += got < last;
            last = got;
        }
    }
    hosts_close(&hosts);
    return arrivals;
}

static void each_fault_of_datagrams_happens(void)
{
    struct arrivals none = send_thousand(WEIR_SIM_DATAGRAM_LOST, 0, 1);
    struct arrivals lost = send_thousand(WEIR_SIM_DATAGRAM_LOST, 200000, 2);
    struct arrivals doubled = send_thousand(WEIR_SIM_DATAGRAM_DOUBLED, 200000, 3);
    struct arrivals swapped = send_thousand(WEIR_SIM_DATAGRAM_SWAPPED, 200000, 4);
    CHECK(none.count == 1000 && !none.doubled && !none.swapped);
    CHECK(lost.count > 700 && lost.count < 900 && !lost.doubled && !lost.swapped);
    CHECK(doubled.count > 1100 && doubled.count < 1300 && doubled.doubled && !doubled.swapped);
    CHECK(swapped.count == 1000 && !swapped.doubled && swapped.swapped > 20);
    CHECK_EQ(send_thousand(WEIR_SIM_DATAGRAM_LOST, 1000000, 5).count, 0);
}

static void udp_is_as_linux_has_it(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 6});
    static char          large[65508];
    char                 in[100];
    int                  a = sim_socket(hosts.one, AF_INET, SOCK_DGRAM, 0);
    int                  b = sim_socket(hosts.other, AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(events(hosts.one, a), WEIR_OUT);
    CHECK_EQ(sim_send(hosts.one, a, "x", 1), WEIR_EDESTADDRREQ);
    CHECK_EQ(plain(hosts.one, a, WEIR_OP_SHUTDOWN), WEIR_ENOTCONN);
    sim_descriptor_close(hosts.one, a);
    a = sim_socket(hosts.one, AF_INET, SOCK_DGRAM, 0);
    CHECK_EQ(sim_connect(hosts.one, a, "10.0.0.2:9", false), 0);
    CHECK_EQ(sim_send(hosts.one, a, large, sizeof large), WEIR_EMSGSIZE);
    CHECK_EQ(set(hosts.one, a, WEIR_OPTION_DONT_FRAGMENT, 1), 0);
    CHECK_EQ(sim_send(hosts.one, a, large, 1473), WEIR_EMSGSIZE);
    CHECK_EQ(sim_send(hosts.one, a, large, 1472), 1472); /* which nobody has the port for */
    CHECK_EQ(events(hosts.one, a), WEIR_OUT);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(events(hosts.one, a), WEIR_OUT | WEIR_ERR);
    CHECK_EQ(sim_recv(hosts.one, a, in, sizeof in), WEIR_ECONNREFUSED);
    CHECK_EQ(sim_recv(hosts.one, a, in, sizeof in), WEIR_EAGAIN);
    CHECK_EQ(bind_at(hosts.other, b, "10.0.0.2:9"), 0);
    CHECK_EQ(sim_connect(hosts.other, b, "10.0.0.1:1", false), 0); /* hears nobody else */
    CHECK_EQ(sim_send(hosts.one, a, "x", 1), 1);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_send(hosts.one, a, "x", 1), WEIR_ECONNREFUSED);
    CHECK_EQ(sim_connect(hosts.other, b, address_of(hosts.one, a, false), false), 0);
    CHECK_EQ(sim_send(hosts.one, a, "0123456789", 10), 10);
    CHECK_EQ(sim_send(hosts.one, a, "", 0), 0);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(transfer(hosts.other, b, WEIR_OP_RECV, in, 4, WEIR_PEEK), 1000004); /* cut, and told */
    CHECK_EQ(sim_recv(hosts.other, b, in, 4), 1000004);
    CHECK_EQ(sim_recv(hosts.other, b, in, 4), 0);
    CHECK_EQ(sim_recv(hosts.other, b, in, 4), WEIR_EAGAIN);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, true);
    CHECK_EQ(sim_send(hosts.one, a, "x", 1), 1);
    pass(&hosts, WEIR_SECOND);
    weir_sim_partition(hosts.world, hosts.one, hosts.other, false);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, b, in, 4), WEIR_EAGAIN);
    hosts_close(&hosts);
}

static int64_t send_to(struct weir_sim_host *host, int descriptor, const char *to, const char *text)
{
    struct weir_address address = at(to);
    struct weir_buf     piece = {(void *)(uintptr_t)text, strlen(text)};
    struct weir_msg     message = {.address = address.data.bytes,
                                   .address_length = address.length,
                                   .buffers = &piece,
                                   .count = 1};
    struct weir_op      op = {.kind = WEIR_OP_SEND_MSG};
    op.in.arg.message.messages = &message;
    op.in.arg.message.count = 1;
    return perform(host, descriptor, &op);
}

static void groups_reach_their_members(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 7});
    struct weir_address  group = at("239.1.2.3:0");
    int                  sockets[3] = {sim_socket(hosts.one, AF_INET, SOCK_DGRAM, 0),
                                       sim_socket(hosts.other, AF_INET, SOCK_DGRAM, 0),
                                       sim_socket(hosts.other, AF_INET, SOCK_DGRAM, 0)};
    char                 in[8];
    CHECK_EQ(bind_at(hosts.one, sockets[0], "0.0.0.0:7"), 0);
    CHECK_EQ(bind_at(hosts.other, sockets[1], "0.0.0.0:7"), 0);
    struct sim_object *member = sim_descriptor(hosts.other, sockets[1]);
    struct sim_object *self = sim_descriptor(hosts.one, sockets[0]);
    CHECK_EQ(sim_multicast(member, &group, 0, true), 0);
    CHECK_EQ(sim_multicast(member, &group, 0, true), WEIR_EADDRINUSE);
    CHECK_EQ(sim_multicast(member, &group, 9, true), WEIR_ENODEV);
    CHECK_EQ(sim_multicast(self, &group, 0, false), WEIR_EADDRNOTAVAIL);
    CHECK_EQ(sim_multicast(self, &group, 0, true), 0);
    CHECK_EQ(send_to(hosts.one, sockets[0], "239.1.2.3:7", "to all"), 6);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, sockets[1], in, 8), 6);
    CHECK_EQ(sim_recv(hosts.one, sockets[0], in, 8), 6);
    CHECK_EQ(set(hosts.one, sockets[0], WEIR_OPTION_MULTICAST_LOOP, 0), 0);
    CHECK_EQ(sim_multicast(member, &group, 0, false), 0);
    CHECK_EQ(send_to(hosts.one, sockets[0], "239.1.2.3:7", "to all"), 6);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, sockets[1], in, 8), WEIR_EAGAIN);
    CHECK_EQ(sim_recv(hosts.one, sockets[0], in, 8), WEIR_EAGAIN);
    CHECK_EQ(send_to(hosts.one, sockets[0], "255.255.255.255:7", "all"), WEIR_EACCES);
    CHECK_EQ(set(hosts.one, sockets[0], WEIR_OPTION_BROADCAST, 1), 0);
    CHECK_EQ(send_to(hosts.one, sockets[0], "255.255.255.255:7", "all"), 3);
    pass(&hosts, WEIR_SECOND);
    CHECK_EQ(sim_recv(hosts.other, sockets[1], in, 8), 3);
    hosts_close(&hosts);
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

static void unix_pair(struct pair_of_hosts *hosts, int ends[2])
{
    int listener = listen_at(hosts->one, "unix:/tmp/s", 0, 0);
    CHECK(listener >= 0);
    ends[0] = sim_socket(hosts->one, AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(sim_connect(hosts->one, ends[0], "unix:/tmp/s", false), 0);
    ends[1] = (int)plain(hosts->one, listener, WEIR_OP_ACCEPT);
    sim_descriptor_close(hosts->one, listener);
    CHECK_EQ(weir_sim_unlink(hosts->one, "/tmp/s"), 0);
}

static void unix_streams_end_as_linux_has_it(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 8});
    struct weir_sim_host *one = hosts.one;
    char                  in[8];
    int                   ends[2], waiting[3];
    int                   socket = sim_socket(one, AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(sim_recv(one, socket, in, 1), WEIR_EINVAL);
    CHECK_EQ(sim_send(one, socket, in, 1), WEIR_ENOTCONN);
    CHECK_EQ(sim_connect(one, socket, "unix:/tmp/nobody", false), WEIR_ENOENT);
    CHECK_EQ(sim_connect(one, socket, "unix:@nobody", false), WEIR_ECONNREFUSED);
    unix_pair(&hosts, ends);
    CHECK(strcmp(address_of(one, ends[0], true), "unix:/tmp/s") == 0);
    CHECK_EQ(sim_send(one, ends[0], "abc", 3), 3);
    CHECK_EQ(sim_send(one, ends[1], "never read", 10), 10);
    sim_descriptor_close(one, ends[0]);
    CHECK_EQ(events(one, ends[1]), WEIR_IN | WEIR_OUT | WEIR_HUP | WEIR_ERR | WEIR_RDHUP);
    CHECK_EQ(sim_recv(one, ends[1], in, 8), 3);
    CHECK_EQ(sim_recv(one, ends[1], in, 8), WEIR_ECONNRESET);
    CHECK_EQ(sim_recv(one, ends[1], in, 8), 0);
    CHECK_EQ(sim_send(one, ends[1], "x", 1), WEIR_EPIPE);
    int listener = listen_at(one, "unix:@full", 1, 0);
    CHECK_EQ(listen_at(one, "unix:@full", 1, 0), WEIR_EADDRINUSE);
    for (int i = 0; i < 3; i++) {
        waiting[i] = sim_socket(one, AF_UNIX, SOCK_STREAM, 0);
        CHECK_EQ(sim_connect(one, waiting[i], "unix:@full", false), i < 2 ? 0 : WEIR_EBUSY);
    }
    sim_descriptor_close(one, listener);
    CHECK_EQ(sim_recv(one, waiting[0], in, 8), WEIR_ECONNRESET);
    int other = sim_socket(hosts.other, AF_UNIX, SOCK_STREAM, 0); /* names are of the host */
    CHECK(listen_at(one, "unix:/tmp/s", 0, 0) >= 0);
    CHECK_EQ(sim_connect(hosts.other, other, "unix:/tmp/s", false), WEIR_ENOENT);
    hosts_close(&hosts);
}

/* What Linux answers where a name of each kind is there, or none. */
static const struct {
    const char *path;
    int         bind, connect, unlink;
} names[] = {
    {"/tmp/left", WEIR_EADDRINUSE, WEIR_ECONNREFUSED, 0},
    {"/tmp/left", 0, 0, 0}, /* as the line before leaves it */
    {"/tmp/left/", WEIR_ENOENT, WEIR_ENOENT, WEIR_ENOENT},
    {"/tmp/file", WEIR_EADDRINUSE, WEIR_ECONNREFUSED, 0},
    {"/dev/null", WEIR_EADDRINUSE, WEIR_ECONNREFUSED, 0},
    {"/dev/zero/", WEIR_EADDRINUSE, WEIR_ENOTDIR, WEIR_ENOTDIR},
    {"/dev/zero/x", WEIR_ENOTDIR, WEIR_ENOTDIR, WEIR_ENOTDIR},
    {"/tmp", WEIR_EADDRINUSE, WEIR_ECONNREFUSED, WEIR_EISDIR},
    {"/tmp/", WEIR_EADDRINUSE, WEIR_ECONNREFUSED, WEIR_EISDIR},
    {"/none/s", WEIR_ENOENT, WEIR_ENOENT, WEIR_ENOENT},
    {"relative", 0, 0, 0},
};

static void paths_of_sockets_are_on_the_disk(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 12});
    struct weir_sim_host *one = hosts.one;
    char                  text[64];
    sim_descriptor_close(one, listen_at(one, "unix:/tmp/left", 0, 0));
    sim_descriptor_close(one, (int)sim_open(one, "/tmp/file", WEIR_OPEN_WRITE | WEIR_OPEN_CREATE));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "unix:%s", names[i].path);
        int listener = listen_at(one, text, 0, 0);
        int socket = sim_socket(one, AF_UNIX, SOCK_STREAM, 0);
        CHECK_EQ(listener < 0 ? listener : 0, names[i].bind);
        CHECK_EQ(sim_connect(one, socket, text, false), names[i].connect);
        CHECK_EQ(weir_sim_unlink(one, names[i].path), names[i].unlink);
        sim_descriptor_close(one, socket);
        if (listener >= 0)
            sim_descriptor_close(one, listener);
    }
    CHECK_EQ(weir_sim_unlink(one, ""), WEIR_ENOENT);
    int kept = sim_socket(one, AF_UNIX, SOCK_DGRAM, 0), other;
    CHECK_EQ(bind_at(one, kept, "unix:name"), 0);
    CHECK_EQ(sim_open(one, "/data/name", WEIR_OPEN_READ | WEIR_OPEN_DIRECT), WEIR_ENXIO);
    CHECK_EQ(bind_at(one, kept, "unix:name"), WEIR_EADDRINUSE);
    CHECK_EQ(bind_at(one, kept, "unix:second"), WEIR_EINVAL);
    CHECK_EQ(weir_sim_unlink(one, "second"), WEIR_ENOENT);
    other = sim_socket(one, AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(send_to(one, other, "unix:../data//name", "x"), 1); /* whatever leads there */
    CHECK_EQ(sim_connect(one, other, "unix:/data/name", false), 0);
    CHECK_EQ(weir_sim_unlink(one, "name"), 0);
    CHECK_EQ(sim_send(one, other, "x", 1), 1); /* who has it has it */
    CHECK_EQ(send_to(one, other, "unix:name", "x"), WEIR_ENOENT);
    int heir = sim_socket(one, AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind_at(one, heir, "unix:name"), 0);
    CHECK_EQ(send_to(one, other, "unix:name", "x"), WEIR_EPROTOTYPE);
    hosts_close(&hosts);
}

/* A name without a socket is what a server finds that comes back after a crash. */
static void paths_outlive_a_crash(void)
{
    unsigned left = 0, lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = seed});
        struct weir_sim_host *one = hosts.one;
        CHECK(listen_at(one, "unix:/tmp/s", 0, 0) >= 0);
        weir_sim_crash(hosts.world, one);
        int again = listen_at(one, "unix:/tmp/s", 0, 0);
        CHECK(again == WEIR_EADDRINUSE || again >= 0);
        left += again < 0;
        lost += again >= 0;
        hosts_close(&hosts);
    }
    CHECK(left > 20 && lost > 20);
}

/* A listener that gets no number leaves no name behind. */
static void path_without_a_descriptor_is_not_made(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 13});
    weir_sim_fault_set(hosts.world, WEIR_SIM_DESCRIPTORS, 1000000);
    int result = listen_at(hosts.one, "unix:/tmp/s", 0, 0);
    CHECK(result == WEIR_EMFILE || result == WEIR_ENFILE);
    weir_sim_heal(hosts.world);
    CHECK_EQ(weir_sim_unlink(hosts.one, "/tmp/s"), WEIR_ENOENT);
    weir_sim_fault_set(hosts.world, WEIR_SIM_DISK_FULL, 1000000);
    CHECK_EQ(listen_at(hosts.one, "unix:/tmp/s", 0, 0), WEIR_ENOSPC);
    CHECK_EQ(weir_sim_descriptors(hosts.one), 0);
    hosts_close(&hosts);
}

static void unix_datagrams_wait_for_room(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 9});
    struct weir_sim_host *one = hosts.one;
    int                   to = sim_socket(one, AF_UNIX, SOCK_DGRAM, 0), sent = 0;
    int                   from = sim_socket(one, AF_UNIX, SOCK_DGRAM, 0);
    char                  in[8];
    CHECK_EQ(sim_send(one, from, "x", 1), WEIR_ENOTCONN);
    CHECK_EQ(bind_at(one, to, "unix:@to"), 0);
    while (send_to(one, from, "unix:@to", "x") == 1)
        sent++;
    CHECK_EQ(sent, 11);
    CHECK_EQ(send_to(one, from, "unix:@to", "x"), WEIR_EBUSY);
    CHECK_EQ(events(one, from), WEIR_OUT); /* of one that has no peer */
    CHECK_EQ(sim_connect(one, from, "unix:@to", false), 0);
    CHECK_EQ(events(one, from), 0);
    CHECK_EQ(sim_send(one, from, "x", 1), WEIR_EAGAIN);
    uint64_t before = sim_descriptor(one, from)->changes;
    CHECK_EQ(sim_recv(one, to, in, 8), 1);
    CHECK(sim_descriptor(one, from)->changes > before);
    CHECK_EQ(sim_send(one, from, "x", 1), 1);
    sim_descriptor_close(one, to);
    CHECK_EQ(sim_send(one, from, "x", 1), WEIR_ECONNREFUSED);
    CHECK_EQ(sim_send(one, from, "x", 1), WEIR_ENOTCONN);
    hosts_close(&hosts);
}

static int64_t pass_along(struct weir_sim_host *host, int socket, const weir_os_handle *handles,
                          size_t count)
{
    uint64_t        control[40];
    char            byte = 'p';
    struct weir_buf piece = {&byte, 1};
    struct weir_msg message = {.buffers = &piece, .count = 1};
    struct weir_op  op = {.kind = WEIR_OP_SEND_MSG};
    message.control = control;
    message.control_room = sizeof control;
    CHECK_EQ(weir_msg_put_handles(&message, handles, count), count);
    op.in.arg.message.messages = &message;
    return perform(host, socket, &op);
}

/* The number that came; room: bytes of control data. */
static int take_passed(struct weir_sim_host *host, int socket, weir_os_handle *handles,
                       uint32_t room, uint32_t *told)
{
    uint64_t        control[40];
    char            in[64];
    struct weir_buf piece = {in, sizeof in};
    struct weir_msg message = {.buffers = &piece, .count = 1};
    struct weir_op  op = {.kind = WEIR_OP_RECV_MSG};
    message.control = room ? control : NULL;
    message.control_room = room;
    op.in.arg.message.messages = &message;
    CHECK(perform(host, socket, &op) > 0);
    *told = op.told;
    return weir_msg_take_handles(&message, handles, 4);
}

static void descriptors_are_passed(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 10});
    struct weir_sim_host *one = hosts.one;
    unsigned              nothing = objects(hosts.world);
    int                   ends[2], pipe[2];
    char                  in[8];
    uint32_t              told;
    weir_os_handle        got[4];
    unix_pair(&hosts, ends);
    CHECK_EQ(sim_pipe(one, pipe), 0);
    CHECK_EQ(pass_along(one, ends[0], &(weir_os_handle){99}, 1), WEIR_EBADF);
    CHECK_EQ(sim_send(one, ends[0], "ab", 2), 2);
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[1], pipe[0]}, 2), 1);
    CHECK_EQ(sim_send(one, ends[0], "cd", 2), 2);
    sim_descriptor_close(one, pipe[1]); /* it lives in the message */
    CHECK_EQ(take_passed(one, ends[1], got, 64, &told), 2);
    CHECK_EQ(told, 0);
    CHECK_EQ(sim_send(one, (int)got[0], "through", 7), 7);
    CHECK_EQ(sim_recv(one, pipe[0], in, 8), 7);
    CHECK_EQ(sim_recv(one, ends[1], in, 8), 2); /* what came behind them came apart */
    sim_descriptor_close(one, (int)got[0]);
    sim_descriptor_close(one, (int)got[1]);
    CHECK_EQ(sim_recv(one, pipe[0], in, 8), 0);
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[0], pipe[0]}, 2), 1);
    CHECK_EQ(take_passed(one, ends[1], got, CMSG_LEN(sizeof(int)), &told), 1);
    CHECK_EQ(told, WEIR_TOLD_CONTROL_TRUNCATED);
    sim_descriptor_close(one, (int)got[0]);
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[0]}, 1), 1);
    CHECK_EQ(take_passed(one, ends[1], got, 0, &told), 0);
    CHECK_EQ(told, WEIR_TOLD_CONTROL_TRUNCATED);
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[0]}, 1), 1);
    CHECK_EQ(sim_recv(one, ends[1], in, 8), 1); /* a plain receive drops it */
    weir_sim_fault_set(hosts.world, WEIR_SIM_DESCRIPTORS, 1000000);
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[0]}, 1), 1);
    CHECK_EQ(take_passed(one, ends[1], got, 64, &told), 0);
    CHECK_EQ(told, WEIR_TOLD_CONTROL_TRUNCATED);
    weir_sim_fault_set(hosts.world, WEIR_SIM_DESCRIPTORS, 0);
    CHECK_EQ(objects(hosts.world), nothing + 3); /* the two ends, and the pipe's reader */
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){pipe[0]}, 1), 1);
    for (int i = 0; i < 2; i++)
        sim_descriptor_close(one, ends[i]);
    sim_descriptor_close(one, pipe[0]); /* the last that was left of it was in the message */
    CHECK_EQ(objects(hosts.world), nothing);
    unix_pair(&hosts, ends); /* and a socket in its own queue ends with the world */
    CHECK_EQ(pass_along(one, ends[0], (weir_os_handle[]){ends[1]}, 1), 1);
    CHECK_EQ(pass_along(one, ends[1], (weir_os_handle[]){ends[0]}, 1), 1);
    hosts_close(&hosts);
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

static void pipes_are_as_linux_has_them(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 11});
    struct weir_sim_host *one = hosts.one;
    static char           data[70000];
    int                   ends[2];
    weir_sim_fault_set(hosts.world, WEIR_SIM_SHORT_TRANSFER, 1000000);
    CHECK_EQ(sim_pipe(one, ends), 0);
    CHECK_EQ(sim_recv(one, ends[1], data, 1), WEIR_EBADF);
    CHECK_EQ(sim_send(one, ends[0], data, 1), WEIR_EBADF);
    CHECK_EQ(sim_recv(one, ends[0], data, 1), WEIR_EAGAIN);
    CHECK_EQ(events(one, ends[0]), 0);
    for (int i = 0; i < 15; i++) /* never in parts */
        CHECK_EQ(sim_send(one, ends[1], data, 4096), 4096);
    CHECK_EQ(sim_send(one, ends[1], data, 4000), 4000);
    CHECK_EQ(sim_send(one, ends[1], data, 97), WEIR_EAGAIN);
    CHECK_EQ(sim_send(one, ends[1], data, 96), 96);
    CHECK_EQ(events(one, ends[1]), 0);
    int64_t part = sim_recv(one, ends[0], data, 60000);
    CHECK(part > 0 && part < 60000);
    weir_sim_fault_set(hosts.world, WEIR_SIM_SHORT_TRANSFER, 0);
    CHECK_EQ(sim_recv(one, ends[0], data, sizeof data), 65536 - part);
    CHECK_EQ(sim_send(one, ends[1], data, sizeof data), 65536);
    CHECK_EQ(sim_recv(one, ends[0], data, 65535), 65535);
    sim_descriptor_close(one, ends[1]);
    CHECK_EQ(events(one, ends[0]), WEIR_IN | WEIR_HUP);
    CHECK_EQ(sim_recv(one, ends[0], data, sizeof data), 1);
    CHECK_EQ(sim_recv(one, ends[0], data, sizeof data), 0);
    CHECK_EQ(sim_pipe(one, ends), 0);
    sim_descriptor_close(one, ends[0]);
    CHECK_EQ(events(one, ends[1]), WEIR_OUT | WEIR_ERR);
    CHECK_EQ(sim_send(one, ends[1], data, 1), WEIR_EPIPE);
    hosts_close(&hosts);
}

/* ---- Names and options ----------------------------------------------------------------------- */

static int64_t resolve(struct pair_of_hosts *hosts, const char *host, const char *service,
                       int family, char *text, size_t room)
{
    struct weir_address address;
    struct weir_lookup  lookup = {.host = host, .service = service, .family = family, .room = 1};
    lookup.addresses = &address;
    int64_t result = sim_resolve(hosts->one, &lookup);
    if (result > 0)
        CHECK(weir_address_format(&address, text, room) > 0);
    return result;
}

static void names_are_those_of_the_world(void)
{
    struct pair_of_hosts  hosts = hosts_open(&(struct weir_sim_options){.seed = 12});
    struct weir_sim_host *six;
    char                  text[160];
    CHECK_EQ(weir_sim_host_add(hosts.world, &six, "six", "2001:db8::6"), 0);
    CHECK_EQ(resolve(&hosts, "OTHER", "http", AF_UNSPEC, text, sizeof text), 1);
    CHECK(strcmp(text, "10.0.0.2:80") == 0);
    CHECK_EQ(resolve(&hosts, "six", "domain", AF_UNSPEC, text, sizeof text), 1);
    CHECK(strcmp(text, "[2001:db8::6]:53") == 0);
    CHECK_EQ(resolve(&hosts, "six", NULL, AF_INET, text, sizeof text), WEIR_ENONAME);
    CHECK_EQ(resolve(&hosts, "fe80::1%2", "7", AF_UNSPEC, text, sizeof text), 1);
    CHECK_EQ(resolve(&hosts, "localhost", "65535", AF_INET, text, sizeof text), 1);
    CHECK(strcmp(text, "127.0.0.1:65535") == 0);
    CHECK_EQ(resolve(&hosts, "localhost", "65536", AF_INET, text, sizeof text), WEIR_ENONAME);
    CHECK_EQ(resolve(&hosts, "localhost", "nothing", AF_INET, text, sizeof text), WEIR_ENONAME);
    CHECK_EQ(resolve(&hosts, "nobody", NULL, AF_UNSPEC, text, sizeof text), WEIR_ENONAME);
    CHECK_EQ(resolve(&hosts, NULL, "80", AF_UNSPEC, text, sizeof text), 2);
    CHECK_EQ(resolve(&hosts, "one", NULL, 999, text, sizeof text), WEIR_EAFNOSUPPORT);
    hosts_close(&hosts);
}

static void options_are_kept_and_refused(void)
{
    struct pair_of_hosts hosts = hosts_open(&(struct weir_sim_options){.seed = 13});
    int                  tcp = sim_socket(hosts.one, AF_INET, SOCK_STREAM, WEIR_NODELAY);
    int                  udp = sim_socket(hosts.one, AF_INET, SOCK_DGRAM, 0);
    int                  local = sim_socket(hosts.one, AF_UNIX, SOCK_STREAM, 0);
    int64_t              value;
    CHECK_EQ(sim_option_get(sim_descriptor(hosts.one, tcp), WEIR_OPTION_NODELAY, &value), 0);
    CHECK_EQ(value, 1);
    CHECK_EQ(set(hosts.one, tcp, WEIR_OPTION_RECEIVE_BUFFER, 10000), 0);
    CHECK_EQ(sim_option_get(sim_descriptor(hosts.one, tcp), WEIR_OPTION_RECEIVE_BUFFER, &value), 0);
    CHECK_EQ(value, 20000);
    CHECK_EQ(set(hosts.one, tcp, WEIR_OPTION_NODELAY, 2), WEIR_EINVAL);
    CHECK_EQ(set(hosts.one, tcp, WEIR_OPTION_LINGER, -2), WEIR_EINVAL);
    CHECK_EQ(set(hosts.one, tcp, WEIR_OPTION_ERROR, 0), WEIR_ENOPROTOOPT);
    CHECK_EQ(set(hosts.one, udp, WEIR_OPTION_NODELAY, 1), WEIR_ENOPROTOOPT);
    CHECK_EQ(set(hosts.one, local, WEIR_OPTION_KEEPALIVE, 1), WEIR_EOPNOTSUPP);
    CHECK_EQ(sim_socket(hosts.one, 99, SOCK_STREAM, 0), WEIR_EAFNOSUPPORT);
    weir_sim_fault_set(hosts.world, WEIR_SIM_DESCRIPTORS, 1000000);
    unsigned before = objects(hosts.world);
    CHECK_EQ(sim_socket(hosts.one, AF_INET, SOCK_STREAM, 0), WEIR_EMFILE);
    CHECK_EQ(sim_pipe(hosts.one, (int[2]){0}), WEIR_EMFILE);
    CHECK_EQ(listen_at(hosts.one, "0.0.0.0:80", 0, 0), WEIR_EMFILE);
    CHECK_EQ(objects(hosts.world), before);
    hosts_close(&hosts);
}

int main(void)
{
    each_fault_of_datagrams_happens();
    udp_is_as_linux_has_it();
    groups_reach_their_members();
    unix_streams_end_as_linux_has_it();
    paths_of_sockets_are_on_the_disk();
    paths_outlive_a_crash();
    path_without_a_descriptor_is_not_made();
    unix_datagrams_wait_for_room();
    descriptors_are_passed();
    pipes_are_as_linux_has_them();
    names_are_those_of_the_world();
    options_are_kept_and_refused();
    return 0;
}
