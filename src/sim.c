/* SPDX-License-Identifier: MIT */
/* sim.c - the functions of weir/sim.h: worlds, hosts, what happens to them, and how a test sees
 * it. */
#include "weir/sim.h"

#include <stdlib.h>
#include <string.h>

#include "sim/state.h"

#define STANDARD_STREAMS 3 /* sim_console_open() */

/* ---- Worlds and hosts ------------------------------------------------------------------------ */

int weir_sim_open(struct weir_sim **sim, const struct weir_sim_options *options)
{
    return sim_world_open(sim, options);
}

/* Frees the loops of a host without a word to their ops. */
static void abandon_loops(struct weir_sim_host *host)
{
    while (host->loops)
        loop_abandon(host->loops->loop);
}

int weir_sim_close(struct weir_sim *sim)
{
    for (struct weir_sim_host *host = sim->hosts; host; host = host->next) {
        if (host->loops && !sim->broken[0])
            return WEIR_EBUSY;
        abandon_loops(host); /* of a failed run nothing ends any more */
    }
    sim_world_free(sim);
    return 0;
}

int weir_sim_host_add(struct weir_sim *sim, struct weir_sim_host **host, const char *name,
                      const char *address)
{
    struct weir_sim_host anybody = {.world = sim};
    struct weir_address  parsed;
    char                 text[96];
    bool                 bracketed = strchr(address, ':') != NULL;
    *host = NULL;
    snprintf(text, sizeof text, bracketed ? "[%s]:0" : "%s:0", address);
    if (!*address || !*name || strlen(name) >= sizeof((struct weir_sim_host *)0)->name ||
        weir_address_parse(&parsed, text) || sim_host_of(&anybody, &parsed) == &anybody)
        return WEIR_EINVAL; /* loopback and wildcard addresses are every host's */
    for (struct weir_sim_host *other = sim->hosts; other; other = other->next)
        if (strcmp(other->name, name) == 0 || sim_host_of(other, &parsed))
            return WEIR_EADDRINUSE;
    *host = sim_host_new(sim, name, &parsed);
    return 0;
}

void weir_sim_use(struct weir_sim_host *host)
{
    sim_host_in_use = host;
}

/* ---- Running --------------------------------------------------------------------------------- */

static bool anything_pends(const struct weir_sim *sim)
{
    for (const struct weir_sim_host *host = sim->hosts; host; host = host->next)
        for (const struct sim_loop *own = host->loops; own; own = own->next)
            if (own->loop->pending > own->loop->pending_background || own->loop->closing_count ||
                atomic_load(&own->loop->posted))
                return true;
    return false;
}

int weir_sim_run(struct weir_sim *sim, uint64_t ns)
{
    bool     for_ever = ns > WEIR_FOREVER - 1 - sim->now_ns;
    uint64_t until_ns = for_ever ? WEIR_FOREVER : sim->now_ns + ns;
    sim_turn_all(sim);
    while (sim_step(sim, until_ns))
        if (for_ever && !anything_pends(sim))
            break;
    if (sim->broken[0])
        return sim->steps > sim->steps_max ? WEIR_EDEADLINE : WEIR_EIO;
    return anything_pends(sim);
}

uint64_t weir_sim_now(const struct weir_sim *sim)
{
    return sim->now_ns;
}

uint64_t weir_sim_random(struct weir_sim *sim, uint64_t bound)
{
    return bound ? sim_random(sim, DRAW_TEST, bound) : 0;
}

/* ---- What happens to hosts ------------------------------------------------------------------- */

static bool find_cut(const struct weir_sim *sim, const struct weir_sim_host *one,
                     const struct weir_sim_host *other, uint32_t *place)
{
    for (*place = 0; *place < sim->cut_count; ++*place) {
        const struct sim_cut *cut = &sim->cuts[*place];
        if ((cut->one == one && cut->other == other) || (cut->one == other && cut->other == one))
            return true;
    }
    return false;
}

void weir_sim_partition(struct weir_sim *sim, struct weir_sim_host *one,
                        struct weir_sim_host *other, bool cut)
{
    uint32_t place;
    bool     found = find_cut(sim, one, other, &place);
    if (found == cut)
        return;
    sim_trace(sim, "%s %s %s", cut ? "cut" : "mend", one->name, other->name);
    if (!cut) {
        sim->cuts[place] = sim->cuts[--sim->cut_count];
        sim_net_mended(sim);
        return;
    }
    if (sim->cut_count == sim->cut_room) {
        sim->cuts = sim_resize(sim->cuts, sim->cut_room * sizeof *sim->cuts,
                               (sim->cut_room + 8) * sizeof *sim->cuts);
        sim->cut_room += 8;
    }
    sim->cuts[sim->cut_count++] = (struct sim_cut){one, other};
    sim_net_cut(sim);
}

void weir_sim_crash(struct weir_sim *sim, struct weir_sim_host *host)
{
    sim_trace(sim, "crash %s", host->name);
    for (struct sim_loop *own = host->loops; own; own = own->next)
        if (own->loop->running) {
            fputs("weir: weir_sim_crash() was called while a loop of the host runs.\n", stderr);
            abort();
        }
    abandon_loops(host);
    host->down = true;
    sim_net_crash(host);
    sim_host_close_all(host);
    sim_console_open(host);
    sim_disk_crash(host);
}

void weir_sim_signal(struct weir_sim_host *host, int signo)
{
    sim_trace(host->world, "signal %s %d", host->name, signo);
    sim_signal_raise(host, signo);
}

void weir_sim_fault_set(struct weir_sim *sim, enum weir_sim_fault fault, uint32_t per_million)
{
    if ((unsigned)fault < WEIR_SIM_FAULTS)
        sim->per_million[fault] = per_million;
}

void weir_sim_heal(struct weir_sim *sim)
{
    sim_trace(sim, "heal");
    memset(sim->per_million, 0, sizeof sim->per_million);
    sim->cut_count = 0;
    sim_net_mended(sim);
}

/* ---- Seeing ---------------------------------------------------------------------------------- */

void weir_sim_check(struct weir_sim *sim, const char *(*check)(void *user), void *user)
{
    sim->check = check;
    sim->check_user = user;
}

int weir_sim_unlink(struct weir_sim_host *host, const char *path)
{
    return sim_path_remove(host, path);
}

unsigned weir_sim_descriptors(const struct weir_sim_host *host)
{
    unsigned count = 0;
    for (uint32_t i = STANDARD_STREAMS; i < host->descriptor_room; i++)
        count += host->descriptors[i] != NULL;
    return count;
}

const char *weir_sim_broken(const struct weir_sim *sim)
{
    return sim->broken[0] ? sim->broken : NULL;
}

uint64_t weir_sim_trace_hash(const struct weir_sim *sim)
{
    return sim->hash;
}
