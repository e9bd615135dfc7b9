/* SPDX-License-Identifier: MIT */
/* files_open.c - opening files in every mode and failing to, what fstat and fsync tell, and
 * wrong calls on files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contract.h"

static const struct weir_handle zeroed;
static const unsigned           new_file = WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE;

static int64_t open_now(struct contract *c, struct weir_handle *file, const char *path,
                        unsigned mode)
{
    struct weir_op op = {0};
    weir_open(&op, c->loop, file, path, mode, 0, contract_done);
    return contract_await(c, &op);
}

/* Opening fails with this, and leaves the handle as zeroed. */
static void refuse(struct contract *c, const char *path, unsigned mode, int64_t error)
{
    struct weir_handle file = {0};
    CHECK_EQ(open_now(c, &file, path, mode), error);
    CHECK(memcmp(&file, &zeroed, sizeof file) == 0);
}

static int64_t read_now(struct contract *c, struct weir_handle *file, void *data, size_t length)
{
    struct weir_op op = {0};
    weir_read(&op, file, data, length, 0, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t write_now(struct contract *c, struct weir_handle *file, const void *data,
                         size_t length)
{
    struct weir_op op = {0};
    weir_write(&op, file, data, length, 0, 0, contract_done);
    return contract_await(c, &op);
}

static struct weir_stat stat_of(struct contract *c, struct weir_handle *file)
{
    struct weir_stat stat;
    struct weir_op   op = {0};
    memset(&stat, 0xa5, sizeof stat);
    weir_fstat(&op, file, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    return stat;
}

static const char *make_file(struct contract *c, const char *text)
{
    const char *path = contract_temp_file(c);
    int         fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    contract_raw_close(fd);
    return path;
}

static const char *make_link(struct contract *c, const char *target)
{
    const char *path = contract_temp_file(c);
    CHECK_EQ(symlink(target, path), 0);
    return path;
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 * ---------------------------------------------------------------------------------------------- */

/* Each mode lets through what it says, and nothing else. */
static void open_modes_read_and_write(struct contract *c)
{
    static struct weir_handle reader, writer, both;
    const char               *path = make_file(c, "content");
    char                      data[16];
    CHECK_EQ(open_now(c, &reader, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(weir_handle_kind(&reader), WEIR_HANDLE_FILE);
    CHECK_EQ(read_now(c, &reader, data, sizeof data), 7);
    CHECK_EQ(write_now(c, &reader, "x", 1), WEIR_EBADF);
    CHECK_EQ(open_now(c, &writer, path, WEIR_OPEN_WRITE), 0);
    CHECK_EQ(write_now(c, &writer, "C", 1), 1);
    CHECK_EQ(read_now(c, &writer, data, sizeof data), WEIR_EBADF);
    CHECK_EQ(open_now(c, &both, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE), 0);
    CHECK_EQ(write_now(c, &both, "K", 1), 1);
    CHECK_EQ(read_now(c, &both, data, sizeof data), 7);
    CHECK(memcmp(data, "Kontent", 7) == 0);
}

static void open_creates_truncates_and_excludes(struct contract *c)
{
    static struct weir_handle created, again, emptied, exclusive;
    const char               *path = contract_temp_file(c);
    refuse(c, path, WEIR_OPEN_READ | WEIR_OPEN_WRITE, WEIR_ENOENT);
    CHECK_EQ(open_now(c, &created, path, new_file), 0);
    CHECK_EQ(write_now(c, &created, "kept", 4), 4);
    CHECK_EQ(open_now(c, &again, path, new_file), 0);
    CHECK_EQ(stat_of(c, &again).size, 4);
    refuse(c, path, new_file | WEIR_OPEN_EXCLUSIVE, WEIR_EEXIST);
    refuse(c, make_link(c, path), new_file | WEIR_OPEN_EXCLUSIVE, WEIR_EEXIST);
    CHECK_EQ(open_now(c, &emptied, path, WEIR_OPEN_WRITE | WEIR_OPEN_TRUNCATE), 0);
    CHECK_EQ(stat_of(c, &created).size, 0);
    CHECK_EQ(open_now(c, &exclusive, contract_temp_file(c), new_file | WEIR_OPEN_EXCLUSIVE), 0);
}

static void open_errors_have_their_names(struct contract *c)
{
    static struct weir_handle directory;
    const char               *file = make_file(c, "file"), *link = make_link(c, file);
    const char               *circle = contract_temp_file(c);
    char                      beyond[PATH_MAX], longest[NAME_MAX + 2];
    CHECK_EQ(symlink(circle, circle), 0);
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    strcpy(beyond, file);
    strcat(beyond, "/beyond");
    refuse(c, "/no/such/directory/file", new_file, WEIR_ENOENT);
    refuse(c, "", WEIR_OPEN_READ, WEIR_ENOENT);
    refuse(c, beyond, WEIR_OPEN_READ, WEIR_ENOTDIR);
    refuse(c, file, WEIR_OPEN_READ | WEIR_OPEN_DIRECTORY, WEIR_ENOTDIR);
    refuse(c, c->directory, WEIR_OPEN_WRITE, WEIR_EISDIR);
    refuse(c, link, WEIR_OPEN_READ | WEIR_OPEN_NOFOLLOW, WEIR_ELOOP);
    refuse(c, circle, WEIR_OPEN_READ, WEIR_ELOOP);
    refuse(c, longest, WEIR_OPEN_READ, WEIR_ENAMETOOLONG);
    CHECK_EQ(open_now(c, &directory, link, WEIR_OPEN_READ), 0);
    contract_close(c, &directory);
    CHECK_EQ(open_now(c, &directory, c->directory, WEIR_OPEN_READ | WEIR_OPEN_DIRECTORY), 0);
    CHECK_EQ(weir_handle_kind(&directory), WEIR_HANDLE_DIRECTORY);
    char data[4];
    CHECK_EQ(read_now(c, &directory, data, sizeof data), WEIR_EISDIR);
}

static void open_without_permission_is_eacces(struct contract *c)
{
    static struct weir_handle file;
    const char               *path = make_file(c, "secret");
    uid_t                     user = geteuid();
    CHECK_EQ(chmod(path, 0400), 0);
    CHECK_EQ(chmod(c->directory, 0711), 0);
    if (user == 0)
        CHECK_EQ(seteuid(65534), 0);
    refuse(c, path, user == 0 ? WEIR_OPEN_READ : WEIR_OPEN_WRITE, WEIR_EACCES);
    if (user == 0)
        CHECK_EQ(seteuid(0), 0);
    CHECK_EQ(open_now(c, &file, path, WEIR_OPEN_READ), 0);
}

static unsigned permissions(struct contract *c, unsigned mode)
{
    struct weir_handle file = {0};
    CHECK_EQ(open_now(c, &file, contract_temp_file(c), new_file | mode), 0);
    unsigned bits = stat_of(c, &file).mode & 07777;
    contract_close(c, &file);
    return bits;
}

/* The low twelve bits are the permissions of a new file, 0666 when they are 0, and the umask
 * that the process has at the call takes its share. */
static void permissions_under_the_umask(struct contract *c)
{
    umask(0027);
    CHECK_EQ(permissions(c, 0), 0640);
    CHECK_EQ(permissions(c, 0777), 0750);
    CHECK_EQ(permissions(c, 0400), 0400);
    umask(0);
    CHECK_EQ(permissions(c, 0), 0666);
    CHECK_EQ(permissions(c, 04755), 04755);
    umask(0077);
    CHECK_EQ(permissions(c, 0666), 0600);
}

static void open_files_are_close_on_exec(struct contract *c)
{
    static struct weir_handle file, appending, synced;
    CHECK_EQ(open_now(c, &file, contract_temp_file(c), new_file), 0);
    CHECK_EQ(fcntl((int)weir_handle_os(&file), F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl((int)weir_handle_os(&file), F_GETFL) & O_ACCMODE, O_RDWR);
    CHECK_EQ(open_now(c, &appending, contract_temp_file(c), new_file | WEIR_OPEN_APPEND), 0);
    CHECK(fcntl((int)weir_handle_os(&appending), F_GETFL) & O_APPEND);
    CHECK_EQ(open_now(c, &synced, contract_temp_file(c), new_file | WEIR_OPEN_SYNC), 0);
    CHECK_EQ(fcntl((int)weir_handle_os(&synced), F_GETFL) & O_SYNC, O_SYNC);
    CHECK_EQ(write_now(c, &synced, "synced", 6), 6);
}

/* A mode without a direction, or with a bit that nobody knows, opens nothing; nor do unknown
 * flags. */
static void wrong_open_modes_are_refused(struct contract *c)
{
    static struct weir_handle file;
    const char               *path = make_file(c, "file");
    struct weir_op            op = {0};
    refuse(c, path, 0, WEIR_EINVAL);
    refuse(c, path, WEIR_OPEN_TRUNCATE, WEIR_EINVAL);
    refuse(c, path, WEIR_OPEN_READ | 0x80000000u, WEIR_EINVAL);
    refuse(c, path, WEIR_OPEN_READ | 0x00008000u, WEIR_EINVAL);
    weir_open(&op, c->loop, &file, path, WEIR_OPEN_READ, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    weir_open(&op, c->loop, &file, path, WEIR_OPEN_READ, 0x80000000u, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
    CHECK(memcmp(&file, &zeroed, sizeof file) == 0);
    CHECK_EQ(open_now(c, &file, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(stat_of(c, &file).size, 4);
}

/* During the op the handle is the op's, with its loop known; the caller's pointer is never
 * touched. */
static void handle_during_an_open(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    file.user = &op;
    op.user = &file;
    weir_open(&op, c->loop, &file, make_file(c, "x"), WEIR_OPEN_READ, 0, contract_done);
    CHECK(op.handle == &file);
    CHECK(weir_op_loop(&op) == c->loop);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK(op.handle == &file);
    CHECK(op.user == &file);
    CHECK(file.user == &op);
    CHECK(file.loop == c->loop);
    contract_close(c, &file);
    CHECK(file.user == &op);
}

static void not_closed_yet(struct weir_op *op)
{
    CHECK(weir_handle_kind(op->handle) != WEIR_HANDLE_NONE);
    weir_stop(weir_op_loop(op)); /* between the end of the open and the close */
}

/* Without an on_closed, the kind says when the handle is the caller's again: not before the open
 * has ended, nor in its done(). */
static void handle_closed_during_its_open(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    weir_open(&op, c->loop, &file, make_file(c, "x"), WEIR_OPEN_READ, 0, not_closed_yet);
    CHECK_EQ(weir_close(&file, NULL), 0);
    CHECK(weir_handle_kind(&file) != WEIR_HANDLE_NONE);
    contract_await(c, &op);
    CHECK_RESULT(&op, WEIR_ECANCELED);
    contract_run(c);
    CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_NONE);
}

#define MANY 100u

static void many_opens_at_a_time(struct contract *c)
{
    static struct weir_handle files[MANY];
    static struct weir_op     ops[MANY];
    for (unsigned i = 0; i < MANY; i++)
        weir_open(&ops[i], c->loop, &files[i], i % 2 ? "/no/such/file" : contract_temp_file(c),
                  new_file, 0, contract_done);
    contract_run(c);
    for (unsigned i = 0; i < MANY; i++) {
        CHECK_RESULT(&ops[i], i % 2 ? WEIR_ENOENT : 0);
        CHECK_EQ(weir_handle_kind(&files[i]), i % 2 ? WEIR_HANDLE_NONE : WEIR_HANDLE_FILE);
    }
    for (unsigned i = 0; i < MANY; i += 2)
        CHECK_EQ(weir_close(&files[i], contract_closed), 0);
    contract_run(c);
}

/* ------------------------------------------------------------------------------------------------
 * fstat and fsync
 * ---------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void compare_stat(struct contract *c, struct weir_handle *handle, uint32_t kind)
{
    struct weir_stat told = stat_of(c, handle);
    struct stat      real;
    CHECK_EQ(fstat((int)weir_handle_os(handle), &real), 0);
    CHECK_EQ(told.size, real.st_size);
    CHECK_EQ(told.blocks, real.st_blocks);
    CHECK_EQ(told.inode, real.st_ino);
    CHECK_EQ(told.device, real.st_dev);
    CHECK_EQ(told.modified_ns, nanoseconds(real.st_mtim));
    CHECK_EQ(told.accessed_ns, nanoseconds(real.st_atim));
    CHECK_EQ(told.changed_ns, nanoseconds(real.st_ctim));
    CHECK_EQ(told.mode, real.st_mode);
    CHECK_EQ(told.links, real.st_nlink);
    CHECK_EQ(told.user, real.st_uid);
    CHECK_EQ(told.group, real.st_gid);
    CHECK_EQ(told.block_size, real.st_blksize);
    CHECK_EQ(told.kind, kind);
}

/* Every field is that of fstat(2), for whatever may be open. */
static void fstat_tells_what_the_system_tells(struct contract *c)
{
    static struct weir_handle file, directory, reader, writer, a, b, nothing;
    struct weir_op            op = {0};
    CHECK_EQ(open_now(c, &file, contract_temp_file(c), new_file | 0640), 0);
    weir_write(&op, &file, "sparse", 6, 1000000, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    compare_stat(c, &file, WEIR_HANDLE_FILE);
    CHECK_EQ(open_now(c, &directory, c->directory, WEIR_OPEN_READ), 0);
    compare_stat(c, &directory, WEIR_HANDLE_DIRECTORY);
    contract_pipe_pair(c, &reader, &writer);
    compare_stat(c, &reader, WEIR_HANDLE_PIPE);
    contract_unix_pair(c, &a, &b);
    compare_stat(c, &a, WEIR_HANDLE_STREAM);
    CHECK_EQ(open_now(c, &nothing, "/dev/null", WEIR_OPEN_READ), 0);
    compare_stat(c, &nothing, weir_handle_kind(&nothing));
}

static int64_t sync_now(struct contract *c, struct weir_handle *handle, unsigned flags)
{
    struct weir_op op = {0};
    weir_fsync(&op, handle, flags, contract_done);
    return contract_await(c, &op);
}

static void fsync_of_files_and_of_what_is_none(struct contract *c)
{
    static struct weir_handle file, reading, directory, reader, writer, a, b;
    const char               *path = contract_temp_file(c);
    CHECK_EQ(open_now(c, &file, path, new_file), 0);
    CHECK_EQ(write_now(c, &file, "to the device", 13), 13);
    CHECK_EQ(sync_now(c, &file, 0), 0);
    CHECK_EQ(sync_now(c, &file, WEIR_DATA_ONLY), 0);
    CHECK_EQ(open_now(c, &reading, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(sync_now(c, &reading, 0), 0);
    CHECK_EQ(open_now(c, &directory, c->directory, WEIR_OPEN_READ), 0);
    CHECK_EQ(sync_now(c, &directory, 0), 0);
    contract_pipe_pair(c, &reader, &writer);
    CHECK_EQ(sync_now(c, &writer, 0), WEIR_EINVAL);
    contract_unix_pair(c, &a, &b);
    CHECK_EQ(sync_now(c, &a, WEIR_DATA_ONLY), WEIR_EINVAL);
    CHECK_EQ(sync_now(c, &file, WEIR_ALL), WEIR_EINVAL);
}

/* ------------------------------------------------------------------------------------------------
 * Wrong calls
 * ---------------------------------------------------------------------------------------------- */

static struct weir_stat ignored;

/* Starts the nth op of those on files; false when there is none. */
static bool start_nth(unsigned n, struct weir_op *op, struct weir_handle *file, unsigned flags)
{
    static char                  data[4];
    static const struct weir_buf piece = {data, sizeof data};
    switch (n) {
    case 0:
        weir_read(op, file, data, 4, 0, flags, contract_done);
        return true;
    case 1:
        weir_write(op, file, data, 4, 0, flags, contract_done);
        return true;
    case 2:
        weir_readv(op, file, &piece, 1, WEIR_STREAM, flags, contract_done);
        return true;
    case 3:
        weir_writev(op, file, &piece, 1, WEIR_STREAM, flags, contract_done);
        return true;
    case 4:
        weir_fstat(op, file, &ignored, flags, contract_done);
        return true;
    case 5:
        weir_fsync(op, file, flags, contract_done);
        return true;
    default:
        return false;
    }
}

static void unknown_flags_are_refused(struct contract *c)
{
    /* None of these ops knows any of these flags. */
    static const unsigned     foreign[] = {0x80000000u,    0x00000200u,   WEIR_LEVEL, WEIR_EDGE,
                                           WEIR_MULTISHOT, WEIR_ZEROCOPY, WEIR_PEEK};
    static struct weir_handle file;
    struct weir_op            op = {0};
    CHECK_EQ(open_now(c, &file, make_file(c, "kept"), WEIR_OPEN_READ | WEIR_OPEN_WRITE), 0);
    for (unsigned n = 0; n < 6; n++)
        for (unsigned i = 0; i < sizeof foreign / sizeof *foreign; i++) {
            CHECK(start_nth(n, &op, &file, foreign[i]));
            CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
            CHECK_EQ(op.served, WEIR_SERVED_NOT);
        }
    char data[8];
    CHECK_EQ(read_now(c, &file, data, sizeof data), 4);
    CHECK(memcmp(data, "kept", 4) == 0);
}

static void ops_on_a_closing_and_a_closed_file(struct contract *c)
{
    static struct weir_handle file;
    static struct weir_op     ops[6];
    CHECK_EQ(open_now(c, &file, make_file(c, "kept"), WEIR_OPEN_READ | WEIR_OPEN_WRITE), 0);
    int fd = dup((int)weir_handle_os(&file));
    CHECK_EQ(weir_close(&file, contract_closed), 0);
    for (unsigned n = 0; n < 6; n++)
        CHECK(start_nth(n, &ops[n], &file, 0));
    contract_run(c);
    for (unsigned n = 0; n < 6; n++)
        CHECK_RESULT(&ops[n], WEIR_ECANCELED);
    for (unsigned n = 0; n < 6; n++) {
        CHECK(start_nth(n, &ops[n], &file, 0));
        CHECK_EQ(contract_await(c, &ops[n]), WEIR_EBADF);
    }
    char data[8];
    CHECK_EQ(pread(fd, data, sizeof data, 0), 4);
    CHECK(memcmp(data, "kept", 4) == 0);
    contract_raw_close(fd);
}

static void bad_memory_is_efault(struct contract *c)
{
    static struct weir_handle file;
    void *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char  data[8];
    contract_needs("kernel that looks at addresses");
    CHECK(forbidden != MAP_FAILED);
    CHECK_EQ(open_now(c, &file, make_file(c, "kept"), WEIR_OPEN_READ | WEIR_OPEN_WRITE), 0);
    CHECK_EQ(read_now(c, &file, forbidden, 4), WEIR_EFAULT);
    CHECK_EQ(write_now(c, &file, forbidden, 4), WEIR_EFAULT);
    refuse(c, forbidden, WEIR_OPEN_READ, WEIR_EFAULT);
    CHECK_EQ(read_now(c, &file, data, sizeof data), 4);
    CHECK_EQ(munmap(forbidden, 4096), 0);
}

const struct contract_case contract_cases[] = {
    {"open_modes_read_and_write", open_modes_read_and_write, 0},
    {"open_creates_truncates_and_excludes", open_creates_truncates_and_excludes, 0},
    {"open_errors_have_their_names", open_errors_have_their_names, 0},
    {"open_without_permission_is_eacces", open_without_permission_is_eacces, 0},
    {"permissions_under_the_umask", permissions_under_the_umask, 0},
    {"open_files_are_close_on_exec", open_files_are_close_on_exec, 0},
    {"wrong_open_modes_are_refused", wrong_open_modes_are_refused, 0},
    {"handle_during_an_open", handle_during_an_open, 0},
    {"handle_closed_during_its_open", handle_closed_during_its_open, 0},
    {"many_opens_at_a_time", many_opens_at_a_time, 0},
    {"fstat_tells_what_the_system_tells", fstat_tells_what_the_system_tells, 0},
    {"fsync_of_files_and_of_what_is_none", fsync_of_files_and_of_what_is_none, 0},
    {"file_unknown_flags_are_refused", unknown_flags_are_refused, 0},
    {"ops_on_a_closing_and_a_closed_file", ops_on_a_closing_and_a_closed_file, 0},
    {"file_bad_memory_is_efault", bad_memory_is_efault, CONTRACT_NO_VALGRIND},
    {0},
};
