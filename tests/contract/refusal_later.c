/* SPDX-License-Identifier: MIT */
/* refusal_later.c - what is denied, or runs out, in the middle of a loop's life: calls that it made
 * before, and room for those that wait. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "contract.h"

#define FEATURES 32

/* ------------------------------------------------------------------------------------------------
 * Denied in mid-life: what is used already goes on, by other means where there are any.
 * ---------------------------------------------------------------------------------------------- */

static void check_file(struct contract *c)
{
    static _Alignas(4096) char block[4096];
    struct weir_handle         file = {0};
    struct weir_op             op = {0};
    unsigned                   mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;
    weir_open(&op, c->loop, &file, contract_temp_file(c), mode | WEIR_OPEN_DIRECT, 0,
              contract_done);
    if (contract_await(c, &op) == WEIR_EINVAL) { /* no direct I/O here */
        weir_open(&op, c->loop, &file, contract_temp_file(c), mode, 0, contract_done);
        contract_await(c, &op);
    }
    CHECK_RESULT(&op, 0);
    memset(block, 'b', sizeof block);
    weir_write(&op, &file, block, sizeof block, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof block);
    weir_fsync(&op, &file, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    memset(block, 0, sizeof block);
    weir_read(&op, &file, block, sizeof block, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), sizeof block);
    CHECK(block[0] == 'b' && block[sizeof block - 1] == 'b');
    contract_close(c, &file);
}

/* Receives that waited before, and those that begin to, are served. */
static void check_lives_without(struct contract *c, int number, int error)
{
    enum { COUNT = 8 };
    struct weir_handle handles[COUNT] = {{0}};
    struct weir_op     recvs[COUNT] = {{0}};
    int                peers[COUNT];
    char               bytes[COUNT];
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (int i = 0; i < COUNT; i++)
        peers[i] = contract_unix_peer(c, &handles[i]);
    for (int i = 0; i < COUNT; i++) {
        if (i == COUNT / 2) {
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            contract_deny(number, error);
        }
        weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0, contract_done);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (int i = 0; i < COUNT; i++) {
        contract_raw_send(peers[i], "x", 1);
        CHECK_EQ(contract_await(c, &recvs[i]), 1);
    }
    check_file(c);
    for (int i = 0; i < COUNT; i++) /* closed while it waits */
        weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (int i = 0; i < COUNT; i++) {
        contract_close(c, &handles[i]);
        CHECK_RESULT(&recvs[i], WEIR_ECANCELED);
        contract_raw_close(peers[i]);
    }
}

static void aio_submit_denied_in_mid_life(struct contract *c)
{
    check_lives_without(c, SYS_io_submit, EPERM);
}

static void aio_cancel_denied_in_mid_life(struct contract *c)
{
    check_lives_without(c, SYS_io_cancel, ENOSYS);
}

static void aio_getevents_denied_in_mid_life(struct contract *c)
{
    check_lives_without(c, SYS_io_getevents, EPERM);
}

/* No context beside the first: files and further handles are served in another way. */
static void aio_setup_denied_in_mid_life(struct contract *c)
{
    check_lives_without(c, SYS_io_setup, EAGAIN);
}

/* ------------------------------------------------------------------------------------------------
 * Many more that wait than a ring or a context was opened for
 * ---------------------------------------------------------------------------------------------- */

#define WAITING 2000u

struct crowd {
    struct weir_handle handles[WAITING];
    struct weir_op     recvs[WAITING];
    char               bytes[WAITING];
    int                peers[WAITING];
    unsigned           count;
};

static const struct weir_feature *find_feature(struct contract *c, const char *name)
{
    static struct weir_feature features[FEATURES];
    int                        count = weir_loop_features(c->loop, features, FEATURES);
    for (int i = 0; i < count && i < FEATURES; i++)
        if (!strcmp(features[i].name, name))
            return &features[i];
    return NULL;
}

/* Room for their descriptors; a mechanism of bounded numbers gets as many as it can hold. */
static unsigned crowd_size(struct contract *c)
{
    struct rlimit limit;
    unsigned      count = contract_count(WAITING);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t most = (limit.rlim_cur - 64) / 2;
    if (find_feature(c, "FD_SETSIZE"))
        most = 400;
    return count < most ? count : (unsigned)most;
}

/* They all wait, then each is told, in an order of its own, and once. */
static void serve_crowd(struct contract *c, struct crowd *crowd)
{
    crowd->count = crowd_size(c);
    for (unsigned i = 0; i < crowd->count; i++) {
        crowd->peers[i] = contract_unix_peer(c, &crowd->handles[i]);
        weir_recv(&crowd->recvs[i], &crowd->handles[i], &crowd->bytes[i], 1, 0, contract_done);
    }
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (unsigned n = 0; n < crowd->count; n++) {
        unsigned i = (n % 2 ? crowd->count - 1 - n / 2 : n / 2); /* from both ends */
        contract_raw_send(crowd->peers[i], "w", 1);
        CHECK_EQ(contract_await(c, &crowd->recvs[i]), 1);
        CHECK_EQ(crowd->bytes[i], 'w');
    }
    for (unsigned i = 0; i < crowd->count; i++)
        CHECK_EQ(contract_told(&crowd->recvs[i]), 1);
}

/* Those that still wait are closed together. */
static void close_crowd(struct contract *c, struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        weir_recv(&crowd->recvs[i], &crowd->handles[i], &crowd->bytes[i], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    for (unsigned i = 0; i < crowd->count; i++)
        CHECK_EQ(weir_close(&crowd->handles[i], contract_closed), 0);
    contract_run(c);
    for (unsigned i = 0; i < crowd->count; i++) {
        CHECK_RESULT(&crowd->recvs[i], WEIR_ECANCELED);
        CHECK_EQ(contract_closed_count(&crowd->handles[i]), 1);
        contract_raw_close(crowd->peers[i]);
    }
}

static void more_wait_than_it_was_opened_for(struct contract *c)
{
    static struct crowd        crowd;
    struct weir_options        options = {.ring_entries = 16, .threads_max = 2 * WAITING};
    const struct weir_feature *beyond;
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    serve_crowd(c, &crowd);
    for (unsigned i = 0; i < crowd.count; i++)
        weir_recv(&crowd.recvs[i], &crowd.handles[i], &crowd.bytes[i], 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    beyond = find_feature(c, "POLL_BEYOND"); /* where there is such a way, it is in use now */
    CHECK(!beyond || beyond->used);
    for (unsigned i = 0; i < crowd.count; i++)
        weir_cancel(&crowd.recvs[i]);
    contract_run(c);
    close_crowd(c, &crowd);
}

static void more_wait_than_it_began_with(struct contract *c)
{
    static struct crowd crowd;
    struct weir_options options = {.threads_max = 2 * WAITING};
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    serve_crowd(c, &crowd);
    close_crowd(c, &crowd);
}

/* As a loop does that has this one inside: sleeps on its descriptor, then looks. */
static void outer_loop_serves(struct contract *c, struct weir_op *op)
{
    int fd = (int)weir_loop_fd(c->loop);
    CHECK(fd >= 0 || fd == WEIR_ENOTSUP);
    while (!weir_ended(op)) {
        CHECK(fd < 0 || weir_loop_timeout(c->loop) == 0 || contract_raw_readable(fd, 20000));
        CHECK(weir_run(c->loop, fd < 0 ? WEIR_ONCE : WEIR_NOWAIT) >= 0);
    }
}

/* The descriptor for an outer loop tells of them all, wherever they wait, and of files. */
static void more_wait_inside_another_loop(struct contract *c)
{
    enum { COUNT = 40 };
    static struct weir_handle handles[COUNT], file;
    struct weir_options       options = {.ring_entries = 2};
    struct weir_op            recvs[COUNT] = {{0}}, op = {0};
    unsigned                  mode = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;
    int                       peers[COUNT];
    char                      bytes[COUNT];
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    for (int i = 0; i < COUNT; i++) {
        peers[i] = contract_unix_peer(c, &handles[i]);
        weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0, contract_done);
        if (i == COUNT / 2) /* those before it wait already */
            CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    }
    weir_open(&op, c->loop, &file, contract_temp_file(c), mode, 0, contract_done);
    outer_loop_serves(c, &op);
    CHECK_RESULT(&op, 0);
    for (int lap = 0; lap < 3; lap++) {
        for (int i = COUNT - 1; i >= 0; i--) {
            while (weir_loop_timeout(c->loop) == 0)
                CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
            contract_raw_send(peers[i], "x", 1);
            outer_loop_serves(c, &recvs[i]);
            CHECK_RESULT(&recvs[i], 1);
            weir_recv(&recvs[i], &handles[i], &bytes[i], 1, 0, contract_done);
        }
        weir_fsync(&op, &file, 0, contract_done);
        outer_loop_serves(c, &op);
        CHECK_RESULT(&op, 0);
    }
    for (int i = 0; i < COUNT; i++) {
        contract_close(c, &handles[i]);
        CHECK_RESULT(&recvs[i], WEIR_ECANCELED);
        contract_raw_close(peers[i]);
    }
    contract_close(c, &file);
}

/* What the kernel shares with the program is not used: every event is asked for. */
static void events_without_the_shared_ring(struct contract *c)
{
    struct weir_options        options = {.features_off = WEIR_WITHOUT_SHARED_RING};
    struct weir_handle         a = {0}, b = {0};
    struct weir_op             recv = {0}, send = {0};
    unsigned char             *in = contract_buffer(c, 300000), *out = contract_buffer(c, 300000);
    const struct weir_feature *feature;
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    feature = find_feature(c, "SHARED_RING");
    CHECK(!feature || !feature->used);
    contract_tcp_pair(c, &a, &b);
    contract_fill(out, 300000, 0, 3);
    for (int lap = 0; lap < 5; lap++) {
        weir_recv(&recv, &a, in, 300000, WEIR_ALL, contract_done);
        CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
        weir_send(&send, &b, out, 300000, WEIR_ALL, contract_done);
        contract_run(c);
        CHECK_RESULT(&recv, 300000);
        CHECK_RESULT(&send, 300000);
        CHECK(contract_filled(in, 300000, 0, 3));
        memset(in, 0, 300000);
    }
    check_file(c);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Each of these opens its loops with options of its own. */
const struct contract_case contract_cases[] = {
    {"aio_submit_denied_in_mid_life", aio_submit_denied_in_mid_life, CONTRACT_OWN_LOOP},
    {"aio_cancel_denied_in_mid_life", aio_cancel_denied_in_mid_life, CONTRACT_OWN_LOOP},
    {"aio_getevents_denied_in_mid_life", aio_getevents_denied_in_mid_life, CONTRACT_OWN_LOOP},
    {"aio_setup_denied_in_mid_life", aio_setup_denied_in_mid_life, CONTRACT_OWN_LOOP},
    {"more_wait_than_it_was_opened_for", more_wait_than_it_was_opened_for, CONTRACT_OWN_LOOP},
    {"more_wait_than_it_began_with", more_wait_than_it_began_with, CONTRACT_OWN_LOOP},
    {"more_wait_inside_another_loop", more_wait_inside_another_loop, CONTRACT_OWN_LOOP},
    {"events_without_the_shared_ring", events_without_the_shared_ring, CONTRACT_OWN_LOOP},
    {0},
};
