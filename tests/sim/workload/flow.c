/* SPDX-License-Identifier: MIT */
/* flow.c - bytes from a writer to a reader: what arrives is a prefix of what was sent, and at an
 * orderly end all of it. */
#include <stdlib.h>
#include <string.h>

#include "workload.h"

struct flow *flow_new(struct run *run)
{
    struct flow *flow = need(calloc(1, sizeof *flow));
    flow->run = run;
    flow->next = run->flows;
    run->flows = flow;
    return flow;
}

void flow_free(struct flow *flow)
{
    free(flow->sent.data);
    free(flow->got.data);
    free(flow);
}

/* What the writer that is first has yet to tell; a copy's bytes are not known before. */
static const struct guarded *untold(const struct flow *flow)
{
    return flow->writers && flow->writers->buffer.memory ? &flow->writers->buffer : NULL;
}

/* Whether the byte at a place is the one that was sent; `true` where that is not known yet. */
static bool is_sent(const struct flow *flow, size_t at, unsigned char byte)
{
    const struct guarded *next = untold(flow);
    if (at < flow->sent.length)
        return flow->sent.data[at] == byte;
    at -= flow->sent.length;
    return !next || at >= next->length || next->memory[at] == byte;
}

static void check_bytes(struct flow *flow, size_t at, const unsigned char *data, size_t length)
{
    for (size_t i = 0; i < length && !flow->blind; i++)
        if (!is_sent(flow, at + i, data[i])) {
            run_fail(flow->run, "what was received is not what was sent, from byte %zu on", at + i);
            return;
        }
}

/* What was received before it was known to be sent is compared when it is. */
static void check_known(struct flow *flow)
{
    size_t known = flow->got.length < flow->sent.length ? flow->got.length : flow->sent.length;
    if (known > flow->checked)
        check_bytes(flow, flow->checked, flow->got.data + flow->checked, known - flow->checked);
    if (known > flow->checked)
        flow->checked = known;
}

void flow_writes(struct flow *flow, struct task *task)
{
    struct task **last = &flow->writers;
    while (*last)
        last = &(*last)->next_writer;
    *last = task;
}

void flow_wrote(struct flow *flow, struct task *task, const unsigned char *data, size_t length)
{
    struct task **at = &flow->writers;
    if (length && task && flow->writers != task)
        run_fail(flow->run, "%s told bytes before one that was started earlier", task_name(task));
    while (*at && *at != task)
        at = &(*at)->next_writer;
    if (*at)
        *at = task->next_writer;
    bytes_push(&flow->sent, data, length);
    check_known(flow);
}

void flow_got(struct flow *flow, const unsigned char *data, size_t length)
{
    if (length && flow->ended)
        run_fail(flow->run, "%zu bytes came after the end of the stream", length);
    check_bytes(flow, flow->got.length, data, length);
    bytes_push(&flow->got, data, length);
}

void flow_peeked(struct flow *flow, const unsigned char *data, size_t length)
{
    check_bytes(flow, flow->got.length, data, length);
}

bool flow_take(struct flow *flow, size_t length, struct bytes *bytes)
{
    const struct guarded *next = untold(flow);
    size_t                at = flow->got.length, end = at + length, sent = flow->sent.length;
    if (end > sent && (!next || end - sent > next->length))
        return false;
    if (at < sent)
        bytes_push(bytes, flow->sent.data + at, (end < sent ? end : sent) - at);
    if (end > sent) {
        size_t from = at > sent ? at - sent : 0;
        bytes_push(bytes, next->memory + from, end - sent - from);
    }
    bytes_push(&flow->got, bytes->data + bytes->length - length, length);
    return true;
}

void flow_lose(struct flow *flow)
{
    flow->blind = flow->unsure = true;
}

void flow_finish(struct flow *flow)
{
    if (flow->unsure)
        return;
    if (flow->got.length > flow->sent.length)
        run_fail(flow->run, "%zu bytes were received, but sends told that they moved %zu",
                 flow->got.length, flow->sent.length);
    else if (flow->ended && !flow->broken && flow->got.length < flow->sent.length)
        run_fail(flow->run, "the stream ended after %zu bytes, though %zu were sent",
                 flow->got.length, flow->sent.length);
}
