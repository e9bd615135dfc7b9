/* SPDX-License-Identifier: MIT */
/* posix_aio.c - POSIX AIO: the C library reads, writes and syncs files at an offset; everything
 * else becomes ready, and is watched by the readiness engine that this one stands on.
 *
 * No signal tells the ends, since none can reach the loop for certain: one to the process goes to
 * whichever thread lets it through, and ends the process there. Threads of weir's, the watchers,
 * wait in aio_suspend(3). A request belongs to one side at a time:
 *
 *     loop: spare -> aio_read() -> unwatched      watcher: aio_suspend() -> ended      loop: spare
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "../base/annotate_op.h"
#include "../base/rest.h"
#include "../engine.h"
#include "../os/os.h"

#define WATCHERS_MAX 64u
#define WATCHED_MOST 128 /* requests of one watcher */
#define CHUNK 32
#define STACK_BYTES ((size_t)64 * 1024)

struct request {
    struct aiocb    block; /* the C library's from the submission until aio_error() says its end */
    struct weir_op *op;    /* borrowed */
    struct request *next;
    int64_t         result; /* written by the watcher that saw the end */
};

/* An aiocb must stay where it is: requests come in chunks, which are kept until the close. */
struct chunk {
    struct chunk  *next;
    struct request requests[CHUNK];
};

struct posix_aio {
    struct chunk   *chunks;  /* owned */
    struct request *spare;   /* the loop thread's alone, as all above */
    unsigned        running; /* given to the C library and not harvested yet */

    pthread_mutex_t   mutex;
    pthread_cond_t    work;      /* something is unwatched, or it all ends */
    struct request   *unwatched; /* under mutex, as all that follows */
    struct request   *ended, **ended_last;
    unsigned          watchers, suspended, idle, most;
    bool              ending;
    struct weir_loop *loop;
    pthread_t         threads[WATCHERS_MAX];
};

/* What a watcher waits for. */
struct watched {
    struct request     *requests[WATCHED_MOST];
    const struct aiocb *blocks[WATCHED_MOST];
    int                 count;
};

/* ---- On the watcher's thread ----------------------------------------------------------------- */

/* Adds what nobody watches; without anything to watch, it waits. False when it all ends. */
static bool watched_take(struct posix_aio *aio, struct watched *watched)
{
    pthread_mutex_lock(&aio->mutex);
    aio->idle++;
    while (!watched->count && !aio->unwatched && !aio->ending)
        pthread_cond_wait(&aio->work, &aio->mutex);
    aio->idle--;
    while (aio->unwatched && watched->count < WATCHED_MOST) {
        struct request *request = aio->unwatched;
        aio->unwatched = request->next;
        watched->requests[watched->count] = request;
        watched->blocks[watched->count++] = &request->block;
    }
    if (watched->count)
        aio->suspended++;
    pthread_mutex_unlock(&aio->mutex);
    return watched->count;
}

/* Hands what has ended to the loop, and tells it when that is news. */
static void watched_give(struct posix_aio *aio, struct watched *watched)
{
    struct request *ended = NULL, **last = &ended;
    for (int i = watched->count - 1; i >= 0; i--) {
        struct request *request = watched->requests[i];
        int             error = aio_error(&request->block);
        if (error == EINPROGRESS)
            continue;
        int64_t result = aio_return(&request->block);
        request->result = error ? -error : result;
        *last = request, last = &request->next;
        watched->requests[i] = watched->requests[--watched->count];
        watched->blocks[i] = &watched->requests[i]->block;
    }
    *last = NULL;
    pthread_mutex_lock(&aio->mutex);
    aio->suspended--;
    bool news = ended && !aio->ended;
    if (ended) {
        *aio->ended_last = ended;
        aio->ended_last = last;
    }
    pthread_mutex_unlock(&aio->mutex);
    if (news)
        aio->loop->below->wake(aio->loop);
}

static void *watch(void *argument)
{
    struct posix_aio *aio = argument;
    struct watched    watched = {.count = 0};
    while (watched_take(aio, &watched)) {
        aio_suspend(watched.blocks, watched.count, NULL);
        watched_give(aio, &watched);
    }
    return NULL;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* The first process of weir's that used it, as its fork generation + 1. The C library's threads do
 * not come along into a forked child, but its count of them does: a child's request may wait for
 * ever. glibc 2.36. */
static atomic_uint used_by;

static bool may_be_used(void)
{
    unsigned mine = os_fork_generation() + 1, used = 0;
    return atomic_compare_exchange_strong(&used_by, &used, mine) || used == mine;
}

/* One watcher more when none will look at what comes next. Whether there is any. */
static bool have_watcher(struct weir_loop *loop, struct posix_aio *aio)
{
    pthread_mutex_lock(&aio->mutex);
    if (aio->suspended == aio->watchers && aio->watchers < aio->most) {
        int error = os_thread_start(watch, aio, STACK_BYTES, &aio->threads[aio->watchers]);
        if (error)
            loop_log(loop, WEIR_LOG_WARNING,
                     "A thread that waits for file operations cannot be started: %s; %u run.",
                     weir_error_text(error), aio->watchers);
        else
            aio->watchers++, loop->stats.workers++;
    }
    bool any = aio->watchers;
    pthread_mutex_unlock(&aio->mutex);
    return any;
}

static struct request *take_request(struct weir_loop *loop, struct posix_aio *aio)
{
    if (!aio->spare) {
        struct chunk *chunk = loop_resize(loop, NULL, sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->next = aio->chunks;
        aio->chunks = chunk;
        for (int i = 0; i < CHUNK; i++) {
            chunk->requests[i].next = aio->spare;
            aio->spare = &chunk->requests[i];
        }
    }
    struct request *request = aio->spare;
    aio->spare = request->next;
    return request;
}

static void give_back(struct posix_aio *aio, struct request *request)
{
    request->next = aio->spare;
    aio->spare = request;
}

/* musl appends by write(2), which moves the position of the file; a write at an offset may not. */
static bool appends(const struct weir_op *op)
{
    return op_writes(op) && fcntl(op->handle->in.descriptor, F_GETFL) & O_APPEND;
}

/* What POSIX AIO has: one piece of a file at an offset, and syncing. */
static bool is_served(const struct weir_op *op)
{
    if (!handle_has_offsets(op->handle))
        return false;
    if (op->kind == WEIR_OP_FSYNC)
        return true;
    if (!op_reads(op) && !op_writes(op))
        return false;
    struct rest rest = rest_of(op);
    return rest.offset != WEIR_STREAM && !rest.count && !appends(op);
}

/* 0, or -1 when the C library has no room for it, or will not take it. */
static int submit(const struct weir_op *op, struct aiocb *block)
{
    *block = (struct aiocb){.aio_fildes = op->handle->in.descriptor,
                            .aio_sigevent.sigev_notify = SIGEV_NONE};
    if (op->kind == WEIR_OP_FSYNC)
        return aio_fsync(op->flags & WEIR_DATA_ONLY ? O_DSYNC : O_SYNC, block);
    struct rest rest = rest_of(op);
    block->aio_buf = rest.data;
    block->aio_nbytes = rest.length;
    block->aio_offset = (off_t)rest.offset;
    return op_reads(op) ? aio_read(block) : aio_write(block);
}

static void hand_to_watchers(struct posix_aio *aio, struct request *request)
{
    pthread_mutex_lock(&aio->mutex);
    request->next = aio->unwatched;
    aio->unwatched = request;
    if (aio->idle)
        pthread_cond_signal(&aio->work);
    pthread_mutex_unlock(&aio->mutex);
}

/* What the page cache has is read at once. What is refused here is a worker's: it is done, or its
 * call tells the true error. */
static enum started posix_aio_start(struct weir_loop *loop, struct weir_op *op)
{
    struct posix_aio *aio = loop->hybrid;
    bool              served = is_served(op) && may_be_used();
    if (!served || op_reads(op)) {
        enum started started = ready_start(loop, op);
        if (!served || started != STARTED_OFFLOAD)
            return started;
    }
    struct request *request = have_watcher(loop, aio) ? take_request(loop, aio) : NULL;
    if (!request)
        return STARTED_OFFLOAD;
    if (submit(op, &request->block) < 0) {
        give_back(aio, request);
        return STARTED_OFFLOAD;
    }
    request->op = op;
    op->in.engine = (uintptr_t)request;
    aio->running++;
    hand_to_watchers(aio, request);
    return STARTED;
}

/* What waits for its turn ends; what runs goes on, and its true result is told. All that wait on
 * the descriptor are cancelled, and those that nobody asked are given again: glibc (2.36) forgets
 * the others of a descriptor when the first of them is cancelled alone before a thread took it. */
static void posix_aio_cancel(struct weir_loop *loop, struct weir_op *op)
{
    if (op->in.engine)
        os_cancel_aio(op->handle->in.descriptor);
    else
        ready_cancel(loop, op);
}

/* ---- Harvest --------------------------------------------------------------------------------- */

static struct request *take_ended(struct posix_aio *aio)
{
    pthread_mutex_lock(&aio->mutex);
    struct request *ended = aio->ended;
    aio->ended = NULL;
    aio->ended_last = &aio->ended;
    pthread_mutex_unlock(&aio->mutex);
    return ended;
}

/* Without memory for their events they stay, and the next wait comes back at once for them. */
static void leave_ended(struct weir_loop *loop, struct posix_aio *aio, struct request *ended)
{
    struct request **last = &ended->next;
    while (*last)
        last = &(*last)->next;
    pthread_mutex_lock(&aio->mutex);
    *last = aio->ended;
    if (!aio->ended)
        aio->ended_last = last;
    aio->ended = ended;
    pthread_mutex_unlock(&aio->mutex);
    loop->below->wake(loop);
}

static void harvest(struct weir_loop *loop, struct posix_aio *aio, struct request *request)
{
    struct weir_op *op = request->op;
    int64_t         result = request->result;
    give_back(aio, request);
    aio->running--;
    op->in.engine = 0;
    if (result == WEIR_ECANCELED && !op->in.cause) {
        loop_ask(loop, op); /* another one of its descriptor was meant */
        return;
    }
    annotate_op_filled(op, result);
    op->served = result == WEIR_ECANCELED ? WEIR_SERVED_NOT : WEIR_SERVED_KERNEL;
    loop_event(loop, op, result, 0, 0);
}

static int posix_aio_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct posix_aio *aio = loop->hybrid;
    int               error = loop->below->wait(loop, timeout_ns);
    struct request   *ended = aio->running ? take_ended(aio) : NULL;
    while (ended && loop_room(loop, 1)) {
        struct request *request = ended;
        ended = request->next;
        harvest(loop, aio, request);
    }
    if (ended)
        leave_ended(loop, aio, ended);
    return error;
}

/* ---- What the engine below does -------------------------------------------------------------- */

static int posix_aio_watch(struct weir_loop *loop, struct weir_handle *handle)
{
    return loop->below->watch(loop, handle);
}

static void posix_aio_flush(struct weir_loop *loop)
{
    if (loop->below->flush)
        loop->below->flush(loop);
}

static void posix_aio_wake(struct weir_loop *loop)
{
    loop->below->wake(loop);
}

static void posix_aio_forget(struct weir_loop *loop, struct weir_handle *handle)
{
    loop->below->forget(loop, handle);
}

static int posix_aio_fd(struct weir_loop *loop)
{
    return loop->below->fd(loop);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Nothing runs any more, so the watchers are idle. */
static void end_watchers(struct posix_aio *aio)
{
    pthread_mutex_lock(&aio->mutex);
    aio->ending = true;
    pthread_cond_broadcast(&aio->work);
    pthread_mutex_unlock(&aio->mutex);
    for (unsigned i = 0; i < aio->watchers; i++)
        pthread_join(aio->threads[i], NULL);
    pthread_cond_destroy(&aio->work);
    pthread_mutex_destroy(&aio->mutex);
}

static void posix_aio_close(struct weir_loop *loop)
{
    struct posix_aio *aio = loop->hybrid;
    if (loop->generation == os_fork_generation()) /* else they are the parent's */
        end_watchers(aio);
    loop->below->close(loop);
    while (aio->chunks) {
        struct chunk *chunk = aio->chunks;
        aio->chunks = chunk->next;
        loop_resize(loop, chunk, 0);
    }
    loop_resize(loop, aio, 0);
}

static int posix_aio_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    int error = loop_open_below(loop, options, reason);
    if (error)
        return error;
    struct posix_aio *aio = loop_resize(loop, NULL, sizeof *aio);
    if (!aio) {
        loop->below->close(loop);
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    }
    os_prepare_aio();
    memset(aio, 0, sizeof *aio);
    aio->loop = loop;
    aio->ended_last = &aio->ended;
    aio->most = options->file_workers ? options->file_workers : FILE_WORKERS_USUAL;
    if (aio->most > WATCHERS_MAX)
        aio->most = WATCHERS_MAX;
    pthread_mutex_init(&aio->mutex, NULL);
    pthread_cond_init(&aio->work, NULL);
    loop->hybrid = aio;
    return 0;
}

/* Its own are reads, writes and syncs of files; what becomes ready is not, nor are vectors. */
static int posix_aio_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int  support = ready_query(op, handle, ENGINE_READINESS);
    bool served = op == WEIR_OP_READ || op == WEIR_OP_READV || op == WEIR_OP_WRITE ||
                  op == WEIR_OP_WRITEV || op == WEIR_OP_FSYNC;
    if (support == WEIR_SUPPORT_NATIVE && handle != WEIR_HANDLE_NONE)
        return WEIR_SUPPORT_EMULATED;
    return support == WEIR_SUPPORT_OFFLOADED && served ? WEIR_SUPPORT_NATIVE : support;
}

static int posix_aio_features(const struct weir_loop *loop, struct weir_feature *features,
                              size_t room)
{
    const struct weir_feature all[] = {
        {loop->below->name, true, "Watches sockets, pipes and all that becomes ready."},
        {"aio_suspend", true, "Threads of weir's wait for the ends in it; no signal is used."},
        {"aio_read", may_be_used(),
         "Files at an offset; not in a child of a process that used it, where it would hang."},
    };
    const size_t count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < count && i < room; i++)
        features[i] = all[i];
    return (int)count;
}

const struct engine engine_posix_aio = {
    .name = "posix-aio",
    .model = "completion",
    .traits = ENGINE_READINESS,
    .open = posix_aio_open,
    .close = posix_aio_close,
    .start = posix_aio_start,
    .cancel = posix_aio_cancel,
    .watch = posix_aio_watch,
    .wait = posix_aio_wait,
    .flush = posix_aio_flush,
    .wake = posix_aio_wake,
    .forget = posix_aio_forget,
    .fd = posix_aio_fd,
    .query = posix_aio_query,
    .features = posix_aio_features,
    .sys = &system_posix,
};
