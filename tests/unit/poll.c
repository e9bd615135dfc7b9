/* SPDX-License-Identifier: MIT */
/* poll.c - readiness of sockets on the engine that the machine takes by itself. The contract asks
 * more, of every engine; this needs no POSIX. */
#include <string.h>

#include "os/socket_names.h"
#include "unit.h"
#include "weir.h"

static struct weir_loop   *loop;
static struct weir_handle  listener, one, other; /* the last two connected, accepted */
static struct weir_address at;

static int64_t end_of(struct weir_op *op)
{
    while (!weir_ended(op))
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    return op->result;
}

/* It has not ended, though the loop had time for it. */
static void check_waits(const struct weir_op *op)
{
    struct weir_op timer = {0};
    weir_timer(&timer, loop, 20 * WEIR_MILLISECOND, 0, NULL);
    end_of(&timer);
    CHECK(!weir_ended(op));
}

static void connect_both(void)
{
    struct weir_op accept = {0}, connect = {0}, poll = {0};
    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    CHECK_EQ(weir_socket(&one, loop, AF_INET, SOCK_STREAM, 0), 0);
    weir_poll(&poll, &listener, WEIR_IN, 0, NULL);
    CHECK(weir_run(loop, WEIR_NOWAIT) >= 0);
    CHECK(!weir_ended(&poll));
    weir_connect(&connect, &one, &at.data, at.length, 0, NULL);
    CHECK_EQ(end_of(&connect), 0);
    CHECK_EQ(end_of(&poll), WEIR_IN);
    weir_accept(&accept, &listener, &other, 0, NULL);
    CHECK_EQ(end_of(&accept), 0);
}

static void close_both(void)
{
    CHECK_EQ(weir_close_now(&one), 0);
    CHECK_EQ(weir_close_now(&other), 0);
}

static void send_byte(void)
{
    struct weir_op send = {0};
    weir_send(&send, &one, "x", 1, 0, NULL);
    CHECK_EQ(end_of(&send), 1);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void what_is_ready_is_told(void)
{
    struct weir_op in = {0}, out = {0}, both = {0};
    char           byte;
    connect_both();
    weir_poll(&out, &other, WEIR_OUT, 0, NULL);
    CHECK_EQ(end_of(&out), WEIR_OUT);
    weir_poll(&in, &other, WEIR_IN | WEIR_RDHUP, 0, NULL);
    check_waits(&in);
    send_byte();
    CHECK_EQ(end_of(&in), WEIR_IN);
    weir_poll(&both, &other, WEIR_IN | WEIR_OUT, 0, NULL);
    CHECK_EQ(end_of(&both), WEIR_IN | WEIR_OUT);
    CHECK_EQ(weir_try_recv(&other, &byte, 1, 0), 1);
    weir_poll(&in, &other, WEIR_IN, 0, NULL);
    check_waits(&in);
    CHECK_EQ(weir_cancel(&in), 0);
    CHECK_EQ(end_of(&in), WEIR_ECANCELED);
    close_both();
}

static void the_end_of_what_comes_is_told(void)
{
    struct weir_op poll = {0}, shutdown = {0};
    char           byte;
    connect_both();
    weir_poll(&poll, &other, WEIR_RDHUP, 0, NULL);
    send_byte();
    check_waits(&poll);
    CHECK_EQ(weir_try_recv(&other, &byte, 1, 0), 1);
    weir_shutdown(&shutdown, &one, 0, NULL);
    CHECK_EQ(end_of(&shutdown), 0);
    CHECK_EQ(end_of(&poll), WEIR_RDHUP);
    weir_poll(&poll, &other, WEIR_IN | WEIR_RDHUP, 0, NULL);
    CHECK_EQ(end_of(&poll), WEIR_IN | WEIR_RDHUP);
    CHECK_EQ(weir_try_recv(&other, &byte, 1, 0), 0);
    close_both();
}

static void a_reset_is_told_to_who_asked_for_nothing(void)
{
    struct weir_op poll = {0};
    connect_both();
    weir_poll(&poll, &other, 0, 0, NULL);
    check_waits(&poll);
    CHECK_EQ(weir_option_set(&one, WEIR_OPTION_LINGER, 0), 0);
    CHECK_EQ(weir_close_now(&one), 0);
    CHECK_EQ(end_of(&poll) & (WEIR_HUP | WEIR_ERR), WEIR_HUP | WEIR_ERR);
    CHECK_EQ(weir_close_now(&other), 0);
}

static int told;

static void on_level(struct weir_op *op)
{
    char byte;
    if (!op->more)
        return;
    CHECK_EQ(op->result, WEIR_IN);
    if (++told == 3)
        CHECK_EQ(weir_try_recv(&other, &byte, 1, 0), 1);
}

static void while_it_is_ready_it_is_told_again(void)
{
    struct weir_op poll = {0};
    connect_both();
    weir_poll(&poll, &other, WEIR_IN, WEIR_LEVEL, on_level);
    send_byte();
    while (told < 3)
        CHECK(weir_run(loop, WEIR_ONCE) >= 0);
    check_waits(&poll);
    CHECK_EQ(told, 3);
    CHECK_EQ(weir_close_now(&other), 0);
    CHECK_EQ(end_of(&poll), WEIR_ECANCELED);
    CHECK_EQ(weir_close_now(&one), 0);
}

int main(void)
{
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    CHECK_EQ(weir_address_parse(&at, "127.0.0.1:0"), 0);
    CHECK_EQ(weir_listen(&listener, loop, &at.data, at.length, 0, 0), 0);
    CHECK_EQ(weir_local_address(&listener, &at), 0);
    what_is_ready_is_told();
    the_end_of_what_comes_is_told();
    a_reset_is_told_to_who_asked_for_nothing();
    while_it_is_ready_it_is_told_again();
    CHECK_EQ(weir_loop_close(loop, WEIR_FOREVER), 0);
    return 0;
}
