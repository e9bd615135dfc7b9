/* SPDX-License-Identifier: MIT */
/* wire.c - what goes from one end of a connection to the other: segments that take their time, FIN
 * and RST, what is sent again and when that is given up. RFC 9293; tcp(7). */
#include <string.h>

#include "net.h"

/* As Linux has them: 15 repetitions, which take 924.6 seconds; tcp(7), "tcp_retries2". */
#define GIVE_UP_NS (925 * WEIR_SECOND)
#define BACKOFF_FIRST_NS (200 * WEIR_MILLISECOND)
#define BACKOFF_MOST_NS (120 * WEIR_SECOND)
#define PROBE_NS (75 * WEIR_SECOND) /* tcp(7), "tcp_keepalive_intvl", "tcp_keepalive_probes" */
#define PROBES_MOST 9u

static void arrive(struct weir_sim *world, struct sim_event *event);

/* ---- On the wire ----------------------------------------------------------------------------- */

static void arm(struct end *end)
{
    struct weir_sim *world = end->host->world;
    uint64_t         now = sim_now(world);
    if (!end->flight.first || end->held || end->arrive.place)
        return;
    uint64_t due = end->flight.first->due_ns;
    sim_schedule(world, &end->arrive, due > now ? due - now : 0, arrive);
}

/* One after the other: what is sent later never arrives earlier. */
void end_transmit(struct end *end, struct packet *packet)
{
    struct weir_sim *world = end->host->world;
    uint64_t         due = sim_now(world) + net_latency(end->host, end_other(end)->host);
    packet->due_ns = end->last_due_ns = due > end->last_due_ns ? due : end->last_due_ns;
    packets_push(&end->flight, packet);
    arm(end);
}

void end_ground(struct end *end)
{
    sim_unschedule(end->host->world, &end->arrive);
    packets_drop(&end->flight);
    end->held = false;
    end->stalled_ns = 0;
}

/* There is room at the other end, or it takes no more. */
void end_unhold(struct end *end)
{
    if (!end->held)
        return;
    end->held = false;
    arm(end);
}

/* The end is no more, and its program hears of it; the other end does not. */
void end_die(struct end *end, int error)
{
    if (end->state == END_OPENING)
        sim_unschedule(end->host->world, &end->connection->knock);
    end->state = END_DEAD;
    end_ground(end);
    end_unhold(end_other(end));
    if (end->stream)
        stream_broke(end->stream, error);
    else
        end->error = error;
    if (end->listener && !end->queued)
        listener_forget(end);
}

/* What was not sent before is lost, and what is on its way in an order that is not the program's to
 * know: a part of it arrives. */
static void send_reset(struct end *end)
{
    struct packets before = end->flight, kept = {0};
    if (end->state == END_DEAD && before.last && before.last->kind == PACKET_RESET)
        return;
    uint64_t count = sim_random(end->host->world, DRAW_SIZE, before.count + 1);
    sim_unschedule(end->host->world, &end->arrive);
    for (struct packet *packet; (packet = packets_take(&before));) {
        if (kept.count < count)
            packets_push(&kept, packet);
        else
            packet_free(packet);
    }
    end->flight = kept;
    end->held = false;
    end->state = END_DEAD;
    end_unhold(end_other(end));
    end_transmit(end, packet_new(PACKET_RESET, 0));
}

static void be_reset(struct end *end)
{
    int error = end->ended ? WEIR_EPIPE : WEIR_ECONNRESET;
    if (end->state == END_DEAD)
        return;
    if (end->state == END_OPENING)
        error = WEIR_ECONNREFUSED;
    /* Linux keeps what had arrived before for the program to read; others do not. Behind a FIN
     * nothing would tell of the loss. */
    if (end->received.first && !end->ended && sim_fault(end->host->world, WEIR_SIM_RESET, "unread"))
        packets_drop(&end->received);
    end_die(end, error);
}

/* ---- Arrivals -------------------------------------------------------------------------------- */

static void tell_change(struct end *end)
{
    if (end->stream)
        sim_changed(&end->stream->socket.object);
}

static void deliver_open(struct end *from, struct end *to)
{
    if (to->state != END_OPENING) { /* it was closed meanwhile, and knows nothing of it */
        be_reset(from);
        from->left = true;
        return;
    }
    to->state = END_OPEN;
    sim_unschedule(to->host->world, &to->connection->knock);
    if (from->listener)
        listener_queue(from->listener, from);
    else
        send_reset(from);
    stream_opened(to->stream);
}

static void deliver_data(struct end *from, struct end *to, struct packet *packet)
{
    if (to->left || to->state != END_OPEN) {
        packet_free(packet);
        if (from->state != END_DEAD)
            send_reset(to);
        return;
    }
    if (sim_fault(to->host->world, WEIR_SIM_RESET, "segment")) {
        packet_free(packet);
        be_reset(to);
        be_reset(from);
        return;
    }
    packets_push(&to->received, packet);
    tell_change(to);
}

static void deliver(struct end *from, struct end *to, struct packet *packet)
{
    switch (packet->kind) {
    case PACKET_DATA:
        deliver_data(from, to, packet);
        tell_change(from); /* its window is open again */
        return;
    case PACKET_OPEN:
        deliver_open(from, to);
        break;
    case PACKET_END:
        to->ended = true;
        tell_change(to);
        if (to->state == END_DEAD && from->state == END_OPEN)
            send_reset(to); /* a host that was away knows nothing of the connection */
        break;
    case PACKET_RESET:
        be_reset(to);
        break;
    }
    packet_free(packet);
}

/* Nothing comes through: it is sent again later, until that is given up. What nobody acknowledges
 * is not sent again. */
static void stall(struct end *end)
{
    struct weir_sim *world = end->host->world;
    uint64_t         now = sim_now(world);
    if (end->flight.first->kind == PACKET_RESET) {
        end_ground(end);
        return;
    }
    if (!end->stalled_ns) {
        end->stalled_ns = now ? now : 1;
        end->backoff_ns = BACKOFF_FIRST_NS;
    }
    if (now - end->stalled_ns >= GIVE_UP_NS) {
        sim_trace(world, "%s:%u gives up", end->host->name, end->place.port);
        end_die(end, WEIR_ETIMEDOUT);
        return;
    }
    sim_schedule(world, &end->arrive, end->backoff_ns, arrive);
    end->backoff_ns = end->backoff_ns < BACKOFF_MOST_NS / 2 ? end->backoff_ns * 2 : BACKOFF_MOST_NS;
}

static bool is_held(const struct packet *packet, const struct end *to)
{
    return packet->kind == PACKET_DATA && to->state == END_OPEN && !to->left &&
           to->received.bytes >= to->receive_room;
}

static void arrive_all(struct end *end, struct end *to)
{
    while (end->flight.first && end->flight.first->due_ns <= sim_now(end->host->world)) {
        if (!net_reaches(end->host, to->host)) {
            stall(end);
            return;
        }
        end->stalled_ns = 0;
        end->held = is_held(end->flight.first, to);
        if (end->held)
            return;
        deliver(end, to, packets_take(&end->flight));
    }
    arm(end);
}

static void arrive(struct weir_sim *world, struct sim_event *event)
{
    struct end *end = weir_of(event, struct end, arrive);
    (void)world;
    arrive_all(end, end_other(end));
    connection_settle(end->connection);
}

void connections_mended(struct sim_net *net)
{
    for (struct connection *connection = net->connections; connection;
         connection = connection->next) {
        for (int i = 0; i < 2; i++) {
            struct end *end = &connection->ends[i];
            if (!end->stalled_ns || !end->arrive.place)
                continue;
            sim_unschedule(end->host->world, &end->arrive);
            sim_schedule(end->host->world, &end->arrive,
                         net_latency(end->host, end_other(end)->host), arrive);
        }
    }
}

/* ---- Probes ---------------------------------------------------------------------------------- */

static void probe(struct weir_sim *world, struct sim_event *event)
{
    struct end       *end = weir_of(event, struct end, probe);
    const struct end *other = end_other(end);
    if (!end->stream || end->state != END_OPEN)
        return;
    if (net_reaches(end->host, other->host)) {
        if (other->state == END_DEAD) /* it knows nothing of the connection, and says so */
            be_reset(end);
    } else if (++end->probes > PROBES_MOST) {
        end_die(end, WEIR_ETIMEDOUT);
    } else {
        sim_schedule(world, &end->probe, PROBE_NS, probe);
    }
    connection_settle(end->connection);
}

/* While both ends are there and see each other, probes would change nothing: they begin with the
 * trouble. */
static void begin_probes(struct end *end)
{
    const struct end *other = end_other(end);
    bool              wanted = end->stream && end->state == END_OPEN && !end->connection->is_unix;
    int64_t seconds = wanted ? end->stream->socket.object.options[WEIR_OPTION_KEEPALIVE] : 0;
    if (!seconds || end->probe.place ||
        (other->state != END_DEAD && net_reaches(end->host, other->host)))
        return;
    end->probes = 0;
    sim_schedule(end->host->world, &end->probe, (uint64_t)seconds * WEIR_SECOND, probe);
}

void connections_probe(struct sim_net *net)
{
    for (struct connection *at = net->connections; at; at = at->next)
        for (int i = 0; i < 2; i++)
            begin_probes(&at->ends[i]);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

/* Of TCP what is on its way fills the sender's buffer; of a unix socket, what is not read yet. */
static size_t room_of(const struct end *end, size_t *most)
{
    const struct connection *connection = end->connection;
    const struct end        *other = &connection->ends[end == &connection->ends[0]];
    size_t                   used = connection->is_unix ? other->received.bytes : end->flight.bytes;
    *most = connection->is_unix ? other->receive_room : end->send_room;
    return used < *most ? *most - used : 0;
}

bool end_has_room(const struct end *end)
{
    size_t most, room = room_of(end, &most);
    return room > most / 3;
}

int64_t end_send(struct end *end, struct transfer *transfer)
{
    struct connection *connection = end->connection;
    size_t             most, room = room_of(end, &most), sent = 0;
    if (!room)
        return WEIR_EAGAIN;
    size_t length = transfer->pieces.length < room ? transfer->pieces.length : room;
    length = sim_some(end->host->world, length);
    while (sent < length) {
        size_t part = length - sent < connection->segment ? length - sent : connection->segment;
        struct packet *packet = packet_new(PACKET_DATA, part);
        pieces_read(&transfer->pieces, sent, packet->data, part);
        packet->passed = transfer->passed; /* with the first byte */
        packet->passed_count = transfer->passed_count;
        transfer->passed = NULL;
        transfer->passed_count = 0;
        if (connection->is_unix)
            packets_push(&end_other(end)->received, packet);
        else
            end_transmit(end, packet);
        sent += part;
    }
    if (connection->is_unix)
        tell_change(end_other(end));
    return (int64_t)sent;
}

/* What comes with bytes comes once; one who only looks is given references of his own. */
static void hand_over(struct packet *packet, struct transfer *transfer)
{
    transfer->passed_count = packet->passed_count;
    transfer->passed = packet->passed;
    if (!transfer->peek) {
        packet->passed = NULL;
        packet->passed_count = 0;
        return;
    }
    size_t size = packet->passed_count * sizeof(struct sim_object *);
    transfer->passed = sim_new(size);
    memcpy(transfer->passed, packet->passed, size);
    for (uint32_t i = 0; i < packet->passed_count; i++)
        sim_hold(packet->passed[i]);
}

static void take_room(struct end *end, size_t taken)
{
    struct end *other = end_other(end);
    end->received.bytes -= taken;
    if (end->connection->is_unix)
        tell_change(other);
    else if (end->received.bytes < end->receive_room)
        end_unhold(other);
}

int64_t end_receive(struct end *end, struct transfer *transfer)
{
    size_t wanted = sim_some(end->host->world, transfer->pieces.length), taken = 0;
    bool   stop = false;
    if (!end->received.first)
        return WEIR_EAGAIN;
    for (struct packet *packet = end->received.first; packet && taken < wanted && !stop;) {
        struct packet *next = packet->next;
        size_t         left = packet->length - packet->at;
        size_t         part = left < wanted - taken ? left : wanted - taken;
        if (!transfer->discard)
            pieces_write(&transfer->pieces, taken, packet->data + packet->at, part);
        taken += part;
        stop = packet->passed_count; /* unix(7): a receive does not pass over them */
        if (stop)
            hand_over(packet, transfer);
        if (!transfer->peek) {
            packet->at += part;
            take_room(end, part);
            if (packet->at == packet->length)
                packet_free(packets_take(&end->received));
        }
        packet = next;
    }
    /* A kernel that comes short has no more; where the fault left some, an edge tells of it. */
    if (taken == wanted && wanted < transfer->pieces.length && end->received.first)
        tell_change(end);
    return (int64_t)taken;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

void end_finish(struct end *end)
{
    if (end->ending || end->state != END_OPEN)
        return;
    end->ending = true;
    if (!end->connection->closer)
        end->connection->closer = end;
    if (!end->connection->is_unix) {
        end_transmit(end, packet_new(PACKET_END, 0));
        return;
    }
    end_other(end)->ended = true;
    tell_change(end_other(end));
}

/* unix(7): the other end loses nothing that it has; it is told of what this one never read. */
static void leave_unix(struct end *end, bool unread)
{
    struct end *other = end_other(end);
    end->ending = end->ended = other->ended = other->ending = true;
    if (unread && other->stream && other->state == END_OPEN)
        other->stream->socket.object.options[WEIR_OPTION_ERROR] = WEIR_ECONNRESET;
    else if (unread && !other->left)
        other->error = WEIR_ECONNRESET;
    tell_change(other);
}

void end_leave(struct end *end, bool abort)
{
    struct connection *connection = end->connection;
    bool               unread = end->received.bytes;
    bool               never = end->listener; /* it was not accepted */
    if (end->stream)
        end->name = end->stream->socket.name;
    end->stream = NULL;
    end->left = true;
    if (end->listener)
        listener_forget(end);
    if (connection->is_unix) {
        leave_unix(end, unread || never);
    } else if (end->state == END_OPENING) {
        sim_unschedule(end->host->world, &connection->knock);
        end->state = END_DEAD;
    } else if (end->state == END_OPEN && (unread || abort || never)) {
        send_reset(end);
    } else if (end->state == END_OPEN) {
        end_finish(end);
    }
    struct packets rest = end->received;
    end->received = (struct packets){0};
    end_unhold(end_other(end));
    connection_settle(connection);
    packets_drop(&rest);
}
