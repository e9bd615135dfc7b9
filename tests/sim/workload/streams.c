/* SPDX-License-Identifier: MIT */
/* streams.c - listeners, connections, pipes and what moves through them. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "workload.h"

#define PORT_FIRST 20000u
#define NAME_ROOM 48
#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define LENGTH_MAX 3000u

/* ---- Connections ----------------------------------------------------------------------------- */

static void say_name(const struct thing *thing, const char *before, char text[NAME_ROOM])
{
    snprintf(text, NAME_ROOM, "%s%s-%u", before, thing->place->host->name, (unsigned)thing->port);
}

static bool is_path(const struct weir_address *address)
{
    return address->data.bytes[PATH_AT] == '/';
}

static bool same_address(const struct weir_address *one, const struct weir_address *other)
{
    return one->length == other->length &&
           memcmp(one->data.bytes, other->data.bytes, one->length) == 0;
}

void name_socket(struct thing *thing, bool is_unix)
{
    struct host *host = thing->place->host;
    char         text[NAME_ROOM];
    thing->port = (uint16_t)(PORT_FIRST + host->ports++);
    thing->is_unix = is_unix;
    if (is_unix)
        say_name(thing, thing->port % 2 ? "unix:@" : "unix:/tmp/", text);
    else
        snprintf(text, sizeof text, "%s:%u", host->address, (unsigned)thing->port);
    weir_address_parse(&thing->address, text);
}

int bind_socket(struct thing *thing)
{
    struct weir_address *address = &thing->address;
    char                 text[NAME_ROOM];
    int                  error = weir_bind(&thing->handle, address->data.bytes, address->length, 0);
    if (error != WEIR_ENOSPC || !thing->is_unix || !is_path(address))
        return error;
    say_name(thing, "unix:@", text);
    weir_address_parse(address, text);
    return weir_bind(&thing->handle, address->data.bytes, address->length, 0);
}

void unname_socket(struct thing *thing)
{
    char text[NAME_ROOM];
    if (!thing->is_unix || thing->peer || !is_path(&thing->address) || thing->port % 4)
        return;
    say_name(thing, "/tmp/", text);
    int error = weir_sim_unlink(thing->place->host->sim, text);
    run_say(thing->run, "unlink %s: %s", text, weir_error_name(error));
    thing->unlinked = true;
}

bool path_may_be_missing(const struct task *task)
{
    const struct thing *thing = task->run->things;
    while (thing && !(thing->port && same_address(&thing->address, &task->address)))
        thing = thing->next;
    if (!thing) /* it was given an abstract name */
        return task->run->plan->per_million[WEIR_SIM_DISK_FULL] != 0;
    return thing->is_unix && is_path(&thing->address) &&
           (thing->place->host != task->place->host || thing->unlinked ||
            thing->state == THING_GONE || task->run->plan->per_million[WEIR_SIM_DISK_FULL]);
}

void step_listen(struct place *place, const struct step *step)
{
    struct thing *thing = thing_new(place, LISTENER, THING_CLOSED);
    int           backlog = step->b % 4 ? 16 : 1;
    name_socket(thing, step->c % 3 == 0);
    int error = weir_listen(&thing->handle, place->loop, thing->address.data.bytes,
                            thing->address.length, backlog, 0);
    run_say(place->run, "listen %u: %s", thing->number, weir_error_name(error));
    if (!error)
        thing->state = THING_OPEN;
}

/* Two flows between two ends; the second end may come later. */
static void give_flows(struct thing *thing)
{
    thing->in = flow_new(thing->run);
    thing->out = flow_new(thing->run);
}

static void connected(struct task *task)
{
    if (task->op.result == 0)
        task->thing->connected = true;
}

void step_connect(struct place *place, const struct step *step)
{
    struct thing *listener = pick_thing(place->run, NULL, KIND(LISTENER), step->b);
    if (!listener)
        return;
    struct task *task = task_new(place, NULL, connected);
    if (!task)
        return;
    struct thing *thing = thing_new(place, STREAM, THING_CLOSED);
    int           family = listener->is_unix ? AF_UNIX : AF_INET;
    int           error = weir_socket(&thing->handle, place->loop, family, SOCK_STREAM, 0);
    name_socket(thing, listener->is_unix);
    give_flows(thing);
    if (!error) {
        thing->state = THING_OPEN;
        error = bind_socket(thing);
    }
    run_say(place->run, "connect %u to %u: %s", thing->number, listener->number,
            weir_error_name(error));
    task->address = listener->address;
    if (thing->state != THING_OPEN) { /* no descriptor: the op goes elsewhere */
        weir_nop(&task->op, place->loop, 0, task_done);
        task->told = NULL;
        return;
    }
    task->thing = thing;
    weir_connect(&task->op, &thing->handle, task->address.data.bytes, task->address.length,
                 task_flags(task, step->c), task_done);
}

/* The end that connected, by the address that it was bound to. */
static void find_peer(struct thing *thing)
{
    struct weir_address address = {0};
    int                 error = weir_peer_address(&thing->handle, &address);
    struct thing       *peer = thing->run->things;
    while (peer && !(peer->kind == STREAM && peer->port && same_address(&peer->address, &address)))
        peer = peer->next;
    if (error || !peer || peer->peer) {
        if (!error)
            run_fail(thing->run, "a connection was accepted by %u %s", thing->number,
                     peer ? "from one that has another peer" : "from where nobody connected");
        give_flows(thing); /* reset since: it has no peer any more */
        flow_lose(thing->in);
        return;
    }
    thing->peer = peer;
    peer->peer = thing;
    thing->in = peer->out;
    thing->out = peer->in;
}

static void accepted(struct task *task)
{
    struct thing *thing = task->other;
    bool          attached = weir_handle_kind(&thing->handle) != WEIR_HANDLE_NONE;
    if (attached != (task->op.result == 0)) {
        run_fail(task->run, "%s ended %s, and its handle is %s", task_name(task),
                 weir_error_name(task->op.result), attached ? "attached" : "not attached");
        return;
    }
    thing->state = attached ? THING_OPEN : THING_CLOSED;
    thing->connected = attached;
    if (attached)
        find_peer(thing);
}

void step_accept(struct place *place, const struct step *step)
{
    struct thing *listener = pick_thing(place->run, place, KIND(LISTENER), step->b);
    struct task  *task = listener ? task_new(place, listener, accepted) : NULL;
    if (!task)
        return;
    task->other = thing_new(place, STREAM, THING_EMPTY);
    task->other->is_unix = listener->is_unix;
    run_say(place->run, "accept #%u on %u into %u", task->number, listener->number,
            task->other->number);
    weir_accept(&task->op, &listener->handle, &task->other->handle, task_flags(task, step->c),
                task_done);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static size_t moved(const struct task *task)
{
    return task->op.result > 0 ? (size_t)task->op.result : 0;
}

/* The count, and with WEIR_ALL the reason for one that is short. */
static void check_count(struct task *task, size_t length)
{
    const struct weir_op *op = &task->op;
    if (op->result > (int64_t)length)
        run_fail(task->run, "%s of %zu bytes told %lld", task_name(task), length,
                 (long long)op->result);
    else if ((op->flags & WEIR_ALL) && op->result != (int64_t)length && !op->error)
        run_fail(task->run, "%s moved %lld of %zu bytes with WEIR_ALL, and tells no reason",
                 task_name(task), (long long)op->result, length);
}

static void sent(struct task *task)
{
    check_count(task, task->buffer.length);
    flow_wrote(task->thing->out, task, task->buffer.memory, moved(task));
    guarded_free(&task->buffer);
}

void cut_in_pieces(struct task *task, uint32_t c)
{
    size_t first = c % (task->buffer.length + 1), second = (task->buffer.length - first) / 2;
    task->pieces[0] = (struct weir_buf){task->buffer.memory, first};
    task->pieces[1] = (struct weir_buf){task->buffer.memory + first, second};
    task->pieces[2] = (struct weir_buf){task->buffer.memory + first + second,
                                        task->buffer.length - first - second};
}

static size_t length_of(const struct step *step)
{
    uint32_t small = step->c % 7;
    return 1 + (small == 0   ? step->c / 7 % (LENGTH_MAX * 30)
                : small == 1 ? step->c / 7 % 3
                             : step->c / 7 % LENGTH_MAX);
}

static void start_send(struct task *task, const struct step *step, unsigned flags)
{
    struct thing *thing = task->thing;
    guarded_take(&task->buffer, length_of(step));
    guarded_fill(&task->buffer, task->number);
    flow_writes(thing->out, task);
    run_say(task->run, "send #%u on %u, %zu bytes%s", task->number, thing->number,
            task->buffer.length, flags & WEIR_ALL ? ", all" : "");
    if (step->b % 5 == 0) {
        cut_in_pieces(task, step->c);
        weir_sendv(&task->op, &thing->handle, task->pieces, 3, flags, task_done);
    } else if (thing->kind == WRITER) {
        weir_write(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, WEIR_STREAM,
                   flags, task_done);
    } else {
        weir_send(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, flags,
                  task_done);
    }
}

void step_send(struct place *place, const struct step *step)
{
    unsigned      kinds = KIND(STREAM) | KIND(WRITER);
    struct thing *thing = pick_thing(place->run, place, kinds, step->a >> 3);
    struct task  *task = thing && thing->out ? task_new(place, thing, sent) : NULL;
    if (task)
        start_send(task, step, task_flags(task, step->c) | (step->b % 3 ? WEIR_ALL : 0));
}

static struct step step_of(size_t length)
{
    return (struct step){.b = 1, .c = 7u * (uint32_t)(length - 1) + 2u};
}

void send_on(struct thing *thing, size_t length)
{
    struct step  step = step_of(length);
    struct task *task = task_new(thing->place, thing, sent);
    if (task)
        start_send(task, &step, 0);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static void start_recv(struct task *task, const struct step *step, unsigned flags);

static void received(struct task *task)
{
    const struct weir_op *op = &task->op;
    struct thing         *thing = task->thing;
    check_count(task, task->buffer.length);
    if (op->flags & WEIR_PEEK)
        flow_peeked(thing->in, task->buffer.memory, moved(task));
    else
        flow_got(thing->in, task->buffer.memory, moved(task));
    if (op->result == 0 || op->error == WEIR_EEOF)
        thing->in->ended = true;
    guarded_free(&task->buffer);
    bool goes_on = task->restarts && op->result > 0 && !op->error && thing_is_open(thing) &&
                   !task->place->closing && !task->run->failure[0];
    if (goes_on) {
        struct step again = step_of(2001);
        task_again(task);
        start_recv(task, &again, op->flags);
    } else if (task->restarts) {
        thing->read_on = false;
    }
}

static void start_recv(struct task *task, const struct step *step, unsigned flags)
{
    struct thing *thing = task->thing;
    guarded_take(&task->buffer, length_of(step));
    run_say(task->run, "recv #%u on %u, %zu bytes%s", task->number, thing->number,
            task->buffer.length, flags & WEIR_ALL ? ", all" : "");
    if (step->b % 5 == 0 && !task->restarts) {
        cut_in_pieces(task, step->c);
        weir_recvv(&task->op, &thing->handle, task->pieces, 3, flags, task_done);
    } else if (thing->kind == READER) {
        weir_read(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, WEIR_STREAM,
                  flags, task_done);
    } else {
        weir_recv(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, flags,
                  task_done);
    }
}

void step_recv(struct place *place, const struct step *step)
{
    unsigned      kinds = KIND(STREAM) | KIND(READER);
    struct thing *thing = pick_thing(place->run, place, kinds, step->a >> 3);
    if (thing && thing->in && step->c % 2 == 0 && pooled_recv(thing, step))
        return;
    struct task *task = thing && thing->in ? task_new(place, thing, received) : NULL;
    if (!task)
        return;
    unsigned flags = task_flags(task, step->c);
    if (step->b % 11 == 0 && thing->kind == STREAM)
        flags |= WEIR_PEEK;
    else if (step->b % 4 == 0)
        flags |= WEIR_ALL;
    task->restarts = step->b % 7 == 0 && !(flags & WEIR_PEEK);
    start_recv(task, step, flags);
}

void recv_on(struct thing *thing, size_t length)
{
    struct step  step = step_of(length);
    struct task *task = task_new(thing->place, thing, received);
    if (task)
        start_recv(task, &step, 0);
}

void read_on(struct thing *thing)
{
    struct step  step = step_of(2001);
    struct task *task = task_new(thing->place, thing, received);
    task->restarts = true;
    thing->read_on = true;
    start_recv(task, &step, 0);
}

/* ---- Without an op --------------------------------------------------------------------------- */

static void try_send(struct thing *thing, const struct step *step)
{
    struct guarded buffer;
    guarded_take(&buffer, length_of(step));
    guarded_fill(&buffer, 0x80000000u + step->c);
    int64_t result = weir_try_send(&thing->handle, buffer.memory, buffer.length, 0);
    run_say(thing->run, "try to send on %u: %lld", thing->number, (long long)result);
    if (result > 0)
        flow_wrote(thing->out, NULL, buffer.memory, (size_t)result);
    if (result < 0 && result != WEIR_EAGAIN)
        thing->in->broken = true;
    guarded_free(&buffer);
}

static void try_recv(struct thing *thing, const struct step *step)
{
    struct guarded buffer;
    guarded_take(&buffer, length_of(step));
    int64_t result = weir_try_recv(&thing->handle, buffer.memory, buffer.length, 0);
    run_say(thing->run, "try to receive on %u: %lld", thing->number, (long long)result);
    if (result > 0)
        flow_got(thing->in, buffer.memory, (size_t)result);
    if (result == 0)
        thing->in->ended = true;
    if (result < 0 && result != WEIR_EAGAIN)
        thing->in->broken = true;
    guarded_free(&buffer);
}

void step_try(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(STREAM), step->a >> 3);
    if (!thing || !thing->in || !thing->connected)
        return;
    if (step->b % 2)
        try_send(thing, step);
    else
        try_recv(thing, step);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void shut(struct task *task)
{
    task->thing->shut = task->op.result == 0;
}

void shut_down(struct thing *thing)
{
    struct task *task = task_new(thing->place, thing, shut);
    if (!task)
        return;
    thing->shut = true;
    run_say(thing->run, "shut down #%u on %u", task->number, thing->number);
    weir_shutdown(&task->op, &thing->handle, 0, task_done);
}

void step_shutdown(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(STREAM), step->a >> 3);
    if (thing && !thing->shut)
        shut_down(thing);
}

void step_pipe(struct place *place, const struct step *step)
{
    struct thing *reader = thing_new(place, READER, THING_CLOSED);
    struct thing *writer = thing_new(place, WRITER, THING_CLOSED);
    int           error = weir_pipe(&reader->handle, &writer->handle, place->loop);
    (void)step;
    run_say(place->run, "pipe from %u to %u: %s", writer->number, reader->number,
            weir_error_name(error));
    if (error)
        return;
    reader->state = writer->state = THING_OPEN;
    reader->connected = writer->connected = true;
    reader->in = writer->out = flow_new(place->run);
    reader->peer = writer;
    writer->peer = reader;
}

/* ---- Readiness ------------------------------------------------------------------------------- */

static void polled(struct task *task)
{
    const struct weir_op *op = &task->op;
    unsigned              may = (unsigned)task->offset | WEIR_HUP | WEIR_ERR;
    if (op->result > 0 && ((unsigned)op->result & ~may))
        run_fail(task->run, "%s for %#x told %#llx", task_name(task), (unsigned)task->offset,
                 (unsigned long long)op->result);
    if (op->result == 0)
        run_fail(task->run, "%s told nothing", task_name(task));
    if (op->more && ++task->count >= 4) /* of level it would be told for ever */
        task_cancel(task);
}

void poll_on(struct thing *thing, unsigned events)
{
    struct task *task = task_new(thing->place, thing, polled);
    if (!task)
        return;
    task->offset = events;
    weir_poll(&task->op, &thing->handle, events, WEIR_ONESHOT, task_done);
}

void step_poll(struct place *place, const struct step *step)
{
    static const unsigned modes[] = {0, WEIR_ONESHOT, WEIR_LEVEL, WEIR_EDGE};
    static const unsigned events[] = {WEIR_IN, WEIR_OUT, WEIR_IN | WEIR_OUT, WEIR_IN | WEIR_RDHUP};
    unsigned kinds = KIND(STREAM) | KIND(READER) | KIND(WRITER) | KIND(DATAGRAM) | KIND(LISTENER);
    struct thing *thing = pick_thing(place->run, place, kinds, step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, polled) : NULL;
    if (!task)
        return;
    task->offset = events[step->b % 4];
    run_say(place->run, "poll #%u on %u for %#x, mode %#x", task->number, thing->number,
            (unsigned)task->offset, modes[step->c % 4]);
    weir_poll(&task->op, &thing->handle, (unsigned)task->offset,
              modes[step->c % 4] | task_flags(task, step->c), task_done);
}
