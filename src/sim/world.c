/* SPDX-License-Identifier: MIT */
/* world.c - the clock, the queue of events, the randomness and the descriptors of a simulation. */
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define ADDRESS_ROOM 160

/* ---- Memory ---------------------------------------------------------------------------------- */

void *sim_resize(void *memory, size_t before, size_t size)
{
    if (!size) {
        free(memory);
        return NULL;
    }
    char *block = realloc(memory, size);
    if (!block) {
        fputs("weir: no memory is left for the simulated world.\n", stderr);
        abort();
    }
    if (size > before)
        memset(block + before, 0, size - before);
    return block;
}

void *sim_new(size_t size)
{
    return sim_resize(NULL, 0, size);
}

void sim_free(void *memory)
{
    free(memory);
}

/* ---- Randomness ------------------------------------------------------------------------------ */

/* SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014. */
static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sim_seed(struct weir_sim *world, uint64_t seed)
{
    world->seed = seed;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t state = seed ^ (UINT64_C(0xd1342543de82ef95) * (uint64_t)(i + 1));
        world->random[i] = next_number(&state);
    }
}

uint64_t sim_random(struct weir_sim *world, enum sim_draw draw, uint64_t bound)
{
    return next_number(&world->random[draw]) % bound;
}

bool sim_chance(struct weir_sim *world, enum sim_draw draw, uint32_t per_million)
{
    return per_million && sim_random(world, draw, 1000000) < per_million;
}

static const char *const fault_names[WEIR_SIM_FAULTS] = {
    [WEIR_SIM_SHORT_TRANSFER] = "short-transfer",
    [WEIR_SIM_LATENCY] = "latency",
    [WEIR_SIM_RESET] = "reset",
    [WEIR_SIM_DATAGRAM_LOST] = "datagram-lost",
    [WEIR_SIM_DATAGRAM_DOUBLED] = "datagram-doubled",
    [WEIR_SIM_DATAGRAM_SWAPPED] = "datagram-swapped",
    [WEIR_SIM_DISK_ERROR] = "disk-error",
    [WEIR_SIM_DISK_FULL] = "disk-full",
    [WEIR_SIM_TORN_WRITE] = "torn-write",
    [WEIR_SIM_DESCRIPTORS] = "descriptors",
    [WEIR_SIM_MEMORY] = "memory",
    [WEIR_SIM_THREADS] = "threads",
    [WEIR_SIM_INTERRUPTED] = "interrupted",
    [WEIR_SIM_CANCEL_LATE] = "cancel-late",
    [WEIR_SIM_MULTISHOT_ENDS] = "multishot-ends",
    [WEIR_SIM_NO_BUFFERS] = "no-buffers",
    [WEIR_SIM_CLOCK_JUMP] = "clock-jump",
};

const char *weir_sim_fault_name(enum weir_sim_fault fault)
{
    return (unsigned)fault < WEIR_SIM_FAULTS ? fault_names[fault] : "unknown";
}

/* Whether a list such as "1-4,9" has the number; no list has all. */
static bool list_has(const char *list, uint32_t number)
{
    while (list && *list) {
        char         *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (number >= first && number <= last)
            return true;
        list = *end ? end + 1 : end;
    }
    return !list;
}

/* Faults are numbered as they are drawn, so that a shrunk run can keep some and leave out others:
 * a shrinker's list names them. */
bool sim_fault(struct weir_sim *world, enum weir_sim_fault fault, const char *where)
{
    if (!sim_chance(world, DRAW_FAULT, world->per_million[fault]))
        return false;
    uint32_t number = ++world->fault_count;
    if (!list_has(world->faults_kept, number))
        return false;
    sim_trace(world, "fault %u %s %s", number, fault_names[fault], where);
    return true;
}

size_t sim_some(struct weir_sim *world, size_t length)
{
    if (length < 2 || !sim_fault(world, WEIR_SIM_SHORT_TRANSFER, "some"))
        return length;
    return 1 + (size_t)sim_random(world, DRAW_SIZE, length - 1);
}

uint64_t sim_time(struct weir_sim *world, uint64_t usual_ns)
{
    uint64_t ns = usual_ns / 2 + sim_random(world, DRAW_TIME, usual_ns + usual_ns / 2 + 1);
    return sim_fault(world, WEIR_SIM_LATENCY, "time") ? ns * 1000 : ns;
}

/* ---- Events ---------------------------------------------------------------------------------- */

static bool is_before(const struct sim_event *one, const struct sim_event *other)
{
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->order < other->order;
}

static void put(struct weir_sim *world, uint32_t place, struct sim_event *event)
{
    world->queue[place - 1] = event;
    event->place = place;
}

static void sift_up(struct weir_sim *world, struct sim_event *event, uint32_t place)
{
    for (; place > 1 && is_before(event, world->queue[place / 2 - 1]); place /= 2)
        put(world, place, world->queue[place / 2 - 1]);
    put(world, place, event);
}

static void sift_down(struct weir_sim *world, struct sim_event *event, uint32_t place)
{
    for (uint32_t child; (child = place * 2) <= world->queue_count; place = child) {
        if (child < world->queue_count && is_before(world->queue[child], world->queue[child - 1]))
            child++;
        if (!is_before(world->queue[child - 1], event))
            break;
        put(world, place, world->queue[child - 1]);
    }
    put(world, place, event);
}

void sim_schedule(struct weir_sim *world, struct sim_event *event, uint64_t delay_ns,
                  void (*happen)(struct weir_sim *world, struct sim_event *event))
{
    if (event->place)
        return;
    if (world->queue_count == world->queue_room) {
        uint32_t room = world->queue_room ? world->queue_room * 2 : 64;
        world->queue = sim_resize(world->queue, world->queue_room * sizeof(struct sim_event *),
                                  room * sizeof(struct sim_event *));
        world->queue_room = room;
    }
    event->due_ns = world->now_ns + delay_ns;
    event->order = sim_random(world, DRAW_ORDER, UINT64_MAX);
    event->happen = happen;
    sift_up(world, event, ++world->queue_count);
}

void sim_unschedule(struct weir_sim *world, struct sim_event *event)
{
    uint32_t place = event->place;
    if (!place)
        return;
    event->place = 0;
    struct sim_event *last = world->queue[--world->queue_count];
    if (last == event)
        return;
    if (place > 1 && is_before(last, world->queue[place / 2 - 1]))
        sift_up(world, last, place);
    else
        sift_down(world, last, place);
}

struct sim_event *sim_first_event(const struct weir_sim *world)
{
    return world->queue_count ? world->queue[0] : NULL;
}

uint64_t sim_now(const struct weir_sim *world)
{
    return world->now_ns;
}

/* ---- Seeing ---------------------------------------------------------------------------------- */

void sim_trace(struct weir_sim *world, const char *format, ...)
{
    char    line[256];
    int     start = snprintf(line, sizeof line, "%llu.%09u ",
                             (unsigned long long)(world->now_ns / 1000000000u),
                             (unsigned)(world->now_ns % 1000000000u));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + start, sizeof line - (size_t)start, format, arguments);
    va_end(arguments);
    for (char *at = line; *at; at++) {
        if ((unsigned char)*at < ' ') /* a step is one line, whatever a name has in it */
            *at = '?';
        world->hash = (world->hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    if (world->trace && !world->broken_told)
        fprintf(world->trace, "%s\n", line);
}

void sim_break(struct weir_sim *world, const char *format, ...)
{
    va_list arguments;
    if (world->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->broken, sizeof world->broken, format, arguments);
    va_end(arguments);
    sim_trace(world, "broken: %s", world->broken);
    world->broken_told = true; /* what follows is only its end */
}

/* ---- Objects --------------------------------------------------------------------------------- */

void *sim_object_new(struct weir_sim_host *host, const struct sim_object_type *type,
                     enum weir_handle_kind kind, size_t size)
{
    struct weir_sim   *world = host->world;
    struct sim_object *object = sim_new(size);
    object->type = type;
    object->host = host;
    object->kind = kind;
    object->number = ++world->object_count;
    if (world->objects) {
        object->next = world->objects;
        object->previous = world->objects->previous;
        object->previous->next = object->next->previous = object;
    } else {
        world->objects = object->next = object->previous = object;
    }
    return object;
}

void sim_hold(struct sim_object *object)
{
    object->references++;
}

void sim_release(struct sim_object *object)
{
    struct weir_sim *world = object->host->world;
    if (--object->references)
        return;
    object->references = 1; /* whatever it lets go of meanwhile does not end it twice */
    object->type->close(object);
    while (object->waits)
        sim_wait_end(object->waits);
    object->next->previous = object->previous;
    object->previous->next = object->next;
    if (world->objects == object)
        world->objects = object->next == object ? NULL : object->next;
    sim_free(object);
}

struct sim_object *sim_objects(const struct weir_sim *world)
{
    return world->objects;
}

struct weir_sim_host *sim_hosts(const struct weir_sim *world)
{
    return world->hosts;
}

void sim_wait_begin(struct sim_wait *wait, struct sim_object *object,
                    void (*changed)(struct sim_wait *wait))
{
    wait->object = object;
    wait->changed = changed;
    if (object->waits) {
        wait->next = object->waits;
        wait->previous = wait->next->previous;
        wait->previous->next = wait->next->previous = wait;
    } else {
        object->waits = wait->next = wait->previous = wait;
    }
}

void sim_wait_end(struct sim_wait *wait)
{
    if (!wait->object)
        return;
    wait->next->previous = wait->previous;
    wait->previous->next = wait->next;
    if (wait->object->waits == wait)
        wait->object->waits = wait->next == wait ? NULL : wait->next;
    *wait = (struct sim_wait){0};
}

/* Whoever hears of it only notes it for later, so the ring stays as it is meanwhile. */
void sim_changed(struct sim_object *object)
{
    struct sim_wait *wait = object->waits;
    object->changes++;
    if (!wait)
        return;
    do {
        struct sim_wait *after = wait->next;
        wait->changed(wait);
        wait = after;
    } while (wait != object->waits);
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

int sim_descriptor_take(struct weir_sim_host *host, struct sim_object *object)
{
    uint32_t number = 0;
    if (sim_fault(host->world, WEIR_SIM_DESCRIPTORS, object->type->name))
        return WEIR_EMFILE;
    while (number < host->descriptor_room && host->descriptors[number])
        number++;
    if (number >= SIM_DESCRIPTORS_MAX)
        return WEIR_EMFILE;
    if (number == host->descriptor_room) {
        uint32_t room = host->descriptor_room ? host->descriptor_room * 2 : 16;
        host->descriptors = sim_resize(host->descriptors, number * sizeof(struct sim_object *),
                                       room * sizeof(struct sim_object *));
        host->descriptor_room = room;
    }
    host->descriptors[number] = object;
    sim_hold(object);
    return (int)number;
}

struct sim_object *sim_descriptor(const struct weir_sim_host *host, int descriptor)
{
    bool is_one = descriptor >= 0 && (uint32_t)descriptor < host->descriptor_room;
    return is_one ? host->descriptors[descriptor] : NULL;
}

void sim_descriptor_close(struct weir_sim_host *host, int descriptor)
{
    struct sim_object *object = sim_descriptor(host, descriptor);
    if (!object) {
        sim_break(host->world, "host %s closed descriptor %d, which is not open", host->name,
                  descriptor);
        return;
    }
    host->descriptors[descriptor] = NULL;
    sim_release(object);
}

/* ---- Hosts ----------------------------------------------------------------------------------- */

bool sim_linked(const struct weir_sim *world, const struct weir_sim_host *one,
                const struct weir_sim_host *other)
{
    for (uint32_t i = 0; i < world->cut_count; i++)
        if ((world->cuts[i].one == one && world->cuts[i].other == other) ||
            (world->cuts[i].one == other && world->cuts[i].other == one))
            return false;
    return true;
}

/* Parsed text is the one form in which two addresses can be compared without their layouts. */
static bool same_host_part(const struct weir_address *one, const struct weir_address *other)
{
    char     texts[2][ADDRESS_ROOM];
    unsigned i = 0;
    for (const struct weir_address *each = one; i < 2; each = other, i++) {
        if (weir_address_format(each, texts[i], sizeof texts[i]) < 0)
            return false;
        char *port = strrchr(texts[i], ':');
        if (port)
            *port = '\0';
    }
    return strcmp(texts[0], texts[1]) == 0;
}

static bool is_own(const struct weir_address *address)
{
    char text[ADDRESS_ROOM];
    if (weir_address_format(address, text, sizeof text) < 0)
        return false;
    return strncmp(text, "127.", 4) == 0 || strncmp(text, "[::1]", 5) == 0 ||
           strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]", 4) == 0;
}

struct weir_sim_host *sim_host_of(struct weir_sim_host *from, const struct weir_address *address)
{
    if (is_own(address))
        return from;
    struct weir_sim_host *host = from->world->hosts;
    while (host && !same_host_part(&host->address, address))
        host = host->next;
    return host;
}

struct weir_sim_host *sim_host_new(struct weir_sim *world, const char *name,
                                   const struct weir_address *address)
{
    struct weir_sim_host *host = sim_new(sizeof *host), **last = &world->hosts;
    host->world = world;
    snprintf(host->name, sizeof host->name, "%s", name);
    host->address = *address;
    while (*last)
        last = &(*last)->next;
    *last = host;
    sim_console_open(host);
    return host;
}

void sim_host_close_all(struct weir_sim_host *host)
{
    for (uint32_t i = 0; i < host->descriptor_room; i++)
        if (host->descriptors[i])
            sim_descriptor_close(host, (int)i);
}

void sim_host_free(struct weir_sim_host *host)
{
    sim_host_close_all(host);
    sim_net_finish(host);
    sim_disk_finish(host);
    sim_free(host->descriptors);
    sim_free(host);
}
