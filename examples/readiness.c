/* SPDX-License-Identifier: MIT */
/* readiness.c - watches descriptors that belong to somebody else's library, in all three modes. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <weir.h>

/* A descriptor of the library is readable while there is news; here it is one end of a pipe. */
struct watch {
    const char        *mode;
    unsigned           flags;
    size_t             take; /* bytes to read for each event */
    int                news[2];
    struct weir_handle handle;
    struct weir_op     poll;
};

static struct watch watches[] = {
    {.mode = "level", .flags = WEIR_LEVEL, .take = 1},     /* told again while news is left */
    {.mode = "edge", .flags = WEIR_EDGE, .take = 16},      /* told of new news: take it all */
    {.mode = "one-shot", .flags = WEIR_ONESHOT, .take = 1} /* told once */
};
static struct weir_op later;
static int            rounds;

static void on_ready(struct weir_op *op)
{
    struct watch *w = weir_of(op, struct watch, poll);
    char          bytes[16];
    if (op->result < 0) {
        printf("%s: %s\n", w->mode, weir_error_name(op->result));
        return;
    }
    /* An edge may be told once too often: then there is nothing to read. */
    ssize_t count = read(w->news[0], bytes, w->take);
    if (count > 0)
        printf("%s: read %d%s\n", w->mode, (int)count, op->more ? "" : ", no more to be told");
}

/* Two rounds of news, and then nobody is interested any more. */
static void on_later(struct weir_op *op)
{
    for (int i = 0; i < 3; i++)
        if (rounds == 2)
            weir_cancel(&watches[i].poll);
        else if (write(watches[i].news[1], "ab", 2) != 2)
            perror("readiness: write");
    if (rounds++ < 2)
        weir_timer(op, weir_op_loop(op), 20 * WEIR_MILLISECOND, 0, on_later);
}

int main(void)
{
    struct weir_loop *loop;
    int               error = weir_loop_open(&loop, NULL);
    for (int i = 0; i < 3 && error == 0; i++) {
        struct watch *w = &watches[i];
        if (pipe(w->news) != 0 || fcntl(w->news[0], F_SETFL, O_NONBLOCK) != 0) {
            perror("readiness: pipe");
            return 1;
        }
        error = weir_adopt(&w->handle, loop, w->news[0], WEIR_BORROWED); /* never closed by weir */
        if (error == 0)
            weir_poll(&w->poll, &w->handle, WEIR_IN, w->flags, on_ready);
    }
    if (error != 0) {
        fprintf(stderr, "readiness: %s\n", weir_error_text(error));
        if (loop)
            weir_loop_close(loop, 0);
        return 1;
    }
    weir_timer(&later, loop, 0, 0, on_later);
    weir_run(loop, WEIR_UNTIL_DONE);
    return weir_loop_close(loop, WEIR_SECOND) == 0 ? 0 : 1;
}
