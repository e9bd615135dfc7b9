/* SPDX-License-Identifier: MIT */
/* churn_client.c - the side that asks: each of its connections sends messages of random length,
 * compares what comes back, rests, and is closed and opened anew now and then. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "churn.h"

#define CONNECTING_MAX 256u /* at a time */
#define MESSAGES_USUAL 8u   /* of a connection, in the mean */
#define PATTERN 65521u      /* bytes, a prime; the bytes of a stream begin anywhere in it */
#define STALL_NS (20 * WEIR_SECOND)

struct caller {
    struct weir_handle socket;
    struct weir_op     connect, send, recv, rest;
    struct client     *client;
    uint64_t           sent, received; /* bytes of this connection */
    unsigned           length;         /* of the message under way */
    unsigned           start;          /* in the pattern */
    struct sockaddr_in address;        /* of the server */
    char               data[BUFFER];
};

struct client {
    const struct churn *churn;
    struct account     *account;
    struct weir_loop   *loop;
    struct caller      *callers;
    unsigned            asked, connecting; /* connections; asked: opened for the first time */
    uint64_t            random, began_ns, moved_ns, moved;
    struct weir_op      sample;
    bool                ending;
    char                pattern[PATTERN + MESSAGE_MAX];
};

static uint64_t draw(struct client *client, uint64_t bound)
{
    client->random ^= client->random >> 12;
    client->random ^= client->random << 25;
    client->random ^= client->random >> 27;
    return client->random * UINT64_C(2685821657736338717) % bound;
}

static void open_caller(struct caller *caller);
static void on_rested(struct weir_op *op);

static const char *pattern_at(const struct caller *caller, uint64_t position)
{
    return caller->client->pattern + (caller->start + position) % PATTERN;
}

static void on_closed(struct weir_handle *socket)
{
    struct caller *caller = weir_of(socket, struct caller, socket);
    caller->client->account->closed++;
    if (!caller->client->ending)
        open_caller(caller);
}

/* One in eight ends by a reset: all of its bytes are back, so that none is lost by it. */
static void close_caller(struct caller *caller)
{
    if (draw(caller->client, 8) == 0)
        weir_option_set(&caller->socket, WEIR_OPTION_LINGER, 0);
    weir_close(&caller->socket, on_closed);
}

/* Both directions of the message are through. */
static void message_ended(struct caller *caller)
{
    struct client *client = caller->client;
    uint64_t       mean_ns = WEIR_SECOND * client->churn->connections / client->churn->rate;
    if (client->ending || draw(client, MESSAGES_USUAL) == 0)
        close_caller(caller);
    else
        weir_timer(&caller->rest, client->loop, draw(client, 2 * mean_ns), 0, on_rested);
}

static bool message_is_through(const struct caller *caller)
{
    return weir_ended(&caller->send) && caller->received == caller->sent;
}

static void on_sent(struct weir_op *op)
{
    struct caller *caller = weir_of(op, struct caller, send);
    if (op->result != (int64_t)caller->length)
        churn_fail("the client's send ended %s",
                   weir_error_name(op->result < 0 ? op->result : op->error));
    caller->client->account->sent += (uint64_t)op->result;
    if (message_is_through(caller))
        message_ended(caller);
}

static void on_received(struct weir_op *op)
{
    struct caller *caller = weir_of(op, struct caller, recv);
    if (op->result <= 0)
        churn_fail("the client's receive ended %lld, %s", (long long)op->result,
                   weir_error_name(op->result));
    if (memcmp(caller->data, pattern_at(caller, caller->received), (size_t)op->result) != 0)
        churn_fail("other bytes came back than were sent");
    caller->received += (uint64_t)op->result;
    caller->client->account->received += (uint64_t)op->result;
    if (caller->received < caller->sent)
        weir_recv(op, &caller->socket, caller->data, sizeof caller->data, 0, on_received);
    else if (message_is_through(caller))
        message_ended(caller);
}

static void on_rested(struct weir_op *op)
{
    struct caller *caller = op->user;
    struct client *client = caller->client;
    if (client->ending) {
        close_caller(caller);
        return;
    }
    /* Most are short, as messages are. */
    caller->length = 1 + (unsigned)draw(client, draw(client, 8) ? 512 : MESSAGE_MAX);
    const char *data = pattern_at(caller, caller->sent);
    caller->sent += caller->length;
    weir_send(&caller->send, &caller->socket, data, caller->length, WEIR_ALL, on_sent);
    weir_recv(&caller->recv, &caller->socket, caller->data, sizeof caller->data, 0, on_received);
}

static void on_connected(struct weir_op *op)
{
    struct caller *caller = weir_of(op, struct caller, connect);
    struct client *client = caller->client;
    if (op->result < 0)
        churn_fail("a connect ended %s", weir_error_name(op->result));
    client->account->opened++;
    client->connecting--;
    if (client->asked < client->churn->connections)
        open_caller(&client->callers[client->asked++]);
    on_rested(&caller->rest);
}

static void open_caller(struct caller *caller)
{
    struct client *client = caller->client;
    unsigned       door = (unsigned)draw(client, LISTENERS);
    caller->socket = (struct weir_handle){0};
    caller->sent = caller->received = 0;
    caller->start = (unsigned)draw(client, PATTERN);
    int error = weir_socket(&caller->socket, client->loop, AF_INET, SOCK_STREAM, 0);
    if (error)
        churn_fail("a socket: %s", weir_error_name(error));
    client->connecting++;
    caller->address.sin_family = AF_INET;
    caller->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + door);
    caller->address.sin_port = htons(client->churn->ports[door]);
    weir_connect(&caller->connect, &caller->socket, &caller->address, sizeof caller->address, 0,
                 on_connected);
}

static void watch_for_stalls(struct client *client, uint64_t now)
{
    uint64_t moved = client->account->received + client->account->opened;
    if (moved != client->moved || !client->moved_ns) {
        client->moved = moved;
        client->moved_ns = now;
    } else if (now - client->moved_ns > STALL_NS) {
        churn_fail("nothing moved for 20 seconds");
    }
}

/* Once a second. The time begins when all connections are there. */
static void on_sample(struct weir_op *op)
{
    struct client *client = weir_of(op, struct client, sample);
    uint64_t       now = weir_now(client->loop);
    uint64_t       whole = client->churn->seconds * WEIR_SECOND;
    watch_for_stalls(client, now);
    if (!client->began_ns && client->account->opened >= client->churn->connections) {
        client->began_ns = now;
        if (write(client->churn->control, "b", 1) != 1)
            churn_fail("the server is gone");
    }
    if (client->began_ns && !client->ending) {
        account_sample(client->account, now - client->began_ns, whole,
                       client->account->opened - client->account->closed);
        client->ending = now - client->began_ns >= whole;
    }
    if (!client->ending)
        weir_timer(op, client->loop, WEIR_SECOND, 0, on_sample);
}

static void begin(struct client *client)
{
    for (size_t i = 0; i < sizeof client->pattern; i++)
        client->pattern[i] = (char)((i % PATTERN) * 2654435761u >> 13);
    for (unsigned i = 0; i < client->churn->connections; i++) {
        memset(client->callers[i].data, 'x', BUFFER); /* touched now, and not later */
        client->callers[i].client = client;
        client->callers[i].rest.user = &client->callers[i];
    }
    while (client->asked < client->churn->connections && client->asked < CONNECTING_MAX)
        open_caller(&client->callers[client->asked++]);
    weir_timer(&client->sample, client->loop, 0, 0, on_sample);
}

void churn_ask(const struct churn *churn, struct account *account)
{
    static struct client client;
    struct weir_options  options = {.engine = churn->engine};
    account->before = holding_now();
    client = (struct client){.churn = churn, .account = account, .random = churn->seed};
    client.callers = calloc(churn->connections, sizeof *client.callers);
    if (!client.callers || weir_loop_open(&client.loop, &options) != 0)
        churn_fail("the client's loop on %s cannot be opened", churn->engine);
    begin(&client);
    int error = weir_run(client.loop, WEIR_UNTIL_DONE);
    if (!error)
        error = weir_loop_close(client.loop, LAST_WORDS * WEIR_SECOND);
    if (error)
        churn_fail("the client's loop ended %s", weir_error_name(error));
    free(client.callers);
    account->after = holding_now();
}
