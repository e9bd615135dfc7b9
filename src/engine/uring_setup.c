/* SPDX-License-Identifier: MIT */
/* uring_setup.c - the best ring that this kernel gives, and what it got of what there is.
 * io_uring_setup(2), io_uring_register(2). */
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/annotate_op.h"
#include "../os/linux_compat.h"
#include "../os/os.h"
#include "uring.h"

#define ENTRIES_USUAL 256

static int refuse_setup(char *reason, int error)
{
    switch (error) {
    case -ENOSYS:
        return loop_refuse(reason, error, "This kernel has no io_uring (io_uring_setup())");
    case -EPERM:
        return loop_refuse(reason, error,
                           "io_uring_setup() is denied, by a seccomp filter or by "
                           "/proc/sys/kernel/io_uring_disabled");
    case -ENOMEM:
        return loop_refuse(reason, error,
                           "io_uring_setup(): the ring does not fit into memory or "
                           "RLIMIT_MEMLOCK (ulimit -l)");
    case -EMFILE:
    case -ENFILE:
        return loop_refuse(reason, error, "io_uring_setup(): no descriptor is left for the ring");
    default:
        return loop_refuse(reason, error, "io_uring_setup() failed");
    }
}

/* The best set-up that this kernel takes. Returns 0 or -errno. */
static int set_up(struct uring *u, const struct weir_options *options)
{
    static const unsigned setups[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED |
            IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
        0,
    };
    unsigned entries = options->ring_entries ? options->ring_entries : ENTRIES_USUAL;
    int      error = -EINVAL;
    for (unsigned i = options->features_off & WEIR_WITHOUT_DEFER_TASKRUN ? 1 : 0;
         i < sizeof setups / sizeof setups[0] && error == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = setups[i] | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
            .cq_entries = entries * 4,
        };
        error = io_uring_queue_init_params(entries, &u->ring, &params);
        annotate_mapped();
        u->setup = setups[i];
    }
    u->unused = true;
    return error;
}

/* What the ring cannot do without waiting is done by threads of the kernel: as many as an engine
 * without a ring would have for files. Linux 5.15. */
static void bound_workers(struct uring *u, const struct weir_options *options)
{
    unsigned most[2] = {options->file_workers ? options->file_workers : FILE_WORKERS_USUAL, 0};
    u->workers_bounded = !io_uring_register_iowq_max_workers(&u->ring, most);
}

/* Network devices are asked from inside the wait, as long as the program allows. Linux 6.9. */
static void poll_busily(struct weir_loop *loop, struct uring *u, const struct weir_options *options)
{
    struct kernel_napi napi = {.busy_poll_us = options->busy_poll_us, .prefer = 1};
    if (!options->busy_poll_us)
        return;
    u->busy_poll_error = io_uring_register((unsigned)u->ring.ring_fd, URING_REGISTER_NAPI, &napi,
                                           1);
    u->busy_polls = !u->busy_poll_error;
    if (u->busy_poll_error)
        loop_log(loop, WEIR_LOG_NOTICE,
                 "options.busy_poll_us is without effect: IORING_REGISTER_NAPI (Linux 6.9): %s",
                 weir_error_name(u->busy_poll_error));
}

/* The program's memory stays pinned, not only while a call uses it. */
static void register_buffers(struct weir_loop *loop, struct uring *u,
                             const struct weir_options *options)
{
    size_t size = options->buffer_count * sizeof *u->buffers;
    if (!options->buffers || !size || (options->features_off & WEIR_WITHOUT_REGISTERED))
        return;
    u->buffers = loop_resize(loop, NULL, size);
    u->buffers_error = WEIR_ENOMEM;
    if (u->buffers) {
        memcpy(u->buffers, options->buffers, size);
        u->buffers_error = io_uring_register_buffers(&u->ring,
                                                     (const struct iovec *)(const void *)u->buffers,
                                                     (unsigned)options->buffer_count);
    }
    if (!u->buffers_error)
        u->buffer_count = options->buffer_count;
    else
        loop_log(loop, WEIR_LOG_NOTICE,
                 "options.buffers is without effect: IORING_REGISTER_BUFFERS: %s",
                 weir_error_name(u->buffers_error));
}

/* 0, or -ENOSYS with the reason, when an opcode that every loop needs is missing. */
static int check_opcodes(struct uring *u, const struct weir_options *options, char *reason)
{
    static const struct {
        int         code;
        const char *name;
    } needed[] = {
        {IORING_OP_POLL_ADD, "POLL_ADD"}, {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
        {IORING_OP_ACCEPT, "ACCEPT"},     {IORING_OP_CONNECT, "CONNECT"},
        {IORING_OP_RECV, "RECV"},         {IORING_OP_SEND, "SEND"},
        {IORING_OP_RECVMSG, "RECVMSG"},   {IORING_OP_SENDMSG, "SENDMSG"},
        {IORING_OP_READ, "READ"},         {IORING_OP_WRITE, "WRITE"},
        {IORING_OP_OPENAT, "OPENAT"},     {IORING_OP_FSYNC, "FSYNC"},
        {IORING_OP_SHUTDOWN, "SHUTDOWN"},
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->ring);
    int                    error = 0;
    for (size_t i = 0; probe && !error && i < sizeof needed / sizeof needed[0]; i++) {
        if (io_uring_opcode_supported(probe, needed[i].code))
            continue;
        char sentence[96];
        snprintf(sentence, sizeof sentence, "This kernel's io_uring lacks %s", needed[i].name);
        error = loop_refuse(reason, WEIR_ENOSYS, sentence);
    }
    if (!probe || !(u->ring.features & IORING_FEAT_RSRC_TAGS))
        error = loop_refuse(reason, WEIR_ENOSYS, "This kernel's io_uring is older than Linux 5.13");
    /* Multishot accepts came with SOCKET, in Linux 5.19; nothing tells them by themselves. */
    u->accepts_many = probe && io_uring_opcode_supported(probe, URING_OP_SOCKET) &&
                      !(options->features_off & WEIR_WITHOUT_MULTISHOT);
    u->zerocopy = probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) &&
                  io_uring_opcode_supported(probe, URING_OP_SENDMSG_ZC) &&
                  !(options->features_off & WEIR_WITHOUT_ZEROCOPY);
    u->picks_buffers = probe && io_uring_opcode_supported(probe, URING_OP_SOCKET) &&
                       !(options->features_off & WEIR_WITHOUT_BUFFER_RING);
    /* And multishot receives with SEND_ZC, in Linux 6.0. */
    u->receives_many = probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) &&
                       !(options->features_off & WEIR_WITHOUT_MULTISHOT);
    u->truncates = probe && io_uring_opcode_supported(probe, URING_OP_FTRUNCATE);
    io_uring_free_probe(probe);
    return error;
}

void uring_close(struct weir_loop *loop)
{
    struct uring *u = loop->mechanism;
    annotate_unmapping();
    io_uring_queue_exit(&u->ring);
    if (u->event_fd >= 0)
        close(u->event_fd);
    loop_notifier_close(loop);
    loop_resize(loop, u->messages, 0);
    loop_resize(loop, u->buffers, 0);
    loop_resize(loop, u->places, 0);
    loop_resize(loop, u, 0);
}

int uring_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    struct uring *u = loop_resize(loop, NULL, sizeof *u);
    if (!u)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(u, 0, sizeof *u);
    u->event_fd = -1;
    loop->mechanism = u;
    int error = set_up(u, options);
    if (error) {
        loop_resize(loop, u, 0);
        return refuse_setup(reason, error);
    }
    bound_workers(u, options);
    poll_busily(loop, u, options);
    register_buffers(loop, u, options);
    uring_places_open(loop, u, options);
    u->registers = !(options->features_off & WEIR_WITHOUT_REGISTERED);
    error = check_opcodes(u, options, reason);
    if (!error) {
        u->messages = loop_resize(loop, NULL, u->ring.sq.ring_entries * sizeof *u->messages);
        error = u->messages ? loop_notifier_open(loop) : WEIR_ENOMEM;
        if (error)
            loop_refuse(reason, error, "Its wake-up descriptor cannot be had");
    }
    if (error)
        uring_close(loop);
    return error;
}

/* ---- What the kernel can --------------------------------------------------------------------- */

/* Asked without a loop: of a ring that lives as long as the question. */
static bool kernel_truncates(void)
{
    struct io_uring_probe *probe = io_uring_get_probe();
    bool truncates = probe && io_uring_opcode_supported(probe, URING_OP_FTRUNCATE);
    io_uring_free_probe(probe);
    return truncates;
}

int uring_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int  support = ready_query(op, handle, ENGINE_READINESS);
    bool pooled = op == WEIR_OP_RECV_MSG_POOLED ||
                  (op == WEIR_OP_RECV_POOLED && handle != WEIR_HANDLE_STREAM);
    bool emulated = op == WEIR_OP_RECV_BATCH || op == WEIR_OP_SEND_BATCH || pooled;
    if (emulated && support)
        return WEIR_SUPPORT_EMULATED;
    if ((op == WEIR_OP_CONNECT || op == WEIR_OP_SHUTDOWN) && support)
        return WEIR_SUPPORT_NATIVE;
    if (support != WEIR_SUPPORT_OFFLOADED)
        return support;
    switch (op) {
    case WEIR_OP_FSTAT:
    case WEIR_OP_WORK:
    case WEIR_OP_RESOLVE:
    case WEIR_OP_COPY:
    case WEIR_OP_RECV: /* of a file: at its position, which is moved by direct calls */
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
        return support;
    case WEIR_OP_TRUNCATE:
        return kernel_truncates() ? WEIR_SUPPORT_NATIVE : support;
    default:
        return WEIR_SUPPORT_NATIVE;
    }
}

/* What one of them brings, and why it is not used where it is not. */
struct line {
    const char *name;
    bool        used;
    const char *brings, *missing;
};

/* Why something is not used that the program may turn off. */
static const char *missing(const struct weir_loop *loop, unsigned off, const char *sentence)
{
    return loop->options.features_off & off ? "options.features_off turns it off." : sentence;
}

/* Writes them from place `at` on; the next place. */
static size_t write_lines(const struct line *lines, size_t count, struct weir_feature *features,
                          size_t room, size_t at)
{
    for (size_t i = 0; i < count; i++, at++) {
        if (at >= room)
            continue;
        features[at] = (struct weir_feature){.name = lines[i].name, .used = lines[i].used};
        snprintf(features[at].reason, sizeof features[at].reason, "%s",
                 lines[i].used ? lines[i].brings : lines[i].missing);
    }
    return at;
}

/* How the ring was set up. */
static size_t setup_lines(const struct weir_loop *loop, struct weir_feature *features, size_t room,
                          size_t at)
{
    const struct uring *u = loop->mechanism;
    const unsigned      defer = WEIR_WITHOUT_DEFER_TASKRUN;
    bool                deferred = u->setup & IORING_SETUP_DEFER_TASKRUN;
    const struct line   lines[] = {
          {"SINGLE_ISSUER", u->setup & IORING_SETUP_SINGLE_ISSUER,
           "One thread submits: the kernel takes no lock (Linux 6.0).",
           missing(loop, defer, "This kernel refuses it; Linux has it since 6.0.")},
          {"DEFER_TASKRUN", deferred, "Completions are made when the loop asks (Linux 6.1).",
           missing(loop, defer, "This kernel refuses it; Linux has it since 6.1.")},
          {"COOP_TASKRUN", u->setup & IORING_SETUP_COOP_TASKRUN,
           "No interrupt for completions (Linux 5.19).",
         deferred ? "DEFER_TASKRUN does more."
                    : "This kernel refuses it; Linux has it since 5.19."},
          {"SUBMIT_ALL", u->setup & IORING_SETUP_SUBMIT_ALL,
           "A failed entry does not end the batch (Linux 5.18).",
           "This kernel refuses it; Linux has it since 5.18."},
          {"REGISTERED_RING", u->registered || (u->unused && u->registers),
           "The kernel finds the ring by a number in the thread of the first run (Linux 5.18).",
           missing(loop, WEIR_WITHOUT_REGISTERED,
                   "Refused: the thread has 16 such rings, or the kernel is older than 5.18.")},
          {"IOWQ_MAX_WORKERS", u->workers_bounded,
           "The kernel's own threads are bounded by options.file_workers (Linux 5.15).",
           "This kernel bounds its own threads as it likes; Linux can be told since 5.15."},
    };
    return write_lines(lines, sizeof lines / sizeof lines[0], features, room, at);
}

/* What it can do. */
static size_t op_lines(const struct weir_loop *loop, struct weir_feature *features, size_t room,
                       size_t at)
{
    const struct uring *u = loop->mechanism;
    const struct line   lines[] = {
          {"ACCEPT_MULTISHOT", u->accepts_many,
           "One entry accepts until it is cancelled (Linux 5.19).",
           missing(loop, WEIR_WITHOUT_MULTISHOT, "This ring lacks it; Linux has it since 5.19.")},
          {"SEND_ZC", u->zerocopy,
           "WEIR_ZEROCOPY sends of 32 KiB and more go without a copy (Linux 6.1).",
           missing(loop, WEIR_WITHOUT_ZEROCOPY, "This ring lacks it; Linux has it since 6.1.")},
          {"PBUF_RING", u->picks_buffers,
           "The kernel picks the buffer of a pooled receive from a stream (Linux 5.19).",
           missing(loop, WEIR_WITHOUT_BUFFER_RING, "This ring lacks it; Linux has it since 5.19.")},
          {"RECV_MULTISHOT", u->picks_buffers && u->receives_many,
           "One entry receives until it is cancelled, into buffers of a pool (Linux 6.0).",
           missing(loop, WEIR_WITHOUT_MULTISHOT | WEIR_WITHOUT_BUFFER_RING,
                   "This ring lacks it; Linux has it since 6.0.")},
          {"RECVMSG_MULTISHOT", u->picks_buffers && u->receives_many,
           "The same for datagrams of UDP, with their addresses (Linux 6.0).",
           missing(loop, WEIR_WITHOUT_MULTISHOT | WEIR_WITHOUT_BUFFER_RING,
                   "This ring lacks it; Linux has it since 6.0.")},
          {"FTRUNCATE", u->truncates, "Files are cut by the kernel, not by a worker (Linux 6.9).",
           "This ring lacks it, and a worker cuts files; Linux has it since 6.9."},
          {"RWF_NOSIGNAL", os_has_nosignal(), "Writes to pipes raise no SIGPIPE (Linux 6.18).",
           "Writes to pipes are direct calls, with SIGPIPE blocked; Linux has it since 6.18."},
    };
    return write_lines(lines, sizeof lines / sizeof lines[0], features, room, at);
}

/* What a program asks for. */
static size_t option_lines(const struct weir_loop *loop, struct weir_feature *features, size_t room,
                           size_t at)
{
    const struct uring *u = loop->mechanism;
    char                napi[96], buffers[96], files[96];
    snprintf(napi, sizeof napi, "IORING_REGISTER_NAPI (Linux 6.9) was refused: %s.",
             weir_error_name(u->busy_poll_error));
    snprintf(buffers, sizeof buffers, "IORING_REGISTER_BUFFERS was refused: %s.",
             weir_error_name(u->buffers_error));
    snprintf(files, sizeof files, "IORING_REGISTER_FILES was refused: %s.",
             weir_error_name(u->places_error));
    const struct line lines[] = {
        {"NAPI", u->busy_polls, "A wait asks network devices before it sleeps (Linux 6.9).",
         u->busy_poll_error ? napi : "options.busy_poll_us is 0."},
        {"REGISTERED_BUFFERS", u->buffer_count,
         "options.buffers stay pinned: file I/O in them saves that for each call.",
         missing(loop, WEIR_WITHOUT_REGISTERED,
                 u->buffers_error ? buffers : "options.buffers holds none.")},
        {"REGISTERED_FILES", u->has_places,
         "So many files as options.registered_files have a place: no look-up for each read.",
         missing(loop, WEIR_WITHOUT_REGISTERED,
                 u->places_error ? files : "options.registered_files is 0.")},
    };
    return write_lines(lines, sizeof lines / sizeof lines[0], features, room, at);
}

int uring_features(const struct weir_loop *loop, struct weir_feature *features, size_t room)
{
    size_t count = setup_lines(loop, features, room, 0);
    count = op_lines(loop, features, room, count);
    return (int)option_lines(loop, features, room, count);
}
