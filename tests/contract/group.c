/* SPDX-License-Identifier: MIT */
/* group.c - many loops, each on a thread of its own: how they begin, listen, and end. */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "contract.h"

#define LOOPS 3

/* A group, and what its threads tell. */
struct crowd {
    struct contract           *c;
    struct weir_group         *group;
    struct weir_group_listener listener;
    uint16_t                   port;
    size_t                     record_size; /* 0: of a guest */
    struct weir_loop          *loops[LOOPS];
    atomic_uint                started, accepted[LOOPS], ended, closed;
    atomic_uint                order[256]; /* of each connection, the number of its loop */
    atomic_uint                dealt;
    cpu_set_t                  cpus[LOOPS];
};

/* A connection of it, which echoes what comes. */
struct guest {
    struct weir_handle handle;
    struct weir_op     recv, send;
    struct crowd      *crowd;
    char               data[64];
};

static unsigned number_of(const struct crowd *crowd, const struct weir_loop *loop)
{
    for (unsigned i = 0; i < LOOPS; i++)
        if (crowd->loops[i] == loop)
            return i;
    contract_fail(__FILE__, __LINE__, "not a loop of the group");
}

static int on_start(struct weir_loop *loop, unsigned index, void *user)
{
    struct crowd *crowd = user;
    CHECK(index < LOOPS);
    CHECK_EQ(weir_group_size(crowd->group), LOOPS);
    for (unsigned i = 0; i < LOOPS; i++)
        CHECK(weir_group_loop(crowd->group, i) != NULL);
    CHECK(weir_group_loop(crowd->group, index) == loop);
    CHECK(!strcmp(weir_loop_engine(loop), crowd->c->engine));
    CHECK_EQ(sched_getaffinity(0, sizeof crowd->cpus[index], &crowd->cpus[index]), 0);
    crowd->loops[index] = loop;
    atomic_fetch_add(&crowd->started, 1);
    return 0;
}

static struct weir_group_options options_of(struct crowd *crowd)
{
    return (struct weir_group_options){
        .loop = crowd->c->options, .loops = LOOPS, .start = on_start, .user = crowd};
}

static void crowd_open(struct contract *c, struct crowd *crowd)
{
    contract_needs("threads of its own");
    *crowd = (struct crowd){.c = c};
    struct weir_group_options options = options_of(crowd);
    CHECK_EQ(weir_group_open(&crowd->group, &options), 0);
    CHECK_EQ(atomic_load(&crowd->started), LOOPS);
}

static void crowd_close(struct crowd *crowd)
{
    CHECK_EQ(weir_group_close(crowd->group, 20 * WEIR_SECOND), 0);
}

static void on_guest_closed(struct weir_handle *handle)
{
    struct guest *guest = weir_of(handle, struct guest, handle);
    atomic_fetch_add(&guest->crowd->closed, 1);
}

static void guest_recv(struct guest *guest);

static void on_guest_sent(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, send);
    if (op->result < 0)
        weir_close(&guest->handle, on_guest_closed);
    else
        guest_recv(guest);
}

static void on_guest_received(struct weir_op *op)
{
    struct guest *guest = weir_of(op, struct guest, recv);
    atomic_fetch_add(&guest->crowd->ended, op->result == WEIR_ECANCELED);
    if (op->result <= 0)
        weir_close(&guest->handle, on_guest_closed);
    else
        weir_send(&guest->send, &guest->handle, guest->data, (size_t)op->result, WEIR_ALL,
                  on_guest_sent);
}

static void guest_recv(struct guest *guest)
{
    weir_recv(&guest->recv, &guest->handle, guest->data, sizeof guest->data, 0, on_guest_received);
}

static void on_accept(struct weir_handle *handle, void *user)
{
    struct crowd  *crowd = user;
    struct guest  *guest = weir_of(handle, struct guest, handle);
    unsigned       number = number_of(crowd, handle->loop);
    struct weir_op unused = {0};
    CHECK(!memcmp(&guest->recv, &unused, sizeof unused)); /* the record is zeroed */
    CHECK_EQ((uintptr_t)handle % 64, 0);
    CHECK_EQ(weir_handle_kind(handle), WEIR_HANDLE_STREAM);
    guest->crowd = crowd;
    unsigned at = atomic_fetch_add(&crowd->dealt, 1);
    if (at < sizeof crowd->order / sizeof crowd->order[0])
        atomic_store(&crowd->order[at], number);
    atomic_fetch_add(&crowd->accepted[number], 1);
    guest_recv(guest);
}

static int try_listen(struct crowd *crowd, enum weir_spread spread, uint16_t port)
{
    struct weir_address address = contract_loopback(port);
    crowd->listener = (struct weir_group_listener){.address = address.data.bytes,
                                                   .address_length = address.length,
                                                   .spread = spread,
                                                   .connection_size = sizeof(struct guest),
                                                   .on_accept = on_accept,
                                                   .user = crowd};
    if (crowd->record_size)
        crowd->listener.connection_size = crowd->record_size;
    return weir_group_listen(crowd->group, &crowd->listener);
}

static uint16_t port_of(const struct weir_address *address)
{
    return (uint16_t)(address->data.bytes[2] << 8 | address->data.bytes[3]);
}

static void crowd_listen(struct crowd *crowd, enum weir_spread spread)
{
    CHECK_EQ(try_listen(crowd, spread, 0), 0);
    crowd->port = port_of(&crowd->listener.bound);
    CHECK(crowd->port);
}

/* A client that has been answered. */
static int client_open(const struct crowd *crowd)
{
    char answer[5];
    int  fd = contract_raw_connect(crowd->port);
    contract_raw_send(fd, "hello", 5);
    contract_raw_recv(fd, answer, 5);
    CHECK(!memcmp(answer, "hello", 5));
    return fd;
}

static unsigned accepted(struct crowd *crowd)
{
    unsigned sum = 0;
    for (int i = 0; i < LOOPS; i++)
        sum += atomic_load(&crowd->accepted[i]);
    return sum;
}

/* ------------------------------------------------------------------------------------------------
 * Loops and threads
 * ---------------------------------------------------------------------------------------------- */

struct note {
    struct weir_op       op;
    struct contract_gate told;
    const void          *thread;
    struct weir_loop    *loop;
};

static _Thread_local char thread_mark;

static void on_note(struct weir_op *op)
{
    struct note *note = weir_of(op, struct note, op);
    note->thread = &thread_mark;
    note->loop = weir_op_loop(op);
    weir_stop(note->loop); /* the group goes on */
    contract_gate_open(&note->told);
}

static void each_loop_has_its_thread(struct contract *c)
{
    static struct crowd crowd;
    struct note         notes[2][LOOPS] = {{{.thread = NULL}}};
    crowd_open(c, &crowd);
    CHECK(weir_group_loop(crowd.group, LOOPS) == NULL);
    for (int lap = 0; lap < 2; lap++)
        for (unsigned i = 0; i < LOOPS; i++) {
            weir_post(&notes[lap][i].op, weir_group_loop(crowd.group, i), on_note);
            contract_gate_wait(&notes[lap][i].told);
            CHECK(notes[lap][i].loop == crowd.loops[i]);
            CHECK(notes[lap][i].thread == notes[0][i].thread);
            CHECK(notes[lap][i].thread != &thread_mark);
        }
    for (unsigned i = 1; i < LOOPS; i++)
        CHECK(notes[0][i].thread != notes[0][i - 1].thread);
    crowd_close(&crowd);
}

static void as_many_as_processors(struct contract *c)
{
    struct weir_group_options options = {.loop = c->options};
    struct weir_group        *group;
    cpu_set_t                 mine;
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    CHECK_EQ(weir_group_open(&group, &options), 0);
    CHECK_EQ(weir_group_size(group), CPU_COUNT(&mine));
    CHECK_EQ(weir_group_close(group, WEIR_FOREVER), 0);
    CHECK_EQ(weir_group_close(NULL, 0), 0);
}

static void pinned_to_processors_in_turn(struct contract *c)
{
    static struct crowd crowd = {.c = NULL};
    contract_needs("threads of its own");
    crowd.c = c;
    struct weir_group_options options = options_of(&crowd);
    cpu_set_t                 mine;
    options.pin = true;
    CHECK_EQ(weir_group_open(&crowd.group, &options), 0);
    crowd_close(&crowd);
    CHECK_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    for (int i = 0; i < LOOPS; i++) {
        cpu_set_t both;
        CPU_AND(&both, &mine, &crowd.cpus[i]);
        CHECK_EQ(CPU_COUNT(&both), 1);
        CHECK_EQ(CPU_COUNT(&crowd.cpus[i]), 1);
        if (i && CPU_COUNT(&mine) > 1)
            CHECK(!CPU_EQUAL(&crowd.cpus[i], &crowd.cpus[i - 1]));
    }
}

static int fail_in_the_middle(struct weir_loop *loop, unsigned index, void *user)
{
    struct crowd *crowd = user;
    CHECK(loop != NULL);
    atomic_fetch_add(&crowd->started, 1);
    return index == 1 ? WEIR_EACCES : 0;
}

static void failed_start_undoes_all(struct contract *c)
{
    static struct crowd crowd = {.c = NULL};
    contract_needs("threads of its own");
    crowd.c = c;
    struct weir_group_options options = options_of(&crowd);
    options.start = fail_in_the_middle;
    CHECK_EQ(weir_group_open(&crowd.group, &options), WEIR_EACCES);
    CHECK(crowd.group == NULL);
    CHECK_EQ(atomic_load(&crowd.started), LOOPS);
    options.loop.engine = "nothing";
    CHECK_EQ(weir_group_open(&crowd.group, &options), WEIR_ENOENGINE);
    CHECK(crowd.group == NULL);
    CHECK_EQ(atomic_load(&crowd.started), LOOPS);
}

static void without_threads(struct contract *c)
{
    struct weir_group_options options = {.loop = c->options, .loops = LOOPS};
    struct weir_group        *group;
    contract_deny_threads(EAGAIN);
    CHECK_EQ(weir_group_open(&group, &options), WEIR_EAGAIN);
    CHECK(group == NULL);
}

static void refused_without_threads(struct contract *c)
{
    contract_in_fork(c, without_threads);
}

/* ------------------------------------------------------------------------------------------------
 * Listening
 * ---------------------------------------------------------------------------------------------- */

static void handed_over_in_turn(struct contract *c)
{
    static struct crowd crowd;
    int                 clients[5 * LOOPS];
    crowd_open(c, &crowd);
    crowd_listen(&crowd, WEIR_SPREAD_HAND_OVER);
    for (unsigned i = 0; i < 5 * LOOPS; i++) {
        clients[i] = client_open(&crowd);
        CHECK_EQ(atomic_load(&crowd.dealt), i + 1);
        CHECK_EQ(atomic_load(&crowd.order[i]), i % LOOPS);
    }
    for (int i = 0; i < 5 * LOOPS; i++)
        contract_raw_close(clients[i]);
    crowd_close(&crowd);
    CHECK_EQ(atomic_load(&crowd.closed), 5 * LOOPS);
}

/* A hash is as even as one of so many can be; a loop that gets a quarter of its share is none. */
static void spread_by_the_kernel(struct contract *c)
{
    static struct crowd crowd;
    int                 clients[40 * LOOPS];
    crowd_open(c, &crowd);
    crowd_listen(&crowd, WEIR_SPREAD_KERNEL);
    for (unsigned i = 0; i < 40 * LOOPS; i++)
        clients[i] = client_open(&crowd);
    CHECK_EQ(accepted(&crowd), 40 * LOOPS);
    for (int i = 0; i < LOOPS; i++)
        CHECK(atomic_load(&crowd.accepted[i]) >= 10);
    for (int i = 0; i < 40 * LOOPS; i++)
        contract_raw_close(clients[i]);
    crowd_close(&crowd);
}

static void path_is_handed_over(struct contract *c)
{
    static struct crowd crowd;
    struct sockaddr_un  name = {.sun_family = AF_UNIX};
    int                 clients[2 * LOOPS];
    crowd_open(c, &crowd);
    CHECK(strlen(c->directory) + 3 < sizeof name.sun_path);
    strcpy(name.sun_path, c->directory);
    strcat(name.sun_path, "/s");
    crowd.listener = (struct weir_group_listener){.address = &name,
                                                  .address_length = sizeof name,
                                                  .spread = WEIR_SPREAD_KERNEL,
                                                  .connection_size = sizeof(struct guest),
                                                  .on_accept = on_accept,
                                                  .user = &crowd};
    CHECK_EQ(weir_group_listen(crowd.group, &crowd.listener), 0);
    for (unsigned i = 0; i < 2 * LOOPS; i++) {
        char byte = 'x';
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(clients[i], (struct sockaddr *)&name, sizeof name), 0);
        contract_raw_send(clients[i], &byte, 1);
        contract_raw_recv(clients[i], &byte, 1);
        CHECK_EQ(atomic_load(&crowd.order[i]), i % LOOPS);
        contract_raw_close(clients[i]);
    }
    crowd_close(&crowd);
    CHECK_EQ(unlink(name.sun_path), 0);
}

static void port_that_is_taken_is_told(struct contract *c)
{
    static struct crowd crowd;
    uint16_t            taken;
    int                 holder = contract_raw_listen(&taken, 4);
    crowd_open(c, &crowd);
    CHECK_EQ(try_listen(&crowd, WEIR_SPREAD_KERNEL, taken), WEIR_EADDRINUSE);
    CHECK_EQ(crowd.listener.bound.length, 0);
    CHECK_EQ(try_listen(&crowd, WEIR_SPREAD_HAND_OVER, taken), WEIR_EADDRINUSE);
    uint64_t blocks = contract_heap().blocks;
    for (int i = 0; i < 5; i++) /* and nothing of it is kept */
        CHECK_EQ(try_listen(&crowd, WEIR_SPREAD_KERNEL, taken), WEIR_EADDRINUSE);
    CHECK_EQ(contract_heap().blocks, blocks);
    crowd_listen(&crowd, WEIR_SPREAD_KERNEL); /* the group goes on */
    contract_raw_close(client_open(&crowd));
    crowd_close(&crowd);
    contract_raw_close(holder);
}

/* The first loop listens already when the second one cannot: its port is free again. */
static void failed_listener_undoes_the_others(struct contract *c)
{
    static struct crowd crowd;
    int                 holder;
    uint16_t            port = contract_refusing_port(&holder);
    contract_raw_close(holder);
    crowd_open(c, &crowd);
    contract_fd_exhaust(c, 1);
    CHECK_EQ(try_listen(&crowd, WEIR_SPREAD_KERNEL, port), WEIR_EMFILE);
    contract_fd_release(c);
    struct weir_handle  again = {0};
    struct weir_address address = contract_loopback(port);
    CHECK_EQ(weir_listen(&again, c->loop, address.data.bytes, address.length, 0, 0), 0);
    contract_close(c, &again);
    CHECK_EQ(accepted(&crowd), 0);
    crowd_close(&crowd);
}

static void wrong_listeners_are_refused(struct contract *c)
{
    static struct crowd crowd;
    crowd_open(c, &crowd);
    struct weir_address        address = contract_loopback(0);
    struct weir_group_listener right = {.address = address.data.bytes,
                                        .address_length = address.length,
                                        .on_accept = on_accept,
                                        .user = &crowd};
    struct weir_group_listener wrong = right;
    wrong.on_accept = NULL;
    CHECK_EQ(weir_group_listen(crowd.group, &wrong), WEIR_EINVAL);
    wrong = right, wrong.address = NULL;
    CHECK_EQ(weir_group_listen(crowd.group, &wrong), WEIR_EINVAL);
    wrong = right, wrong.flags = WEIR_BORROWED;
    CHECK_EQ(weir_group_listen(crowd.group, &wrong), WEIR_EINVAL);
    wrong = right, wrong.spread = (enum weir_spread)7;
    CHECK_EQ(weir_group_listen(crowd.group, &wrong), WEIR_EINVAL);
    wrong = right, wrong.address_length = 3;
    CHECK(weir_group_listen(crowd.group, &wrong) < 0);
    crowd_close(&crowd);
}

/* Whatever the listening came to: the group closes, and nothing is left. */
static void listens_and_closes(struct contract *c)
{
    static struct crowd crowd;
    crowd_open(c, &crowd);
    int by_kernel = try_listen(&crowd, WEIR_SPREAD_KERNEL, 0);
    int in_turn = try_listen(&crowd, WEIR_SPREAD_HAND_OVER, 0);
    crowd_close(&crowd);
    CHECK_EQ(by_kernel, 0);
    CHECK_EQ(in_turn, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Connections
 * ---------------------------------------------------------------------------------------------- */

/* It is gone when on_closed() has returned, on whichever loop that was; one waits for the next. */
static void memory_of_a_connection_ends_with_it(struct contract *c)
{
    static struct crowd crowd;
    const uint64_t      mebibyte = 1 << 20;
    crowd_open(c, &crowd);
    crowd.record_size = mebibyte;
    crowd_listen(&crowd, WEIR_SPREAD_HAND_OVER);
    for (int lap = 0; lap < 3; lap++) {
        int clients[2 * LOOPS];
        for (int i = 0; i < 2 * LOOPS; i++)
            clients[i] = client_open(&crowd);
        CHECK(contract_heap().bytes > 2 * LOOPS * mebibyte);
        for (int i = 0; i < 2 * LOOPS; i++)
            contract_raw_close(clients[i]);
        while (contract_heap().bytes > 2 * mebibyte)
            contract_breathe();
    }
    crowd_close(&crowd);
}

struct exile {
    struct weir_handle   handle;
    struct weir_op       move;
    struct contract     *c;
    struct contract_gate left;
};

static struct exile *last_exile;

static void move_out(struct weir_handle *handle, void *user)
{
    struct exile *exile = weir_of(handle, struct exile, handle);
    exile->c = user;
    last_exile = exile;
    weir_move(&exile->move, handle, exile->c->loop, 0, contract_done);
}

/* A connection that left the group lives longer than that. */
static void connection_may_leave_the_group(struct contract *c)
{
    static struct crowd crowd;
    struct weir_op      post = {0}, op = {0};
    struct weir_address address = contract_loopback(0);
    char                byte = 'y';
    crowd_open(c, &crowd);
    crowd.listener = (struct weir_group_listener){.address = address.data.bytes,
                                                  .address_length = address.length,
                                                  .connection_size = sizeof(struct exile),
                                                  .on_accept = move_out,
                                                  .user = c};
    CHECK_EQ(weir_group_listen(crowd.group, &crowd.listener), 0);
    int client = contract_raw_connect(port_of(&crowd.listener.bound));
    weir_timer(&post, c->loop, WEIR_FOREVER, 0, contract_done);
    struct weir_stats stats = {0};
    while (!stats.handles) {
        CHECK_EQ(weir_run(c->loop, WEIR_ONCE), 1);
        weir_loop_stats(c->loop, &stats);
    }
    crowd_close(&crowd);
    CHECK(last_exile->handle.loop == c->loop);
    contract_raw_send(client, &byte, 1);
    weir_recv(&op, &last_exile->handle, &byte, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 1);
    weir_cancel(&post);
    CHECK_EQ(weir_close(&last_exile->handle, NULL), 0);
    contract_run(c);
    contract_raw_close(client);
}

#define CLIENTS 24

static void on_client_lap(int fd, unsigned lap, unsigned seed, bool sends)
{
    char data[48];
    contract_fill(data, sizeof data, (uint64_t)lap * sizeof data, seed);
    if (sends) {
        contract_raw_send(fd, data, sizeof data);
    } else {
        contract_raw_recv(fd, data, sizeof data);
        CHECK(contract_filled(data, sizeof data, (uint64_t)lap * sizeof data, seed));
    }
}

static void echoes_on_all_loops(struct contract *c)
{
    static struct crowd crowd;
    unsigned            laps = contract_count(100);
    crowd_open(c, &crowd);
    for (int round = 0; round < 4; round++) {
        int clients[CLIENTS];
        crowd_listen(&crowd, round % 2 ? WEIR_SPREAD_HAND_OVER : WEIR_SPREAD_KERNEL);
        for (unsigned i = 0; i < CLIENTS; i++)
            clients[i] = contract_raw_connect(crowd.port);
        for (unsigned lap = 0; lap < laps; lap++) {
            for (unsigned i = 0; i < CLIENTS; i++)
                on_client_lap(clients[i], lap, i, true);
            for (unsigned i = 0; i < CLIENTS; i++)
                on_client_lap(clients[i], lap, i, false);
        }
        for (unsigned i = 0; i < CLIENTS; i++)
            if (i % 2)
                contract_raw_close(clients[i]);
            else
                contract_raw_reset(clients[i]);
    }
    crowd_close(&crowd);
    CHECK_EQ(accepted(&crowd), 4 * CLIENTS);
    CHECK_EQ(atomic_load(&crowd.closed), 4 * CLIENTS);
}

const struct contract_case contract_cases[] = {
    {"each_loop_has_its_thread", each_loop_has_its_thread, 0},
    {"as_many_as_processors", as_many_as_processors, 0},
    {"pinned_to_processors_in_turn", pinned_to_processors_in_turn, 0},
    {"failed_start_undoes_all", failed_start_undoes_all, 0},
    {"refused_without_threads", refused_without_threads, 0},
    {"handed_over_in_turn", handed_over_in_turn, 0},
    {"spread_by_the_kernel", spread_by_the_kernel, 0},
    {"path_is_handed_over", path_is_handed_over, 0},
    {"port_that_is_taken_is_told", port_that_is_taken_is_told, 0},
    {"failed_listener_undoes_the_others", failed_listener_undoes_the_others, 0},
    {"wrong_listeners_are_refused", wrong_listeners_are_refused, 0},
    {"listens_and_closes", listens_and_closes, 0},
    {"memory_of_a_connection_ends_with_it", memory_of_a_connection_ends_with_it, 0},
    {"connection_may_leave_the_group", connection_may_leave_the_group, 0},
    {"echoes_on_all_loops", echoes_on_all_loops, 0},
    {0},
};
