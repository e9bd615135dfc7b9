/* SPDX-License-Identifier: MIT */
/* sim_disk.h - ops on a simulated disk without a loop, for its tests. */
#ifndef UNIT_SIM_DISK_H
#define UNIT_SIM_DISK_H

#include <string.h>

#include "sim/world.h"
#include "unit.h"

#define READ WEIR_OPEN_READ
#define WRITE WEIR_OPEN_WRITE
#define CREATE WEIR_OPEN_CREATE
#define NEW (READ | WRITE | CREATE)
#define ALWAYS 1000000u /* per million */

struct disk_test {
    struct weir_sim      *world;
    struct weir_sim_host *host;
};

static inline struct disk_test disk_test_open(uint64_t seed)
{
    struct weir_sim_options options = {.seed = seed};
    struct disk_test        test;
    CHECK_EQ(weir_sim_open(&test.world, &options), 0);
    CHECK_EQ(weir_sim_host_add(test.world, &test.host, "disk", "10.0.0.1"), 0);
    return test;
}

static inline void disk_test_close(struct disk_test *test)
{
    CHECK(!weir_sim_broken(test->world));
    CHECK_EQ(weir_sim_close(test->world), 0);
}

static inline void fault(struct disk_test *test, enum weir_sim_fault fault, uint32_t per_million)
{
    weir_sim_fault_set(test->world, fault, per_million);
}

/* A descriptor that is to be there. */
static inline int open_file(struct disk_test *test, const char *path, unsigned mode)
{
    int64_t descriptor = sim_open(test->host, path, mode);
    CHECK(descriptor > 2);
    return (int)descriptor;
}

static inline void close_file(struct disk_test *test, int descriptor)
{
    sim_descriptor_close(test->host, descriptor);
}

static inline int64_t perform(struct disk_test *test, int descriptor, struct weir_op *op)
{
    struct sim_object *object = sim_descriptor(test->host, descriptor);
    CHECK(object);
    return object->type->perform(object, op);
}

static inline int64_t transfer(struct disk_test *test, int descriptor, enum weir_op_kind kind,
                               void *data, size_t length, uint64_t offset)
{
    struct weir_op op = {.kind = (uint8_t)kind};
    op.in.arg.transfer.data = data;
    op.in.arg.transfer.length = length;
    op.in.arg.transfer.offset = offset;
    return perform(test, descriptor, &op);
}

static inline int64_t read_at(struct disk_test *test, int descriptor, void *data, size_t length,
                              uint64_t offset)
{
    return transfer(test, descriptor, WEIR_OP_READ, data, length, offset);
}

static inline int64_t write_at(struct disk_test *test, int descriptor, const void *data,
                               size_t length, uint64_t offset)
{
    return transfer(test, descriptor, WEIR_OP_WRITE, (void *)(uintptr_t)data, length, offset);
}

static inline int64_t range(struct disk_test *test, int descriptor, enum weir_op_kind kind,
                            uint64_t offset, uint64_t length)
{
    struct weir_op op = {.kind = (uint8_t)kind};
    op.in.arg.range.offset = offset;
    op.in.arg.range.length = length;
    return perform(test, descriptor, &op);
}

static inline int64_t resize(struct disk_test *test, int descriptor, uint64_t length)
{
    return range(test, descriptor, WEIR_OP_TRUNCATE, 0, length);
}

static inline int64_t reserve(struct disk_test *test, int descriptor, uint64_t offset,
                              uint64_t length)
{
    return range(test, descriptor, WEIR_OP_PREALLOCATE, offset, length);
}

static inline int64_t sync_file(struct disk_test *test, int descriptor)
{
    struct weir_op op = {.kind = WEIR_OP_FSYNC};
    return perform(test, descriptor, &op);
}

static inline struct weir_stat stat_of(struct disk_test *test, int descriptor)
{
    struct weir_stat stat;
    struct weir_op   op = {.kind = WEIR_OP_FSTAT};
    op.in.arg.stat = &stat;
    CHECK_EQ(perform(test, descriptor, &op), 0);
    return stat;
}

#endif
