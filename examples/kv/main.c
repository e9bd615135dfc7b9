/* SPDX-License-Identifier: MIT */
/* main.c - `kv ID ADDRESS PEER PEER FILE [early]`: one of three hosts, until Ctrl-C. Try it:
 *
 *   kv 1 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003 one.log &
 *   kv 2 127.0.0.1:7002 127.0.0.1:7001 127.0.0.1:7003 two.log &
 *   kv 3 127.0.0.1:7003 127.0.0.1:7001 127.0.0.1:7002 three.log &
 *   printf 'set colour blue\n' | nc -q 1 127.0.0.1 7001
 *   printf 'get colour\n' | nc -q 1 127.0.0.1 7003
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"

struct program {
    struct weir_loop *loop;
    int               status;
};

static void on_failed(void *user, const char *what, int64_t error)
{
    struct program *program = user;
    if (error != WEIR_ECANCELED) { /* which only says that the loop closes */
        fprintf(stderr, "kv: %s: %s\n", what, weir_error_text(error));
        program->status = 1;
    }
    weir_stop(program->loop);
}

static void on_signal(struct weir_op *op)
{
    weir_stop(weir_op_loop(op));
}

static int read_options(struct kv_options *options, int argc, char **argv)
{
    if (argc < 6 || argc > 7 || strspn(argv[1], "123") != 1 || argv[1][1] ||
        (argc == 7 && strcmp(argv[6], "early") != 0))
        return WEIR_EINVAL;
    options->id = (unsigned)atoi(argv[1]);
    options->path = argv[5];
    options->early = argc == 7;
    int error = weir_address_parse(&options->listen, argv[2]);
    for (int i = 0; i < KV_HOSTS - 1 && !error; i++)
        error = weir_address_parse(&options->peers[i], argv[3 + i]);
    return error;
}

int main(int argc, char **argv)
{
    struct program    program = {0};
    struct kv_options options = {.failed = on_failed, .user = &program};
    struct weir_op    signals[2] = {{0}};
    struct kv        *kv = NULL;
    if (read_options(&options, argc, argv))
        return fputs("usage: kv 1|2|3 ADDRESS PEER PEER FILE [early]\n", stderr), 2;
    int error = weir_loop_open(&program.loop, NULL);
    if (!error)
        error = kv_open(&kv, program.loop, &options);
    if (error) {
        fprintf(stderr, "kv: %s\n", weir_error_text(error));
        return 1;
    }
    printf("host %s at %s (%s)\n", argv[1], argv[2], weir_loop_engine(program.loop));
    fflush(stdout);
    weir_signal(&signals[0], program.loop, SIGINT, 0, on_signal);
    weir_signal(&signals[1], program.loop, SIGTERM, 0, on_signal);
    weir_run(program.loop, WEIR_UNTIL_DONE);
    weir_loop_close(program.loop, 5 * WEIR_SECOND);
    kv_free(kv);
    return program.status;
}
