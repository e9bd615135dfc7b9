/* SPDX-License-Identifier: MIT */
/* files_direct.c - files past the page cache (WEIR_OPEN_DIRECT): right at every depth, never waited
 * for on the loop's thread, and with the results that the plain calls have. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "contract.h"

#define NO_DIRECT "this file system has no direct I/O"

/* Every device's sectors divide it. */
#define BLOCK 4096u
#define BLOCKS 512u
#define DEPTH_MOST 300u
#define SEED 41u

static _Alignas(BLOCK) unsigned char memory[DEPTH_MOST][BLOCK];
static struct weir_op ops[DEPTH_MOST];

/* A file of BLOCKS blocks that are on the disk and not in the page cache, opened past it. */
static const char *open_direct(struct contract *c, struct weir_handle *file)
{
    const char    *path = contract_temp_file(c);
    struct weir_op op = {0};
    int            fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        contract_fill(memory[0], BLOCK, (uint64_t)i * BLOCK, SEED);
        CHECK_EQ(pwrite(fd, memory[0], BLOCK, (off_t)i * BLOCK), BLOCK);
    }
    CHECK_EQ(fsync(fd), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    contract_raw_close(fd);
    weir_open(&op, c->loop, file, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_DIRECT, 0,
              contract_done);
    int64_t result = contract_await(c, &op);
    if (result == WEIR_EINVAL) /* open(2), O_DIRECT */
        SKIP(NO_DIRECT);
    CHECK_EQ(result, 0);
    return path;
}

/* Whether the engine says that the kernel itself does it, on this file. */
static bool kernel_serves(struct contract *c, struct weir_handle *file)
{
    struct weir_feature features[32];
    struct iovec        piece = {memory[0], BLOCK};
    int                 count = weir_loop_features(c->loop, features, 32);
    if (weir_query(c->engine, WEIR_OP_READ, WEIR_HANDLE_FILE) == WEIR_SUPPORT_NATIVE)
        return true;
    for (int i = 0; i < count && i < 32; i++)
        if (!strcmp(features[i].name, "DIRECT_FILES") && features[i].used)
            return syscall(SYS_preadv2, (int)weir_handle_os(file), &piece, 1, 0L, 0L, RWF_NOWAIT) ==
                   BLOCK;
    return false;
}

static uint64_t next_block(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % BLOCKS;
}

static void read_block(struct weir_handle *file, unsigned i, uint64_t block)
{
    memset(memory[i], 0x5a, BLOCK);
    weir_read(&ops[i], file, memory[i], BLOCK, block * BLOCK, 0, contract_done);
}

/* `depth` reads at a time, each of a block of its own choice. How many the kernel did. */
static unsigned read_at_depth(struct contract *c, struct weir_handle *file, unsigned depth)
{
    uint64_t blocks[DEPTH_MOST];
    unsigned by_kernel = 0;
    for (unsigned i = 0; i < depth; i++)
        read_block(file, i, blocks[i] = next_block());
    contract_run(c);
    for (unsigned i = 0; i < depth; i++) {
        CHECK_RESULT(&ops[i], BLOCK);
        CHECK(contract_filled(memory[i], BLOCK, blocks[i] * BLOCK, SEED));
        CHECK(ops[i].served == WEIR_SERVED_KERNEL || ops[i].served == WEIR_SERVED_WORKER);
        by_kernel += ops[i].served == WEIR_SERVED_KERNEL;
    }
    return by_kernel;
}

/* Nothing past the page cache is ever at hand: no read is done on the loop's thread. */
static void direct_reads_at_many_depths(struct contract *c)
{
    static struct weir_handle file;
    static const unsigned     depths[] = {1, 2, 8, 32, DEPTH_MOST};
    open_direct(c, &file);
    bool kernel = kernel_serves(c, &file);
    for (unsigned d = 0; d < sizeof depths / sizeof *depths; d++) {
        unsigned by_kernel = 0, laps = depths[d] < 32 ? 20 : 2;
        for (unsigned lap = 0; lap < laps; lap++)
            by_kernel += read_at_depth(c, &file, depths[d]);
        /* A device whose queue is full may send some to a worker; hardly at these depths. */
        if (kernel && depths[d] <= 32)
            CHECK(by_kernel * 10 >= laps * depths[d] * 9);
    }
}

/* In pieces, too. */
static void direct_vectors(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    struct weir_buf           pieces[8];
    open_direct(c, &file);
    for (unsigned i = 0; i < 8; i++)
        pieces[i] = (struct weir_buf){memory[2 * i + 1], BLOCK};
    weir_readv(&op, &file, pieces, 8, 3 * BLOCK, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 8 * BLOCK);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(contract_filled(pieces[i].data, BLOCK, (3 + i) * BLOCK, SEED));
        contract_fill(pieces[i].data, BLOCK, i * BLOCK, SEED + 1);
    }
    weir_writev(&op, &file, pieces, 8, 100 * BLOCK, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 8 * BLOCK);
    for (unsigned i = 0; i < 8; i++)
        read_block(&file, i, 100 + i);
    contract_run(c);
    for (unsigned i = 0; i < 8; i++)
        CHECK(contract_filled(memory[i], BLOCK, i * BLOCK, SEED + 1));
}

/* Over what is there, and behind the end, where the file grows; then on the device. */
static void direct_writes_in_place_and_behind_the_end(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            sync = {0};
    unsigned char            *seen = memory[DEPTH_MOST - 1];
    const unsigned            count = 64;
    const char               *path = open_direct(c, &file);
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = (BLOCKS - count / 2 + i) * (uint64_t)BLOCK;
        contract_fill(memory[i], BLOCK, at, SEED + 2);
        weir_write(&ops[i], &file, memory[i], BLOCK, at, 0, contract_done);
    }
    contract_run(c);
    weir_fsync(&sync, &file, 0, contract_done);
    CHECK_EQ(contract_await(c, &sync), 0);
    weir_fsync(&sync, &file, WEIR_DATA_ONLY, contract_done);
    CHECK_EQ(contract_await(c, &sync), 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = (BLOCKS - count / 2 + i) * (uint64_t)BLOCK;
        CHECK_RESULT(&ops[i], BLOCK);
        CHECK(ops[i].served == WEIR_SERVED_KERNEL || ops[i].served == WEIR_SERVED_WORKER);
        CHECK_EQ(pread(fd, seen, BLOCK, (off_t)at), BLOCK);
        CHECK(contract_filled(seen, BLOCK, at, SEED + 2));
    }
    CHECK_EQ(lseek(fd, 0, SEEK_END), (BLOCKS + count / 2) * BLOCK);
    contract_raw_close(fd);
}

/* What the page cache holds and has not written yet is seen by the next read past it. */
static void direct_read_sees_dirty_pages(struct contract *c)
{
    static struct weir_handle file;
    const char               *path = open_direct(c, &file);
    int                       fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    for (unsigned lap = 0; lap < 8; lap++) {
        contract_fill(memory[1], BLOCK, lap, SEED + 3);
        CHECK_EQ(pwrite(fd, memory[1], BLOCK, (off_t)lap * BLOCK), BLOCK);
        read_block(&file, 0, lap);
        CHECK_EQ(contract_await(c, &ops[0]), BLOCK);
        CHECK(contract_filled(memory[0], BLOCK, lap, SEED + 3));
    }
    contract_raw_close(fd);
}

static int64_t read_now(struct contract *c, struct weir_handle *file, void *data, size_t length,
                        uint64_t offset)
{
    struct weir_op op = {0};
    weir_read(&op, file, data, length, offset, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t plain_read(int fd, void *data, size_t length, uint64_t offset)
{
    ssize_t result = pread(fd, data, length, (off_t)offset);
    return result < 0 ? -errno : result;
}

/* Lengths, offsets and memory that are not aligned, and the end of the file: as pread(2) says. */
static void direct_results_are_those_of_the_plain_call(struct contract *c)
{
    static struct weir_handle file;
    const uint64_t            end = (uint64_t)BLOCKS * BLOCK;
    const struct {
        unsigned skew;
        size_t   length;
        uint64_t offset;
    } asked[] = {
        {0, BLOCK, 0},       {0, 100, 0},
        {0, BLOCK, 1},       {1, BLOCK, 0},
        {0, 2 * BLOCK, end}, {0, 2 * BLOCK, end - BLOCK},
        {0, BLOCK, end + 1}, {0, 4 * BLOCK, end - 2 * BLOCK},
    };
    const char *path = open_direct(c, &file);
    int         fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
    CHECK(fd >= 0);
    for (int tail = 0; tail < 2; tail++) {
        CHECK_EQ(ftruncate(fd, (off_t)end + tail * 10), 0);
        for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
            void   *data = memory[0] + asked[i].skew;
            int64_t plain = plain_read(fd, data, asked[i].length, asked[i].offset);
            CHECK_EQ(read_now(c, &file, data, asked[i].length, asked[i].offset), plain);
        }
    }
    CHECK_EQ(read_now(c, &file, (void *)(uintptr_t)BLOCK, BLOCK, 0), WEIR_EFAULT);
    contract_raw_close(fd);
}

/* Asked for every byte, the end of the file is told with what was there before it. */
static void direct_read_all_tells_the_end(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    open_direct(c, &file);
    weir_read(&op, &file, memory[0], 8 * BLOCK, (BLOCKS - 3) * BLOCK, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 3 * BLOCK);
    CHECK_EQ(op.error, WEIR_EEOF);
    CHECK(contract_filled(memory[0], (size_t)3 * BLOCK, (BLOCKS - 3) * BLOCK, SEED));
    weir_read(&op, &file, memory[0], 8 * BLOCK, BLOCKS * BLOCK, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(op.error, WEIR_EEOF);
}

/* Each ends once: cancelled before it began, or with what it really read. */
static void direct_reads_cancelled_in_flight(struct contract *c)
{
    static struct weir_handle file;
    open_direct(c, &file);
    for (unsigned lap = 0; lap < 6; lap++) {
        for (unsigned i = 0; i < DEPTH_MOST; i++)
            read_block(&file, i, i);
        if (lap % 2)
            CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0); /* 0: the disk was faster */
        for (unsigned i = lap % 3; i < DEPTH_MOST; i += 3) {
            if (lap < 4)
                weir_cancel(&ops[i]);
            else
                weir_deadline(&ops[i], 1);
        }
        contract_run(c);
        for (unsigned i = 0; i < DEPTH_MOST; i++) {
            int64_t cause = lap < 4 ? WEIR_ECANCELED : WEIR_EDEADLINE;
            if (ops[i].result == cause && i % 3 == lap % 3)
                continue;
            CHECK_RESULT(&ops[i], BLOCK);
            CHECK(contract_filled(memory[i], BLOCK, (uint64_t)i * BLOCK, SEED));
        }
    }
}

/* Closing waits for the kernel: nothing is written into memory that was given back. */
static void direct_reads_closed_in_flight(struct contract *c)
{
    static struct weir_handle file;
    for (unsigned lap = 0; lap < 2; lap++) {
        open_direct(c, &file);
        for (unsigned i = 0; i < DEPTH_MOST; i++)
            read_block(&file, i, i);
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0); /* 0: many threads did them all at once */
        if (lap)
            CHECK_EQ(weir_close(&file, contract_closed), 0);
        else if (weir_close_now(&file)) /* a worker was in its call: it goes on as weir_close() */
            CHECK_EQ(weir_close(&file, contract_closed), 0);
        contract_run(c);
        for (unsigned i = 0; i < DEPTH_MOST; i++)
            CHECK(ops[i].result == BLOCK || ops[i].result == WEIR_ECANCELED);
        CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_NONE);
    }
}

/* Others may set the flag, or take it away, while the handle is open. */
static void direct_flag_changed_meanwhile(struct contract *c)
{
    static struct weir_handle file;
    open_direct(c, &file);
    int fd = (int)weir_handle_os(&file), flags = fcntl(fd, F_GETFL);
    (void)read_at_depth(c, &file, 8);
    CHECK_EQ(fcntl(fd, F_SETFL, flags & ~O_DIRECT), 0);
    CHECK_EQ(read_now(c, &file, memory[0], 100, 7), 100);
    CHECK(contract_filled(memory[0], 100, 7, SEED));
    contract_fill(memory[1], 200, 9, SEED);
    weir_write(&ops[1], &file, memory[1], 200, 9, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[1]), 200);
    CHECK_EQ(fcntl(fd, F_SETFL, flags), 0);
    read_block(&file, 2, 0);
    CHECK_EQ(contract_await(c, &ops[2]), BLOCK);
    CHECK(contract_filled(memory[2], BLOCK, 0, SEED));
}

const struct contract_case contract_cases[] = {
    {"direct_reads_at_many_depths", direct_reads_at_many_depths, 0},
    {"direct_vectors", direct_vectors, 0},
    {"direct_writes_in_place_and_behind_the_end", direct_writes_in_place_and_behind_the_end, 0},
    {"direct_read_sees_dirty_pages", direct_read_sees_dirty_pages, 0},
    {"direct_results_are_those_of_the_plain_call", direct_results_are_those_of_the_plain_call,
     CONTRACT_NO_VALGRIND},
    {"direct_read_all_tells_the_end", direct_read_all_tells_the_end, 0},
    {"direct_reads_cancelled_in_flight", direct_reads_cancelled_in_flight, 0},
    {"direct_reads_closed_in_flight", direct_reads_closed_in_flight, 0},
    {"direct_flag_changed_meanwhile", direct_flag_changed_meanwhile, 0},
    {0},
};
