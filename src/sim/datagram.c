/* SPDX-License-Identifier: MIT */
/* datagram.c - datagrams: UDP over a network that loses, doubles and swaps them, and unix sockets,
 * which do not. udp(7), unix(7). */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"

#define UNIX_QUEUE 10u /* unix(7), /proc/sys/net/unix/max_dgram_qlen */
#define OVERHEAD 256u  /* what each takes of the receive buffer beside its bytes */
#define MTU 1500u
#define HEADERS_V4 28u
#define HEADERS_V6 48u
#define PAYLOAD_V4 65507u
#define PAYLOAD_V6 65527u
#define SEGMENTS_MOST 64u /* udp(7), UDP_SEGMENT */

struct membership {
    struct place group;
    unsigned     interface_index;
};

struct datagram {
    struct socket      socket;
    bool               connected, chose_ip, chose_port; /* the system did, at connect */
    uint32_t           peer_number; /* unix: the object that it is connected to */
    uint64_t           next_due_ns; /* not before, what it sends now */
    struct packets     received;
    struct membership *groups; /* owned array */
    uint32_t           group_count;
};

/* One on its way to a host; or, on its way back, the word that nobody has the port. */
struct flying {
    struct flying        *next, *previous; /* of its net's list */
    struct sim_net       *net;
    struct sim_event      arrive;
    struct weir_sim_host *sender, *to_host;
    struct place          from, to;
    uint32_t              number; /* of the sender's object */
    bool                  refused;
    struct packet        *packet; /* owned; NULL when it is refused */
};

static struct datagram *datagram_of(struct sim_object *object)
{
    return (struct datagram *)(void *)object;
}

static bool is_unix(const struct datagram *datagram)
{
    return datagram->socket.family == AF_UNIX;
}

bool datagram_has_peer(const struct sim_object *object)
{
    return ((const struct datagram *)(const void *)object)->connected;
}

struct packets *datagram_received(struct sim_object *object)
{
    return &datagram_of(object)->received;
}

static struct sim_object *object_numbered(const struct weir_sim_host *host, uint32_t number)
{
    struct sim_object *first = sim_objects(host->world), *object = first;
    while (object && object->number != number)
        object = object->next == first ? NULL : object->next;
    return object && object->host == host && object->type == &sim_datagram_type ? object : NULL;
}

/* ---- Arrivals -------------------------------------------------------------------------------- */

static void flying_free(struct flying *flying)
{
    sim_unschedule(flying->sender->world, &flying->arrive);
    if (flying->previous)
        flying->previous->next = flying->next;
    else
        flying->net->flying = flying->next;
    if (flying->next)
        flying->next->previous = flying->previous;
    if (flying->packet)
        packet_free(flying->packet);
    sim_free(flying);
}

void datagrams_drop(struct sim_net *net)
{
    while (net->flying)
        flying_free(net->flying);
}

static bool is_member(const struct datagram *datagram, const struct place *group)
{
    for (uint32_t i = 0; i < datagram->group_count; i++)
        if (memcmp(datagram->groups[i].group.ip, group->ip, sizeof group->ip) == 0)
            return true;
    static const unsigned char everybody[4] = {255, 255, 255, 255};
    return place_is_v4(group) && memcmp(group->ip + 12, everybody, 4) == 0;
}

/* How well the socket fits: 0 not at all; one that is connected to the sender best. */
static unsigned fit(const struct sim_object *object, const struct flying *flying)
{
    const struct datagram *datagram = (const struct datagram *)(const void *)object;
    const struct socket   *socket = &datagram->socket;
    bool                   group = place_is_group(&flying->to);
    if (object->type != &sim_datagram_type || object->host != flying->to_host ||
        is_unix(datagram) || !socket->bound || socket->local.port != flying->to.port)
        return 0;
    if (datagram->connected && !place_equal(&socket->peer, &flying->from))
        return 0;
    if (!place_covers(socket, &flying->to))
        return 0;
    if (group)
        return is_member(datagram, &flying->to);
    return 1u + !place_is_any(&socket->local) + (datagram->connected ? 2u : 0u);
}

static void take_in(struct datagram *datagram, const struct flying *flying)
{
    struct sim_object *object = &datagram->socket.object;
    size_t used = datagram->received.bytes + (size_t)datagram->received.count * OVERHEAD;
    if (used + flying->packet->length >= (size_t)object->options[WEIR_OPTION_RECEIVE_BUFFER]) {
        sim_trace(object->host->world, "datagram#%u has no room", object->number);
        return;
    }
    struct packet *packet = packet_new(PACKET_DATA, flying->packet->length);
    memcpy(packet->data, flying->packet->data, packet->length);
    packet->segment = flying->packet->segment;
    place_tell(&flying->from, datagram->socket.family, &packet->from);
    packets_push(&datagram->received, packet);
    sim_changed(object);
}

/* To all members of a group, else to the one that fits best: of several, any. Whether any did. */
static bool arrive_at(const struct flying *flying)
{
    struct weir_sim   *world = flying->sender->world;
    struct sim_object *first = sim_objects(world), *found = NULL;
    bool               group = place_is_group(&flying->to);
    unsigned           best = 0;
    uint64_t           equal = 0;
    for (struct sim_object *object = first; object;
         object = object->next == first ? NULL : object->next) {
        unsigned fits = fit(object, flying);
        if (group && fits)
            take_in(datagram_of(object), flying);
        if (!fits || fits < best)
            continue;
        equal = fits > best ? 1 : equal + 1;
        best = fits;
        if (equal == 1 || sim_random(world, DRAW_ORDER, equal) == 0)
            found = object;
    }
    if (found && !group)
        take_in(datagram_of(found), flying);
    return found || group;
}

/* ICMP, "port unreachable": only one that is connected to the port hears of it. udp(7) */
static void arrive_refused(const struct flying *flying)
{
    struct sim_object *object = object_numbered(flying->sender, flying->number);
    if (!object || !datagram_of(object)->connected ||
        !place_equal(&datagram_of(object)->socket.peer, &flying->to))
        return;
    object->options[WEIR_OPTION_ERROR] = WEIR_ECONNREFUSED;
    sim_changed(object);
}

static void arrive(struct weir_sim *world, struct sim_event *event)
{
    struct flying *flying = weir_of(event, struct flying, arrive);
    bool           reaches = flying->refused ? net_reaches(flying->to_host, flying->sender)
                                             : net_reaches(flying->sender, flying->to_host);
    if (reaches && flying->refused) {
        arrive_refused(flying);
    } else if (reaches && !arrive_at(flying)) {
        packet_free(flying->packet);
        flying->packet = NULL;
        flying->refused = true;
        if (flying->sender != flying->to_host) {
            sim_schedule(world, &flying->arrive, net_latency(flying->to_host, flying->sender),
                         arrive);
            return;
        }
        arrive_refused(flying);
    }
    flying_free(flying);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* On the loopback it has arrived when the call returns, unless the system is busy: programs are
 * used to that. */
static uint64_t datagram_latency(const struct flying *model)
{
    if (model->sender == model->to_host &&
        !sim_fault(model->sender->world, WEIR_SIM_LATENCY, "loopback"))
        return 0;
    return net_latency(model->sender, model->to_host);
}

/* What a socket sends arrives in its order, but for the one that is swapped. */
static void launch(struct datagram *datagram, const struct flying *model, struct packet *packet)
{
    struct weir_sim *world = model->sender->world;
    struct flying   *flying = sim_new(sizeof *flying);
    uint64_t         takes = datagram_latency(model), now = sim_now(world);
    bool             swapped = sim_fault(world, WEIR_SIM_DATAGRAM_SWAPPED, "datagram");
    *flying = *model;
    flying->packet = packet;
    flying->net = net_of(model->sender);
    flying->next = flying->net->flying;
    if (flying->next)
        flying->next->previous = flying;
    flying->net->flying = flying;
    if (swapped)
        takes += sim_time(world, 20 * net_latency(model->sender, model->to_host));
    else if (now + takes < datagram->next_due_ns)
        takes = datagram->next_due_ns - now;
    if (!takes) {
        arrive(world, &flying->arrive);
        return;
    }
    if (datagram->next_due_ns <= now + takes && !swapped)
        datagram->next_due_ns = now + takes + 1;
    sim_schedule(world, &flying->arrive, takes, arrive);
}

static void send_to_host(struct datagram *datagram, const struct flying *model,
                         const struct transfer *transfer, size_t at, size_t length)
{
    struct weir_sim *world = model->sender->world;
    unsigned         copies = sim_fault(world, WEIR_SIM_DATAGRAM_DOUBLED, "datagram") ? 2 : 1;
    if (sim_fault(world, WEIR_SIM_DATAGRAM_LOST, "datagram"))
        return;
    while (copies--) {
        struct packet *packet = packet_new(PACKET_DATA, length);
        pieces_read(&transfer->pieces, at, packet->data, length);
        launch(datagram, model, packet);
    }
}

static void send_one(struct datagram *datagram, struct flying *model,
                     const struct transfer *transfer, size_t at, size_t length)
{
    struct sim_object    *object = &datagram->socket.object;
    struct weir_sim_host *host = object->host;
    if (!place_is_group(&model->to)) {
        model->to_host = place_host(host, &model->to);
        if (model->to_host) /* else: nobody is there to answer */
            send_to_host(datagram, model, transfer, at, length);
        return;
    }
    for (struct weir_sim_host *each = sim_hosts(host->world); each; each = each->next) {
        model->to_host = each;
        if (each != host || object->options[WEIR_OPTION_MULTICAST_LOOP])
            send_to_host(datagram, model, transfer, at, length);
    }
}

/* What is too long for the way. `length`: of one datagram. */
static int check_length(const struct datagram *datagram, const struct place *to, size_t length)
{
    const struct sim_object *object = &datagram->socket.object;
    bool                     v4 = place_is_v4(to);
    if (length > (v4 ? PAYLOAD_V4 : PAYLOAD_V6))
        return WEIR_EMSGSIZE;
    bool away = place_is_group(to) || place_host(object->host, to) != object->host;
    if (away && object->options[WEIR_OPTION_DONT_FRAGMENT] &&
        length + (v4 ? HEADERS_V4 : HEADERS_V6) > MTU)
        return WEIR_EMSGSIZE;
    return 0;
}

/* From where the socket sends to a place; it is given a port for it. */
static int find_way(struct datagram *datagram, struct place *to, struct place *from)
{
    struct socket *socket = &datagram->socket;
    int            error = 0;
    if (socket->v6only && place_is_v4(to))
        return WEIR_ENETUNREACH;
    if (place_is_any(to)) { /* ip(7): of INADDR_ANY one reaches oneself */
        to->ip[12] = place_is_v4(to) ? 127 : 0;
        to->ip[15] = 1;
    }
    if (place_is_group(to) && place_is_v4(to) && to->ip[12] == 255 &&
        !socket->object.options[WEIR_OPTION_BROADCAST])
        return WEIR_EACCES;
    *from = socket->local;
    if (place_is_any(from) || datagram->chose_ip)
        error = place_source(socket->object.host, to, from);
    if (!error)
        error = place_bind_port(socket);
    from->port = socket->local.port;
    return error;
}

static int find_target(const struct datagram *datagram, const struct transfer *transfer,
                       struct place *to)
{
    int error = 0;
    *to = datagram->socket.peer;
    if (transfer->address.length)
        error = place_read(&datagram->socket, &transfer->address.data, transfer->address.length,
                           to);
    else if (!datagram->connected)
        error = WEIR_EDESTADDRREQ;
    return error || to->port ? error : WEIR_EINVAL;
}

static int64_t send_inet(struct datagram *datagram, struct transfer *transfer)
{
    struct socket *socket = &datagram->socket;
    struct flying  model = {.sender = socket->object.host, .number = socket->object.number};
    size_t         length = transfer->pieces.length;
    size_t         segment = transfer->segment;
    if (!segment)
        segment = (size_t)socket->object.options[WEIR_OPTION_SEND_SEGMENT];
    if (length > 65535)
        return WEIR_EMSGSIZE;
    int error = find_target(datagram, transfer, &model.to);
    if (!error)
        error = find_way(datagram, &model.to, &model.from);
    if (error)
        return error;
    error = socket_take_error(socket);
    if (!error && socket->shut)
        error = WEIR_EPIPE;
    if (!error)
        error = check_length(datagram, &model.to, segment && segment < length ? segment : length);
    if (error)
        return error;
    if (!segment || segment >= length) {
        send_one(datagram, &model, transfer, 0, length);
        return (int64_t)length;
    }
    if ((length + segment - 1) / segment > SEGMENTS_MOST)
        return WEIR_EINVAL;
    for (size_t at = 0; at < length; at += segment)
        send_one(datagram, &model, transfer, at, length - at < segment ? length - at : segment);
    return (int64_t)length;
}

/* The socket that a unix datagram goes to; unix(7). */
static int find_unix(struct datagram *datagram, const struct transfer *transfer,
                     struct datagram **found)
{
    struct weir_sim_host *host = datagram->socket.object.host;
    struct weir_address   name;
    int                   error;
    if (!transfer->address.length) {
        if (!datagram->connected)
            return WEIR_ENOTCONN;
        struct sim_object *object = object_numbered(host, datagram->peer_number);
        if (!object) {
            datagram->connected = false; /* told once; then it has no peer */
            return WEIR_ECONNREFUSED;
        }
        *found = datagram_of(object);
        return 0;
    }
    error = name_read(&transfer->address.data, transfer->address.length, &name);
    struct socket *socket = error ? NULL : name_find(host, &name, &error);
    if (!socket)
        return error;
    if (socket->type != SOCK_DGRAM)
        return WEIR_EPROTOTYPE;
    *found = datagram_of(&socket->object);
    return 0;
}

static int64_t send_unix(struct datagram *datagram, struct transfer *transfer)
{
    struct socket   *socket = &datagram->socket;
    struct datagram *to = NULL;
    size_t           length = transfer->pieces.length;
    int              error = find_unix(datagram, transfer, &to);
    if (length + 32 > (size_t)socket->object.options[WEIR_OPTION_SEND_BUFFER])
        return WEIR_EMSGSIZE;
    if (error || !to)
        return error ? error : WEIR_ECONNREFUSED;
    if (to->connected && to->peer_number != socket->object.number)
        return WEIR_EPERM;
    if (socket->shut)
        return WEIR_EPIPE;
    if (to->received.count > UNIX_QUEUE) { /* who is connected is told when there is room */
        bool is_peer = datagram->connected && datagram->peer_number == to->socket.object.number;
        return is_peer ? WEIR_EAGAIN : WEIR_EBUSY;
    }
    struct packet *packet = packet_new(PACKET_DATA, length);
    pieces_read(&transfer->pieces, 0, packet->data, length);
    packet->from = socket->name;
    packet->passed = transfer->passed;
    packet->passed_count = transfer->passed_count;
    transfer->passed = NULL;
    transfer->passed_count = 0;
    packets_push(&to->received, packet);
    sim_changed(&to->socket.object);
    return (int64_t)length;
}

int64_t datagram_send(struct sim_object *object, struct transfer *transfer)
{
    struct datagram *datagram = datagram_of(object);
    return is_unix(datagram) ? send_unix(datagram, transfer) : send_inet(datagram, transfer);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* Those that wait for room in its queue. */
static void tell_senders(const struct datagram *datagram)
{
    const struct sim_object *own = &datagram->socket.object;
    struct sim_object       *first = sim_objects(own->host->world), *object = first;
    if (!is_unix(datagram))
        return;
    do {
        if (object->type == &sim_datagram_type && object->host == own->host &&
            datagram_of(object)->connected && is_unix(datagram_of(object)) &&
            datagram_of(object)->peer_number == own->number)
            sim_changed(object);
    } while ((object = object->next) != first);
}

/* How many of the first in the queue come as one: of one sender and length, but for the last.
 * udp(7), UDP_GRO */
static uint32_t glued(const struct datagram *datagram)
{
    const struct packet *first = datagram->received.first;
    uint32_t             count = 1;
    size_t               length = first->length;
    if (!datagram->socket.object.options[WEIR_OPTION_RECEIVE_OFFLOAD] || !first->length)
        return 1;
    for (const struct packet *at = first; (at = at->next); count++) {
        if (!name_equal(&at->from, &first->from) || at->length > first->length || !at->length ||
            length + at->length > PAYLOAD_V4 || count == SEGMENTS_MOST)
            break;
        length += at->length;
        if (at->length < first->length)
            return count + 1;
    }
    return count;
}

static void hand_over(struct packet *packet, struct transfer *transfer)
{
    transfer->passed_count = packet->passed_count;
    transfer->passed = packet->passed;
    if (!transfer->peek) {
        packet->passed = NULL;
        packet->passed_count = 0;
        return;
    }
    if (!packet->passed_count)
        return;
    transfer->passed = sim_new(packet->passed_count * sizeof(struct sim_object *));
    for (uint32_t i = 0; i < packet->passed_count; i++) {
        transfer->passed[i] = packet->passed[i];
        sim_hold(packet->passed[i]);
    }
}

int64_t datagram_receive(struct sim_object *object, struct transfer *transfer)
{
    struct datagram *datagram = datagram_of(object);
    size_t           moved = 0, whole = 0;
    int              error = socket_take_error(&datagram->socket);
    if (error)
        return error;
    struct packet *packet = datagram->received.first;
    if (!packet)
        return WEIR_EAGAIN;
    uint32_t count = glued(datagram);
    transfer->address = packet->from;
    transfer->segment = count > 1 ? (uint32_t)packet->length : 0;
    hand_over(packet, transfer);
    for (uint32_t i = 0; i < count; i++) {
        struct packet *next = packet->next;
        size_t         room = transfer->pieces.length - moved;
        size_t         part = packet->length < room ? packet->length : room;
        pieces_write(&transfer->pieces, moved, packet->data, part);
        moved += part;
        whole += packet->length;
        if (!transfer->peek)
            packet_free(packets_take(&datagram->received));
        packet = next;
    }
    transfer->truncated = whole > moved;
    if (!transfer->peek)
        tell_senders(datagram);
    return (int64_t)moved;
}

/* ---- Peers and groups ------------------------------------------------------------------------ */

static int disconnect(struct datagram *datagram)
{
    struct socket *socket = &datagram->socket;
    datagram->connected = false;
    if (datagram->chose_ip)
        memset(socket->local.ip, 0, sizeof socket->local.ip);
    if (datagram->chose_ip && socket->family == AF_INET)
        memset(socket->local.ip + 10, 0xff, 2);
    if (datagram->chose_port) {
        socket->local.port = 0;
        socket->bound = false;
    }
    datagram->chose_ip = datagram->chose_port = false;
    return 0;
}

static int connect_inet(struct datagram *datagram, const void *address, size_t length)
{
    struct socket *socket = &datagram->socket;
    struct place   to, from;
    bool           had_port = socket->bound;
    int            error = place_read(socket, address, length, &to);
    if (!error)
        error = find_way(datagram, &to, &from);
    if (error)
        return error;
    datagram->chose_port |= !had_port;
    datagram->chose_ip |= place_is_any(&socket->local);
    socket->local = from;
    socket->peer = to;
    datagram->connected = true;
    return 0;
}

static int connect_unix(struct datagram *datagram, const void *address, size_t length)
{
    struct weir_address name;
    int                 error = name_read(address, length, &name);
    struct socket *socket = error ? NULL : name_find(datagram->socket.object.host, &name, &error);
    if (!socket)
        return error;
    if (socket->type != SOCK_DGRAM)
        return WEIR_EPROTOTYPE;
    const struct datagram *other = datagram_of(&socket->object);
    if (other->connected && other->peer_number != datagram->socket.object.number)
        return WEIR_EPERM;
    datagram->connected = true;
    datagram->peer_number = socket->object.number;
    datagram->socket.peer_name = socket->name;
    return 0;
}

static int perform_connect(struct datagram *datagram, const struct weir_op *op)
{
    const void *address = op->in.arg.address.data;
    size_t      length = op->in.arg.address.length;
    int         family = address_family(address, length);
    if (family < 0)
        return WEIR_EINVAL;
    if (family == AF_UNSPEC)
        return disconnect(datagram);
    return is_unix(datagram) ? connect_unix(datagram, address, length)
                             : connect_inet(datagram, address, length);
}

int datagram_join(struct sim_object *object, const struct place *group, unsigned interface_index,
                  bool join)
{
    struct datagram *datagram = datagram_of(object);
    uint32_t         count = datagram->group_count, at = 0;
    while (at < count && (memcmp(datagram->groups[at].group.ip, group->ip, sizeof group->ip) != 0 ||
                          datagram->groups[at].interface_index != interface_index))
        at++;
    if (at < count) {
        if (join)
            return WEIR_EADDRINUSE;
        datagram->groups[at] = datagram->groups[count - 1];
        datagram->group_count--;
        return 0;
    }
    if (!join)
        return WEIR_EADDRNOTAVAIL;
    datagram->groups = sim_resize(datagram->groups, count * sizeof *datagram->groups,
                                  (count + 1) * sizeof *datagram->groups);
    datagram->groups[count] = (struct membership){*group, interface_index};
    datagram->group_count++;
    return 0;
}

/* ---- The object ------------------------------------------------------------------------------ */

static int perform_shutdown(struct datagram *datagram)
{
    datagram->socket.shut = true;
    sim_changed(&datagram->socket.object);
    return is_unix(datagram) || datagram->connected ? 0 : WEIR_ENOTCONN;
}

static int64_t datagram_perform(struct sim_object *object, struct weir_op *op)
{
    struct datagram *datagram = datagram_of(object);
    if (op_reads(op) || op_writes(op))
        return socket_perform_transfer(object, op);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_RECV_MSG:
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_RECV_BATCH:
    case WEIR_OP_SEND_BATCH:
        return message_perform(object, op);
    case WEIR_OP_CONNECT:
        return perform_connect(datagram, op);
    case WEIR_OP_SHUTDOWN:
        return perform_shutdown(datagram);
    default:
        return net_perform_other(object, op);
    }
}

static unsigned datagram_events(struct sim_object *object)
{
    struct datagram   *datagram = datagram_of(object);
    struct sim_object *peer = is_unix(datagram) && datagram->connected
                                  ? object_numbered(object->host, datagram->peer_number)
                                  : NULL;
    bool               full = peer && datagram_of(peer)->received.count > UNIX_QUEUE;
    return (datagram->received.first ? WEIR_IN : 0) | (full ? 0 : WEIR_OUT) |
           (object->options[WEIR_OPTION_ERROR] ? WEIR_ERR : 0);
}

static void datagram_close(struct sim_object *object)
{
    struct datagram *datagram = datagram_of(object);
    packets_drop(&datagram->received);
    tell_senders(datagram);
    sim_free(datagram->groups);
}

const struct sim_object_type sim_datagram_type = {
    .name = "datagram",
    .perform = datagram_perform,
    .events = datagram_events,
    .close = datagram_close,
    .bind = socket_bind,
    .address = socket_address,
};

struct socket *datagram_new(struct weir_sim_host *host, int family)
{
    struct datagram *datagram = sim_object_new(host, &sim_datagram_type, WEIR_HANDLE_DATAGRAM,
                                               sizeof *datagram);
    datagram->socket.object.handle_flags = family == AF_UNIX ? 0 : HANDLE_UDP;
    socket_begin(&datagram->socket, family, SOCK_DGRAM);
    return &datagram->socket;
}
