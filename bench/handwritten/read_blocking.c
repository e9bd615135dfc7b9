/* SPDX-License-Identifier: MIT */
/* read_blocking.c - a random reader that waits in pread(); for several reads at a time it has as
 * many threads. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../tool/measure/clock.h"
#include "../../tool/measure/reader.h"

static struct reader   reader;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* around the reader's own counts */
static int             fd;

static void *read_on(void *data)
{
    bool goes_on = true;
    while (goes_on) {
        pthread_mutex_lock(&lock);
        uint64_t offset = reader_next(&reader);
        pthread_mutex_unlock(&lock);
        uint64_t started_ns = clock_ns();
        ssize_t  result = pread(fd, data, reader.plan.size, (off_t)offset);
        if (result < 0)
            result = -errno;
        pthread_mutex_lock(&lock);
        goes_on = reader_done(&reader, data, result, offset, started_ns);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (reader_open(&reader, argc, argv) < 0)
        return 2;
    fd = reader_file(&reader);
    if (fd < 0)
        work_fail(&reader.work, "the file could not be opened", errno);
    pthread_t *threads = calloc(reader.plan.depth, sizeof *threads);
    void     **data = calloc(reader.plan.depth, sizeof *data);
    if (!threads || !data)
        return 1;
    for (unsigned i = 0; i < reader.plan.depth; i++)
        if (posix_memalign(&data[i], reader.plan.size, reader.plan.size) != 0)
            return 1;
    work_begin(&reader.work);
    for (unsigned i = 1; i < reader.plan.depth; i++)
        if (pthread_create(&threads[i], NULL, read_on, data[i]) != 0)
            return 1;
    read_on(data[0]);
    for (unsigned i = 1; i < reader.plan.depth; i++)
        pthread_join(threads[i], NULL);
    int status = work_end(&reader.work);
    for (unsigned i = 0; i < reader.plan.depth; i++)
        free(data[i]);
    free(data);
    free(threads);
    return status;
}
