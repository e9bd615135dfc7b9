/* SPDX-License-Identifier: MIT */
/* sim_calls.h - a simulated world without loops: its calls made one by one, as a program would make
 * them of a system. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/state.h"
#include "unit.h"

/* On 10.0.0.1 and 10.0.0.2. */
struct pair_of_hosts {
    struct weir_sim      *world;
    struct weir_sim_host *one, *other;
};

static inline struct pair_of_hosts hosts_open(const struct weir_sim_options *options)
{
    struct pair_of_hosts hosts;
    CHECK_EQ(weir_sim_open(&hosts.world, options), 0);
    CHECK_EQ(weir_sim_host_add(hosts.world, &hosts.one, "one", "10.0.0.1"), 0);
    CHECK_EQ(weir_sim_host_add(hosts.world, &hosts.other, "other", "10.0.0.2"), 0);
    return hosts;
}

static inline void hosts_close(struct pair_of_hosts *hosts)
{
    CHECK(!weir_sim_broken(hosts->world));
    CHECK_EQ(weir_sim_close(hosts->world), 0);
}

/* Lets everything happen that is due within ns. */
static inline void pass(struct pair_of_hosts *hosts, uint64_t ns)
{
    uint64_t until_ns = sim_now(hosts->world) + ns;
    while (sim_step(hosts->world, until_ns))
        ;
    CHECK(!weir_sim_broken(hosts->world));
}

static inline struct weir_address at(const char *text)
{
    struct weir_address address;
    CHECK_EQ(weir_address_parse(&address, text), 0);
    return address;
}

static inline int64_t perform(struct weir_sim_host *host, int descriptor, struct weir_op *op)
{
    struct sim_object *object = sim_descriptor(host, descriptor);
    CHECK(object);
    return object->type->perform(object, op);
}

static inline int64_t transfer(struct weir_sim_host *host, int descriptor, enum weir_op_kind kind,
                               const void *data, size_t length, unsigned flags)
{
    struct weir_op op = {.kind = (uint8_t)kind, .flags = flags};
    op.in.arg.transfer.data = (void *)(uintptr_t)data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = WEIR_STREAM;
    int64_t result = perform(host, descriptor, &op);
    return op.told & WEIR_TOLD_TRUNCATED ? result + 1000000 : result;
}

static inline int64_t sim_send(struct weir_sim_host *host, int descriptor, const void *data,
                               size_t length)
{
    return transfer(host, descriptor, WEIR_OP_SEND, data, length, 0);
}

static inline int64_t sim_recv(struct weir_sim_host *host, int descriptor, void *data,
                               size_t length)
{
    return transfer(host, descriptor, WEIR_OP_RECV, data, length, 0);
}

/* The first call of a connect, or with `again` a later one. */
static inline int64_t sim_connect(struct weir_sim_host *host, int descriptor, const char *text,
                                  bool again)
{
    struct weir_address address = at(text);
    struct weir_op      op = {.kind = WEIR_OP_CONNECT};
    op.in.step = again;
    op.in.arg.address.data = address.data.bytes;
    op.in.arg.address.length = address.length;
    return perform(host, descriptor, &op);
}

static inline int64_t plain(struct weir_sim_host *host, int descriptor, enum weir_op_kind kind)
{
    struct weir_op op = {.kind = (uint8_t)kind};
    return perform(host, descriptor, &op);
}

static inline unsigned events(struct weir_sim_host *host, int descriptor)
{
    struct sim_object *object = sim_descriptor(host, descriptor);
    return object->type->events(object);
}

static inline int listen_at(struct weir_sim_host *host, const char *text, int backlog,
                            unsigned flags)
{
    struct weir_address address = at(text);
    return sim_listen(host, address.data.bytes, address.length, backlog, flags);
}

static inline int bind_at(struct weir_sim_host *host, int descriptor, const char *text)
{
    struct weir_address address = at(text);
    struct sim_object  *object = sim_descriptor(host, descriptor);
    return object->type->bind(object, address.data.bytes, address.length, 0);
}

static inline int set(struct weir_sim_host *host, int descriptor, enum weir_option option,
                      int64_t value)
{
    return sim_option_set(sim_descriptor(host, descriptor), option, value);
}

/* The address of a socket as text; of the last call. */
static inline const char *address_of(struct weir_sim_host *host, int descriptor, bool peer)
{
    static char         text[160];
    struct weir_address address = {0};
    struct sim_object  *object = sim_descriptor(host, descriptor);
    CHECK_EQ(object->type->address(object, peer, &address), 0);
    CHECK(weir_address_format(&address, text, sizeof text) > 0);
    return text;
}

/* How many objects there are beside the standard streams of the hosts. */
static inline unsigned objects(const struct weir_sim *world)
{
    const struct sim_object *first = sim_objects(world), *object = first;
    unsigned                 count = 0;
    do
        count += object->kind != WEIR_HANDLE_TTY && strncmp(object->type->name, "con", 3) != 0;
    while ((object = object->next) != first);
    return count;
}

/* ends[0] on hosts->one, accepted as ends[1] on hosts->other, whose listener is closed again. */
static inline void connect_pair(struct pair_of_hosts *hosts, int ends[2])
{
    int listener = listen_at(hosts->other, "10.0.0.2:80", 0, 0);
    CHECK(listener >= 0);
    ends[0] = sim_socket(hosts->one, AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(sim_connect(hosts->one, ends[0], "10.0.0.2:80", false), WEIR_EAGAIN);
    pass(hosts, WEIR_SECOND);
    CHECK_EQ(sim_connect(hosts->one, ends[0], "10.0.0.2:80", true), 0);
    ends[1] = (int)plain(hosts->other, listener, WEIR_OP_ACCEPT);
    CHECK(ends[1] >= 0);
    sim_descriptor_close(hosts->other, listener);
}

static inline unsigned char byte_at(uint64_t place, unsigned seed)
{
    return (unsigned char)(place * 131 + (place >> 8) * 17 + seed);
}

#endif
