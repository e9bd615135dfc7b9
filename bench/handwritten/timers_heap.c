/* SPDX-License-Identifier: MIT */
/* timers_heap.c - the bare structure of timers, and nothing around it: a 4-ary heap of {due,
 * sequence, timer} in one array, and timers of 128 bytes that know their place in it. What is set
 * anew moves up or down from where it is. Built twice: with REARM_CLOCK 1 it reads the clock each
 * time, as who sets a time from now has to. */
#include "../kit/rearm.h"

struct timer {
    uint32_t slot; /* in the heap */
    char     rest[124];
};

struct entry {
    uint64_t      due_ns, sequence;
    struct timer *timer;
};

static struct rearm  rearm;
static struct timer *timers;  /* owned */
static struct entry *entries; /* owned */
static uint32_t      count;
static uint64_t      sequence;

static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void put(uint32_t slot, struct entry entry)
{
    entries[slot] = entry;
    entry.timer->slot = slot;
}

static uint32_t move_up(uint32_t slot, struct entry entry)
{
    while (slot > 0 && is_before(&entry, &entries[(slot - 1) / 4])) {
        put(slot, entries[(slot - 1) / 4]);
        slot = (slot - 1) / 4;
    }
    return slot;
}

static uint32_t move_down(uint32_t slot, struct entry entry)
{
    for (;;) {
        uint32_t first = 4 * slot + 1, last = first + 4 < count ? first + 4 : count, best = first;
        if (first >= count)
            return slot;
        for (uint32_t i = first + 1; i < last; i++)
            if (is_before(&entries[i], &entries[best]))
                best = i;
        if (!is_before(&entries[best], &entry))
            return slot;
        put(slot, entries[best]);
        slot = best;
    }
}

static void set_at(struct timer *timer, uint64_t due_ns)
{
    struct entry entry = {due_ns, sequence++, timer};
    uint32_t     slot = move_up(timer->slot, entry);
    if (slot == timer->slot)
        slot = move_down(slot, entry);
    put(slot, entry);
}

static void add(struct timer *timer, uint64_t due_ns)
{
    timer->slot = count++;
    put(timer->slot, (struct entry){UINT64_MAX, UINT64_MAX, timer});
    set_at(timer, due_ns);
}

static void take_first(void)
{
    struct entry last = entries[--count];
    if (count > 0)
        put(move_down(0, last), last);
}

static void check(void)
{
    for (uint32_t i = 0; i < rearm.count; i++)
        add(&timers[i], clock_ns() + rearm_far_ns(&rearm));
    for (uint32_t i = 0; i < rearm.count; i++) {
        uint64_t now_ns = clock_ns();
        set_at(&timers[i], now_ns + rearm_near_ns(&rearm, i, now_ns));
    }
    while (count > 0) {
        while (clock_ns() < entries[0].due_ns)
            ;
        rearm_fired(&rearm, (uint32_t)(entries[0].timer - timers));
        take_first();
    }
    rearm_checked(&rearm);
}

int main(int argc, char **argv)
{
    rearm_open(&rearm, argc, argv);
    timers = calloc(rearm.count, sizeof *timers);
    entries = calloc(rearm.count, sizeof *entries);
    if (!timers || !entries)
        return 1;
    if (rearm_checks(&rearm))
        check();
    uint64_t now_ns = clock_ns();
    for (uint32_t i = 0; i < rearm.count; i++)
        add(&timers[i], now_ns + rearm_far_ns(&rearm));
    work_begin(&rearm.work);
    do {
        for (int i = 0; i < REARM_BATCH; i++) {
            struct timer *timer = &timers[rearm_which(&rearm)];
            set_at(timer, (REARM_CLOCK ? clock_ns() : now_ns) + rearm_far_ns(&rearm));
        }
    } while (rearm_goes_on(&rearm));
    free(entries);
    free(timers);
    return rearm_end(&rearm);
}
