/* SPDX-License-Identifier: MIT */
/* sim_readiness.c - the sim engine as a mechanism that tells readiness: by level, by edge, once. */
#include "sim.h"

/* Now and then readiness is told a wait later; and, in worlds where calls are interrupted, where
 * there is none. */
#define HELD_BACK_PER_MILLION 200000u
#define SPURIOUS_PER_MILLION 2000u

struct sim_watch {
    struct sim_wait     wait;
    struct sim_loop    *own;
    struct weir_handle *handle;  /* borrowed */
    bool                changed; /* since it was last told */
};

static unsigned events_of(const struct sim_watch *watch)
{
    struct sim_object *object = watch->wait.object;
    unsigned           asked = watch->handle->in.armed & (WEIR_IN | WEIR_OUT | WEIR_RDHUP);
    if (!object || !watch->handle->in.armed)
        return 0;
    return object->type->events(object) & (asked | WEIR_HUP | WEIR_ERR);
}

static bool is_due(const struct sim_watch *watch)
{
    return (watch->own->model != SIM_EDGE || watch->changed) && events_of(watch);
}

static void watch_changed(struct sim_wait *wait)
{
    struct sim_watch *watch = (struct sim_watch *)((char *)wait - offsetof(struct sim_watch, wait));
    watch->changed = true;
    if (is_due(watch))
        sim_loop_news(watch->own);
}

/* The last one takes its place. */
static void unwatch(struct sim_loop *own, struct weir_handle *handle)
{
    struct sim_watch *watch = own->watches[handle->in.slot];
    struct sim_watch *last = own->watches[--own->watch_count];
    own->watches[handle->in.slot] = last;
    last->handle->in.slot = handle->in.slot;
    handle->in.slot = -1;
    sim_wait_end(&watch->wait);
    sim_free(watch);
}

static struct sim_watch *watch_new(struct sim_loop *own, struct weir_handle *handle)
{
    if (own->watch_count == own->watch_room) {
        uint32_t room = own->watch_room ? own->watch_room * 2 : 16;
        own->watches = sim_resize(own->watches, own->watch_room * sizeof(struct sim_watch *),
                                  room * sizeof(struct sim_watch *));
        own->watch_room = room;
    }
    struct sim_watch *watch = sim_new(sizeof *watch);
    watch->own = own;
    watch->handle = handle;
    handle->in.slot = (int)own->watch_count;
    own->watches[own->watch_count++] = watch;
    return watch;
}

int sim_readiness_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    struct sim_loop   *own = sim_loop_of(loop);
    struct sim_object *object = sim_descriptor(own->host, handle->in.descriptor);
    handle->in.armed = handle->in.want;
    if (handle->in.want && own->model == SIM_EDGE) /* what is not heard of is not told again */
        handle->in.armed = WEIR_IN | WEIR_OUT | WEIR_RDHUP | WANT_HUNG;
    if (!handle->in.want) {
        if (handle->in.slot >= 0)
            unwatch(own, handle);
        return 0;
    }
    if (!object)
        return WEIR_EBADF;
    struct sim_watch *watch = handle->in.slot >= 0 ? own->watches[handle->in.slot]
                                                   : watch_new(own, handle);
    if (!watch->wait.object)
        sim_wait_begin(&watch->wait, object, watch_changed);
    if (own->model == SIM_EDGE) /* for everything, since what is told once is not told again */
        handle->in.armed = WEIR_IN | WEIR_OUT | WEIR_RDHUP | WANT_HUNG;
    watch->changed = true; /* what holds when the interest changes is told, as epoll(7) does */
    if (is_due(watch))
        sim_loop_news(own);
    return 0;
}

bool sim_readiness_has_news(const struct sim_loop *own)
{
    for (uint32_t i = 0; i < own->watch_count; i++)
        if (is_due(own->watches[i]))
            return true;
    return false;
}

static void tell(struct sim_watch *watch, unsigned events)
{
    struct weir_handle *handle = watch->handle;
    watch->changed = false;
    sim_trace(watch->own->host->world, "%s told %d %#x", watch->own->host->name,
              handle->in.descriptor, events);
    ready_told(watch->own->loop, handle, events);
}

/* From a place that is drawn, so that no handle is always first. */
void sim_readiness_harvest(struct sim_loop *own)
{
    struct weir_sim *world = own->host->world;
    uint32_t         count = own->watch_count;
    bool             told = false, held = false;
    if (!count)
        return;
    uint32_t first = (uint32_t)sim_random(world, DRAW_ORDER, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_watch *watch = own->watches[(first + i) % count];
        unsigned          events = is_due(watch) ? events_of(watch) : 0;
        if (!events && watch->handle->in.armed && world->per_million[WEIR_SIM_INTERRUPTED] &&
            sim_chance(world, DRAW_ORDER, SPURIOUS_PER_MILLION))
            events = (watch->handle->in.armed & (WEIR_IN | WEIR_OUT)) | events_of(watch);
        else if (events && told && sim_chance(world, DRAW_ORDER, HELD_BACK_PER_MILLION))
            events = 0, held = true;
        if (!events)
            continue;
        tell(watch, events);
        told = true;
    }
    if (held || (told && own->model == SIM_LEVEL)) /* which tells again what still holds */
        sim_loop_news(own);
}

void sim_readiness_close(struct sim_loop *own)
{
    for (uint32_t i = 0; i < own->watch_count; i++) {
        sim_wait_end(&own->watches[i]->wait);
        sim_free(own->watches[i]);
    }
    sim_free(own->watches);
}
