/* SPDX-License-Identifier: MIT */
/* kv.h - a small replicated key-value server: three hosts, of which two are enough.
 *
 *   line.c    a connection that speaks in lines
 *   store.c   what a host knows: a table in memory, a log in a file
 *   server.c  a request from its first line to the answer of two hosts
 *   main.c    the program
 *
 * A key is a register that many may write, after Attiya, Bar-Noy and Dolev, "Sharing Memory
 * Robustly in Message-Passing Systems", 1995: a write asks two hosts for the newest version, then
 * gives a newer one to two; a read asks two, and gives what it found to two before it tells. So
 * whoever reads later finds it, whichever host is gone by then, as long as a host that said "done"
 * never forgets: it says so when the log is on the disk. */
#ifndef KV_H
#define KV_H

#include <weir.h>

enum { KV_HOSTS = 3, KV_ENOUGH = 2, WORD_MAX = 64, LINE_ROOM = 512 };

/* ---- line.c ---------------------------------------------------------------------------------- */

struct line;
typedef void line_heard(struct line *line, char *text);
typedef void line_gone(struct line *line);

/* A connection; lies in its owner's memory until gone(). Zeroed before it is begun. */
struct line {
    struct weir_handle sock;
    struct weir_op     in, out;
    line_heard        *heard;
    line_gone         *gone; /* it is closed, and its memory the owner's again */
    size_t             in_length, sending_length, waiting_length;
    char in_text[LINE_ROOM], *sending, *waiting; /* owned; one is sent, one collects */
};

void line_begin(struct line *line, line_heard *heard); /* its sock is connected */
/* To the other side; a connection that is not there, or takes nothing, hears nothing. */
void line_say(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void line_end(struct line *line);  /* may be called again */
void line_free(struct line *line); /* one whose loop is closed, or was lost with the host */

/* ---- store.c --------------------------------------------------------------------------------- */

struct version {
    unsigned long long number;
    unsigned           writer; /* who gave it; decides between equal numbers */
};

struct record {
    struct version version; /* number 0: nothing was ever written */
    char           key[WORD_MAX], value[WORD_MAX];
};

static inline bool version_is_newer(struct version one, struct version other)
{
    return one.number != other.number ? one.number > other.number : one.writer > other.writer;
}

struct store;

/* Someone who waits until a record is on the disk; lies in its memory until told. */
struct wish {
    struct wish  *next;
    struct record record;
    void (*granted)(struct wish *wish, int error);
};

/* Reads the log, then tells: 0 or WEIR_E*. early: says "done" before the disk does, which is wrong,
 * and what the simulator is for. */
int  store_open(struct store **out, struct weir_loop *loop, const char *path, bool early,
                void (*opened)(void *user, int error), void *user);
void store_free(struct store *store); /* its loop is closed, or was lost with the host */
const struct record *store_find(const struct store *store, const char *key);
void                 store_put(struct store *store, struct wish *wish);

/* ---- server.c -------------------------------------------------------------------------------- */

struct kv_options {
    unsigned            id; /* 1 .. 3 */
    struct weir_address listen, peers[KV_HOSTS - 1];
    const char         *path;
    bool                early;
    void (*failed)(void *user, const char *what, int64_t error); /* it serves no more */
    void *user;
};

struct kv;

int  kv_open(struct kv **out, struct weir_loop *loop, const struct kv_options *options);
void kv_free(struct kv *kv); /* its loop is closed, or was lost with the host */

#endif
