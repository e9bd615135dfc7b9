/* SPDX-License-Identifier: MIT */
/* files.c - reading and writing files: offsets and positions, ends, limits of the disk and of
 * numbers. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files_await.h"
#include "own_mounts.h"

/* A limit of the machine; the same words stand in skips.txt. */
#define NARROW "size_t has 32 bits"

static uint64_t size_of(struct contract *c, struct weir_handle *file)
{
    struct weir_stat stat;
    struct weir_op   op = {0};
    weir_fstat(&op, file, &stat, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    return stat.size;
}

static void loop_turns(struct contract *c)
{
    struct weir_op timer = {0};
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    CHECK_EQ(contract_await(c, &timer), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Where bytes go
 * ---------------------------------------------------------------------------------------------- */

/* Out of order, with a hole, and without moving the position. */
static void offsets(struct contract *c)
{
    static struct weir_handle file;
    char                      data[32];
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, "WORLD", 5, 10), 5);
    CHECK_EQ(write_at(c, &file, "hello", 5, 2), 5);
    CHECK_EQ(size_of(c, &file), 15);
    CHECK_EQ(read_at(c, &file, data, 4, 11), 4);
    CHECK(memcmp(data, "ORLD", 4) == 0);
    CHECK_EQ(write_at(c, &file, "ab", 2, WEIR_STREAM), 2);
    CHECK_EQ(read_at(c, &file, data, 5, WEIR_STREAM), 5);
    CHECK(memcmp(data, "hello", 5) == 0);
    CHECK_EQ(read_at(c, &file, data, sizeof data, 0), 15);
    CHECK(memcmp(data, "abhello\0\0\0WORLD", 15) == 0);
    CHECK_EQ(read_at(c, &file, data, sizeof data, WEIR_STREAM), 8);
    CHECK_EQ(read_at(c, &file, data, sizeof data, 15), 0);
    CHECK_EQ(read_at(c, &file, data, sizeof data, INT64_MAX - 64), 0);
    CHECK_EQ(read_at(c, &file, data, 4, (uint64_t)INT64_MAX + 1), WEIR_EINVAL);
    CHECK_EQ(write_at(c, &file, data, 4, WEIR_STREAM - 1), WEIR_EINVAL);
    CHECK_EQ(size_of(c, &file), 15);
}

/* Each write goes to the end, wherever the end was put meanwhile. */
static void append(struct contract *c)
{
    static struct weir_handle file;
    const char               *path = contract_temp_file(c);
    char                      data[32];
    open_file(c, &file, path, new_file | WEIR_OPEN_APPEND);
    CHECK_EQ(write_at(c, &file, "one", 3, WEIR_STREAM), 3);
    int other = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(other >= 0);
    CHECK_EQ(write(other, "TWO", 3), 3);
    CHECK_EQ(read_at(c, &file, data, 3, 0), 3);
    CHECK_EQ(write_at(c, &file, "three", 5, WEIR_STREAM), 5);
    CHECK_EQ(read_at(c, &file, data, sizeof data, 0), 11);
    CHECK(memcmp(data, "oneTWOthree", 11) == 0);
    CHECK_EQ(write_at(c, &file, "!", 1, 0), 1); /* at an offset: the position stays */
    CHECK_EQ(read_at(c, &file, data, sizeof data, WEIR_STREAM), 1);
    CHECK_EQ(data[0], '!');
    contract_raw_close(other);
}

/* Fewer than asked at the end, 0 beyond it, and with WEIR_ALL the reason. */
static void eof_short(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    char                     *data = contract_buffer(c, 100);
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(read_at(c, &file, data, 100, 0), 0);
    CHECK_EQ(write_at(c, &file, "0123456789", 10, 0), 10);
    CHECK_EQ(read_at(c, &file, data, 100, 0), 10);
    CHECK_EQ((unsigned char)data[10], 0xa5);
    CHECK_EQ(read_at(c, &file, data, 100, 9), 1);
    CHECK_EQ(read_at(c, &file, data, 100, 10), 0);
    weir_read(&op, &file, data, 100, 4, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 6);
    CHECK_EQ(op.error, WEIR_EEOF);
    weir_read(&op, &file, data, 100, 10, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(op.error, WEIR_EEOF);
    weir_read(&op, &file, data, 10, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 10);
    CHECK_EQ(op.error, 0);
    lseek((int)weir_handle_os(&file), 7, SEEK_SET);
    weir_read(&op, &file, data, 100, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 3);
    CHECK_EQ(op.error, WEIR_EEOF);
}

#define AT_ONCE 200u

static struct weir_op many[AT_ONCE];
static unsigned       many_ended;

static void ends_in_order(struct weir_op *op)
{
    CHECK(op == &many[many_ended]);
    many_ended++;
}

/* Ops without an offset are one stream: in order, each where the one before it stopped. */
static void stream_ops_in_order(struct contract *c)
{
    static struct weir_handle file;
    static unsigned char      data[AT_ONCE * 11], in[AT_ONCE * 11];
    open_file(c, &file, contract_temp_file(c), new_file);
    contract_fill(data, sizeof data, 0, 1);
    for (unsigned i = 0; i < AT_ONCE; i++)
        weir_write(&many[i], &file, data + i * 11, 11, WEIR_STREAM, 0, ends_in_order);
    contract_run(c);
    CHECK_EQ(many_ended, AT_ONCE);
    CHECK_EQ(read_at(c, &file, in, sizeof in, 0), sizeof in);
    CHECK(contract_filled(in, sizeof in, 0, 1));
    memset(in, 0, sizeof in);
    CHECK_EQ(lseek((int)weir_handle_os(&file), 0, SEEK_SET), 0);
    many_ended = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        weir_read(&many[i], &file, in + i * 11, 11, WEIR_STREAM, WEIR_ALL, ends_in_order);
    contract_run(c);
    CHECK_EQ(many_ended, AT_ONCE);
    CHECK(contract_filled(in, sizeof in, 0, 1));
}

/* Ops with offsets run beside each other, hundreds at a time, each on its own piece. */
static void many_offsets_at_a_time(struct contract *c)
{
    static struct weir_handle file;
    size_t                    piece = 4096;
    unsigned char            *data = contract_buffer(c, AT_ONCE * piece);
    unsigned char            *in = contract_buffer(c, AT_ONCE * piece);
    open_file(c, &file, contract_temp_file(c), new_file);
    contract_fill(data, AT_ONCE * piece, 0, 2);
    contract_seal(c, data);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        unsigned place = (i * 77) % AT_ONCE;
        weir_write(&many[i], &file, data + place * piece, piece, place * piece, 0, contract_done);
    }
    contract_run(c);
    for (unsigned i = 0; i < AT_ONCE; i++)
        CHECK_RESULT(&many[i], piece);
    CHECK_EQ(size_of(c, &file), AT_ONCE * piece);
    for (unsigned i = 0; i < AT_ONCE; i++)
        weir_read(&many[i], &file, in + i * piece, piece, i * piece, 0, contract_done);
    contract_run(c);
    for (unsigned i = 0; i < AT_ONCE; i++)
        CHECK_RESULT(&many[i], piece);
    CHECK(contract_filled(in, AT_ONCE * piece, 0, 2));
}

#define PIECES 3000u /* about three times what one system call takes (IOV_MAX) */

static size_t cut(struct weir_buf *pieces, unsigned char *data, unsigned longest)
{
    size_t at = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i].data = data + at;
        pieces[i].length = i % (longest + 1);
        at += pieces[i].length;
    }
    return at;
}

/* A file's vectors are whole also without WEIR_ALL, however many pieces there are. */
static void vectored_over_IOV_MAX(struct contract *c)
{
    static struct weir_handle file;
    static struct weir_buf    out[PIECES], in[PIECES];
    static unsigned char      sent[PIECES * 8], received[PIECES * 8];
    struct weir_op            op = {0};
    size_t                    length = cut(out, sent, 6);
    CHECK(cut(in, received, 7) > length);
    contract_fill(sent, length, 0, 3);
    open_file(c, &file, contract_temp_file(c), new_file);
    weir_writev(&op, &file, out, PIECES, 100, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), length);
    weir_readv(&op, &file, in, PIECES, 100, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), length);
    CHECK(contract_filled(received, length, 0, 3));
    weir_writev(&op, &file, out, PIECES, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), length);
    CHECK_EQ(op.error, 0);
    memset(received, 0, sizeof received);
    weir_readv(&op, &file, in, PIECES, 0, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), length + 100);
    CHECK_EQ(op.error, WEIR_EEOF);
    CHECK(contract_filled(received, length, 0, 3));
    CHECK(contract_filled(received + length, 100, length - 100, 3));
}

static void zero_length(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    char                      byte = 'x';
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, &byte, 0, 100), 0);
    CHECK_EQ(size_of(c, &file), 0);
    CHECK_EQ(write_at(c, &file, "abc", 3, 0), 3);
    CHECK_EQ(read_at(c, &file, &byte, 0, 0), 0);
    weir_read(&op, &file, &byte, 0, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(op.error, 0);
    weir_readv(&op, &file, NULL, 0, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    weir_writev(&op, &file, NULL, 0, WEIR_STREAM, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 0);
    CHECK_EQ(read_at(c, &file, &byte, 1, WEIR_STREAM), 1);
    CHECK_EQ(byte, 'a');
}

/* ------------------------------------------------------------------------------------------------
 * Limits
 * ---------------------------------------------------------------------------------------------- */

/* A file on a disk of 64 KiB. */
static void open_on_small_disk(struct contract *c, struct weir_handle *file)
{
    open_mounted(c, file, "tmpfs", "size=65536,mode=0700");
}

/* The count of what fitted, then that there is no space; with WEIR_ALL both at once. */
static void enospc_partial(struct contract *c)
{
    static struct weir_handle file;
    static unsigned char      data[100000], in[100000];
    struct weir_op            op = {0};
    contract_fill(data, sizeof data, 0, 4);
    open_on_small_disk(c, &file);
    int64_t fitted = write_at(c, &file, data, sizeof data, 0);
    CHECK(fitted > 0);
    CHECK(fitted < (int64_t)sizeof data);
    CHECK_EQ(size_of(c, &file), fitted);
    CHECK_EQ(write_at(c, &file, data, 4096, (uint64_t)fitted), WEIR_ENOSPC);
    CHECK_EQ(read_at(c, &file, in, sizeof in, 0), fitted);
    CHECK(contract_filled(in, (size_t)fitted, 0, 4));
    CHECK_EQ(ftruncate((int)weir_handle_os(&file), 0), 0);
    weir_write(&op, &file, data, sizeof data, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), fitted);
    CHECK_EQ(op.error, WEIR_ENOSPC);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* setrlimit(2): the signal that comes with the error is the program's business; here it is
 * ignored. */
static void efbig(struct contract *c)
{
    static struct weir_handle file;
    static unsigned char      data[150000];
    struct rlimit             limit = {100000, 100000};
    struct weir_op            op = {0};
    contract_fill(data, sizeof data, 0, 5);
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQ(write_at(c, &file, data, sizeof data, 0), 100000);
    CHECK_EQ(write_at(c, &file, data, 1, 100000), WEIR_EFBIG);
    CHECK_EQ(write_at(c, &file, data, 1, 99999), 1);
    weir_write(&op, &file, data, sizeof data, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), 100000);
    CHECK_EQ(op.error, WEIR_EFBIG);
    weir_write(&op, &file, data, 1, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EFBIG);
    CHECK_EQ(size_of(c, &file), 100000);
}

static void sparse_over_2GiB(struct contract *c)
{
    static struct weir_handle file;
    static const uint64_t     far = UINT64_C(5) << 30;
    char                      data[16];
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, "far away", 8, far), 8);
    CHECK(size_of(c, &file) == far + 8);
    CHECK_EQ(read_at(c, &file, data, sizeof data, far + 4), 4);
    CHECK(memcmp(data, "away", 4) == 0);
    CHECK_EQ(read_at(c, &file, data, sizeof data, far / 2 + 1), sizeof data);
    for (size_t i = 0; i < sizeof data; i++)
        CHECK_EQ(data[i], 0);
    CHECK(lseek((int)weir_handle_os(&file), (off_t)far, SEEK_SET) == (off_t)far);
    CHECK_EQ(read_at(c, &file, data, 3, WEIR_STREAM), 3);
    CHECK_EQ(write_at(c, &file, "!", 1, WEIR_STREAM), 1);
    CHECK_EQ(read_at(c, &file, data, sizeof data, far), 8);
    CHECK(memcmp(data, "far!away", 8) == 0);
}

/* read(2): one call moves at most 0x7ffff000 bytes. An op has no such limit: it goes on by
 * itself. The room for so much is one piece of memory, seen again and again. */
#define MOST 0x7ffff000u
#define WINDOW ((size_t)16 << 20)

static char *map_room(size_t length)
{
    char *room = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int   memory = memfd_create("window", MFD_CLOEXEC);
    CHECK(room != MAP_FAILED);
    CHECK(memory >= 0);
    CHECK_EQ(ftruncate(memory, (off_t)WINDOW), 0);
    for (size_t at = 0; at < length; at += WINDOW)
        CHECK(mmap(room + at, length - at < WINDOW ? length - at : WINDOW, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, memory, 0) == room + at);
    contract_raw_close(memory);
    return room;
}

/* The same number of bytes as a vector whose pieces all lie in the first window of the room. */
static void request_in_pieces(struct contract *c, struct weir_handle *file,
                              struct weir_handle *nothing, char *window, size_t length)
{
    struct weir_buf pieces[MOST / WINDOW + 2];
    size_t          count = 0;
    for (size_t at = 0; at < length; at += WINDOW)
        pieces[count++] = (struct weir_buf){window, length - at < WINDOW ? length - at : WINDOW};
    struct weir_op op = {0};
    weir_readv(&op, file, pieces, count, 0, 0, contract_done);
    CHECK(contract_await(c, &op) == (int64_t)length);
    CHECK(memcmp(window + pieces[count - 1].length - 6, "beyond", 6) == 0);
    weir_writev(&op, nothing, pieces, count, WEIR_STREAM, WEIR_ALL, contract_done);
    CHECK(contract_await(c, &op) == (int64_t)length);
    CHECK_EQ(op.error, 0);
}

static void request_over_0x7ffff000(struct contract *c)
{
    static struct weir_handle file, nothing;
    struct weir_op            op = {0};
    if (sizeof(size_t) < 8)
        SKIP(NARROW);
    size_t length = (size_t)MOST + 12288;
    /* ThreadSanitizer keeps twice as much of its own for every byte that was touched. */
    bool  small = contract_sanitized("thread");
    char *room = map_room(small ? WINDOW : length);
    int   sparse = memfd_create("sparse", MFD_CLOEXEC);
    CHECK(sparse >= 0);
    CHECK_EQ(pwrite(sparse, "beyond", 6, (off_t)(length - 6)), 6);
    CHECK_EQ(weir_adopt(&file, c->loop, sparse, 0), 0);
    open_file(c, &nothing, "/dev/null", WEIR_OPEN_WRITE);
    request_in_pieces(c, &file, &nothing, room, length);
    if (!small) {
        CHECK(read_at(c, &file, room, length, 0) == (int64_t)length);
        CHECK(memcmp(room + length - 6, "beyond", 6) == 0);
        weir_write(&op, &nothing, room, length, WEIR_STREAM, WEIR_ALL, contract_done);
        CHECK(contract_await(c, &op) == (int64_t)length);
        CHECK_EQ(op.error, 0);
    }
    CHECK_EQ(munmap(room, small ? WINDOW : length), 0);
}

/* A length of 2^32 is not one of 0. */
static void request_of_4_GiB(struct contract *c)
{
    static struct weir_handle file;
    if (sizeof(size_t) < 8)
        SKIP(NARROW);
    size_t length = (size_t)(UINT64_C(1) << 32);
    char  *room = mmap(NULL, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(room != MAP_FAILED);
    open_file(c, &file, contract_temp_file(c), new_file);
    CHECK_EQ(write_at(c, &file, "short", 5, 0), 5);
    CHECK_EQ(read_at(c, &file, room, length, 0), 5);
    CHECK_EQ(read_at(c, &file, room, length, WEIR_STREAM), 5);
    CHECK(memcmp(room, "short", 5) == 0);
    CHECK_EQ(munmap(room, length), 0);
}

/* ------------------------------------------------------------------------------------------------
 * What is no plain file
 * ---------------------------------------------------------------------------------------------- */

static void open_waiting_end(struct contract *c, unsigned mode, struct weir_handle *fifo)
{
    static struct weir_handle file;
    const char               *path = contract_temp_file(c);
    struct weir_op            opening = {0};
    char                      data[8];
    CHECK_EQ(mkfifo(path, 0600), 0);
    weir_open(&opening, c->loop, fifo, path, mode, 0, contract_done);
    CHECK(opening.handle == fifo);
    open_file(c, &file, contract_temp_file(c), new_file);
    for (int i = 0; i < 10; i++) {
        loop_turns(c);
        CHECK_EQ(write_at(c, &file, "passing", 7, 0), 7);
        CHECK_EQ(read_at(c, &file, data, sizeof data, 0), 7);
        CHECK(contract_live(&opening));
    }
    contract_close(c, &file);
    int both = open(path, O_RDWR | O_CLOEXEC);
    CHECK(both >= 0);
    CHECK_EQ(contract_await(c, &opening), 0);
    CHECK_EQ(weir_handle_kind(fifo), WEIR_HANDLE_PIPE);
    contract_raw_close(both);
}

/* fifo(7): opening one end waits for the other. Neither the loop nor its other files wait with
 * it. */
static void fifo_open_blocks_a_worker_only(struct contract *c)
{
    static struct weir_handle reader, writer;
    open_waiting_end(c, WEIR_OPEN_READ, &reader);
    open_waiting_end(c, WEIR_OPEN_WRITE, &writer);
}

/* Puts `fd` in the place of `number`; the old one, to be put back by the same call. */
static int replace(int number, int fd)
{
    int old = fcntl(number, F_DUPFD_CLOEXEC, 3);
    CHECK(old >= 0);
    CHECK_EQ(dup2(fd, number), number);
    return old;
}

static void check_ready(struct contract *c, struct weir_handle *handle)
{
    struct weir_op poll = {0};
    weir_poll(&poll, handle, WEIR_IN | WEIR_OUT, 0, contract_done);
    CHECK_EQ(contract_await(c, &poll), WEIR_IN | WEIR_OUT);
}

/* A program's standard input is served whatever the shell made it. */
static void stdin_file_and_devnull(struct contract *c)
{
    static struct weir_handle file, nothing;
    char                      data[16];
    int                       fd = open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "a line\nmore", 11), 11);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    int old = replace(STDIN_FILENO, fd), flags = fcntl(STDIN_FILENO, F_GETFL);
    CHECK_EQ(weir_adopt(&file, c->loop, STDIN_FILENO, WEIR_BORROWED), 0);
    CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_FILE);
    check_ready(c, &file);
    CHECK_EQ(read_at(c, &file, data, 7, WEIR_STREAM), 7);
    CHECK(memcmp(data, "a line\n", 7) == 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    CHECK_EQ(read_at(c, &file, data, sizeof data, WEIR_STREAM), 4);
    CHECK_EQ(read_at(c, &file, data, sizeof data, WEIR_STREAM), 0);
    contract_close(c, &file);
    CHECK_EQ(fcntl(STDIN_FILENO, F_GETFL), flags);
    contract_raw_close(fd);
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    contract_raw_close(replace(STDIN_FILENO, fd));
    contract_raw_close(fd);
    CHECK_EQ(weir_adopt(&nothing, c->loop, STDIN_FILENO, WEIR_BORROWED), 0);
    check_ready(c, &nothing);
    CHECK_EQ(read_at(c, &nothing, data, sizeof data, WEIR_STREAM), 0);
    CHECK_EQ(read_at(c, &nothing, data, sizeof data, WEIR_STREAM), 0);
    memset(data, 'x', sizeof data);
    CHECK_EQ(write_at(c, &nothing, data, sizeof data, WEIR_STREAM), sizeof data);
    contract_close(c, &nothing);
    contract_raw_close(replace(STDIN_FILENO, old));
    contract_raw_close(old);
}

/* Who did it is told as weir_query() promised it. */
static void served_is_told_truly(struct contract *c)
{
    static struct weir_handle file;
    struct weir_op            op = {0};
    char                      data[8];
    int                       support = weir_query(c->engine, WEIR_OP_READ, WEIR_HANDLE_FILE);
    contract_needs("mechanism that is always the same");
    open_file(c, &file, contract_temp_file(c), new_file);
    weir_write(&op, &file, "written", 7, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 7);
    CHECK(op.served != WEIR_SERVED_NOT);
    weir_read(&op, &file, data, sizeof data, 0, 0, contract_done);
    CHECK_EQ(contract_await(c, &op), 7);
    if (support == WEIR_SUPPORT_NATIVE)
        CHECK(op.served == WEIR_SERVED_KERNEL || op.served == WEIR_SERVED_AT_ONCE);
    else if (support == WEIR_SUPPORT_OFFLOADED)
        CHECK(op.served == WEIR_SERVED_WORKER || op.served == WEIR_SERVED_AT_ONCE);
    else
        CHECK_EQ(op.served, WEIR_SERVED_AT_ONCE);
    weir_read(&op, &file, data, sizeof data, 0, 0x80000000u, contract_done);
    CHECK_EQ(contract_await(c, &op), WEIR_EINVAL);
    CHECK_EQ(op.served, WEIR_SERVED_NOT);
}

/* The files of proc(5) give a page at a time, wherever they end. */
static void short_reads_go_on(struct contract *c)
{
    static struct weir_handle file;
    static char               data[65536], again[65536];
    int                       plain = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    ssize_t                   once = plain < 0 ? -1 : read(plain, data, sizeof data);
    if (plain >= 0)
        close(plain);
    if (once <= 0 || once == (ssize_t)sizeof data)
        SKIP("no file here gives less at a time than it has");
    open_file(c, &file, "/proc/kallsyms", WEIR_OPEN_READ);
    CHECK_EQ(read_at(c, &file, data, sizeof data, 0), sizeof data);
    CHECK_EQ(read_at(c, &file, again, 1000, 30000), 1000);
    CHECK(memcmp(again, data + 30000, 1000) == 0);
}

const struct contract_case contract_cases[] = {
    {"offsets", offsets, 0},
    {"append", append, 0},
    {"eof_short", eof_short, 0},
    {"short_reads_go_on", short_reads_go_on, 0},
    {"stream_ops_in_order", stream_ops_in_order, 0},
    {"many_offsets_at_a_time", many_offsets_at_a_time, 0},
    {"file_vectored_over_IOV_MAX", vectored_over_IOV_MAX, 0},
    {"file_zero_length", zero_length, 0},
    /* The loop is opened where the small disk is seen. */
    {"enospc_partial", enospc_partial, CONTRACT_OWN_LOOP},
    {"efbig", efbig, 0},
    {"sparse_over_2GiB", sparse_over_2GiB, 0},
    {"request_over_0x7ffff000", request_over_0x7ffff000, CONTRACT_SLOW}, /* slow: copies 2 GiB */
    {"request_of_4_GiB", request_of_4_GiB, 0},
    {"fifo_open_blocks_a_worker_only", fifo_open_blocks_a_worker_only, 0},
    {"stdin_file_and_devnull", stdin_file_and_devnull, 0},
    {"file_served_is_told_truly", served_is_told_truly, 0},
    {0},
};
