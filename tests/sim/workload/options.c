/* SPDX-License-Identifier: MIT */
/* options.c - what is set of a socket is told, and what its kind does not have is refused. */
#include "workload.h"

struct choice {
    enum weir_option option;
    int64_t          values[3];
    bool             tcp_only, at_least; /* at_least: the system gives more */
};

static const struct choice choices[] = {
    {WEIR_OPTION_NODELAY, {0, 1, 1}, true, false},
    {WEIR_OPTION_KEEPALIVE, {0, 1, 20}, true, false},
    {WEIR_OPTION_RECEIVE_BUFFER, {1, 4096, 100000}, false, true},
    {WEIR_OPTION_SEND_BUFFER, {1, 4096, 100000}, false, true},
    {WEIR_OPTION_LINGER, {-1, -1, 0}, false, false},
    {WEIR_OPTION_BROADCAST, {0, 1, 1}, false, false},
};

/* A pending error that is taken here is told nowhere else. */
static void take_error(struct thing *thing)
{
    int64_t value = 1;
    int     error = weir_option_get(&thing->handle, WEIR_OPTION_ERROR, &value);
    run_say(thing->run, "error of %u: %lld", thing->number, (long long)value);
    if (error || value > 0)
        run_fail(thing->run, "the error of handle %u is %s, %lld", thing->number,
                 weir_error_name(error), (long long)value);
    if (value && thing->in)
        thing->in->broken = true;
}

static void set_and_get(struct thing *thing, const struct choice *choice, int64_t value)
{
    bool    has = !choice->tcp_only || (!thing->is_unix && thing->kind != DATAGRAM);
    int64_t told = -2;
    int     set = weir_option_set(&thing->handle, choice->option, value);
    int     got = weir_option_get(&thing->handle, choice->option, &told);
    run_say(thing->run, "option %d of %u to %lld: %s, %lld", (int)choice->option, thing->number,
            (long long)value, weir_error_name(set), (long long)told);
    if (has != !set || set != got)
        run_fail(thing->run, "option %d of handle %u: set %s, got %s", (int)choice->option,
                 thing->number, weir_error_name(set), weir_error_name(got));
    else if (!set && (choice->at_least ? told < value : told != value))
        run_fail(thing->run, "option %d of handle %u was set to %lld, and is %lld",
                 (int)choice->option, thing->number, (long long)value, (long long)told);
}

void step_option(struct place *place, const struct step *step)
{
    unsigned      kinds = KIND(STREAM) | KIND(LISTENER) | KIND(DATAGRAM);
    struct thing *thing = pick_thing(place->run, place, kinds, step->a >> 3);
    unsigned      count = sizeof choices / sizeof *choices, which = step->b % (count + 1);
    if (thing && which < count)
        set_and_get(thing, &choices[which], choices[which].values[step->c % 3]);
    else if (thing)
        take_error(thing);
}
