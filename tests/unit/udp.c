/* SPDX-License-Identifier: MIT */
/* udp.c - datagrams on the engine that the machine takes by itself: addresses, what is cut, empty
 * ones, batches, refusals. The contract asks more, of every engine; this needs no POSIX. */
#include <string.h>

#include "os/socket_names.h"
#include "unit.h"
#include "weir.h"

#define MANY 10

static struct weir_loop   *loop;
static struct weir_handle  one, other;
static struct weir_address at_one, at_other;

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

static void open_bound(struct weir_handle *handle, struct weir_address *address)
{
    memset(handle, 0, sizeof *handle);
    CHECK_EQ(weir_address_parse(address, "127.0.0.1:0"), 0);
    CHECK_EQ(weir_socket(handle, loop, AF_INET, SOCK_DGRAM, 0), 0);
    CHECK_EQ(weir_handle_kind(handle), WEIR_HANDLE_DATAGRAM);
    CHECK_EQ(weir_bind(handle, &address->data, address->length, 0), 0);
    CHECK_EQ(weir_local_address(handle, address), 0);
}

static void open_both(void)
{
    open_bound(&one, &at_one);
    open_bound(&other, &at_other);
}

static void close_both(void)
{
    CHECK_EQ(weir_close_now(&one), 0);
    CHECK_EQ(weir_close_now(&other), 0);
}

/* From one to other. */
static void send_text(const char *text)
{
    struct weir_buf piece = {(void *)(uintptr_t)text, strlen(text)};
    struct weir_msg message = {.address = &at_other.data,
                               .address_length = at_other.length,
                               .buffers = &piece,
                               .count = 1};
    struct weir_op  send = {0};
    weir_send_msg(&send, &one, &message, 0, NULL);
    CHECK_EQ(end_of(&send), strlen(text));
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void a_message_tells_who_sent_it(void)
{
    char                head[3], rest[16];
    struct weir_address from = {0};
    struct weir_buf     pieces[] = {{head, 3}, {rest, 16}};
    struct weir_msg     message = {
            .address = &from.data, .address_room = sizeof from.data, .buffers = pieces, .count = 2};
    struct weir_op recv = {0}, reply = {0};
    open_both();
    weir_recv_msg(&recv, &other, &message, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    send_text("hello");
    CHECK_EQ(end_of(&recv), 5);
    CHECK(memcmp(head, "hel", 3) == 0 && memcmp(rest, "lo", 2) == 0);
    CHECK_EQ(message.address_length, at_one.length);
    CHECK_EQ(message.told, 0);
    from.length = message.address_length;
    weir_connect(&reply, &other, &from.data, from.length, 0, NULL);
    CHECK_EQ(end_of(&reply), 0);
    weir_send(&reply, &other, "back", 4, 0, NULL);
    CHECK_EQ(end_of(&reply), 4);
    weir_recv(&recv, &one, rest, sizeof rest, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    close_both();
}

static void what_is_cut_off_is_told(void)
{
    char            text[4], few[32];
    struct weir_buf piece = {text, sizeof text};
    struct weir_msg message = {.address = few, .address_room = 2, .buffers = &piece, .count = 1};
    struct weir_op  recv = {0};
    open_both();
    send_text("longer than that");
    send_text("again");
    send_text("");
    send_text("fits");
    weir_recv(&recv, &other, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
    CHECK(memcmp(text, "long", 4) == 0);
    weir_recv_msg(&recv, &other, &message, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED | WEIR_TOLD_ADDRESS_TRUNCATED);
    weir_recv(&recv, &other, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 0); /* an empty one, and no end */
    weir_recv(&recv, &other, text, sizeof text, 0, NULL);
    CHECK_EQ(end_of(&recv), 4);
    CHECK_EQ(recv.told, 0);
    close_both();
}

static void what_is_only_looked_at_stays(void)
{
    char           text[16];
    struct weir_op peek = {0}, recv = {0};
    open_both();
    CHECK_EQ(weir_try_recv(&other, text, sizeof text, 0), WEIR_EAGAIN);
    weir_recv(&peek, &other, text, sizeof text, WEIR_PEEK, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    send_text("stays");
    CHECK_EQ(end_of(&peek), 5);
    weir_recv(&recv, &other, text, 2, 0, NULL);
    CHECK_EQ(end_of(&recv), 2);
    CHECK_EQ(recv.told, WEIR_TOLD_TRUNCATED);
    CHECK_EQ(weir_try_recv(&other, text, sizeof text, 0), WEIR_EAGAIN);
    close_both();
}

static void batches_move_what_is_there(void)
{
    char            out[MANY][8], in[MANY][8];
    struct weir_buf pieces[2][MANY];
    struct weir_msg sent[MANY] = {{0}}, received[MANY] = {{0}};
    struct weir_op  send = {0}, recv = {0};
    int64_t         sum = 0;
    open_both();
    for (int i = 0; i < MANY; i++) {
        memset(out[i], 'a' + i, sizeof out[i]);
        pieces[0][i] = (struct weir_buf){out[i], (size_t)i % 8 + 1};
        pieces[1][i] = (struct weir_buf){in[i], sizeof in[i]};
        sent[i] = (struct weir_msg){.address = &at_other.data,
                                    .address_length = at_other.length,
                                    .buffers = &pieces[0][i],
                                    .count = 1};
        received[i] = (struct weir_msg){.buffers = &pieces[1][i], .count = 1};
    }
    weir_recv_batch(&recv, &other, received, MANY, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    weir_send_batch(&send, &one, sent, MANY, 0, NULL);
    CHECK_EQ(end_of(&send), MANY);
    for (;;) {
        CHECK(end_of(&recv) > 0);
        sum += recv.result;
        if (sum == MANY)
            break;
        weir_recv_batch(&recv, &other, received + sum, (size_t)(MANY - sum), 0, NULL);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(received[i].result, i % 8 + 1);
        CHECK(memcmp(in[i], out[i], (size_t)received[i].result) == 0);
    }
    close_both();
}

static int told;

static void on_pooled(struct weir_op *op)
{
    struct weir_buf piece;
    if (!op->more)
        return;
    CHECK_EQ(weir_pooled(op, &piece, 1), 1);
    CHECK_EQ(piece.length, 1);
    CHECK_EQ(*(char *)piece.data, 'a' + told++);
    CHECK_EQ(weir_pool_give(op->user, piece.data), 0);
}

static void pooled_receives_hold_no_memory(void)
{
    struct weir_pool_options options = {.buffer_size = 64, .count = 2};
    struct weir_address      from = {0};
    struct weir_msg          message = {.address = &from.data, .address_room = sizeof from.data};
    struct weir_pool        *pool;
    struct weir_op           recv = {0};
    CHECK_EQ(weir_pool_open(&pool, loop, &options), 0);
    open_both();
    recv.user = pool;
    weir_recv_msg_pooled(&recv, &other, pool, &message, WEIR_MULTISHOT, on_pooled);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    for (int i = 0; i < MANY; i++)
        send_text((char[]){(char)('a' + i), 0});
    while (told < MANY)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    CHECK_EQ(message.address_length, at_one.length);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(end_of(&recv), WEIR_ECANCELED);
    close_both();
    CHECK_EQ(weir_pool_close(pool), 0);
}

/* Only a socket with a peer hears of it, in one op. */
static void a_port_that_nobody_has_is_told(void)
{
    char           byte;
    struct weir_op op = {0}, recv = {0};
    open_both();
    CHECK_EQ(weir_close_now(&other), 0);
    send_text("lost");
    weir_recv(&recv, &one, &byte, 1, 0, NULL);
    weir_deadline(&recv, 20 * WEIR_MILLISECOND);
    CHECK_EQ(end_of(&recv), WEIR_EDEADLINE);
    weir_connect(&op, &one, &at_other.data, at_other.length, 0, NULL);
    CHECK_EQ(end_of(&op), 0);
    weir_recv(&recv, &one, &byte, 1, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    weir_send(&op, &one, "lost", 4, 0, NULL);
    CHECK_EQ(end_of(&op), 4);
    CHECK_EQ(end_of(&recv), WEIR_ECONNREFUSED);
    CHECK_EQ(weir_close_now(&one), 0);
}

static void what_waits_can_be_cancelled(void)
{
    static char        huge[70000];
    char               byte = 0;
    struct weir_op     recv = {0}, send = {0};
    struct weir_handle nowhere = {0};
    CHECK_EQ(weir_socket(&nowhere, loop, AF_INET, SOCK_DGRAM, 0), 0);
    weir_send(&send, &nowhere, &byte, 1, 0, NULL);
    CHECK_EQ(end_of(&send), WEIR_EDESTADDRREQ);
    weir_recv(&recv, &nowhere, &byte, 1, 0, NULL); /* it has no address yet */
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK_EQ(weir_cancel(&recv), 0);
    CHECK_EQ(end_of(&recv), WEIR_ECANCELED);
    weir_connect(&send, &nowhere, &at_one.data, at_one.length, 0, NULL);
    CHECK_EQ(end_of(&send), 0);
    weir_send(&send, &nowhere, huge, sizeof huge, 0, NULL);
    CHECK_EQ(end_of(&send), WEIR_EMSGSIZE);
    CHECK_EQ(weir_close_now(&nowhere), 0);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    a_message_tells_who_sent_it();
    what_is_cut_off_is_told();
    what_is_only_looked_at_stays();
    batches_move_what_is_there();
    pooled_receives_hold_no_memory();
    a_port_that_nobody_has_is_told();
    what_waits_can_be_cancelled();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
