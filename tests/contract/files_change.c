/* SPDX-License-Identifier: MIT */
/* files_change.c - files that are cut, reserved and advised, and what direct I/O asks of them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files_await.h"
#include "own_mounts.h"

/* A limit of the machine; the same words stand in skips.txt. */
#define NO_DIRECT "no file system here takes WEIR_OPEN_DIRECT"

static int64_t truncate_to(struct contract *c, struct weir_handle *file, uint64_t length)
{
    struct weir_op op = {0};
    weir_truncate(&op, file, length, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t preallocate(struct contract *c, struct weir_handle *file, uint64_t offset,
                           uint64_t length)
{
    struct weir_op op = {0};
    weir_preallocate(&op, file, offset, length, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t advise(struct contract *c, struct weir_handle *file, uint64_t offset,
                      uint64_t length, enum weir_advice advice)
{
    struct weir_op op = {0};
    weir_advise(&op, file, offset, length, advice, 0, contract_done);
    return contract_await(c, &op);
}

static struct weir_stat stat_of(struct contract *c, struct weir_handle *file)
{
    struct weir_stat stat;
    struct weir_op   op = {0};
    weir_fstat(&op, file, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    return stat;
}

/* ------------------------------------------------------------------------------------------------
 * Length and space
 * ---------------------------------------------------------------------------------------------- */

static void truncate_sets_the_length(struct contract *c)
{
    static struct weir_handle file;
    static const uint64_t     far = UINT64_C(5) << 30;
    char                      data[16];
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, "0123456789", 10, 0), 10);
    CHECK_EQ(truncate_to(c, &file, 4), 0);
    CHECK_EQ(stat_of(c, &file).size, 4);
    CHECK_EQ(truncate_to(c, &file, 8), 0);
    CHECK_EQ(read_at(c, &file, data, sizeof data, 0), 8);
    CHECK(memcmp(data, "0123\0\0\0\0", 8) == 0);
    CHECK_EQ(truncate_to(c, &file, far), 0);
    CHECK(stat_of(c, &file).size == far);
    CHECK_EQ(read_at(c, &file, data, sizeof data, far - 2), 2);
    CHECK_EQ(truncate_to(c, &file, 0), 0);
    CHECK_EQ(stat_of(c, &file).size, 0);
    /* The position is where it was. */
    CHECK_EQ(lseek((int)weir_handle_os(&file), 100, SEEK_SET), 100);
    CHECK_EQ(truncate_to(c, &file, 3), 0);
    CHECK_EQ(lseek((int)weir_handle_os(&file), 0, SEEK_CUR), 100);
}

/* Space is taken, the length grows with it, and what is there stays. posix_fallocate(3). */
static void check_reserving(struct contract *c, struct weir_handle *file)
{
    const uint64_t room = 100000;
    char           data[8];
    CHECK_EQ(write_at(c, file, "kept", 4, 0), 4);
    CHECK_EQ(preallocate(c, file, 0, room), 0);
    struct weir_stat stat = stat_of(c, file);
    CHECK_EQ(stat.size, room);
    CHECK(stat.blocks * 512 >= room);
    CHECK_EQ(read_at(c, file, data, sizeof data, 0), 8);
    CHECK(memcmp(data, "kept\0\0\0\0", 8) == 0);
    CHECK_EQ(preallocate(c, file, 1000, 1000), 0); /* inside: nothing changes */
    CHECK_EQ(stat_of(c, file).size, room);
    CHECK_EQ(preallocate(c, file, room + 50000, 4096), 0);
    CHECK_EQ(stat_of(c, file).size, room + 50000 + 4096);
    CHECK_EQ(preallocate(c, file, 0, 0), WEIR_EINVAL);
}

static void preallocate_takes_space(struct contract *c)
{
    static struct weir_handle file;
    open_file(c, &file, contract_temp_file(c), new_file);
    check_reserving(c, &file);
}

/* A file system that has no call for it (ramfs): the C library writes instead, on every engine. */
static void preallocate_where_the_system_cannot(struct contract *c)
{
    static struct weir_handle file;
    open_mounted(c, &file, "ramfs", NULL);
    CHECK_EQ(fallocate((int)weir_handle_os(&file), 0, 0, 10), -1);
    CHECK_EQ(errno, EOPNOTSUPP);
    check_reserving(c, &file);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

static void preallocate_without_space_is_told(struct contract *c)
{
    static struct weir_handle file;
    open_mounted(c, &file, "tmpfs", "size=65536,mode=0700");
    CHECK_EQ(preallocate(c, &file, 0, 32768), 0);
    CHECK_EQ(preallocate(c, &file, 0, 1 << 20), WEIR_ENOSPC);
    CHECK_EQ(stat_of(c, &file).size, 32768);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* setrlimit(2): the signal that comes with the error is ignored here. */
static void truncate_beyond_the_limit_is_efbig(struct contract *c)
{
    static struct weir_handle file;
    struct rlimit             limit = {100000, 100000};
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(truncate_to(c, &file, 100000), 0);
    CHECK_EQ(truncate_to(c, &file, 100001), WEIR_EFBIG);
    CHECK_EQ(preallocate(c, &file, 0, 100001), WEIR_EFBIG);
    CHECK_EQ(stat_of(c, &file).size, 100000);
}

/* ------------------------------------------------------------------------------------------------
 * Advice and errors
 * ---------------------------------------------------------------------------------------------- */

static void advice_is_taken(struct contract *c)
{
    static struct weir_handle file;
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, "0123456789", 10, 0), 10);
    for (int advice = WEIR_ADVICE_NORMAL; advice <= WEIR_ADVICE_DONT_NEED; advice++) {
        CHECK_EQ(advise(c, &file, 0, 10, (enum weir_advice)advice), 0);
        CHECK_EQ(advise(c, &file, 0, 0, (enum weir_advice)advice), 0);
        CHECK_EQ(advise(c, &file, 4096, UINT64_C(6) << 30, (enum weir_advice)advice), 0);
    }
    CHECK_EQ(advise(c, &file, 0, 10, (enum weir_advice)5), WEIR_EINVAL);
    CHECK_EQ(advise(c, &file, 0, 10, (enum weir_advice) - 1), WEIR_EINVAL);
}

/* What the system says of the plain call is said on every engine. */
static void check_as_the_system(struct contract *c, struct weir_handle *handle)
{
    int fd = (int)weir_handle_os(handle);
    CHECK_EQ(truncate_to(c, handle, 10), ftruncate(fd, 10) == 0 ? 0 : -errno);
    CHECK_EQ(preallocate(c, handle, 0, 10), -posix_fallocate(fd, 0, 10));
    CHECK_EQ(advise(c, handle, 0, 10, WEIR_ADVICE_RANDOM),
             -posix_fadvise(fd, 0, 10, POSIX_FADV_RANDOM));
}

static void wrong_kinds_say_what_the_system_says(struct contract *c)
{
    static struct weir_handle readonly, directory, nothing, reader, writer, a, b;
    const char               *path = contract_temp_file(c);
    open_file(c, &a, path, new_file);
    contract_close(c, &a);
    open_file(c, &readonly, path, WEIR_OPEN_READ);
    open_file(c, &directory, c->directory, WEIR_OPEN_READ | WEIR_OPEN_DIRECTORY);
    open_file(c, &nothing, "/dev/null", WEIR_OPEN_READ | WEIR_OPEN_WRITE);
    contract_pipe_pair(c, &reader, &writer);
    contract_unix_pair(c, &a, &b);
    struct weir_handle *const handles[] = {&readonly, &directory, &nothing, &reader, &writer, &a};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        check_as_the_system(c, handles[i]);
    CHECK_EQ(truncate_to(c, &readonly, 0), WEIR_EINVAL);
    CHECK_EQ(preallocate(c, &readonly, 0, 1), WEIR_EBADF);
    CHECK_EQ(preallocate(c, &writer, 0, 1), WEIR_ESPIPE);
    CHECK_EQ(advise(c, &reader, 0, 1, WEIR_ADVICE_NORMAL), WEIR_ESPIPE);
}

static void wrong_ranges_are_refused(struct contract *c)
{
    static struct weir_handle file;
    const uint64_t            negative = (uint64_t)INT64_MAX + 1;
    struct weir_op            op = {0};
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(truncate_to(c, &file, negative), WEIR_EINVAL);
    CHECK_EQ(truncate_to(c, &file, WEIR_STREAM), WEIR_EINVAL);
    CHECK_EQ(truncate_to(c, &file, INT64_MAX), WEIR_EFBIG);
    CHECK_EQ(preallocate(c, &file, negative, 1), WEIR_EINVAL);
    CHECK_EQ(preallocate(c, &file, 0, negative), WEIR_EINVAL);
    CHECK_EQ(preallocate(c, &file, INT64_MAX, 10), WEIR_EFBIG);
    CHECK_EQ(advise(c, &file, negative, 0, WEIR_ADVICE_NORMAL), WEIR_EINVAL);
    CHECK_EQ(advise(c, &file, 0, negative, WEIR_ADVICE_NORMAL), WEIR_EINVAL);
    CHECK_EQ(stat_of(c, &file).size, 0);
    weir_truncate(&op, &file, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_preallocate(&op, &file, 0, 1, WEIR_DATA_ONLY, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_advise(&op, &file, 0, 1, WEIR_ADVICE_NORMAL, WEIR_PEEK, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
}

static void on_closing_and_closed_files(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            ops[3] = {{0}};
    open_file(c, &file, contract_temp_file(c), new_file);
    for (int closed = 0; closed < 2; closed++) {
        if (!closed)
            CHECK_EQ(weir_close(&file, contract_closed), 0);
        weir_truncate(&ops[0], &file, 1, 0, contract_done);
        weir_preallocate(&ops[1], &file, 0, 1, 0, contract_done);
        weir_advise(&ops[2], &file, 0, 1, WEIR_ADVICE_NORMAL, 0, contract_done);
        contract_run(c);
        for (int i = 0; i < 3; i++)
            CHECK_RESULT(&ops[i], closed ? WEIR_EBADF : WEIR_ECANCELED);
    }
    CHECK_EQ(contract_closed_count(&file), 1);
}

/* Each in the order of the caller's own making: the next is started when the one before has
 * ended. And many at a time, on files of their own. */
static void many_changes_at_a_time(struct contract *c)
{
    static struct weir_handle files[32];
    static struct weir_op     ops[32][3];
    for (int i = 0; i < 32; i++)
        open_file(c, &files[i], contract_temp_file(c), new_file);
    for (int i = 0; i < 32; i++) {
        weir_preallocate(&ops[i][0], &files[i], 0, (uint64_t)(i + 1) * 1000, 0, contract_done);
        weir_advise(&ops[i][1], &files[i], 0, 0, WEIR_ADVICE_SEQUENTIAL, 0, contract_done);
    }
    contract_run(c);
    for (int i = 0; i < 32; i++) {
        CHECK_RESULT(&ops[i][0], 0);
        CHECK_RESULT(&ops[i][1], 0);
        CHECK_EQ(stat_of(c, &files[i]).size, (i + 1) * 1000);
        weir_truncate(&ops[i][2], &files[i], (uint64_t)i, 0, NULL);
    }
    contract_run(c);
    for (int i = 0; i < 32; i++) {
        CHECK(weir_ended(&ops[i][2]));
        CHECK_EQ(ops[i][2].result, 0);
        CHECK_EQ(stat_of(c, &files[i]).size, i);
    }
}

/* Who did it is told as weir_query() promised it. */
static void changes_are_served_as_promised(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            ops[3] = {{0}};
    contract_needs("mechanism that is always the same");
    open_file(c, &file, contract_temp_file(c), new_file);
    weir_truncate(&ops[0], &file, 1000, 0, contract_done);
    weir_preallocate(&ops[1], &file, 0, 1000, 0, contract_done);
    weir_advise(&ops[2], &file, 0, 1000, WEIR_ADVICE_RANDOM, 0, contract_done);
    contract_run(c);
    for (int i = 0; i < 3; i++) {
        enum weir_op_kind kind = (enum weir_op_kind)ops[i].kind;
        int               support = weir_query(c->engine, kind, WEIR_HANDLE_FILE);
        CHECK(support == WEIR_SUPPORT_NATIVE || support == WEIR_SUPPORT_OFFLOADED);
        CHECK_EQ(ops[i].served,
                 support == WEIR_SUPPORT_NATIVE ? WEIR_SERVED_KERNEL : WEIR_SERVED_WORKER);
        CHECK_EQ(weir_query(c->engine, kind, WEIR_HANDLE_PIPE), WEIR_SUPPORT_NO);
        CHECK_EQ(weir_query(c->engine, kind, WEIR_HANDLE_NONE), WEIR_SUPPORT_NO);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Direct I/O
 * ---------------------------------------------------------------------------------------------- */

static bool is_power_of_two(uint32_t n)
{
    return n && !(n & (n - 1));
}

/* What is asked is enough, and what is less ends as the plain call does, on every engine. */
static void odirect_alignment(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    struct weir_alignment     alignment;
    weir_open(&op, c->loop, &file, contract_temp_file(c), new_file | WEIR_OPEN_DIRECT, 0,
              contract_done);
    if (contract_await(c, &op) == WEIR_EINVAL)
        SKIP(NO_DIRECT);
    CHECK_RESULT(&op, 0);
    CHECK(fcntl((int)weir_handle_os(&file), F_GETFL) & O_DIRECT);
    CHECK_EQ(weir_direct_alignment(&file, &alignment), 0);
    CHECK(is_power_of_two(alignment.memory));
    CHECK(is_power_of_two(alignment.offset));
    size_t unit = alignment.offset, length = 8 * unit;
    size_t align = alignment.memory > sizeof(void *) ? alignment.memory : sizeof(void *);
    void  *space = NULL;
    CHECK_EQ(posix_memalign(&space, align < 4096 ? 4096 : align, 2 * length), 0);
    char *data = (char *)space + (align < 4096 ? align : 0); /* aligned so much and no more */
    contract_fill(data, length, 0, 1);
    CHECK_EQ(write_at(c, &file, data, length, 0), length);
    memset(data, 0, length);
    CHECK_EQ(read_at(c, &file, data, length - unit, unit), length - unit);
    CHECK(contract_filled(data, length - unit, unit, 1));
    for (int wrong = 0; wrong < 3; wrong++) { /* the memory, the offset, the length */
        char    *to = data + (wrong == 0 ? 1 : 0);
        uint64_t at = wrong == 1 ? 1 : 0;
        size_t   n = wrong == 2 ? unit + 1 : unit;
        ssize_t  plain = pread((int)weir_handle_os(&file), to, n, (off_t)at);
        CHECK_EQ(read_at(c, &file, to, n, at), plain < 0 ? -errno : plain);
    }
    free(space);
}

static void alignment_of_every_kind(struct contract *c)
{
    static struct weir_handle file, process, reader, writer, a, b, never;
    struct weir_alignment     alignment = {7, 7};
    contract_needs("generated files");
    CHECK_EQ(weir_direct_alignment(&never, &alignment), WEIR_EBADF);
    CHECK_EQ(alignment.memory, 0);
    contract_pipe_pair(c, &reader, &writer);
    contract_unix_pair(c, &a, &b);
    open_file(c, &process, "/proc/self/status", WEIR_OPEN_READ);
    struct weir_handle *const none[] = {&reader, &writer, &a, &process};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        alignment = (struct weir_alignment){7, 7};
        CHECK_EQ(weir_direct_alignment(none[i], &alignment), 0);
        CHECK_EQ(alignment.memory, 0);
        CHECK_EQ(alignment.offset, 0);
    }
    /* How it was opened does not matter: it is the file that is asked. */
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(weir_direct_alignment(&file, &alignment), 0);
    CHECK_EQ(!alignment.memory, !alignment.offset);
    contract_close(c, &file);
    CHECK_EQ(weir_direct_alignment(&file, &alignment), WEIR_EBADF);
}

/* A file system that takes direct I/O and says nothing of its wishes (tmpfs): a page is enough. */
static void alignment_where_nothing_is_told(struct contract *c)
{
    static struct weir_handle file;
    struct weir_alignment     alignment;
    open_mounted(c, &file, "tmpfs", "size=65536,mode=0700");
    int direct = open(contract_temp_file(c), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    CHECK_EQ(weir_direct_alignment(&file, &alignment), 0);
    if (direct < 0) {
        CHECK_EQ(alignment.memory, 0);
        CHECK_EQ(alignment.offset, 0);
    } else {
        void *page = NULL;
        CHECK(is_power_of_two(alignment.memory));
        CHECK(is_power_of_two(alignment.offset));
        CHECK_EQ(posix_memalign(&page, alignment.memory, alignment.offset), 0);
        memset(page, 'x', alignment.offset);
        CHECK_EQ(pwrite(direct, page, alignment.offset, 0), alignment.offset);
        free(page);
        contract_raw_close(direct);
    }
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

const struct contract_case contract_cases[] = {
    {"truncate_sets_the_length", truncate_sets_the_length, 0},
    {"truncate_beyond_the_limit_is_efbig", truncate_beyond_the_limit_is_efbig, 0},
    {"preallocate_takes_space", preallocate_takes_space, 0},
    /* The loops of these are opened where the mounts are seen. */
    {"preallocate_where_the_system_cannot", preallocate_where_the_system_cannot, CONTRACT_OWN_LOOP},
    {"preallocate_without_space_is_told", preallocate_without_space_is_told, CONTRACT_OWN_LOOP},
    {"advice_is_taken", advice_is_taken, 0},
    {"wrong_kinds_say_what_the_system_says", wrong_kinds_say_what_the_system_says, 0},
    {"wrong_ranges_are_refused", wrong_ranges_are_refused, 0},
    {"on_closing_and_closed_files", on_closing_and_closed_files, 0},
    {"many_changes_at_a_time", many_changes_at_a_time, 0},
    {"changes_are_served_as_promised", changes_are_served_as_promised, 0},
    {"odirect_alignment", odirect_alignment, 0},
    {"alignment_of_every_kind", alignment_of_every_kind, 0},
    {"alignment_where_nothing_is_told", alignment_where_nothing_is_told, CONTRACT_OWN_LOOP},
    {0},
};
