/* SPDX-License-Identifier: MIT */
/* sim_disk_crash.c - what lasts over a crash of a simulated host, over many seeds: all that was
 * synced, and of the rest only what a device may have had. */
#include "sim_disk.h"

#define SEEDS 3000u
#define ROOM 6000u
#define STATES 40u

/* A file as it was after each change since it was last synced; the first is the synced one. */
struct state {
    unsigned char bytes[ROOM];
    uint64_t      size;
};

struct history {
    struct state states[STATES];
    unsigned     count;
    bool         named; /* a sync made its name last */
    uint64_t     random;
};

static struct history history;

/* How often each end was seen, so that a disk that loses nothing, or everything, is found out. */
static unsigned whole, partial, nothing, missing, torn;

static unsigned draw(unsigned bound)
{
    return (unsigned)(unit_random(&history.random) >> 33) % bound;
}

static struct state *latest(void)
{
    return &history.states[history.count - 1];
}

static void change(struct disk_test *test, int file)
{
    static unsigned char data[3000];
    struct state        *after = &history.states[history.count];
    *after = *latest();
    history.count++;
    size_t offset = draw(ROOM - sizeof data), length = 1 + draw(sizeof data);
    if (draw(5) == 0) {
        CHECK_EQ(resize(test, file, offset), 0);
        if (offset < after->size)
            memset(after->bytes + offset, 0, (size_t)(after->size - offset));
        after->size = offset;
        return;
    }
    memset(data, (int)draw(256), length);
    CHECK_EQ(write_at(test, file, data, length, offset), length);
    memcpy(after->bytes + offset, data, length);
    if (after->size < offset + length)
        after->size = offset + length;
}

static void synced(void)
{
    history.states[0] = *latest();
    history.count = 1;
    history.named = true;
}

static bool is_state(const struct state *found, unsigned i)
{
    const struct state *state = &history.states[i];
    return found->size == state->size &&
           memcmp(found->bytes, state->bytes, (size_t)state->size) == 0;
}

/* Without torn writes: as after one of the changes. */
static void check_prefix(const struct state *found)
{
    for (unsigned i = history.count; i-- > 0;) {
        if (!is_state(found, i))
            continue;
        whole += i + 1 == history.count;
        nothing += i == 0 && history.count > 1;
        partial += i > 0 && i + 1 < history.count;
        return;
    }
    CHECK(false && "what was synced, and the first changes since");
}

/* With them: each byte as after one of the changes, or a hole where the file was longer for a
 * while; what no change since the sync touched is as it was synced. */
static void check_torn(const struct state *found)
{
    bool is_known = false;
    for (unsigned i = 0; i < history.count; i++)
        is_known |= is_state(found, i);
    torn += !is_known;
    for (uint64_t at = 0; at < found->size; at++) {
        bool is_possible = false, touched = false;
        for (unsigned i = 0; i < history.count; i++) {
            const struct state *state = &history.states[i];
            is_possible |= state->bytes[at] == found->bytes[at];
            touched |= state->bytes[at] != history.states[0].bytes[at] || state->size <= at;
        }
        CHECK(is_possible || (touched && !found->bytes[at]));
    }
    uint64_t least = history.states[0].size;
    for (unsigned i = 0; i < history.count; i++)
        least = history.states[i].size < least ? history.states[i].size : least;
    CHECK(found->size >= least);
}

static void check_after_crash(struct disk_test *test, bool tears)
{
    static struct state found;
    memset(&found, 0, sizeof found);
    int64_t file = sim_open(test->host, "f", READ);
    if (file == WEIR_ENOENT) {
        CHECK(!history.named);
        missing++;
        return;
    }
    CHECK(file > 2);
    found.size = stat_of(test, (int)file).size;
    CHECK(found.size <= ROOM);
    CHECK_EQ(read_at(test, (int)file, found.bytes, ROOM, 0), found.size);
    (tears ? check_torn : check_prefix)(&found);
    close_file(test, (int)file);
    history.states[0] = found;
    history.count = 1;
    history.named = true; /* what a crash leaves is on the device */
}

static void crash(struct disk_test *test, bool tears)
{
    fault(test, WEIR_SIM_TORN_WRITE, tears ? ALWAYS : 0);
    weir_sim_crash(test->world, test->host);
    check_after_crash(test, tears);
}

/* Two crashes of one file, with some changes, and mostly a sync, before each. */
static void run_seed(uint64_t seed)
{
    struct disk_test test = disk_test_open(seed);
    history.random = seed * 2 + 1;
    history.count = 1;
    history.named = false;
    memset(&history.states[0], 0, sizeof history.states[0]);
    for (int crashes = 0; crashes < 2; crashes++) {
        int file = open_file(&test, "f", NEW);
        for (unsigned before = draw(8); before; before--)
            change(&test, file);
        if (draw(4)) {
            CHECK_EQ(sync_file(&test, file), 0);
            synced();
        }
        for (unsigned after = draw(8); after; after--)
            change(&test, file);
        crash(&test, draw(2));
        if (!history.named)
            memset(&history.states[0], 0, sizeof history.states[0]);
        history.count = 1;
    }
    disk_test_close(&test);
}

static void what_was_synced_lasts(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
    CHECK(whole > SEEDS / 50 && partial > SEEDS / 50 && nothing > SEEDS / 50);
    CHECK(missing > SEEDS / 50 && torn > SEEDS / 50);
}

/* A sector is never torn, and each by itself may be lost. */
static void a_torn_write_keeps_sectors(void)
{
    static unsigned char data[4096], found[4096];
    unsigned             kept = 0, lost = 0;
    memset(data, 'n', sizeof data);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct disk_test test = disk_test_open(seed);
        int              file = open_file(&test, "f", NEW);
        CHECK_EQ(reserve(&test, file, 0, sizeof data), 0);
        CHECK_EQ(sync_file(&test, file), 0);
        CHECK_EQ(write_at(&test, file, data, 3000, 100), 3000);
        fault(&test, WEIR_SIM_TORN_WRITE, ALWAYS);
        weir_sim_crash(test.world, test.host);
        file = open_file(&test, "f", READ);
        CHECK_EQ(read_at(&test, file, found, sizeof found, 0), sizeof found);
        for (unsigned at = 100; at < 3100; at++) {
            bool begins = at == 100 || at % 512 == 0;
            CHECK(found[at] == 0 || found[at] == 'n');
            CHECK(begins || found[at] == found[at - 1]);
            kept += begins && found[at];
            lost += begins && !found[at];
        }
        disk_test_close(&test);
    }
    CHECK(kept > 50 && lost > 50);
}

/* A directory's sync keeps the names in it, and nothing in the files. */
static void names_last_by_their_directory(void)
{
    unsigned empty = 0, full = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct disk_test test = disk_test_open(seed);
        int              file = open_file(&test, "f", NEW), directory = open_file(&test, ".", READ);
        CHECK_EQ(write_at(&test, file, "data", 4, 0), 4);
        CHECK_EQ(sync_file(&test, directory), 0);
        weir_sim_crash(test.world, test.host);
        uint64_t size = stat_of(&test, open_file(&test, "f", READ)).size;
        CHECK(size == 0 || size == 4);
        empty += size == 0;
        full += size == 4;
        disk_test_close(&test);
    }
    CHECK(empty > 20 && full > 20);
}

/* How often, of 100 seeds, the file is as it was before its name was removed (3 bytes) and a new
 * file got it (5), or is not there. */
struct namesakes {
    unsigned before, after, none;
};

enum kept { KEEP_NOTHING, KEEP_THE_NEW, KEEP_NAMES };

static struct namesakes replace_and_crash(bool makes_new, enum kept kept)
{
    struct namesakes seen = {0};
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct disk_test test = disk_test_open(seed);
        int              file = open_file(&test, "f", NEW), directory = open_file(&test, ".", READ);
        CHECK_EQ(write_at(&test, file, "old", 3, 0), 3);
        CHECK_EQ(sync_file(&test, file), 0);
        if (seed % 2) /* or it is there until the crash */
            close_file(&test, file);
        CHECK_EQ(weir_sim_unlink(test.host, "f"), 0);
        CHECK_EQ(sim_open(test.host, "f", READ), WEIR_ENOENT);
        if (makes_new) {
            file = open_file(&test, "f", NEW | WEIR_OPEN_EXCLUSIVE);
            CHECK_EQ(write_at(&test, file, "newer", 5, 0), 5);
        }
        if (kept)
            CHECK_EQ(sync_file(&test, kept == KEEP_NAMES ? directory : file), 0);
        weir_sim_crash(test.world, test.host);
        int64_t  found = sim_open(test.host, "f", READ);
        uint64_t size = found < 0 ? 0 : stat_of(&test, (int)found).size;
        seen.before += size == 3;
        seen.after += found >= 0 && size != 3;
        seen.none += found < 0;
        if (found >= 0 && size == 3)
            CHECK_EQ(stat_of(&test, (int)found).links, 1);
        disk_test_close(&test);
    }
    return seen;
}

/* A removal that was not synced may be undone; never where the new file's name lasts. */
static void removed_names_come_back_or_not(void)
{
    struct namesakes seen = replace_and_crash(false, KEEP_NOTHING);
    CHECK(seen.before > 20 && seen.none > 20 && !seen.after);
    seen = replace_and_crash(false, KEEP_NAMES);
    CHECK(seen.none == 100);
    seen = replace_and_crash(true, KEEP_NOTHING);
    CHECK(seen.before > 20 && seen.none > 5 && seen.after > 5);
    seen = replace_and_crash(true, KEEP_THE_NEW);
    CHECK(seen.after == 100);
    seen = replace_and_crash(true, KEEP_NAMES);
    CHECK(seen.after == 100);
}

static void writes_of_a_synchronous_file_last(void)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct disk_test test = disk_test_open(seed);
        char             found[8] = "";
        int              file = open_file(&test, "f", NEW | WEIR_OPEN_SYNC);
        CHECK_EQ(write_at(&test, file, "lasting", 7, 0), 7);
        fault(&test, WEIR_SIM_TORN_WRITE, ALWAYS);
        weir_sim_crash(test.world, test.host);
        CHECK_EQ(read_at(&test, open_file(&test, "f", READ), found, 8, 0), 7);
        CHECK_EQ(memcmp(found, "lasting", 7), 0);
        disk_test_close(&test);
    }
}

/* No program keeps unsynced writes from the device for ever: the oldest of many are there. */
static void the_oldest_changes_reach_the_device(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct disk_test test = disk_test_open(seed);
        int              file = open_file(&test, "f", NEW);
        CHECK_EQ(sync_file(&test, file), 0);
        for (unsigned i = 0; i < 1000; i++)
            CHECK_EQ(write_at(&test, file, "x", 1, i), 1);
        weir_sim_crash(test.world, test.host);
        uint64_t size = stat_of(&test, open_file(&test, "f", READ)).size;
        CHECK(size >= 1000 - 256 && size <= 1000);
        disk_test_close(&test);
    }
}

/* ---- Syncs that fail ------------------------------------------------------------------------- */

/* Once on each descriptor that was open, or on the first that comes if nobody was told; a sync that
 * comes later succeeds, and brings nothing back. */
static void a_failed_sync_is_told_once(void)
{
    unsigned seen = 0, forgotten = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct disk_test test = disk_test_open(seed);
        char             found[4] = "";
        int              file = open_file(&test, "f", NEW), other = open_file(&test, "f", READ);
        CHECK_EQ(write_at(&test, file, "old", 3, 0), 3);
        CHECK_EQ(sync_file(&test, file), 0);
        CHECK_EQ(write_at(&test, file, "new", 3, 0), 3);
        fault(&test, WEIR_SIM_DISK_ERROR, ALWAYS);
        CHECK_EQ(sync_file(&test, file), WEIR_EIO);
        weir_sim_heal(test.world);
        CHECK_EQ(sync_file(&test, file), 0);
        CHECK_EQ(sync_file(&test, open_file(&test, "f", READ)), 0);
        CHECK_EQ(sync_file(&test, other), WEIR_EIO);
        CHECK_EQ(sync_file(&test, other), 0);
        CHECK_EQ(read_at(&test, file, found, 3, 0), 3);
        bool is_new = memcmp(found, "new", 3) == 0;
        CHECK(is_new || memcmp(found, "old", 3) == 0);
        seen += is_new;
        forgotten += !is_new;
        weir_sim_crash(test.world, test.host);
        file = open_file(&test, "f", READ);
        CHECK_EQ(read_at(&test, file, found, 3, 0), 3);
        CHECK_EQ(memcmp(found, "old", 3), 0);
        CHECK_EQ(sync_file(&test, file), 0);
        disk_test_close(&test);
    }
    CHECK(seen > 40 && forgotten > 40);
}

/* What goes to the device before a sync may fail there: the next sync tells it, also to one who
 * came later. */
static void a_failed_write_back_is_told_by_the_sync(void)
{
    struct disk_test test = disk_test_open(1);
    int              file = open_file(&test, "f", NEW);
    CHECK_EQ(write_at(&test, file, "x", 1, 0), 1);
    fault(&test, WEIR_SIM_DISK_ERROR, ALWAYS);
    for (unsigned i = 0; i < 256; i++)
        CHECK_EQ(resize(&test, file, 10 + i), 0);
    weir_sim_heal(test.world);
    close_file(&test, file);
    file = open_file(&test, "f", READ);
    CHECK_EQ(sync_file(&test, file), WEIR_EIO);
    CHECK_EQ(sync_file(&test, file), 0);
    CHECK_EQ(sync_file(&test, open_file(&test, "f", READ)), 0);
    disk_test_close(&test);
}

int main(void)
{
    what_was_synced_lasts();
    a_torn_write_keeps_sectors();
    names_last_by_their_directory();
    removed_names_come_back_or_not();
    writes_of_a_synchronous_file_last();
    the_oldest_changes_reach_the_device();
    a_failed_sync_is_told_once();
    a_failed_write_back_is_told_by_the_sync();
    return 0;
}
