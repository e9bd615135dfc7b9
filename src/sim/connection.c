/* SPDX-License-Identifier: MIT */
/* connection.c - how two ends come together, and when nothing is left of them. RFC 9293; tcp(7). */
#include "net.h"

/* As Linux has them: 6 SYNs more, after 1, 2, 4 .. seconds (127 in sum); TIME_WAIT of 60. tcp(7),
 * "tcp_syn_retries". */
#define SYN_TRIES 6u
#define TIME_WAIT_NS (60 * WEIR_SECOND)
#define NOBODY_NS (3 * WEIR_SECOND) /* nobody answers to the address: arp(7) gives up */
#define REAP_EVERY 64u

static void knock(struct weir_sim *world, struct sim_event *event);

struct end *end_other(struct end *end)
{
    struct connection *connection = end->connection;
    return &connection->ends[end == &connection->ends[0]];
}

/* The one that asked always has a host. */
static struct weir_sim *world_of(const struct connection *connection)
{
    return connection->ends[0].host->world;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void connection_free(struct connection *connection)
{
    struct weir_sim *world = world_of(connection);
    sim_unschedule(world, &connection->knock);
    for (int i = 0; i < 2; i++) {
        struct end *end = &connection->ends[i];
        sim_unschedule(world, &end->arrive);
        sim_unschedule(world, &end->probe);
        if (end->listener)
            listener_forget(end);
        if (end->stream)
            end->stream->end = NULL;
        end->stream = NULL;
    }
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connection->owner->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    for (int i = 0; i < 2; i++) {
        packets_drop(&connection->ends[i].flight);
        packets_drop(&connection->ends[i].received);
    }
    sim_free(connection);
}

static bool is_over(const struct end *end)
{
    bool wanted = end->stream || end->listener || end->state == END_OPENING;
    return !wanted && !end->flight.first &&
           (end->left || end->state == END_NONE || end->state == END_DEAD);
}

/* Frees it when nothing of it is left: a port may not be free for a while. */
void connection_settle(struct connection *connection)
{
    if (connection->time_wait_ns || connection->knock.place || !is_over(&connection->ends[0]) ||
        !is_over(&connection->ends[1]))
        return;
    if (!connection->is_unix && connection->closer && connection->closer->state == END_OPEN) {
        connection->time_wait_ns = sim_now(world_of(connection)) + TIME_WAIT_NS;
        return;
    }
    connection_free(connection);
}

static void reap(struct sim_net *net)
{
    for (struct connection *connection = net->connections, *next; connection; connection = next) {
        next = connection->next;
        if (connection->time_wait_ns && connection->time_wait_ns <= sim_now(world_of(connection)))
            connection_free(connection);
    }
}

static struct connection *connection_new(struct stream *stream, bool is_unix)
{
    static const size_t segments[] = {536, 1448, 8192, 65536};
    struct connection  *connection = sim_new(sizeof *connection);
    struct sim_object  *object = &stream->socket.object;
    connection->owner = net_of(object->host);
    connection->next = connection->owner->connections;
    if (connection->next)
        connection->next->previous = connection;
    connection->owner->connections = connection;
    connection->is_unix = is_unix;
    if (++connection->owner->begun % REAP_EVERY == 0)
        reap(connection->owner);
    connection->segment = segments[sim_random(object->host->world, DRAW_SIZE, 4)];
    for (int i = 0; i < 2; i++) {
        connection->ends[i].connection = connection;
    }
    connection->ends[0].host = object->host;
    return connection;
}

static bool holds(const struct connection *connection, const struct socket *socket)
{
    const struct end *end = connection->closer;
    return connection->time_wait_ns && end->host == socket->object.host &&
           end->place.port == socket->local.port && place_covers(socket, &end->place);
}

bool connections_hold(const struct weir_sim_host *host, const struct socket *socket)
{
    for (struct weir_sim_host *each = sim_hosts(host->world); each; each = each->next) {
        if (!each->net)
            continue;
        reap(each->net);
        for (const struct connection *at = each->net->connections; at; at = at->next)
            if (holds(at, socket))
                return true;
    }
    return false;
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void answer_syn(struct end *asked)
{
    struct listener *listener = listener_find(asked->host, &asked->place);
    if (!listener) {
        asked->state = END_DEAD;
        end_transmit(asked, packet_new(PACKET_RESET, 0));
        return;
    }
    if (listener_is_full(listener))
        return; /* not a word: the SYN comes again */
    asked->state = END_OPEN;
    asked->left = false; /* as it was where the host crashed after an earlier answer */
    asked->listener = listener;
    asked->receive_room = (size_t)listener->socket.object.options[WEIR_OPTION_RECEIVE_BUFFER];
    asked->send_room = (size_t)listener->socket.object.options[WEIR_OPTION_SEND_BUFFER];
    listener->coming++;
    end_transmit(asked, packet_new(PACKET_OPEN, 0));
}

static void knock(struct weir_sim *world, struct sim_event *event)
{
    struct connection *connection = weir_of(event, struct connection, knock);
    struct end        *asks = &connection->ends[0], *asked = &connection->ends[1];
    if (!asked->host || connection->tries > SYN_TRIES) {
        end_die(asks, asked->host ? WEIR_ETIMEDOUT : WEIR_EHOSTUNREACH);
        connection_settle(connection);
        return;
    }
    sim_schedule(world, &connection->knock, WEIR_SECOND << connection->tries++, knock);
    if (net_reaches(asks->host, asked->host) && asked->state != END_OPEN && !asked->flight.first)
        answer_syn(asked);
}

void connection_begin(struct stream *stream, const struct place *to)
{
    struct socket     *socket = &stream->socket;
    struct weir_sim   *world = socket->object.host->world;
    struct connection *connection = connection_new(stream, false);
    struct end        *asks = &connection->ends[0], *asked = &connection->ends[1];
    asks->state = END_OPENING;
    asks->place = socket->local;
    asks->receive_room = (size_t)socket->object.options[WEIR_OPTION_RECEIVE_BUFFER];
    asks->send_room = (size_t)socket->object.options[WEIR_OPTION_SEND_BUFFER];
    asked->place = *to;
    asked->host = place_host(asks->host, to);
    stream_attach(stream, asks);
    sim_trace(world, "%s socket#%u connects to port %u", asks->host->name, socket->object.number,
              to->port);
    uint64_t takes = asked->host ? net_latency(asks->host, asked->host)
                                 : sim_time(world, NOBODY_NS);
    sim_schedule(world, &connection->knock, takes, knock);
}

void connection_local(struct stream *stream, struct listener *listener)
{
    struct connection *connection = connection_new(stream, true);
    struct end        *asks = &connection->ends[0], *asked = &connection->ends[1];
    asked->host = asks->host;
    asks->state = asked->state = END_OPEN;
    asks->receive_room = asked->receive_room =
        (size_t)stream->socket.object.options[WEIR_OPTION_SEND_BUFFER];
    stream_attach(stream, asks);
    asked->listener = listener;
    listener->coming++;
    listener_queue(listener, asked);
}

/* ---- All at once ----------------------------------------------------------------------------- */

static bool is_at(const struct connection *connection, const struct weir_sim_host *host)
{
    return !host || connection->ends[0].host == host || connection->ends[1].host == host;
}

/* Both ends of a connection within the host are gone, and it with them. */
static void crash(struct connection *connection, const struct weir_sim_host *host)
{
    for (int i = 0; i < 2; i++) {
        struct end *end = &connection->ends[i];
        if (end->host != host)
            continue;
        if (end == &connection->ends[0])
            sim_unschedule(world_of(connection), &connection->knock);
        end->state = END_DEAD;
        end->left = true;
        end_ground(end);
        packets_drop(&end->received);
        if (end->listener)
            listener_forget(end);
        if (end->stream)
            end->stream->end = NULL;
        end->stream = NULL;
        end_unhold(end_other(end));
    }
}

void connections_crash(struct sim_net *net, struct weir_sim_host *host)
{
    for (struct connection *connection = net->connections, *next; connection; connection = next) {
        next = connection->next;
        if (!is_at(connection, host))
            continue;
        crash(connection, host);
        connection->time_wait_ns = 0;
        connection_settle(connection);
    }
}

void connections_drop(struct sim_net *net, const struct weir_sim_host *host)
{
    for (struct connection *connection = net->connections, *next; connection; connection = next) {
        next = connection->next;
        if (is_at(connection, host))
            connection_free(connection);
    }
}

void connections_forget(struct weir_sim_host *host, const struct listener *listener)
{
    for (struct weir_sim_host *each = sim_hosts(host->world); each; each = each->next) {
        struct connection *connection = each->net ? each->net->connections : NULL;
        for (; connection; connection = connection->next)
            if (connection->ends[1].listener == listener)
                listener_forget(&connection->ends[1]);
    }
}
