/* SPDX-License-Identifier: MIT */
/* read_libuv.c - a random reader on libuv: uv_fs_read() with a callback, so many at a time, each
 * started again in its own callback. As many threads as reads are in flight, up to the library's
 * most. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "../../tool/measure/reader.h"

struct slot {
    uv_fs_t  request;
    uv_buf_t buffer;
    uint64_t offset, started_ns;
};

static struct reader reader;
static int           fd;

static void on_read(uv_fs_t *request);

static void start(struct slot *slot)
{
    slot->offset = reader_next(&reader);
    slot->started_ns = clock_ns();
    uv_fs_read(uv_default_loop(), &slot->request, fd, &slot->buffer, 1, (int64_t)slot->offset,
               on_read);
}

static void on_read(uv_fs_t *request)
{
    struct slot *slot = (struct slot *)request;
    ssize_t      result = request->result;
    uv_fs_req_cleanup(request);
    if (reader_done(&reader, slot->buffer.base, result, slot->offset, slot->started_ns))
        start(slot);
}

int main(int argc, char **argv)
{
    char threads[16];
    if (reader_open(&reader, argc, argv) < 0)
        return 2;
    snprintf(threads, sizeof threads, "%u", reader.plan.depth < 4 ? 4 : reader.plan.depth);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    fd = open(reader.plan.path, O_RDONLY | O_CLOEXEC | (reader.plan.direct ? O_DIRECT : 0));
    if (fd < 0)
        work_fail(&reader.work, "the file could not be opened", errno);
    struct slot *slots = calloc(reader.plan.depth, sizeof *slots);
    if (!slots)
        return 1;
    for (unsigned i = 0; i < reader.plan.depth; i++) {
        void *data = NULL;
        if (posix_memalign(&data, reader.plan.size, reader.plan.size) != 0)
            return 1;
        slots[i].buffer = uv_buf_init(data, (unsigned)reader.plan.size);
    }
    work_begin(&reader.work);
    for (unsigned i = 0; i < reader.plan.depth; i++)
        start(&slots[i]);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return work_end(&reader.work);
}
