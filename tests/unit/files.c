/* SPDX-License-Identifier: MIT */
/* files.c - files on the engine that the machine takes by itself: offsets, the position, ends, what
 * is refused. The contract asks more, of every engine; this needs no POSIX but getpid(). */
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "weir.h"

#define BOTH (WEIR_OPEN_READ | WEIR_OPEN_WRITE)
#define LARGE (3u << 20)
#define READS 64

static struct weir_loop *loop;
static char              path[64];

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static int64_t open_now(struct weir_handle *file, const char *name, unsigned mode)
{
    struct weir_op op = {0};
    memset(file, 0, sizeof *file);
    weir_open(&op, loop, file, name, mode, 0, NULL);
    return end_of(&op);
}

static int64_t write_now(struct weir_handle *file, const char *text, uint64_t offset)
{
    struct weir_op op = {0};
    weir_write(&op, file, text, strlen(text), offset, 0, NULL);
    return end_of(&op);
}

static int64_t read_now(struct weir_handle *file, void *data, size_t length, uint64_t offset)
{
    struct weir_op op = {0};
    weir_read(&op, file, data, length, offset, 0, NULL);
    return end_of(&op);
}

/* The whole file, from a handle of its own, is this text. */
static void check_content(const char *text)
{
    struct weir_handle file;
    char               found[64];
    size_t             length = strlen(text);
    CHECK_EQ(open_now(&file, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(read_now(&file, found, sizeof found, 0), length);
    CHECK(memcmp(found, text, length) == 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void bytes_have_their_places(void)
{
    struct weir_handle file;
    char               one[4], two[16];
    struct weir_buf    pieces[] = {{one, 4}, {NULL, 0}, {two, 16}};
    struct weir_op     vector = {0};
    CHECK_EQ(open_now(&file, path, BOTH | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE), 0);
    CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_FILE);
    CHECK_EQ(write_now(&file, "world", 6), 5);
    CHECK_EQ(write_now(&file, "hello ", 0), 6);
    check_content("hello world");
    CHECK_EQ(read_now(&file, two, 3, 4), 3);
    CHECK(memcmp(two, "o w", 3) == 0);
    CHECK_EQ(read_now(&file, two, 16, 9), 2);
    CHECK_EQ(read_now(&file, two, 16, 11), 0);
    CHECK_EQ(read_now(&file, two, 16, 4096), 0);
    weir_readv(&vector, &file, pieces, 3, 1, 0, NULL);
    CHECK_EQ(end_of(&vector), 10);
    CHECK(memcmp(one, "ello", 4) == 0 && memcmp(two, " world", 6) == 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

static void without_a_place_the_position_moves_on(void)
{
    struct weir_handle file;
    char               text[16];
    CHECK_EQ(open_now(&file, path, BOTH | WEIR_OPEN_CREATE | WEIR_OPEN_TRUNCATE), 0);
    CHECK_EQ(write_now(&file, "abc", WEIR_STREAM), 3);
    CHECK_EQ(write_now(&file, "X", 0), 1);
    CHECK_EQ(write_now(&file, "def", WEIR_STREAM), 3);
    CHECK_EQ(read_now(&file, text, 16, WEIR_STREAM), 0);
    check_content("Xbcdef");
    CHECK_EQ(weir_close_now(&file), 0);
    CHECK_EQ(open_now(&file, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(read_now(&file, text, 4, WEIR_STREAM), 4);
    CHECK_EQ(read_now(&file, text, 2, 1), 2);
    CHECK_EQ(read_now(&file, text, 16, WEIR_STREAM), 2);
    CHECK(memcmp(text, "ef", 2) == 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

static void appended_bytes_come_last(void)
{
    struct weir_handle one, other;
    CHECK_EQ(open_now(&one, path, WEIR_OPEN_WRITE | WEIR_OPEN_TRUNCATE), 0);
    CHECK_EQ(open_now(&other, path, WEIR_OPEN_WRITE | WEIR_OPEN_APPEND), 0);
    CHECK_EQ(write_now(&one, "abc", 0), 3);
    CHECK_EQ(write_now(&other, "def", 0), 3);
    CHECK_EQ(write_now(&one, "g", 6), 1);
    CHECK_EQ(write_now(&other, "hi", WEIR_STREAM), 2);
    check_content("abcdefghi");
    CHECK_EQ(weir_close_now(&one), 0);
    CHECK_EQ(weir_close_now(&other), 0);
}

static void many_reads_at_once_each_have_their_bytes(void)
{
    static unsigned char from[LARGE], to[LARGE];
    struct weir_op       reads[READS] = {{0}}, whole = {0};
    struct weir_handle   file;
    uint64_t             state = 3;
    const size_t         piece = LARGE / READS;
    for (size_t i = 0; i < LARGE; i++)
        from[i] = (unsigned char)unit_random(&state);
    CHECK_EQ(open_now(&file, path, BOTH | WEIR_OPEN_TRUNCATE), 0);
    weir_write(&whole, &file, from, LARGE, 0, WEIR_ALL, NULL);
    CHECK_EQ(end_of(&whole), LARGE);
    for (size_t i = 0; i < READS; i++)
        weir_read(&reads[i], &file, to + i * piece, piece, i * piece, 0, NULL);
    for (size_t i = 0; i < READS; i++)
        CHECK_EQ(end_of(&reads[i]), piece);
    CHECK(memcmp(from, to, LARGE) == 0);
    CHECK_EQ(weir_close_now(&file), 0);
}

static void what_is_known_of_a_file(void)
{
    struct weir_handle file;
    struct weir_stat   stat;
    struct weir_op     op = {0};
    CHECK_EQ(open_now(&file, path, BOTH | WEIR_OPEN_TRUNCATE), 0);
    CHECK_EQ(write_now(&file, "0123456789", 0), 10);
    weir_truncate(&op, &file, 4, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    weir_fsync(&op, &file, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    weir_advise(&op, &file, 0, 0, WEIR_ADVICE_SEQUENTIAL, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    check_content("0123");
    weir_truncate(&op, &file, 5000, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    memset(&stat, 0xff, sizeof stat);
    weir_fstat(&op, &file, &stat, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    CHECK_EQ(stat.size, 5000);
    CHECK_EQ(stat.kind, WEIR_HANDLE_FILE);
    CHECK_EQ(stat.links, 1);
    CHECK_EQ(stat.mode & 0170600u, 0100600u);
    CHECK(stat.modified_ns > INT64_C(1600000000) * (int64_t)WEIR_SECOND);
    CHECK_EQ(weir_close_now(&file), 0);
}

static void a_directory_is_opened_and_has_no_bytes(void)
{
    struct weir_handle directory;
    struct weir_stat   stat;
    struct weir_op     op = {0};
    char               byte;
    CHECK_EQ(open_now(&directory, ".", BOTH), WEIR_EISDIR);
    CHECK_EQ(open_now(&directory, ".", WEIR_OPEN_READ | WEIR_OPEN_DIRECTORY), 0);
    CHECK_EQ(weir_handle_kind(&directory), WEIR_HANDLE_DIRECTORY);
    CHECK_EQ(read_now(&directory, &byte, 1, 0), WEIR_EISDIR);
    weir_fstat(&op, &directory, &stat, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    CHECK_EQ(stat.kind, WEIR_HANDLE_DIRECTORY);
    CHECK_EQ(weir_close_now(&directory), 0);
}

static void what_is_refused_says_why(void)
{
    struct weir_handle file;
    char               byte;
    CHECK_EQ(open_now(&file, "nothing-of-that-name", WEIR_OPEN_READ), WEIR_ENOENT);
    CHECK_EQ(open_now(&file, "", WEIR_OPEN_READ), WEIR_ENOENT);
    CHECK_EQ(open_now(&file, path, BOTH | WEIR_OPEN_CREATE | WEIR_OPEN_EXCLUSIVE), WEIR_EEXIST);
    CHECK_EQ(open_now(&file, path, WEIR_OPEN_READ | WEIR_OPEN_DIRECTORY), WEIR_ENOTDIR);
    CHECK_EQ(weir_handle_kind(&file), WEIR_HANDLE_NONE);
    CHECK_EQ(open_now(&file, path, WEIR_OPEN_WRITE), 0);
    CHECK_EQ(read_now(&file, &byte, 1, 0), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&file), 0);
    CHECK_EQ(open_now(&file, path, WEIR_OPEN_READ), 0);
    CHECK_EQ(write_now(&file, "x", 0), WEIR_EBADF);
    CHECK_EQ(weir_close_now(&file), 0);
}

static void closed(struct weir_handle *file)
{
    file->user = file;
}

/* Each of them ends with its bytes or cancelled, and the file is closed after them. */
static void a_close_waits_for_what_is_in_flight(void)
{
    static char        bytes[READS][4096];
    struct weir_op     reads[READS] = {{0}};
    struct weir_handle file;
    CHECK_EQ(open_now(&file, path, BOTH), 0);
    for (size_t i = 0; i < READS; i++)
        weir_read(&reads[i], &file, bytes[i], sizeof bytes[i], 0, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_close(&file, closed), 0);
    while (file.user != &file)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    for (size_t i = 0; i < READS; i++) {
        CHECK(weir_ended(&reads[i]));
        CHECK(reads[i].result == 4096 || reads[i].result == WEIR_ECANCELED);
    }
}

int main(void)
{
    snprintf(path, sizeof path, "unit-files-%ld", (long)getpid());
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    bytes_have_their_places();
    without_a_place_the_position_moves_on();
    appended_bytes_come_last();
    many_reads_at_once_each_have_their_bytes();
    what_is_known_of_a_file();
    a_directory_is_opened_and_has_no_bytes();
    what_is_refused_says_why();
    a_close_waits_for_what_is_in_flight();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    CHECK_EQ(remove(path), 0);
    return 0;
}
