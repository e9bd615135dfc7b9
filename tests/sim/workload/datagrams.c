/* SPDX-License-Identifier: MIT */
/* datagrams.c - each arrives whole or not at all, where it was sent to, and once unless the network
 * doubles it; what was told not to be sent never does. Unix sockets double nothing, and keep the
 * order. */
#include <string.h>
#include <sys/socket.h>

#include "workload.h"

#define LENGTH_MAX 1200u
#define INDEX_SHIFT 28 /* which of a batch: above the number of its task */

void step_datagram(struct place *place, const struct step *step)
{
    struct thing *thing = thing_new(place, DATAGRAM, THING_CLOSED);
    bool          is_unix = step->b % 3 == 0;
    name_socket(thing, is_unix);
    int error = weir_socket(&thing->handle, place->loop, is_unix ? AF_UNIX : AF_INET, SOCK_DGRAM,
                            0);
    if (!error) {
        thing->state = THING_OPEN;
        error = bind_socket(thing);
    }
    run_say(place->run, "datagram socket %u: %s", thing->number, weir_error_name(error));
}

/* ---- Sending --------------------------------------------------------------------------------- */

static bool is_batch(const struct task *task)
{
    return task->op.kind == WEIR_OP_SEND_BATCH || task->op.kind == WEIR_OP_RECV_BATCH;
}

/* How many of its messages were moved. */
static unsigned moved_of(const struct task *task)
{
    if (is_batch(task))
        return task->op.result > 0 ? (unsigned)task->op.result : 0;
    return task->op.result >= 0 ? 1 : 0;
}

static void sent(struct task *task)
{
    unsigned moved = moved_of(task);
    if (moved > task->count || (is_batch(task) && task->op.result == 0))
        run_fail(task->run, "%s of %u datagrams told %lld", task_name(task), task->count,
                 (long long)task->op.result);
    for (unsigned i = 0; i < moved && i < task->count; i++) {
        int64_t told = is_batch(task) ? task->messages[i].result : task->op.result;
        if (told != (int64_t)task->pieces[i].length)
            run_fail(task->run, "%s: of %zu bytes of the %u. datagram it told %lld",
                     task_name(task), task->pieces[i].length, i + 1, (long long)told);
    }
    for (unsigned i = moved; i < task->count; i++)
        if (task->arrived[i])
            run_fail(task->run, "the %u. datagram of %s arrived, and was told not to be sent",
                     i + 1, task_name(task));
}

/* The number of the task, and which of its datagrams it is, come first. */
static void write_number(unsigned char *data, uint32_t number, unsigned i)
{
    number |= i << INDEX_SHIFT;
    memcpy(data, &number, sizeof number);
}

static void fill_messages(struct task *task, uint32_t c)
{
    size_t lengths[BATCH_MAX], length = 0;
    for (unsigned i = 0; i < task->count; i++, c /= 7)
        length += lengths[i] = 4 + c % LENGTH_MAX;
    guarded_take(&task->buffer, length);
    guarded_fill(&task->buffer, task->number);
    unsigned char *at = task->buffer.memory;
    for (unsigned i = 0; i < task->count; at += lengths[i++]) {
        write_number(at, task->number, i);
        task->pieces[i] = (struct weir_buf){at, lengths[i]};
        task->messages[i] = (struct weir_msg){.address = task->address.data.bytes,
                                              .address_room = task->address.length,
                                              .address_length = task->address.length,
                                              .buffers = &task->pieces[i],
                                              .count = 1};
    }
}

void step_send_to(struct place *place, const struct step *step)
{
    struct thing *from = pick_thing(place->run, place, KIND(DATAGRAM), step->a >> 3);
    struct thing *to = pick_thing(place->run, NULL, KIND(DATAGRAM), step->b);
    if (!from || !to || from->is_unix != to->is_unix)
        return;
    struct task *task = task_new(place, from, sent);
    if (!task)
        return;
    unsigned flags = task_flags(task, step->c);
    task->count = step->c % 4 == 0 ? 2 + step->c / 4 % (BATCH_MAX - 1) : 1;
    task->other = to;
    task->address = to->address;
    fill_messages(task, step->c);
    run_say(place->run, "send #%u from %u to %u, %u datagrams, %zu bytes", task->number,
            from->number, to->number, task->count, task->buffer.length);
    if (task->count > 1)
        weir_send_batch(&task->op, &from->handle, task->messages, task->count, flags, task_done);
    else
        weir_send_msg(&task->op, &from->handle, task->messages, flags, task_done);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* Who sent it, and which of its datagrams it is; or NULL. */
static struct task *find_sender(struct run *run, const unsigned char *data, unsigned *index)
{
    uint32_t     number;
    struct task *task = run->tasks;
    memcpy(&number, data, sizeof number);
    *index = number >> INDEX_SHIFT;
    number &= (1u << INDEX_SHIFT) - 1;
    while (task && task->number != number)
        task = task->next;
    bool sends = task && (task->op.kind == WEIR_OP_SEND_MSG || task->op.kind == WEIR_OP_SEND_BATCH);
    return sends && *index < task->count ? task : NULL;
}

/* Whether something that the same socket sent later to the same one has arrived before. */
static bool is_overtaken(const struct task *sender, unsigned index)
{
    for (const struct task *task = sender->run->tasks; task; task = task->next) {
        if (task->thing != sender->thing || task->other != sender->other)
            continue;
        unsigned first = task == sender ? index + 1 : 0;
        for (unsigned i = first; i < BATCH_MAX && task->number >= sender->number; i++)
            if (task->arrived[i])
                return true;
    }
    return false;
}

static const char *what_is_wrong(struct task *task, unsigned i, size_t length, struct task *sender,
                                 unsigned index)
{
    const struct weir_buf *from = &sender->pieces[index], *into = &task->pieces[i];
    const struct weir_msg *message = &task->messages[i];
    bool                   is_unix = task->thing->is_unix, cut = from->length > into->length;
    bool                   doubled = task->run->plan->per_million[WEIR_SIM_DATAGRAM_DOUBLED] != 0;
    uint32_t               told = is_batch(task) ? message->told : task->op.told;
    if (length != (cut ? into->length : from->length))
        return "with another length";
    if (memcmp(from->data, into->data, length) != 0)
        return "with other bytes";
    if (!guarded_untouched((unsigned char *)into->data + length, into->length - length))
        return "and something behind it";
    if (cut != !!(told & WEIR_TOLD_TRUNCATED))
        return "wrongly told as truncated or whole";
    if (sender->other != task->thing)
        return "at another socket";
    if (sender->state == TASK_ENDED && index >= moved_of(sender))
        return "though it was told not to be sent";
    if (is_unix && is_overtaken(sender, index))
        return "after one that was sent later";
    if (!(task->op.flags & WEIR_PEEK) && ++sender->arrived[index] > (doubled && !is_unix ? 2 : 1))
        return "once too often";
    if (task->op.kind != WEIR_OP_RECV &&
        (message->address_length != sender->thing->address.length ||
         memcmp(task->addresses[i].data.bytes, sender->thing->address.data.bytes,
                message->address_length) != 0))
        return "from another address";
    return NULL;
}

static void check_one(struct task *task, unsigned i, int64_t length)
{
    unsigned     index = 0;
    struct task *sender = length >= 4 ? find_sender(task->run, task->pieces[i].data, &index) : NULL;
    if (!sender || (size_t)length > task->pieces[i].length) {
        run_fail(task->run, "%s received %lld bytes that nobody sent", task_name(task),
                 (long long)length);
        return;
    }
    const char *wrong = what_is_wrong(task, i, (size_t)length, sender, index);
    if (wrong)
        run_fail(task->run, "the %u. datagram of #%u was received by #%u %s", index + 1,
                 sender->number, task->number, wrong);
}

static void received(struct task *task)
{
    unsigned moved = moved_of(task);
    if (moved > task->count || (is_batch(task) && task->op.result == 0)) {
        run_fail(task->run, "%s of %u datagrams told %lld", task_name(task), task->count,
                 (long long)task->op.result);
        return;
    }
    for (unsigned i = 0; i < moved; i++)
        check_one(task, i, is_batch(task) ? task->messages[i].result : task->op.result);
    for (unsigned i = moved; i < task->count; i++)
        if (!guarded_untouched(task->pieces[i].data, task->pieces[i].length))
            run_fail(task->run, "%s wrote into a message that it did not receive", task_name(task));
}

static void take_messages(struct task *task, size_t length)
{
    guarded_take(&task->buffer, length * task->count);
    for (unsigned i = 0; i < task->count; i++) {
        task->pieces[i] = (struct weir_buf){task->buffer.memory + i * length, length};
        task->messages[i] = (struct weir_msg){.address = task->addresses[i].data.bytes,
                                              .address_room = sizeof task->addresses[i].data.bytes,
                                              .buffers = &task->pieces[i],
                                              .count = 1};
    }
}

void step_recv_from(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DATAGRAM), step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, received) : NULL;
    if (!task)
        return;
    unsigned flags = task_flags(task, step->c);
    task->count = step->b % 4 == 0 ? BATCH_MAX : 1;
    take_messages(task, step->c % 3 ? 4 + LENGTH_MAX : 4 + step->c % 100);
    run_say(place->run, "receive #%u on %u, up to %u", task->number, thing->number, task->count);
    if (task->count > 1) {
        weir_recv_batch(&task->op, &thing->handle, task->messages, task->count, flags, task_done);
        return;
    }
    flags |= step->b % 9 == 0 ? WEIR_PEEK : 0;
    if (step->b % 3 == 0)
        weir_recv(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, flags,
                  task_done);
    else
        weir_recv_msg(&task->op, &thing->handle, task->messages, flags, task_done);
}
