/* SPDX-License-Identifier: MIT */
/* files_registered.c - file I/O in memory that the loop was told of, and on files that it keeps a
 * place for: the same bytes, and less work where the mechanism can make use of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contract.h"

#define PIECE ((size_t)64 * 1024)

/* One block of memory, of which the first and the third quarter are registered. */
static unsigned char  *block;
static struct weir_buf told[2];
static char            last_sentence[256];

static void keep_sentence(void *user, enum weir_log_level level, const char *sentence)
{
    (void)user, (void)level;
    snprintf(last_sentence, sizeof last_sentence, "%s", sentence);
}

static struct weir_options options_of(struct contract *c)
{
    if (!block)
        block = contract_buffer(c, 4 * PIECE);
    told[0] = (struct weir_buf){block, PIECE};
    told[1] = (struct weir_buf){block + 2 * PIECE, PIECE};
    return (struct weir_options){.buffers = told, .buffer_count = 2, .log = keep_sentence};
}

static int64_t read_at(struct contract *c, struct weir_handle *file, size_t at, size_t length)
{
    struct weir_op op = {0};
    weir_read(&op, file, block + at, length, at, 0, contract_done);
    return contract_await(c, &op);
}

static int64_t write_at(struct contract *c, struct weir_handle *file, size_t at, size_t length)
{
    struct weir_op op = {0};
    weir_write(&op, file, block + at, length, at, 0, contract_done);
    return contract_await(c, &op);
}

/* Where parts begin and end: inside, at the edges, across them, and outside of what was told. */
static const struct {
    size_t at, length;
} parts[] = {
    {0, PIECE},           {0, 4 * PIECE},         {1, PIECE - 1},     {PIECE - 1, 1},
    {PIECE - 1, 2},       {PIECE, PIECE},         {2 * PIECE, PIECE}, {2 * PIECE - 1, 2},
    {2 * PIECE + 100, 5}, {3 * PIECE - 1, PIECE}, {3 * PIECE, 1},     {512, 4096},
};

static void move_every_part(struct contract *c)
{
    struct weir_handle file = {0};
    int                fd = open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(&file, c->loop, fd, 0), 0);
    contract_fill(block, 4 * PIECE, 0, 41);
    CHECK_EQ(write_at(c, &file, 0, 4 * PIECE), 4 * PIECE);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t at = parts[i].at, length = parts[i].length;
        memset(block, 0, 4 * PIECE);
        CHECK_EQ(read_at(c, &file, at, length), length);
        CHECK(contract_filled(block + at, length, at, 41));
        CHECK(at == 0 || block[at - 1] == 0);
        CHECK(at + length == 4 * PIECE || block[at + length] == 0);
        contract_fill(block, 4 * PIECE, 0, 43 + i);
        CHECK_EQ(write_at(c, &file, at, length), length);
        memset(block, 0, 4 * PIECE);
        CHECK_EQ(pread(fd, block, length, (off_t)at), (int64_t)length);
        CHECK(contract_filled(block, length, at, 43 + i));
        contract_fill(block, 4 * PIECE, 0, 41);
        CHECK_EQ(pwrite(fd, block + at, length, (off_t)at), (int64_t)length);
    }
    CHECK_EQ(read_at(c, &file, 4 * PIECE - 1, 1), 1);
    contract_close(c, &file);
}

static void told_memory_moves_the_same_bytes(struct contract *c)
{
    struct weir_options options = options_of(c);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    move_every_part(c);
}

/* Many at a time, each in its place. */
static void many_reads_in_told_memory(struct contract *c)
{
    struct weir_options options = options_of(c);
    struct weir_handle  file = {0};
    struct weir_op      ops[64] = {{0}};
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    int fd = open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_EQ(weir_adopt(&file, c->loop, fd, 0), 0);
    contract_fill(block, 4 * PIECE, 0, 47);
    CHECK_EQ(write_at(c, &file, 0, 4 * PIECE), 4 * PIECE);
    memset(block, 0, 4 * PIECE);
    for (size_t i = 0; i < 64; i++)
        weir_read(&ops[i], &file, block + i * 4096, 4096, i * 4096, 0, contract_done);
    for (size_t i = 0; i < 64; i += 5)
        weir_cancel(&ops[i]);
    contract_run(c);
    for (size_t i = 0; i < 64; i++) {
        CHECK(ops[i].result == 4096 || (i % 5 == 0 && ops[i].result == WEIR_ECANCELED));
        if (ops[i].result == 4096)
            CHECK(contract_filled(block + i * 4096, 4096, i * 4096, 47));
    }
    contract_close(c, &file);
}

/* Where it cannot be pinned, or is not to be, that is said, and all is as without. */
static void had_or_told(struct contract *c)
{
    for (int way = 0; way < 3; way++) {
        struct weir_options options = options_of(c);
        struct weir_feature features[32];
        last_sentence[0] = 0;
        if (way == 1)
            options.features_off = WEIR_WITHOUT_REGISTERED;
        if (way == 2) /* IORING_REGISTER_BUFFERS */
            contract_deny_when(SYS_io_uring_register, 1, 0, ENOMEM);
        CHECK_EQ(contract_open(c, &c->loop, &options), 0);
        int count = weir_loop_features(c->loop, features, 32);
        for (int i = 0; i < count; i++) {
            if (strcmp(features[i].name, "REGISTERED_BUFFERS") != 0)
                continue;
            CHECK(!(way && features[i].used));
            CHECK(way || features[i].used || strstr(features[i].reason, "refused"));
            CHECK(way != 1 || strstr(features[i].reason, "features_off"));
            CHECK(way != 2 || strstr(features[i].reason, "refused: ENOMEM"));
            CHECK_EQ(way == 2, strstr(last_sentence, "options.buffers") != NULL);
        }
        move_every_part(c);
        contract_loop_close(c, c->loop);
        c->loop = NULL;
    }
}

/* ------------------------------------------------------------------------------------------------
 * Files with a place of their own
 * ---------------------------------------------------------------------------------------------- */

#define PLACES 3
#define FILES 7
#define LENGTH 512

static void open_with_places(struct contract *c, unsigned count, unsigned features_off)
{
    struct weir_options options = {
        .registered_files = count, .features_off = features_off, .log = keep_sentence};
    last_sentence[0] = 0;
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
}

/* A file of its own, which holds what only it does; its other descriptor. */
static int adopt_file(struct contract *c, struct weir_handle *file, unsigned seed)
{
    unsigned char bytes[LENGTH];
    const char   *path = contract_temp_file(c);
    int           fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int           other = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && other >= 0);
    contract_fill(bytes, sizeof bytes, 0, seed);
    CHECK_EQ(pwrite(other, bytes, sizeof bytes, 0), LENGTH);
    CHECK_EQ(weir_adopt(file, c->loop, fd, 0), 0);
    return other;
}

/* Two reads and a write of each, all under way together. */
static void use_files(struct contract *c, struct weir_handle *files, const int *others)
{
    static unsigned char halves[FILES][2][LENGTH / 2], words[FILES][8];
    struct weir_op       reads[FILES][2] = {{{0}}}, writes[FILES] = {{0}};
    for (size_t i = 0; i < FILES; i++) {
        contract_fill(words[i], sizeof words[i], 0, 100 + (unsigned)i);
        for (size_t half = 0; half < 2; half++)
            weir_read(&reads[i][half], &files[i], halves[i][half], LENGTH / 2, half * LENGTH / 2, 0,
                      contract_done);
        weir_write(&writes[i], &files[i], words[i], sizeof words[i], LENGTH, 0, contract_done);
    }
    contract_run(c);
    for (size_t i = 0; i < FILES; i++) {
        unsigned char word[sizeof words[i]];
        for (size_t half = 0; half < 2; half++) {
            CHECK_RESULT(&reads[i][half], LENGTH / 2);
            CHECK(contract_filled(halves[i][half], LENGTH / 2, half * LENGTH / 2, (unsigned)i));
        }
        CHECK_RESULT(&writes[i], sizeof words[i]);
        CHECK_EQ(pread(others[i], word, sizeof word, LENGTH), sizeof word);
        CHECK(!memcmp(word, words[i], sizeof word));
    }
}

/* More files than places, of which some come and go, each with its own bytes. */
static void files_in_places_keep_apart(struct contract *c)
{
    struct weir_handle files[FILES] = {{0}};
    int                others[FILES];
    open_with_places(c, PLACES, 0);
    for (unsigned i = 0; i < FILES; i++)
        others[i] = adopt_file(c, &files[i], i);
    for (unsigned lap = 0; lap < 6; lap++) {
        use_files(c, files, others);
        for (unsigned i = lap % 3; i < FILES; i += 3) {
            contract_close(c, &files[i]);
            close(others[i]);
        }
        for (unsigned i = lap % 3; i < FILES; i += 3)
            others[i] = adopt_file(c, &files[i], i);
    }
    for (unsigned i = 0; i < FILES; i++) {
        contract_close(c, &files[i]);
        close(others[i]);
    }
}

/* Its lock belongs to the file that is open, which nothing holds any more once it is closed, or has
 * gone to another loop and was closed there. */
static void places_are_given_up(struct contract *c)
{
    if (contract_simulated())
        SKIP("a simulated world has no locks");
    for (int way = 0; way < 3; way++) {
        struct weir_handle files[FILES] = {{0}};
        int                others[FILES];
        struct weir_loop  *other_loop = NULL;
        struct weir_op     move = {0};
        if (!c->loop)
            open_with_places(c, PLACES, 0);
        for (unsigned i = 0; i < FILES; i++) {
            others[i] = adopt_file(c, &files[i], i);
            CHECK_EQ(flock((int)weir_handle_os(&files[i]), LOCK_EX | LOCK_NB), 0);
        }
        use_files(c, files, others);
        for (unsigned i = 0; i < FILES; i++)
            CHECK_EQ(flock(others[i], LOCK_EX | LOCK_NB), -1);
        if (way == 2) {
            CHECK_EQ(contract_open(c, &other_loop, NULL), 0);
            weir_move(&move, &files[0], other_loop, 0, contract_done);
            weir_run(other_loop, WEIR_UNTIL_DONE);
            CHECK_RESULT(&move, 0);
            CHECK_EQ(weir_close(&files[0], contract_closed), 0);
            weir_run(other_loop, WEIR_UNTIL_DONE);
        }
        for (unsigned i = way == 2; i < FILES; i++) {
            if (way == 1)
                weir_close_now(&files[i]);
            else
                contract_close(c, &files[i]);
        }
        for (unsigned i = 0; i < FILES; i++) {
            CHECK_EQ(flock(others[i], LOCK_EX | LOCK_NB), 0);
            close(others[i]);
        }
        if (other_loop)
            contract_loop_close(c, other_loop);
    }
}

/* Where places cannot be had, or are not to be, that is said, and all is as without. */
static void places_had_or_told(struct contract *c)
{
    for (int way = 0; way < 4; way++) {
        struct weir_feature features[32];
        struct weir_handle  files[FILES] = {{0}};
        int                 others[FILES];
        if (way == 2) /* IORING_REGISTER_FILES_UPDATE: had, and of no use */
            contract_deny_when(SYS_io_uring_register, 1, 6, ENOMEM);
        if (way == 3) /* IORING_REGISTER_FILES */
            contract_deny_when(SYS_io_uring_register, 1, 2, EMFILE);
        open_with_places(c, PLACES, way == 1 ? WEIR_WITHOUT_REGISTERED : 0);
        int count = weir_loop_features(c->loop, features, 32);
        for (int i = 0; i < count; i++) {
            if (strcmp(features[i].name, "REGISTERED_FILES") != 0)
                continue;
            CHECK(!(features[i].used && (way == 1 || way == 3)));
            CHECK(way == 1 || features[i].used || strstr(features[i].reason, "refused"));
            CHECK(way != 1 || strstr(features[i].reason, "features_off"));
            CHECK(way != 3 || strstr(features[i].reason, "refused: EMFILE"));
            CHECK_EQ(way == 3, strstr(last_sentence, "options.registered_files") != NULL);
        }
        for (unsigned i = 0; i < FILES; i++)
            others[i] = adopt_file(c, &files[i], i);
        use_files(c, files, others);
        for (unsigned i = 0; i < FILES; i++) {
            contract_close(c, &files[i]);
            close(others[i]);
        }
        contract_loop_close(c, c->loop);
        c->loop = NULL;
    }
}

/* The loops are opened with options. */
const struct contract_case contract_cases[] = {
    {"told_memory_moves_the_same_bytes", told_memory_moves_the_same_bytes, CONTRACT_OWN_LOOP},
    {"many_reads_in_told_memory", many_reads_in_told_memory, CONTRACT_OWN_LOOP},
    {"had_or_told", had_or_told, CONTRACT_OWN_LOOP},
    {"files_in_places_keep_apart", files_in_places_keep_apart, CONTRACT_OWN_LOOP},
    {"places_are_given_up", places_are_given_up, CONTRACT_OWN_LOOP},
    {"places_had_or_told", places_had_or_told, CONTRACT_OWN_LOOP},
    {0},
};
