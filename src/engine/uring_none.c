/* SPDX-License-Identifier: MIT */
/* uring_none.c - stands for io_uring in a build without liburing: it says why it is missing. */
#include <stdio.h>

#include "../engine.h"

static int uring_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)loop, (void)options;
    return loop_refuse(reason, WEIR_ENOTSUP,
                       "This build of weir is without liburing (2.3 or newer)");
}

static int uring_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    (void)op, (void)handle;
    return WEIR_SUPPORT_NO;
}

const struct engine engine_uring = {
    .name = "io_uring",
    .model = "completion",
    .open = uring_open,
    .query = uring_query,
    .sys = &system_posix,
};
