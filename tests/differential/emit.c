/* SPDX-License-Identifier: MIT */
/* emit.c - what an act did, as lines of the trace: in the order of each direction of each handle,
 * and where an act was loose, as much as is the same on every engine. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

static const char *const lane_names[LANES] = {"in", "out", "-", "closed"};

static bool was_ended(const struct event *event)
{
    return event->result == WEIR_ECANCELED || event->result == WEIR_EDEADLINE;
}

static bool is_loose(const struct run *run, const struct event *event)
{
    int link = link_of(event->place);
    if (event->id && run->running[event->id].raced)
        return true;
    if (link >= 0 && run->links[link].torn)
        return true;
    if (!place_is_link(event->place) || !event->id)
        return false;
    if (event->lane == LANE_IN && run->ways[event->place ^ 1].loose)
        return true;
    return event->lane == LANE_ANY && run->running[event->id].step->what == WEIR_OP_POLL &&
           run->places[event->place].polls_loose;
}

/* What may come out where a cancel, a close or a reset met something else. */
static bool is_usual(const struct event *event)
{
    switch (event->result) {
    case WEIR_ECANCELED:
    case WEIR_EDEADLINE:
    case WEIR_EBADF:
    case WEIR_ECONNRESET:
    case WEIR_EPIPE:
    case WEIR_ENOTCONN:
    case WEIR_ENOTSOCK:
    case WEIR_ECONNREFUSED:
    case WEIR_EISCONN:
    case WEIR_EINVAL:
    case WEIR_EAGAIN:
    case WEIR_ENOBUFS:
    case WEIR_ENOTSUP:
    case WEIR_ESPIPE:
        return true;
    default:
        return event->result >= 0;
    }
}

/* On a link that was torn, it depends who came first to which direction; and what raced may have
 * ended before its turn. */
static int lane_in_order(const struct run *run, const struct event *event)
{
    int link = link_of(event->place);
    if (!event->id)
        return event->lane;
    bool any = (link >= 0 && run->links[link].torn) || run->running[event->id].raced;
    return any ? LANE_ANY : event->lane;
}

static const struct run *sorted_run; /* qsort has no argument for it */

static int compare_events(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->place != b->place)
        return a->place - b->place;
    int lane = lane_in_order(sorted_run, a), other = lane_in_order(sorted_run, b);
    if (lane != other)
        return lane - other;
    bool loose = is_loose(sorted_run, a) || is_loose(sorted_run, b);
    /* Of what is cancelled, what was not yet with the engine ends first. */
    bool by_id = lane == LANE_ANY || loose || (was_ended(a) && was_ended(b));
    if (!loose && lane != LANE_ANY && was_ended(a) != was_ended(b))
        return was_ended(a) - was_ended(b);
    if (by_id && a->id != b->id)
        return a->id - b->id;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Two closes met: of a handle that weir_close_now() closed first nothing is told. */
static bool was_closed_twice(const struct run *run, const struct event *event)
{
    int link = link_of(event->place);
    return link >= 0 && run->links[link].torn && run->links[link].closes > 1;
}

static void emit_event(const struct run *run, const struct event *event)
{
    char               place[24], result[40], error[40] = "";
    const struct step *step = event->id ? run->running[event->id].step : NULL;
    const char        *name = script_place_name(run->script, event->place, place, sizeof place);
    bool               loose = is_loose(run, event);
    if (event->lane == LANE_CLOSED &&
        (run->places[event->place].unsure || was_closed_twice(run, event)))
        return;
    if (event->lane == LANE_CLOSED) {
        trace_line(run->trace, "act %d: %s closed", run->act, name);
        if (event->result)
            trace_wrong(run->trace, "act %d: an op of %s was live then", run->act, name);
        return;
    }
    if (loose && is_usual(event)) {
        if (event->ends)
            trace_line(run->trace, "act %d: %s %s #%d ends (it raced)", run->act, name,
                       lane_names[lane_in_order(run, event)], event->id);
        return;
    }
    if (event->result < 0)
        snprintf(result, sizeof result, "%s", weir_error_name(event->result));
    else
        snprintf(result, sizeof result, "%" PRId64, event->result);
    if (event->error)
        snprintf(error, sizeof error, ", error %s", weir_error_name(event->error));
    trace_line(run->trace, "act %d: %s %s #%d %s %s%s%s, told %" PRIx32 ", hash %" PRIx64, run->act,
               name, lane_names[event->lane], event->id, event->ends ? "ends" : "tells", result,
               error, step && step->what == WEIR_OP_POLL ? " (poll)" : "", event->told,
               event->hash);
}

static void emit_way(const struct run *run, int sender)
{
    const struct way *way = &run->ways[sender];
    char              name[24];
    script_place_name(run->script, sender, name, sizeof name);
    if (way->uncertain)
        return;
    if (way->cut)
        trace_line(run->trace, "act %d: %d datagrams of %s are left", run->act, way->messages,
                   name);
    else
        trace_line(run->trace, "act %d: %zu bytes so far came from %s, hash %" PRIx64, run->act,
                   way->received.count, name, bytes_hash(way->received.data, way->received.count));
}

/* An accept that raced may have had its connection, or not. */
static void note_unsure(struct run *run)
{
    for (unsigned i = 0; i < run->event_count; i++) {
        const struct event *event = &run->events[i];
        if (event->id && run->running[event->id].step->what == WEIR_OP_ACCEPT &&
            event->place != PLACE_NONE && is_loose(run, event))
            run->places[event->place].unsure = true;
    }
}

void emit_act(struct run *run)
{
    sorted_run = run;
    note_unsure(run);
    qsort(run->events, run->event_count, sizeof *run->events, compare_events);
    for (unsigned i = 0; i < run->event_count; i++)
        emit_event(run, &run->events[i]);
    for (int i = 0; i < 2 * (int)run->script->link_count; i++)
        if (run->ways[i].loose)
            emit_way(run, i);
    pools_end_act(run);
    char text[8 * STEPS_MAX] = "";
    for (int id = 1; id <= STEPS_MAX; id++)
        if (run->running[id].live)
            snprintf(text + strlen(text), sizeof text - strlen(text), " #%d", id);
    if (*text)
        trace_line(run->trace, "act %d: pending%s", run->act, text);
}

/* What came out is a beginning of what was told to be sent; a datagram may have been cut. */
void emit_end(struct run *run)
{
    char name[24];
    for (int sender = 0; sender < 2 * (int)run->script->link_count; sender++) {
        const struct way *way = &run->ways[sender];
        script_place_name(run->script, sender, name, sizeof name);
        if (run->script->links[sender / 2] != LINK_UDP &&
            (way->received.count > way->sent.count ||
             (way->received.count &&
              memcmp(way->sent.data, way->received.data, way->received.count))))
            trace_wrong(run->trace, "end: what came from %s is not what was sent", name);
        if (!way->uncertain && !way->cut)
            trace_line(run->trace, "end: from %s %zu bytes sent, %zu received, hash %" PRIx64, name,
                       way->sent.count, way->received.count,
                       bytes_hash(way->received.data, way->received.count));
    }
    for (int place = 0; place < PLACES; place++)
        if (run->places[place].attached && !run->places[place].unsure)
            trace_line(run->trace, "end: %s is %s",
                       script_place_name(run->script, place, name, sizeof name),
                       weir_handle_kind_name(weir_handle_kind(&run->places[place].handle)));
}
