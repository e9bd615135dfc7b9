/* SPDX-License-Identifier: MIT */
/* datagrams.c - each arrives whole or not at all, where it was sent to, and once unless the network
 * doubles it. */
#include <string.h>
#include <sys/socket.h>

#include "workload.h"

#define PORT_FIRST 20000u
#define LENGTH_MAX 1200u

void step_datagram(struct place *place, const struct step *step)
{
    struct thing *thing = thing_new(place, DATAGRAM, THING_CLOSED);
    struct host  *host = place->host;
    char          text[48];
    (void)step;
    thing->port = (uint16_t)(PORT_FIRST + host->ports++);
    snprintf(text, sizeof text, "%s:%u", host->address, (unsigned)thing->port);
    weir_address_parse(&thing->address, text);
    int error = weir_socket(&thing->handle, place->loop, AF_INET, SOCK_DGRAM, 0);
    if (!error) {
        thing->state = THING_OPEN;
        error = weir_bind(&thing->handle, thing->address.data.bytes, thing->address.length, 0);
    }
    run_say(place->run, "datagram socket %u: %s", thing->number, weir_error_name(error));
}

/* The number of the task that sent it comes first. */
static void write_number(unsigned char *data, uint32_t number)
{
    memcpy(data, &number, sizeof number);
}

static void sent(struct task *task)
{
    if (task->op.result >= 0 && task->op.result != (int64_t)task->buffer.length)
        run_fail(task->run, "%s of %zu bytes told %lld", task_name(task), task->buffer.length,
                 (long long)task->op.result);
}

void step_send_to(struct place *place, const struct step *step)
{
    struct thing *from = pick_thing(place->run, place, KIND(DATAGRAM), step->a >> 3);
    struct thing *to = pick_thing(place->run, NULL, KIND(DATAGRAM), step->b);
    struct task  *task = from && to ? task_new(place, from, sent) : NULL;
    if (!task)
        return;
    guarded_take(&task->buffer, 4 + step->c % LENGTH_MAX);
    guarded_fill(&task->buffer, task->number);
    write_number(task->buffer.memory, task->number);
    task->other = to;
    task->address = to->address;
    task->pieces[0] = (struct weir_buf){task->buffer.memory, task->buffer.length};
    task->message = (struct weir_msg){.address = task->address.data.bytes,
                                      .address_room = task->address.length,
                                      .address_length = task->address.length,
                                      .buffers = task->pieces,
                                      .count = 1};
    run_say(place->run, "send #%u from %u to %u, %zu bytes", task->number, from->number, to->number,
            task->buffer.length);
    weir_send_msg(&task->op, &from->handle, &task->message, task_flags(task, step->c), task_done);
}

/* Who sent it, or NULL. */
static struct task *find_sender(struct run *run, const unsigned char *data)
{
    uint32_t     number;
    struct task *task = run->tasks;
    memcpy(&number, data, sizeof number);
    while (task && task->number != number)
        task = task->next;
    return task && task->op.kind == WEIR_OP_SEND_MSG ? task : NULL;
}

static const char *what_is_wrong(struct task *task, struct task *sender)
{
    const struct run *run = task->run;
    size_t            length = (size_t)task->op.result;
    bool              cut = sender->buffer.length > task->buffer.length;
    unsigned          most = run->plan->per_million[WEIR_SIM_DATAGRAM_DOUBLED] ? 2 : 1;
    if (memcmp(sender->buffer.memory, task->buffer.memory, length) != 0)
        return "with other bytes";
    if (length != (cut ? task->buffer.length : sender->buffer.length))
        return "with another length";
    if (cut != !!(task->op.told & WEIR_TOLD_TRUNCATED))
        return "wrongly told as truncated or whole";
    if (sender->other != task->thing)
        return "at another socket";
    if (!(task->op.flags & WEIR_PEEK) && ++sender->count > most)
        return "once too often";
    if (task->op.kind == WEIR_OP_RECV_MSG &&
        (task->message.address_length != sender->thing->address.length ||
         memcmp(task->addresses[0].data.bytes, sender->thing->address.data.bytes,
                task->message.address_length) != 0))
        return "from another address";
    return NULL;
}

static void received(struct task *task)
{
    if (task->op.result < 0)
        return;
    struct task *sender = task->op.result >= 4 ? find_sender(task->run, task->buffer.memory) : NULL;
    const char  *wrong = sender ? what_is_wrong(task, sender) : NULL;
    if (!sender)
        run_fail(task->run, "%s received %lld bytes that nobody sent", task_name(task),
                 (long long)task->op.result);
    else if (wrong)
        run_fail(task->run, "the datagram of #%u was received by #%u %s", sender->number,
                 task->number, wrong);
}

void step_recv_from(struct place *place, const struct step *step)
{
    struct thing *thing = pick_thing(place->run, place, KIND(DATAGRAM), step->a >> 3);
    struct task  *task = thing ? task_new(place, thing, received) : NULL;
    if (!task)
        return;
    unsigned flags = task_flags(task, step->c) | (step->b % 9 == 0 ? WEIR_PEEK : 0);
    guarded_take(&task->buffer, step->c % 3 ? 4 + LENGTH_MAX : 4 + step->c % 100);
    run_say(place->run, "receive #%u on %u", task->number, thing->number);
    if (step->b % 3 == 0) {
        weir_recv(&task->op, &thing->handle, task->buffer.memory, task->buffer.length, flags,
                  task_done);
        return;
    }
    task->pieces[0] = (struct weir_buf){task->buffer.memory, task->buffer.length};
    task->message = (struct weir_msg){.address = task->addresses[0].data.bytes,
                                      .address_room = sizeof task->addresses[0].data.bytes,
                                      .buffers = task->pieces,
                                      .count = 1};
    weir_recv_msg(&task->op, &thing->handle, &task->message, flags, task_done);
}
