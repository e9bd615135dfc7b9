/* SPDX-License-Identifier: MIT */
/* client.c - asks one server after the other, one request at a time. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kv_test.h"

#define PATIENCE_NS (4 * WEIR_SECOND) /* a server says "unavailable" sooner */

static void begin_request(struct client *client);
static void on_timer(struct weir_op *op);

static void pause_then_go_on(struct client *client)
{
    uint64_t pause_ns = (1 + weir_sim_random(client->sim, 50)) * WEIR_MILLISECOND;
    weir_timer(&client->timer, client->loop, pause_ns, 0, on_timer);
}

/* A new one for the client to write, where there is room. */
static struct key *key_new(struct client *client)
{
    struct history *history = client->history;
    if (history->count == KEYS_MAX)
        return NULL;
    struct key *key = &history->keys[history->count++];
    snprintf(key->name, sizeof key->name, "key-%u-%u", client->number, history->count);
    return key;
}

/* What was asked will never be answered. A write may have happened, or happen yet. */
static void give_up(struct client *client)
{
    if (!client->asked)
        return;
    client->history->unknown++;
    if (client->sets)
        client->own = key_new(client);
    client->asked = NULL;
}

static void on_gone(struct line *line)
{
    struct client *client = weir_of(line, struct client, line);
    give_up(client);
    client->connected = false;
    client->line = (struct line){.gone = on_gone};
    if (weir_ended(&client->timer))
        pause_then_go_on(client);
}

static void on_heard(struct line *line, char *text)
{
    struct client *client = weir_of(line, struct client, line);
    struct key    *key = client->asked;
    unsigned       value = 0;
    if (!key) {
        line_end(line);
        return;
    }
    if (strcmp(text, "unavailable") == 0) {
        give_up(client);
    } else if (client->sets && strcmp(text, "done") == 0) {
        key->done = client->value;
        client->history->sets++;
    } else if (!client->sets &&
               (strcmp(text, "none") == 0 || sscanf(text, "value %u", &value) == 1)) {
        history_read(client->history, key, client->floor, value);
        client->history->gets++;
        client->next_final += client->final;
    } else {
        line_end(line); /* a server that was stopped in the middle says half a line at most */
        return;
    }
    client->asked = NULL;
    weir_deadline(&client->timer, 0);
}

static void on_connected(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, connect);
    if (op->result < 0) {
        line_end(&client->line);
        return;
    }
    client->connected = true;
    line_begin(&client->line, on_heard);
    begin_request(client);
}

static void connect_somewhere(struct client *client)
{
    const struct weir_address *to = &kv_addresses[weir_sim_random(client->sim, KV_HOSTS)];
    const struct sockaddr     *name = (const struct sockaddr *)(const void *)&to->data;
    if (weir_socket(&client->line.sock, client->loop, name->sa_family, SOCK_STREAM, 0)) {
        pause_then_go_on(client);
        return;
    }
    weir_connect(&client->connect, &client->line.sock, &to->data, to->length, 0, on_connected);
    weir_deadline(&client->connect, PATIENCE_NS);
}

static struct key *choose(struct client *client)
{
    struct history *history = client->history;
    client->sets = !client->final && client->own && weir_sim_random(client->sim, 2);
    if (client->sets)
        return client->own;
    return &history->keys[client->final ? client->next_final
                                        : weir_sim_random(client->sim, history->count)];
}

static void begin_request(struct client *client)
{
    if (client->final && client->next_final >= client->history->count) {
        client->over = true;
        line_end(&client->line);
        return;
    }
    struct key *key = client->asked = choose(client);
    client->floor = history_floor(key);
    if (client->sets) {
        client->value = ++key->started;
        line_say(&client->line, "set %s %u\n", key->name, client->value);
    } else {
        line_say(&client->line, "get %s\n", key->name);
    }
    weir_timer(&client->timer, client->loop, PATIENCE_NS, 0, on_timer);
}

/* A pause is over; an answer came, and brought the end of the patience with it; or none came. */
static void on_timer(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, timer);
    if (op->result == WEIR_ECANCELED || client->over)
        return;
    if (client->asked) {
        give_up(client);
        line_end(&client->line);
    } else if (client->connected && (client->final || weir_sim_random(client->sim, 10))) {
        begin_request(client);
    } else if (client->connected) {
        line_end(&client->line);
    } else if (weir_handle_kind(&client->line.sock) == WEIR_HANDLE_NONE) {
        connect_somewhere(client);
    } else {
        pause_then_go_on(client);
    }
}

void client_begin(struct client *client)
{
    client->line.gone = on_gone;
    client->own = key_new(client);
    pause_then_go_on(client);
}

void client_finish(struct client *client)
{
    client->final = true;
}
