/* SPDX-License-Identifier: MIT */
/* store.c - a table in memory and a log in a file. Records are appended, many at a time, and
 * synced; then they count. A line that was torn by a crash has a wrong sum, and the log ends before
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"

struct store {
    struct weir_handle file;
    struct weir_op     op; /* one at a time */
    struct weir_stat   stat;
    struct record     *records;
    size_t             count, log_length, batch_length;
    char              *log, *batch; /* what is read at first; what is written now */
    struct wish       *writing, *waiting, **last_waiting;
    void (*opened)(void *user, int error);
    void *user;
    int   failed; /* a disk that failed once is not trusted again */
    bool  early, is_open;
};

/* ---- The table ------------------------------------------------------------------------------- */

const struct record *store_find(const struct store *store, const char *key)
{
    for (size_t i = 0; i < store->count; i++)
        if (strcmp(store->records[i].key, key) == 0)
            return &store->records[i];
    return NULL;
}

static int keep(struct store *store, const struct record *record)
{
    struct record *known = (struct record *)(uintptr_t)store_find(store, record->key);
    if (!known) {
        struct record *grown = realloc(store->records, (store->count + 1) * sizeof *grown);
        if (!grown)
            return WEIR_ENOMEM;
        store->records = grown;
        known = &grown[store->count++];
        *known = *record;
    } else if (version_is_newer(record->version, known->version)) {
        *known = *record;
    }
    return 0;
}

/* ---- Lines of the log ------------------------------------------------------------------------ */

static unsigned sum_of(const char *text, size_t length)
{
    unsigned sum = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)text[i]) * 16777619u;
    return sum;
}

static size_t format_record(char *text, size_t room, const struct record *record)
{
    int length = snprintf(text, room, "%llu %u %s %s", record->version.number,
                          record->version.writer, record->key, record->value);
    return (size_t)length + (size_t)snprintf(text + length, room - (size_t)length, " %08x\n",
                                             sum_of(text, (size_t)length));
}

/* The length of the line, or 0 where none is whole. */
static size_t parse_record(const char *text, size_t length, struct record *record)
{
    char        line[LINE_ROOM];
    unsigned    sum;
    const char *end = memchr(text, '\n', length);
    if (!end || (size_t)(end - text) >= sizeof line || end - text < 10)
        return 0;
    memcpy(line, text, (size_t)(end - text));
    line[end - text] = '\0';
    char *tail = line + (end - text) - 9;
    if (sscanf(tail, " %8x", &sum) != 1 || sum != sum_of(line, (size_t)(tail - line)))
        return 0;
    *tail = '\0';
    if (sscanf(line, "%llu %u %63s %63s", &record->version.number, &record->version.writer,
               record->key, record->value) != 4)
        return 0;
    return (size_t)(end - text) + 1;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* What was told early waits as a copy of the store's own. */
static void free_copies(struct wish *wish, bool early)
{
    while (wish && early) {
        struct wish *next = wish->next;
        free(wish);
        wish = next;
    }
}

void store_free(struct store *store)
{
    free_copies(store->writing, store->early);
    free_copies(store->waiting, store->early);
    free(store->records);
    free(store->log);
    free(store->batch);
    free(store);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void tell(struct wish *wish, int error)
{
    while (wish) {
        struct wish *next = wish->next;
        wish->granted(wish, error);
        wish = next;
    }
}

static void write_waiting(struct store *store);

/* All that waited for this batch, and, when the disk failed, for the next. */
static void finish_batch(struct store *store, int error)
{
    struct wish *done = store->writing;
    store->writing = NULL;
    for (struct wish *wish = done; wish && !error; wish = wish->next)
        error = keep(store, &wish->record);
    if (error)
        store->failed = error;
    else
        store->log_length += store->batch_length;
    if (store->early)
        free_copies(done, true);
    else
        tell(done, error);
    write_waiting(store);
}

static void on_synced(struct weir_op *op)
{
    finish_batch(weir_of(op, struct store, op), (int)op->result);
}

static void on_written(struct weir_op *op)
{
    struct store *store = weir_of(op, struct store, op);
    if (op->result == (int64_t)store->batch_length)
        weir_fsync(op, &store->file, WEIR_DATA_ONLY, on_synced);
    else
        finish_batch(store, op->result < 0 ? (int)op->result : WEIR_EIO);
}

static void write_waiting(struct store *store)
{
    size_t length = 0;
    if (!store->waiting || store->writing || !store->is_open)
        return;
    store->writing = store->waiting;
    store->waiting = NULL;
    store->last_waiting = &store->waiting;
    for (struct wish *wish = store->writing; wish; wish = wish->next)
        length += LINE_ROOM;
    char *batch = store->failed ? NULL : realloc(store->batch, length);
    if (!batch) {
        finish_batch(store, store->failed ? store->failed : WEIR_ENOMEM);
        return;
    }
    store->batch = batch;
    store->batch_length = 0;
    for (struct wish *wish = store->writing; wish; wish = wish->next)
        store->batch_length += format_record(batch + store->batch_length, LINE_ROOM, &wish->record);
    weir_write(&store->op, &store->file, batch, store->batch_length, store->log_length, WEIR_ALL,
               on_written);
}

/* The copy is what the disk is told of, while the caller believes that it has it. */
static void grant_early(struct store *store, struct wish *wish)
{
    struct wish *copy = malloc(sizeof *copy);
    if (!copy || keep(store, &wish->record)) {
        free(copy);
        wish->granted(wish, WEIR_ENOMEM);
        return;
    }
    *copy = *wish;
    copy->next = NULL;
    *store->last_waiting = copy;
    store->last_waiting = &copy->next;
    wish->granted(wish, 0);
    write_waiting(store);
}

void store_put(struct store *store, struct wish *wish)
{
    const struct record *known = store_find(store, wish->record.key);
    wish->next = NULL;
    if (store->failed) {
        wish->granted(wish, store->failed);
    } else if (known && !version_is_newer(wish->record.version, known->version)) {
        wish->granted(wish, 0);
    } else if (store->early) {
        grant_early(store, wish);
    } else {
        *store->last_waiting = wish;
        store->last_waiting = &wish->next;
        write_waiting(store);
    }
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void finish_open(struct store *store, int64_t error)
{
    free(store->log);
    store->log = NULL;
    store->is_open = !error;
    store->failed = (int)error;
    store->opened(store->user, (int)error);
}

static void on_cut(struct weir_op *op)
{
    finish_open(weir_of(op, struct store, op), op->result);
}

/* What is behind the last whole line goes, so that no later line is taken for a part of it. */
static void on_read(struct weir_op *op)
{
    struct store *store = weir_of(op, struct store, op);
    struct record record;
    size_t        at = 0, length = op->result < 0 ? 0 : (size_t)op->result;
    int           error = op->result < 0 ? (int)op->result : op->error;
    if (error == WEIR_EEOF)
        error = 0;
    for (size_t line; !error && (line = parse_record(store->log + at, length - at, &record));
         at += line)
        error = keep(store, &record);
    store->log_length = at;
    if (error)
        finish_open(store, error);
    else
        weir_truncate(op, &store->file, at, 0, on_cut);
}

static void on_measured(struct weir_op *op)
{
    struct store *store = weir_of(op, struct store, op);
    size_t        size = op->result ? 0 : (size_t)store->stat.size;
    store->log = malloc(size + 1);
    if (op->result < 0 || !store->log)
        finish_open(store, op->result < 0 ? op->result : WEIR_ENOMEM);
    else
        weir_read(op, &store->file, store->log, size, 0, WEIR_ALL, on_read);
}

static void on_file(struct weir_op *op)
{
    struct store *store = weir_of(op, struct store, op);
    if (op->result < 0)
        finish_open(store, op->result);
    else
        weir_fstat(op, &store->file, &store->stat, 0, on_measured);
}

int store_open(struct store **out, struct weir_loop *loop, const char *path, bool early,
               void (*opened)(void *user, int error), void *user)
{
    struct store *store = *out = calloc(1, sizeof *store);
    if (!store)
        return WEIR_ENOMEM;
    store->last_waiting = &store->waiting;
    store->early = early;
    store->opened = opened;
    store->user = user;
    weir_open(&store->op, loop, &store->file, path,
              WEIR_OPEN_READ | WEIR_OPEN_WRITE | WEIR_OPEN_CREATE, 0, on_file);
    return 0;
}
