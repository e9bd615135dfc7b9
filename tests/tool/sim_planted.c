/* SPDX-License-Identifier: MIT */
/* sim_planted.c - programs with a bug each, for `weir sim` to find: `whole` believes that a message
 * comes in one piece, `status` ends with 3 in every world, `hang` never ends, `time` does something
 * else in each run, `fine` has none. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <weir.h>

#define MESSAGE 600

static struct weir_handle listener, accepted, client;
static struct weir_op     accept_op, connect_op, send_op, recv_op;
static char               message[MESSAGE], received[MESSAGE];
static int                status;
static unsigned           recv_flags = WEIR_ALL;

static void on_received(struct weir_op *op)
{
    if (op->result >= 0 && op->result < MESSAGE && !op->error) {
        fprintf(stderr, "a message of %lld bytes\n", (long long)op->result);
        status = 1;
    }
    weir_close(&accepted, NULL);
    weir_close(&client, NULL);
    weir_close(&listener, NULL);
}

static void on_accepted(struct weir_op *op)
{
    if (op->result < 0)
        weir_close(&listener, NULL);
    else
        weir_recv(&recv_op, &accepted, received, sizeof received, recv_flags, on_received);
}

static void on_connected(struct weir_op *op)
{
    if (op->result < 0)
        weir_close(&listener, NULL);
    else
        weir_send(&send_op, &client, message, sizeof message, WEIR_ALL, NULL);
}

static void talk(struct weir_loop *loop)
{
    struct weir_address at;
    weir_address_parse(&at, "127.0.0.1:0");
    if (weir_listen(&listener, loop, &at.data, at.length, 0, 0))
        return;
    weir_local_address(&listener, &at);
    if (weir_socket(&client, loop, AF_INET, SOCK_STREAM, 0))
        return;
    weir_accept(&accept_op, &listener, &accepted, 0, on_accepted);
    weir_connect(&connect_op, &client, &at.data, at.length, 0, on_connected);
    weir_deadline(&connect_op, WEIR_SECOND);
    weir_deadline(&accept_op, WEIR_SECOND);
    weir_run(loop, WEIR_UNTIL_DONE);
}

int main(int argc, char **argv)
{
    const char       *bug = argc > 1 ? argv[1] : "fine";
    struct weir_loop *loop;
    struct weir_op    pause = {0};
    struct timespec   now;
    if (weir_loop_open(&loop, NULL))
        return 0;
    recv_flags = strcmp(bug, "whole") == 0 ? 0 : WEIR_ALL;
    talk(loop);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (strcmp(bug, "time") == 0) {
        weir_timer(&pause, loop, (uint64_t)now.tv_nsec, 0, NULL);
        weir_run(loop, WEIR_UNTIL_DONE);
    }
    if (strcmp(bug, "hang") == 0)
        for (;;)
            sleep(1);
    weir_loop_close(loop, WEIR_FOREVER);
    return strcmp(bug, "status") == 0 ? 3 : status;
}
