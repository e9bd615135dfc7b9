/* SPDX-License-Identifier: MIT */
/* sim_disk.c - the simulated disk against a plain array, and its errors against those of Linux. */
#include "sim_disk.h"

/* ---- Names ----------------------------------------------------------------------------------- */

/* What Linux answers of the same names on ext4, a file "f" being there. */
static const struct {
    const char *path;
    unsigned    mode;
    int         result; /* 0: a descriptor */
} names[] = {
    {"", READ, WEIR_ENOENT},
    {"f", READ, 0},
    {"/data/f", READ, 0},
    {"/data//./../data/f", READ, 0},
    {"../data/f", READ, 0},
    {"/f", READ, WEIR_ENOENT},
    {"f/", READ, WEIR_ENOTDIR},
    {"f/x", READ, WEIR_ENOTDIR},
    {"f/..", READ, WEIR_ENOTDIR},
    {"none/x", NEW, WEIR_ENOENT},
    {"none/", NEW, WEIR_EISDIR},
    {"none/", READ, WEIR_ENOENT},
    {"none", READ | WRITE, WEIR_ENOENT},
    {".", READ | WRITE, WEIR_EISDIR},
    {".", READ | CREATE, WEIR_EISDIR},
    {".", READ | CREATE | WEIR_OPEN_EXCLUSIVE, WEIR_EEXIST},
    {".", READ | WEIR_OPEN_TRUNCATE, WEIR_EISDIR},
    {".", READ | WEIR_OPEN_DIRECT, WEIR_EINVAL},
    {".", READ, 0},
    {"/tmp/", READ | WEIR_OPEN_DIRECTORY, 0},
    {"/..", READ, 0},
    {"/", READ | WEIR_OPEN_DIRECTORY, 0},
    {"f", READ | WEIR_OPEN_DIRECTORY, WEIR_ENOTDIR},
    {"none", NEW | WEIR_OPEN_DIRECTORY, WEIR_EINVAL},
    {".", READ | CREATE | WEIR_OPEN_DIRECTORY, WEIR_EINVAL},
    {"f/", READ | CREATE, WEIR_EISDIR},
    {"f", NEW | WEIR_OPEN_EXCLUSIVE, WEIR_EEXIST},
    {"f", READ | WEIR_OPEN_EXCLUSIVE, 0},
    {"f", READ | WEIR_OPEN_NOFOLLOW, 0},
    {"f", READ | WEIR_OPEN_DIRECT, 0},
    {"/dev/null", NEW | WEIR_OPEN_TRUNCATE | WEIR_OPEN_APPEND, 0},
    {"/dev/null", READ | WRITE | WEIR_OPEN_DIRECT, WEIR_EINVAL},
    {"/dev/null", READ | WEIR_OPEN_DIRECTORY, WEIR_ENOTDIR},
    {"/dev/null", NEW | WEIR_OPEN_EXCLUSIVE, WEIR_EEXIST},
    {"/dev/null/", READ, WEIR_ENOTDIR},
    {"new", NEW | WEIR_OPEN_EXCLUSIVE | 0640, 0},
};

/* A path of `length` bytes that has a slash at every so many. */
static const char *long_path(size_t length, size_t slash_every)
{
    static char path[5000];
    memset(path, 'a', length);
    for (size_t i = 0; i < length; i += slash_every)
        path[i] = '/';
    path[length] = '\0';
    return path;
}

static void names_are_as_on_linux(void)
{
    struct disk_test test = disk_test_open(1);
    close_file(&test, open_file(&test, "f", NEW));
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t result = sim_open(test.host, names[i].path, names[i].mode);
        if (result >= 0)
            close_file(&test, (int)result);
        if ((result < 0 ? result : 0) != names[i].result)
            printf("\"%s\", mode %#x\n", names[i].path, names[i].mode);
        CHECK_EQ(result < 0 ? result : 0, names[i].result);
    }
    CHECK_EQ(sim_open(test.host, long_path(256, 300), READ), WEIR_ENOENT);
    CHECK_EQ(sim_open(test.host, long_path(257, 300), READ), WEIR_ENAMETOOLONG);
    CHECK_EQ(sim_open(test.host, long_path(4095, 100), READ), WEIR_ENOENT);
    CHECK_EQ(sim_open(test.host, long_path(4096, 100), READ), WEIR_ENAMETOOLONG);
    int descriptor = (int)sim_open(test.host, long_path(4095, 1), READ);
    CHECK_EQ(stat_of(&test, descriptor).kind, WEIR_HANDLE_DIRECTORY);
    disk_test_close(&test);
}

/* unlink(2): what is open is there without its name, and its space until it is closed. */
static void removed_files_go_when_they_are_closed(void)
{
    struct disk_test test = disk_test_open(1);
    char             data[4] = "";
    int              file = open_file(&test, "f", NEW), second;
    CHECK_EQ(reserve(&test, file, 0, (UINT64_C(1) << 30) - 4096), 0);
    CHECK_EQ(write_at(&test, file, "one", 3, 0), 3);
    CHECK_EQ(weir_sim_unlink(test.host, "/data/f"), 0);
    CHECK_EQ(weir_sim_unlink(test.host, "/data/f"), WEIR_ENOENT);
    second = open_file(&test, "f", NEW | WEIR_OPEN_EXCLUSIVE);
    CHECK_EQ(reserve(&test, second, 0, 2 * 4096), WEIR_ENOSPC);
    CHECK_EQ(read_at(&test, file, data, 3, 0), 3);
    CHECK_EQ(memcmp(data, "one", 3), 0);
    CHECK_EQ(sync_file(&test, file), 0);
    CHECK_EQ(stat_of(&test, file).links, 0);
    CHECK(stat_of(&test, file).inode != stat_of(&test, second).inode);
    close_file(&test, file);
    CHECK_EQ(reserve(&test, second, 0, 2 * 4096), 0);
    CHECK_EQ(stat_of(&test, second).links, 1);
    disk_test_close(&test);
}

/* An op on a descriptor that was not opened for it, or that is none of a file. */
static void wrong_descriptors(void)
{
    struct disk_test test = disk_test_open(1);
    char             data[16] = {0};
    int              out = open_file(&test, "f", WRITE | CREATE), in = open_file(&test, "f", READ);
    int directory = open_file(&test, "/", READ), null = open_file(&test, "/dev/null", READ | WRITE);
    CHECK_EQ(read_at(&test, out, data, 1, 0), WEIR_EBADF);
    CHECK_EQ(write_at(&test, in, data, 1, 0), WEIR_EBADF);
    CHECK_EQ(resize(&test, in, 1), WEIR_EINVAL);
    CHECK_EQ(reserve(&test, in, 0, 1), WEIR_EBADF);
    CHECK_EQ(sync_file(&test, in), 0);
    CHECK_EQ(read_at(&test, directory, data, 1, 0), WEIR_EISDIR);
    CHECK_EQ(write_at(&test, directory, data, 1, 0), WEIR_EBADF);
    CHECK_EQ(resize(&test, directory, 1), WEIR_EINVAL);
    CHECK_EQ(reserve(&test, directory, 0, 1), WEIR_EBADF);
    CHECK_EQ(sync_file(&test, directory), 0);
    CHECK_EQ(resize(&test, null, 0), WEIR_EINVAL);
    CHECK_EQ(reserve(&test, null, 0, 10), WEIR_ENODEV);
    CHECK_EQ(sync_file(&test, null), WEIR_EINVAL);
    CHECK_EQ(range(&test, null, WEIR_OP_ADVISE, 0, 0), 0);
    CHECK_EQ(range(&test, in, WEIR_OP_SHUTDOWN, 0, 0), WEIR_ENOTSOCK);
    disk_test_close(&test);
}

static void devices(void)
{
    struct disk_test test = disk_test_open(1);
    char             data[16];
    memset(data, 'x', sizeof data);
    int null = open_file(&test, "/dev/null", READ | WRITE);
    int zero = open_file(&test, "/dev/zero", READ | WRITE);
    CHECK_EQ(write_at(&test, null, data, 16, WEIR_STREAM), 16);
    CHECK_EQ(read_at(&test, null, data, 16, 0), 0);
    CHECK_EQ(write_at(&test, zero, data, 16, 0), 16);
    CHECK_EQ(read_at(&test, zero, data, 15, WEIR_STREAM), 15);
    for (int i = 0; i < 16; i++)
        CHECK_EQ(data[i], i < 15 ? 0 : 'x');
    CHECK_EQ(stat_of(&test, null).size, 0);
    CHECK_EQ(read_at(&test, 0, data, 16, WEIR_STREAM), 0); /* the console's input is empty */
    CHECK_EQ(write_at(&test, 0, data, 16, WEIR_STREAM), WEIR_EBADF);
    CHECK_EQ(read_at(&test, 1, data, 16, WEIR_STREAM), WEIR_EBADF);
    disk_test_close(&test);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static void limits_are_those_of_ext4(void)
{
    struct disk_test      test = disk_test_open(1);
    static const uint64_t most = (UINT64_C(1) << 44) - 4096;
    char                  data[16] = "0123456789";
    int                   file = open_file(&test, "f", NEW);
    CHECK_EQ(read_at(&test, file, data, 10, INT64_MAX - 5), WEIR_EINVAL);
    CHECK_EQ(read_at(&test, file, data, 10, INT64_MAX - 64), 0);
    CHECK_EQ(write_at(&test, file, data, 10, INT64_MAX - 5), WEIR_EINVAL);
    CHECK_EQ(write_at(&test, file, data, 10, INT64_MAX - 64), WEIR_EFBIG);
    CHECK_EQ(write_at(&test, file, data, 10, most), WEIR_EFBIG);
    CHECK_EQ(write_at(&test, file, data, 0, most), 0);
    CHECK_EQ(write_at(&test, file, data, 10, most - 5), 5);
    CHECK(stat_of(&test, file).size == most);
    CHECK_EQ(stat_of(&test, file).blocks, 8);
    CHECK_EQ(resize(&test, file, most + 1), WEIR_EFBIG);
    CHECK_EQ(reserve(&test, file, most, 1), WEIR_EFBIG);
    CHECK_EQ(reserve(&test, file, 0, 0), WEIR_EINVAL);
    CHECK_EQ(reserve(&test, file, INT64_MAX - 5, 10), WEIR_EFBIG);
    CHECK_EQ(read_at(&test, file, data, 16, most - 5), 5);
    CHECK_EQ(memcmp(data, "01234", 5), 0);
    disk_test_close(&test);
}

/* A part of a write fits, then nothing; what is cut off is free again. */
static void a_full_disk(void)
{
    struct disk_test  test = disk_test_open(1);
    static const char data[65536] = "begin";
    int               big = open_file(&test, "big", NEW), file = open_file(&test, "f", NEW);
    CHECK_EQ(reserve(&test, big, 0, (UINT64_C(1) << 30) - 8192), 0);
    CHECK_EQ(reserve(&test, file, 0, 8193), WEIR_ENOSPC);
    CHECK_EQ(stat_of(&test, file).size, 0);
    CHECK_EQ(write_at(&test, file, data, sizeof data, 100), 8092);
    CHECK_EQ(write_at(&test, file, data, sizeof data, 8192), WEIR_ENOSPC);
    CHECK_EQ(write_at(&test, file, data, sizeof data, 8191), 1);
    CHECK_EQ(write_at(&test, big, data, sizeof data, 4096), sizeof data);
    CHECK_EQ(resize(&test, file, UINT64_C(1) << 40), 0); /* a hole */
    CHECK_EQ(sim_open(test.host, "another", NEW), WEIR_ENOSPC);
    CHECK_EQ(resize(&test, file, 1), 0);
    CHECK_EQ(write_at(&test, big, data, 8192, UINT64_C(1) << 30), 4096);
    CHECK_EQ(stat_of(&test, file).blocks, 8);
    disk_test_close(&test);
}

static void faults(void)
{
    struct disk_test test = disk_test_open(1);
    char             data[5000] = "x";
    int              file = open_file(&test, "f", NEW);
    CHECK_EQ(write_at(&test, file, data, 100, 0), 100);
    fault(&test, WEIR_SIM_DISK_FULL, ALWAYS);
    CHECK_EQ(write_at(&test, file, data, 5000, 0), WEIR_ENOSPC);
    CHECK_EQ(write_at(&test, file, data, 4096, 0), 4096); /* it has its space */
    CHECK_EQ(reserve(&test, file, 4096, 1), WEIR_ENOSPC);
    CHECK_EQ(sim_open(test.host, "g", NEW), WEIR_ENOSPC);
    weir_sim_heal(test.world);
    fault(&test, WEIR_SIM_DISK_ERROR, ALWAYS);
    CHECK_EQ(read_at(&test, file, data, 10, 0), WEIR_EIO);
    CHECK_EQ(read_at(&test, file, data, 10, 4096), 0);
    CHECK_EQ(write_at(&test, file, data, 10, 0), WEIR_EIO);
    CHECK_EQ(write_at(&test, file, data, 0, 0), 0);
    weir_sim_heal(test.world);
    fault(&test, WEIR_SIM_SHORT_TRANSFER, ALWAYS);
    int64_t some = read_at(&test, file, data, 4096, 0);
    CHECK(some > 0 && some < 4096);
    some = write_at(&test, file, data, 4096, 0);
    CHECK(some > 0 && some < 4096);
    CHECK_EQ(read_at(&test, file, data, 1, 0), 1);
    weir_sim_heal(test.world);
    fault(&test, WEIR_SIM_DESCRIPTORS, ALWAYS);
    CHECK_EQ(sim_open(test.host, "g", NEW), WEIR_EMFILE);
    weir_sim_heal(test.world);
    CHECK_EQ(sim_open(test.host, "g", READ), WEIR_ENOENT); /* it was not created */
    disk_test_close(&test);
}

/* ---- Past the page cache --------------------------------------------------------------------- */

static void direct_io_is_aligned(void)
{
    struct disk_test          test = disk_test_open(1);
    static _Alignas(512) char data[8192];
    struct weir_alignment     needs;
    int file = open_file(&test, "f", NEW | WEIR_OPEN_DIRECT), plain = open_file(&test, "f", NEW);
    sim_alignment(sim_descriptor(test.host, plain), &needs);
    CHECK_EQ(needs.memory, 512);
    CHECK_EQ(needs.offset, 512);
    sim_alignment(sim_descriptor(test.host, 1), &needs);
    CHECK_EQ(needs.memory + needs.offset, 0);
    CHECK_EQ(write_at(&test, file, data, 512, 0), 512);
    CHECK_EQ(write_at(&test, file, data, 100, 0), WEIR_EINVAL);
    CHECK_EQ(write_at(&test, file, data, 512, 100), WEIR_EINVAL);
    CHECK_EQ(write_at(&test, file, data + 4, 512, 0), WEIR_EINVAL);
    CHECK_EQ(read_at(&test, file, data, 512, 100), WEIR_EINVAL);
    CHECK_EQ(read_at(&test, file, data, 100, 0), WEIR_EINVAL);
    CHECK_EQ(read_at(&test, file, data + 4, 512, 0), WEIR_EINVAL);
    CHECK_EQ(read_at(&test, file, data, 4096, 0), 512);
    CHECK_EQ(read_at(&test, file, data, 512, 512), 0);
    CHECK_EQ(read_at(&test, file, data, 0, 100), 0);
    CHECK_EQ(write_at(&test, file, data, 0, 100), 0);
    CHECK_EQ(resize(&test, plain, 700), 0);
    CHECK_EQ(read_at(&test, file, data, 1024, 0), 700);
    CHECK_EQ(read_at(&test, file, data, 512, 512), 188);
    struct weir_buf pieces[] = {{data, 512}, {data + 1024, 1024}, {data + 4096, 100}};
    struct weir_op  op = {.kind = WEIR_OP_WRITEV};
    op.in.arg.vector.buffers = pieces;
    op.in.arg.vector.count = 3;
    CHECK_EQ(perform(&test, file, &op), WEIR_EINVAL);
    op.in.arg.vector.count = 2;
    CHECK_EQ(perform(&test, file, &op), 1536);
    fault(&test, WEIR_SIM_SHORT_TRANSFER, ALWAYS);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(read_at(&test, file, data, 1536, 0) % 512, 0);
    disk_test_close(&test);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static void times_are_the_virtual_clocks(void)
{
    struct disk_test test = disk_test_open(1);
    char             data[8];
    int              file = open_file(&test, "f", NEW | 0640);
    int64_t          born = stat_of(&test, file).modified_ns;
    CHECK(born == INT64_C(1577836800000000000));
    CHECK_EQ(stat_of(&test, file).mode, 0100640);
    CHECK_EQ(weir_sim_run(test.world, WEIR_SECOND), 0);
    CHECK_EQ(write_at(&test, file, "data", 4, 0), 4);
    struct weir_stat stat = stat_of(&test, file);
    CHECK(stat.modified_ns == born + (int64_t)WEIR_SECOND && stat.changed_ns == stat.modified_ns);
    CHECK(stat.accessed_ns == born);
    CHECK_EQ(weir_sim_run(test.world, 5), 0);
    CHECK_EQ(read_at(&test, file, data, 4, 0), 4);
    CHECK(stat_of(&test, file).accessed_ns == stat.modified_ns + 5);
    CHECK(stat_of(&test, file).modified_ns == stat.modified_ns);
    CHECK_EQ(weir_sim_run(test.world, 5), 0);
    CHECK_EQ(read_at(&test, file, data, 4, 0), 4);
    CHECK(stat_of(&test, file).accessed_ns == stat.modified_ns + 5); /* it is not older */
    disk_test_close(&test);
}

/* ---- Against an array ------------------------------------------------------------------------ */

#define ROOM 40000u

struct model {
    unsigned char bytes[ROOM];
    uint64_t      size, position;
    int           file, appending;
    uint64_t      random;
};

static unsigned draw(struct model *model, unsigned bound)
{
    return (unsigned)(unit_random(&model->random) >> 33) % bound;
}

static void model_put(struct model *model, uint64_t at, const unsigned char *data, int64_t length)
{
    CHECK(length > 0);
    if (at > model->size)
        memset(model->bytes + model->size, 0, (size_t)(at - model->size));
    memcpy(model->bytes + at, data, (size_t)length);
    if (model->size < at + (uint64_t)length)
        model->size = at + (uint64_t)length;
}

static void step_write(struct disk_test *test, struct model *model)
{
    static unsigned char data[9000];
    size_t               length = 1 + draw(model, sizeof data);
    for (size_t i = 0; i < length; i++)
        data[i] = (unsigned char)draw(model, 256);
    uint64_t at = draw(model, ROOM - (unsigned)length);
    if (draw(model, 4) == 0 && model->size + length <= ROOM) {
        model_put(model, model->size, data,
                  write_at(test, model->appending, data, length, draw(model, 2) ? 0 : WEIR_STREAM));
    } else if (draw(model, 2) && model->position + length <= ROOM) {
        int64_t moved = write_at(test, model->file, data, length, WEIR_STREAM);
        model_put(model, model->position, data, moved);
        model->position += (uint64_t)moved;
    } else {
        model_put(model, at, data, write_at(test, model->file, data, length, at));
    }
}

/* In three pieces, the middle one empty, of what is there. */
static void step_read(struct disk_test *test, struct model *model)
{
    static unsigned char data[9000];
    size_t               length = 2 + draw(model, sizeof data - 2), first = draw(model, 2000) + 1;
    bool                 streams = draw(model, 2);
    uint64_t             at = streams ? model->position : draw(model, ROOM);
    uint64_t             there = at < model->size ? model->size - at : 0;
    first = first < length ? first : length - 1;
    struct weir_buf pieces[] = {{data, first}, {data, 0}, {data + first, length - first}};
    struct weir_op  op = {.kind = WEIR_OP_READV};
    op.in.arg.vector.buffers = pieces;
    op.in.arg.vector.count = 3;
    op.in.arg.vector.offset = streams ? WEIR_STREAM : at;
    int64_t moved = perform(test, model->file, &op);
    CHECK(moved >= 0 && (uint64_t)moved <= length && (uint64_t)moved <= there);
    CHECK(moved > 0 || !there);
    CHECK(memcmp(data, model->bytes + at, (size_t)moved) == 0);
    model->position += streams ? (uint64_t)moved : 0;
}

static void step_other(struct disk_test *test, struct model *model)
{
    uint64_t length = draw(model, ROOM), offset = draw(model, ROOM - 1);
    switch (draw(model, 4)) {
    case 0:
        CHECK_EQ(resize(test, model->file, length), 0);
        if (length > model->size)
            memset(model->bytes + model->size, 0, (size_t)(length - model->size));
        model->size = length;
        break;
    case 1:
        length = 1 + length % (ROOM - offset - 1);
        CHECK_EQ(reserve(test, model->file, offset, length), 0);
        if (offset + length > model->size) {
            memset(model->bytes + model->size, 0, (size_t)(offset + length - model->size));
            model->size = offset + length;
        }
        break;
    case 2:
        CHECK_EQ(sync_file(test, model->appending), 0);
        break;
    default:
        CHECK_EQ(stat_of(test, model->file).size, model->size);
        CHECK(stat_of(test, model->file).blocks <= (ROOM / 4096 + 1) * 8);
    }
}

static uint64_t run_model(uint64_t seed)
{
    static struct model model;
    struct disk_test    test = disk_test_open(seed);
    fault(&test, WEIR_SIM_SHORT_TRANSFER, seed % 2 ? ALWAYS / 5 : 0);
    model = (struct model){.random = seed * 2 + 1};
    model.file = open_file(&test, "f", NEW);
    model.appending = open_file(&test, "./f", WRITE | WEIR_OPEN_APPEND);
    for (int i = 0; i < 150; i++) {
        unsigned which = draw(&model, 5);
        (which < 2 ? step_write : which < 4 ? step_read : step_other)(&test, &model);
    }
    uint64_t hash = weir_sim_trace_hash(test.world);
    disk_test_close(&test);
    return hash;
}

int main(void)
{
    names_are_as_on_linux();
    removed_files_go_when_they_are_closed();
    wrong_descriptors();
    devices();
    limits_are_those_of_ext4();
    a_full_disk();
    faults();
    direct_io_is_aligned();
    times_are_the_virtual_clocks();
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_model(seed);
    CHECK(run_model(7) == run_model(7));
    CHECK(run_model(7) != run_model(9));
    return 0;
}
