/* SPDX-License-Identifier: MIT */
/* copy.c - from every kind of handle to every other: all bytes, in order, and no more. */
#include <sys/syscall.h>

#include "copy_ends.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* What lies behind the copy at the source is there, from its first byte on. */
static void check_rest(struct contract *c, struct end *source, uint64_t at, size_t length)
{
    unsigned char  data[1000];
    struct weir_op op = {0};
    CHECK(length <= sizeof data);
    weir_read(&op, &source->handle, data, length, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), length);
    CHECK(contract_filled(data, length, at, 7));
}

/* until_end: as much as there is. Else the source has more, and keeps it. */
static void copy_pair(struct contract *c, enum end_kind from, enum end_kind to, uint64_t length,
                      bool until_end)
{
    static struct end  source, target;
    static struct flow giver, taker;
    struct weir_op     op = {0};
    const size_t       more = until_end ? 0 : 1000;
    end_open(c, &source, from, true);
    end_open(c, &target, to, false);
    taker = (struct flow){.fd = target.plain, .length = length, .seed = 7};
    if (to != END_FILE)
        contract_thread_start(&taker.thread, flow_take, &taker);
    flow_begin(&giver, &source, length + more, until_end);
    struct weir_copy_range range = whole_of(&source.handle, until_end ? UINT64_MAX : length);
    weir_copy(&op, &target.handle, &range, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), length);
    CHECK_EQ(op.error, 0);
    if (until_end && from != END_FILE && from != END_TCP && from != END_UNIX &&
        from != END_BLOCKING)
        source.plain = -1; /* the giver closed it */
    if (more)
        check_rest(c, &source, length, more);
    flow_end(&giver);
    flow_end(&taker);
    if (to == END_FILE)
        check_file(&target, 0, length);
    else
        CHECK_EQ(taker.length, length);
    end_close(c, &source);
    end_close(c, &target);
}

/* A terminal has no end that is none of an error. */
static void copy_to_every_kind(struct contract *c, enum end_kind from)
{
    static const uint64_t lengths[] = {0, 1, 64 * KIB + 1};
    for (int to = END_FILE; to <= END_TTY; to++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            copy_pair(c, from, (enum end_kind)to, lengths[i], false);
            if (from != END_TTY)
                copy_pair(c, from, (enum end_kind)to, lengths[i], true);
        }
        if (from != END_TTY && to != END_TTY)
            copy_pair(c, from, (enum end_kind)to, contract_count(8) * MIB, to % 2);
    }
}

static void from_a_file(struct contract *c)
{
    copy_to_every_kind(c, END_FILE);
}

static void from_tcp(struct contract *c)
{
    copy_to_every_kind(c, END_TCP);
}

static void from_a_unix_socket(struct contract *c)
{
    copy_to_every_kind(c, END_UNIX);
}

static void from_a_blocking_socket(struct contract *c)
{
    copy_to_every_kind(c, END_BLOCKING);
}

static void from_a_pipe(struct contract *c)
{
    copy_to_every_kind(c, END_PIPE);
}

static void from_a_fifo(struct contract *c)
{
    copy_to_every_kind(c, END_FIFO);
}

static void from_a_tty(struct contract *c)
{
    copy_to_every_kind(c, END_TTY);
}

/* Where the system has none of the calls that keep bytes out of the program, reads and writes do
 * the same. */
static void without_the_systems_calls(struct contract *c)
{
    contract_deny(SYS_copy_file_range, ENOSYS);
    contract_deny(SYS_sendfile, ENOSYS);
    contract_deny(SYS_splice, ENOSYS);
    contract_loop_close(c, c->loop); /* workers of its own, which are denied them too */
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    for (int from = END_FILE; from <= END_TTY; from++) {
        for (int to = END_FILE; to <= END_TTY; to++) {
            copy_pair(c, (enum end_kind)from, (enum end_kind)to, 64 * KIB + 1, false);
            if (from != END_TTY && to != END_TTY)
                copy_pair(c, (enum end_kind)from, (enum end_kind)to, 300 * KIB, true);
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 * Places in files
 * ---------------------------------------------------------------------------------------------- */

static int64_t copy_now(struct contract *c, struct weir_handle *to, struct weir_copy_range range)
{
    struct weir_op op = {0};
    weir_copy(&op, to, &range, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t position(const struct end *end)
{
    return lseek((int)weir_handle_os(&end->handle), 0, SEEK_CUR);
}

/* With offsets the positions stay; without, they go as far as was copied. */
static void offsets_and_positions(struct contract *c)
{
    static struct end  from, to;
    struct flow        giver;
    static const off_t start = 5000;
    end_open(c, &from, END_FILE, true);
    end_open(c, &to, END_FILE, false);
    flow_begin(&giver, &from, 100000, false);
    struct weir_copy_range range = {&from.handle, 0, (uint64_t)start, 70000};
    CHECK_EQ(copy_now(c, &to.handle, range), 70000);
    CHECK_EQ(position(&from), 0);
    CHECK_EQ(position(&to), 0);
    check_file(&to, (uint64_t)start, 70000);
    /* The rest, each at its own position; more is asked for than there is. */
    CHECK_EQ(lseek((int)weir_handle_os(&from.handle), 70000, SEEK_SET), 70000);
    CHECK_EQ(lseek((int)weir_handle_os(&to.handle), start + 70000, SEEK_SET), start + 70000);
    CHECK_EQ(copy_now(c, &to.handle, whole_of(&from.handle, 1000000)), 30000);
    CHECK_EQ(position(&from), 100000);
    CHECK_EQ(position(&to), start + 100000);
    check_file(&to, (uint64_t)start, 100000);
    CHECK_EQ(copy_now(c, &to.handle, whole_of(&from.handle, UINT64_MAX)), 0);
    range.from_offset = 200000;
    CHECK_EQ(copy_now(c, &to.handle, range), 0);
    end_close(c, &from);
    end_close(c, &to);
}

static void file_offset_to_a_stream(struct contract *c)
{
    static struct end          from;
    static const enum end_kind kinds[] = {END_TCP, END_BLOCKING, END_PIPE};
    struct flow                giver;
    unsigned char              data[1000];
    end_open(c, &from, END_FILE, true);
    flow_begin(&giver, &from, 10000, false);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        static struct end to;
        end_open(c, &to, kinds[i], false);
        struct weir_copy_range range = {&from.handle, 9000, WEIR_STREAM, UINT64_MAX};
        CHECK_EQ(copy_now(c, &to.handle, range), 1000);
        CHECK_EQ(position(&from), 0);
        contract_raw_recv(to.plain, data, 1000);
        CHECK(contract_filled(data, 1000, 9000, 7));
        CHECK_EQ(copy_now(c, &to.handle, whole_of(&from.handle, 1000)), 1000);
        CHECK_EQ(position(&from), 1000);
        contract_raw_recv(to.plain, data, 1000);
        CHECK(contract_filled(data, 1000, 0, 7));
        CHECK_EQ(lseek((int)weir_handle_os(&from.handle), 0, SEEK_SET), 0);
        end_close(c, &to);
    }
    end_close(c, &from);
}

/* Each piece goes to the end, from whatever it comes. */
static void appending(struct contract *c)
{
    static struct end          from[3];
    static const enum end_kind kinds[] = {END_FILE, END_TCP, END_PIPE};
    static struct weir_handle  file;
    struct flow                giver;
    struct weir_op             op = {0};
    const char                *path = contract_temp_file(c);
    unsigned char              data[3 * 5000 + 10];
    weir_open(&op, c->loop, &file, path, WEIR_OPEN_WRITE | WEIR_OPEN_CREATE | WEIR_OPEN_APPEND, 0,
              contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    for (int i = 0; i < 3; i++) {
        end_open(c, &from[i], kinds[i], true);
        flow_begin(&giver, &from[i], 5000, false);
        CHECK_EQ(copy_now(c, &file, whole_of(&from[i].handle, 5000)), 5000);
        flow_end(&giver);
        end_close(c, &from[i]);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_EQ(read(fd, data, sizeof data), 3 * 5000);
    for (size_t i = 0; i < 3; i++)
        CHECK(contract_filled(data + i * 5000, 5000, 0, 7));
    contract_raw_close(fd);
    contract_close(c, &file);
}

/* As copy_file_range(2) has it, but of the whole: a file may be both ends where they are apart. */
static void one_file_at_both_ends(struct contract *c)
{
    static struct end         file;
    static struct weir_handle again;
    struct flow               giver;
    unsigned char             data[2000];
    end_open(c, &file, END_FILE, true);
    flow_begin(&giver, &file, 10 * MIB, false);
    int fd = contract_fd_copy(file.plain);
    CHECK_EQ(weir_adopt(&again, c->loop, fd, 0), 0);
    struct weir_handle *const sources[] = {&file.handle, &again};
    for (int i = 0; i < 2; i++) {
        struct weir_copy_range range = {sources[i], 0, 9 * MIB, 9 * MIB + 1};
        CHECK_EQ(copy_now(c, &file.handle, range), WEIR_EINVAL);
        range = (struct weir_copy_range){sources[i], 100, 0, 101};
        CHECK_EQ(copy_now(c, &file.handle, range), WEIR_EINVAL);
        range = (struct weir_copy_range){sources[i], 0, 10 * MIB, UINT64_MAX}; /* not for ever */
        CHECK_EQ(copy_now(c, &file.handle, range), 10 * MIB);
        CHECK_EQ(pread(file.plain, data, 2000, (off_t)(20 * MIB - 1000)), 1000);
        CHECK(contract_filled(data, 1000, 10 * MIB - 1000, 7));
        CHECK_EQ(ftruncate(file.plain, (off_t)(10 * MIB)), 0);
    }
    contract_close(c, &again);
    end_close(c, &file);
}

/* What has a content and no length (proc(5)) and what has no end are copied like all else. */
static void devices_and_generated_files(struct contract *c)
{
    static struct weir_handle version, zero, nothing;
    static struct end         to;
    struct weir_op            op = {0};
    char                      data[4096], expected[4096];
    weir_open(&op, c->loop, &version, "/proc/version", WEIR_OPEN_READ, 0, contract_done);
    contract_needs("generated files");
    CHECK_EQ(contract_await(c, &op), 0);
    weir_open(&op, c->loop, &zero, "/dev/zero", WEIR_OPEN_READ, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_open(&op, c->loop, &nothing, "/dev/null", WEIR_OPEN_WRITE, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    int     fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, expected, sizeof expected);
    CHECK(length > 0);
    contract_raw_close(fd);
    for (int kind = END_FILE; kind <= END_PIPE; kind++) {
        struct weir_copy_range range = {&version, 0, WEIR_STREAM, UINT64_MAX};
        end_open(c, &to, (enum end_kind)kind, false);
        CHECK_EQ(copy_now(c, &to.handle, range), length);
        contract_raw_recv(to.plain, data, (size_t)length);
        CHECK(memcmp(data, expected, (size_t)length) == 0);
        CHECK_EQ(copy_now(c, &to.handle, whole_of(&zero, 10000)), 10000);
        end_close(c, &to);
    }
    CHECK_EQ(copy_now(c, &nothing, whole_of(&zero, 3 * MIB)), 3 * MIB);
}

const struct contract_case contract_cases[] = {
    {"from_a_file", from_a_file, CONTRACT_SLOW}, /* slow: each copies some 50 MiB */
    {"from_tcp", from_tcp, CONTRACT_SLOW},
    {"from_a_unix_socket", from_a_unix_socket, CONTRACT_SLOW},
    {"from_a_blocking_socket", from_a_blocking_socket, CONTRACT_SLOW},
    {"from_a_pipe", from_a_pipe, CONTRACT_SLOW},
    {"from_a_fifo", from_a_fifo, CONTRACT_SLOW},
    {"from_a_tty", from_a_tty, 0},
    {"without_the_systems_calls", without_the_systems_calls, CONTRACT_SLOW},
    {"offsets_and_positions", offsets_and_positions, 0},
    {"file_offset_to_a_stream", file_offset_to_a_stream, 0},
    {"appending", appending, 0},
    {"one_file_at_both_ends", one_file_at_both_ends, 0},
    {"devices_and_generated_files", devices_and_generated_files, 0},
    {0},
};
