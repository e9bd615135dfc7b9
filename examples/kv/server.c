/* SPDX-License-Identifier: MIT */
/* server.c - a host that serves clients and its two peers. Whichever host a client asks carries the
 * request out: it asks all three hosts, itself among them, and goes on when two have answered.
 *
 *   client:  set KEY VALUE                         done | unavailable
 *            get KEY                               value VALUE | none | unavailable
 *   peer:    newest ID KEY                         has ID NUMBER WRITER VALUE
 *            keep ID KEY NUMBER WRITER VALUE       kept ID
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kv.h"

#define REQUEST_NS WEIR_SECOND
#define RECONNECT_NS (200 * WEIR_MILLISECOND)

enum phase { ASKS, KEEPS };

/* One who speaks to us: a client, or a peer with a request of its own. */
struct guest {
    struct line     line;
    struct kv      *kv;
    struct guest   *next, *previous; /* ring of all of them */
    struct request *request;         /* a client has one at a time */
};

/* A peer that we ask. */
struct peer {
    struct line    line;
    struct weir_op op; /* connects, or waits before it does */
    struct kv     *kv;
    bool           connected;
};

/* What a client wants, until two hosts have agreed; and what a peer wants kept. */
struct request {
    struct request    *next, *previous; /* ring of all of them */
    struct kv         *kv;
    struct guest      *guest; /* NULL once it is gone */
    struct weir_op     timer;
    struct wish        wish;
    unsigned long long id; /* of this phase */
    enum phase         phase;
    unsigned           answers;
    bool               sets, of_peer, wishing, over;
    struct record      newest;
    char               value[WORD_MAX]; /* to be set */
};

struct kv {
    struct weir_loop  *loop;
    struct kv_options  options;
    struct weir_handle listener;
    struct weir_op     accept;
    struct guest      *guests, *expected; /* expected: the one to be accepted next */
    struct request    *requests;
    struct peer        peers[KV_HOSTS - 1];
    struct store      *store;
    unsigned long long last_id;
    unsigned long long last_number; /* of a version that this host gave, since it runs */
};

/* ---- Requests -------------------------------------------------------------------------------- */

static struct request *request_new(struct guest *guest)
{
    struct kv      *kv = guest->kv;
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->kv = kv;
    request->guest = guest;
    request->next = kv->requests ? kv->requests : request;
    request->previous = kv->requests ? kv->requests->previous : request;
    request->next->previous = request->previous->next = request;
    kv->requests = request;
    return request;
}

/* The store or the timer may have it still: whoever lets go last frees it. */
static void request_free(struct request *request)
{
    struct kv *kv = request->kv;
    if (request->wishing || !(request->of_peer || weir_ended(&request->timer)))
        return;
    request->next->previous = request->previous;
    request->previous->next = request->next;
    if (kv->requests == request)
        kv->requests = request->next == request ? NULL : request->next;
    free(request);
}

static void answer(struct request *request, const char *said, const char *value)
{
    struct guest *guest = request->guest;
    if (request->over)
        return;
    request->over = true;
    if (guest) {
        guest->request = NULL;
        line_say(&guest->line, "%s%s\n", said, value);
    }
    weir_cancel(&request->timer);
}

static void on_timer(struct weir_op *op)
{
    struct request *request = weir_of(op, struct request, timer);
    answer(request, "unavailable", "");
    request_free(request);
}

static void ask_to_keep(struct request *request);

static void count_answer(struct request *request)
{
    if (request->over || ++request->answers < KV_ENOUGH)
        return;
    if (request->phase == ASKS && (request->sets || request->newest.version.number))
        ask_to_keep(request);
    else if (request->sets)
        answer(request, "done", "");
    else if (request->phase == ASKS)
        answer(request, "none", "");
    else
        answer(request, "value ", request->newest.value);
}

/* The own disk has it: no other version will ever have this number, also after a crash. */
static void ask_peers_to_keep(struct request *request)
{
    const struct record *newest = &request->newest;
    for (int i = 0; i < KV_HOSTS - 1; i++)
        line_say(&request->kv->peers[i].line, "keep %llu %s %llu %u %s\n", request->id, newest->key,
                 newest->version.number, newest->version.writer, newest->value);
    count_answer(request);
}

static void on_kept(struct wish *wish, int error)
{
    struct request *request = weir_of(wish, struct request, wish);
    struct kv      *kv = request->kv;
    request->wishing = false;
    if (request->of_peer && request->guest && !error)
        line_say(&request->guest->line, "kept %llu\n", request->id);
    else if (!request->of_peer && !request->over && !error)
        ask_peers_to_keep(request);
    if (request->of_peer || request->over)
        request_free(request);
    if (error)
        kv->options.failed(kv->options.user, kv->options.path, error);
}

static void ask_to_keep(struct request *request)
{
    struct kv     *kv = request->kv;
    struct record *newest = &request->newest;
    request->phase = KEEPS;
    request->answers = 0;
    request->id = ++kv->last_id;
    if (request->sets) {
        if (newest->version.number < kv->last_number)
            newest->version.number = kv->last_number;
        kv->last_number = ++newest->version.number;
        newest->version.writer = kv->options.id;
        memcpy(newest->value, request->value, sizeof newest->value);
    }
    request->wish = (struct wish){.record = *newest, .granted = on_kept};
    request->wishing = true;
    store_put(kv->store, &request->wish);
}

static void begin_request(struct guest *guest, const char *key, const char *value)
{
    struct kv           *kv = guest->kv;
    struct request      *request = guest->request ? NULL : request_new(guest);
    const struct record *known = store_find(kv->store, key);
    if (!request) { /* a client waits for its answer before it asks again */
        line_end(&guest->line);
        return;
    }
    guest->request = request;
    request->sets = value != NULL;
    snprintf(request->value, sizeof request->value, "%s", value ? value : "");
    if (known)
        request->newest = *known;
    snprintf(request->newest.key, sizeof request->newest.key, "%s", key);
    request->id = ++kv->last_id;
    weir_timer(&request->timer, kv->loop, REQUEST_NS, 0, on_timer);
    for (int i = 0; i < KV_HOSTS - 1; i++)
        line_say(&kv->peers[i].line, "newest %llu %s\n", request->id, key);
    count_answer(request);
}

/* ---- What guests say ------------------------------------------------------------------------- */

static void keep_for_peer(struct guest *guest, unsigned long long id, const struct record *record)
{
    struct request *request = request_new(guest);
    if (!request)
        return;
    request->of_peer = request->wishing = true;
    request->id = id;
    request->wish = (struct wish){.record = *record, .granted = on_kept};
    store_put(guest->kv->store, &request->wish);
}

static void on_guest_says(struct line *line, char *text)
{
    struct guest        *guest = weir_of(line, struct guest, line);
    struct record        record = {0};
    const struct record *known;
    unsigned long long   id;
    if (sscanf(text, "set %63s %63s", record.key, record.value) == 2) {
        begin_request(guest, record.key, record.value);
    } else if (sscanf(text, "get %63s", record.key) == 1) {
        begin_request(guest, record.key, NULL);
    } else if (sscanf(text, "newest %llu %63s", &id, record.key) == 2) {
        known = store_find(guest->kv->store, record.key);
        line_say(line, "has %llu %llu %u %s\n", id, known ? known->version.number : 0,
                 known ? known->version.writer : 0, known ? known->value : "-");
    } else if (sscanf(text, "keep %llu %63s %llu %u %63s", &id, record.key, &record.version.number,
                      &record.version.writer, record.value) == 5) {
        keep_for_peer(guest, id, &record);
    } else {
        line_end(line);
    }
}

static void on_guest_gone(struct line *line)
{
    struct guest   *guest = weir_of(line, struct guest, line);
    struct kv      *kv = guest->kv;
    struct request *request = kv->requests;
    if (request)
        do
            request->guest = request->guest == guest ? NULL : request->guest;
        while ((request = request->next) != kv->requests);
    guest->next->previous = guest->previous;
    guest->previous->next = guest->next;
    if (kv->guests == guest)
        kv->guests = guest->next == guest ? NULL : guest->next;
    free(guest);
}

static void expect_guest(struct kv *kv);

static void on_accept(struct weir_op *op)
{
    struct kv    *kv = weir_of(op, struct kv, accept);
    struct guest *guest = kv->expected;
    if (op->result < 0) {
        kv->options.failed(kv->options.user, "accept", op->result);
        return;
    }
    kv->expected = NULL;
    guest->next = kv->guests ? kv->guests : guest;
    guest->previous = kv->guests ? kv->guests->previous : guest;
    guest->next->previous = guest->previous->next = guest;
    kv->guests = guest;
    line_begin(&guest->line, on_guest_says);
    expect_guest(kv);
}

static void expect_guest(struct kv *kv)
{
    struct guest *guest = kv->expected = calloc(1, sizeof *guest);
    if (!guest) {
        kv->options.failed(kv->options.user, "accept", WEIR_ENOMEM);
        return;
    }
    guest->kv = kv;
    guest->line.gone = on_guest_gone;
    weir_accept(&kv->accept, &kv->listener, &guest->line.sock, 0, on_accept);
}

/* ---- Peers ----------------------------------------------------------------------------------- */

/* The answer to a question of a phase that is over is of no use any more. */
static struct request *find_request(const struct kv *kv, unsigned long long id)
{
    struct request *request = kv->requests;
    if (request)
        do
            if (request->id == id && !request->of_peer && !request->over)
                return request;
        while ((request = request->next) != kv->requests);
    return NULL;
}

static void on_peer_says(struct line *line, char *text)
{
    struct peer       *peer = weir_of(line, struct peer, line);
    struct record      record = {0};
    unsigned long long id;
    struct request    *request;
    if (sscanf(text, "has %llu %llu %u %63s", &id, &record.version.number, &record.version.writer,
               record.value) == 4) {
        request = find_request(peer->kv, id);
        if (!request || request->phase != ASKS)
            return;
        if (version_is_newer(record.version, request->newest.version)) {
            request->newest.version = record.version;
            memcpy(request->newest.value, record.value, sizeof record.value);
        }
        count_answer(request);
    } else if (sscanf(text, "kept %llu", &id) == 1) {
        request = find_request(peer->kv, id);
        if (request && request->phase == KEEPS)
            count_answer(request);
    } else {
        line_end(line);
    }
}

static void connect_peer(struct weir_op *op);

static void wait_and_connect(struct peer *peer)
{
    peer->connected = false;
    weir_timer(&peer->op, peer->kv->loop, RECONNECT_NS, WEIR_BACKGROUND, connect_peer);
}

static void on_peer_gone(struct line *line)
{
    struct peer *peer = weir_of(line, struct peer, line);
    peer->line = (struct line){.gone = on_peer_gone};
    wait_and_connect(peer);
}

static void on_connected(struct weir_op *op)
{
    struct peer *peer = weir_of(op, struct peer, op);
    if (op->result < 0) {
        line_end(&peer->line);
        return;
    }
    peer->connected = true;
    line_begin(&peer->line, on_peer_says);
}

static void connect_peer(struct weir_op *op)
{
    struct peer               *peer = weir_of(op, struct peer, op);
    struct kv                 *kv = peer->kv;
    const struct weir_address *address = &kv->options.peers[peer - kv->peers];
    const struct sockaddr     *name = (const struct sockaddr *)(const void *)&address->data;
    if (op->kind == WEIR_OP_TIMER && op->result < 0) /* the loop closes */
        return;
    if (weir_socket(&peer->line.sock, kv->loop, name->sa_family, SOCK_STREAM, WEIR_NODELAY)) {
        wait_and_connect(peer);
        return;
    }
    weir_connect(op, &peer->line.sock, &address->data, address->length, 0, on_connected);
    weir_deadline(op, REQUEST_NS);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void on_store(void *user, int error)
{
    struct kv                 *kv = user;
    const struct kv_options   *options = &kv->options;
    const struct weir_address *at = &options->listen;
    if (error) {
        options->failed(options->user, options->path, error);
        return;
    }
    error = weir_listen(&kv->listener, kv->loop, &at->data, at->length, 0, WEIR_NODELAY);
    if (error) {
        options->failed(options->user, "listen", error);
        return;
    }
    expect_guest(kv);
    for (int i = 0; i < KV_HOSTS - 1; i++) {
        kv->peers[i] = (struct peer){.kv = kv, .line.gone = on_peer_gone};
        connect_peer(&kv->peers[i].op);
    }
}

int kv_open(struct kv **out, struct weir_loop *loop, const struct kv_options *options)
{
    struct kv *kv = *out = calloc(1, sizeof *kv);
    if (!kv)
        return WEIR_ENOMEM;
    kv->loop = loop;
    kv->options = *options;
    return store_open(&kv->store, loop, options->path, options->early, on_store, kv);
}

void kv_free(struct kv *kv)
{
    while (kv->requests) {
        struct request *request = kv->requests;
        kv->requests = request->next == request ? NULL : request->next;
        request->next->previous = request->previous;
        request->previous->next = request->next;
        free(request);
    }
    while (kv->guests) {
        struct guest *guest = kv->guests;
        kv->guests = guest->next == guest ? NULL : guest->next;
        guest->next->previous = guest->previous;
        guest->previous->next = guest->next;
        line_free(&guest->line);
        free(guest);
    }
    for (int i = 0; i < KV_HOSTS - 1; i++)
        line_free(&kv->peers[i].line);
    free(kv->expected);
    store_free(kv->store);
    free(kv);
}
