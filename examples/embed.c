/* SPDX-License-Identifier: MIT */
/* embed.c - weir inside a program with a poll(2) loop of its own; the two talk through pipes. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include <weir.h>

static int                to_outer[2], to_weir[2];
static struct weir_handle input;
static struct weir_op     tick, reading;
static char               byte;
static int                ticks;

static void on_tick(struct weir_op *op)
{
    printf("weir: tick %d\n", ++ticks);
    if (write(to_outer[1], "t", 1) == 1 && ticks < 3)
        weir_timer(op, weir_op_loop(op), 10 * WEIR_MILLISECOND, 0, on_tick);
}

static void on_read(struct weir_op *op)
{
    printf("weir: read %d from the outer loop\n", (int)op->result);
    if (op->result == 1)
        weir_read(op, &input, &byte, 1, WEIR_STREAM, 0, on_read);
}

static void on_outer_readable(void)
{
    char received;
    if (read(to_outer[0], &received, 1) == 1)
        printf("outer: read %c from weir\n", received);
    if (write(to_weir[1], "o", 1) == 1 && ticks == 3)
        close(to_weir[1]); /* weir reads the end then, and has nothing left to do */
}

/* How long poll() may sleep, in its milliseconds; rounded up, so as not to wake too early. */
static int timeout_ms(struct weir_loop *loop)
{
    int64_t ns = weir_loop_timeout(loop);
    return ns < 0 ? -1 : (int)((ns + 999999) / 1000000);
}

int main(void)
{
    struct weir_loop *loop;
    int               error = weir_loop_open(&loop, NULL);
    if (error != 0) {
        fprintf(stderr, "embed: WEIR_ENGINE: %s\n", weir_error_text(error));
        return 1;
    }
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
    fds[0].fd = (int)weir_loop_fd(loop);
    if (fds[0].fd < 0) {
        fprintf(stderr, "embed: engine %s has no descriptor to wait for: %s\n",
                weir_loop_engine(loop), weir_error_text(fds[0].fd));
        weir_loop_close(loop, 0);
        return 1;
    }
    if (pipe(to_outer) != 0 || pipe(to_weir) != 0 || weir_adopt(&input, loop, to_weir[0], 0) != 0) {
        perror("embed: pipe");
        return 1;
    }
    fds[1].fd = to_outer[0];
    weir_read(&reading, &input, &byte, 1, WEIR_STREAM, 0, on_read);
    weir_timer(&tick, loop, 10 * WEIR_MILLISECOND, 0, on_tick);
    while (weir_run(loop, WEIR_NOWAIT) > 0 && poll(fds, 2, timeout_ms(loop)) >= 0)
        if (fds[1].revents)
            on_outer_readable();
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
