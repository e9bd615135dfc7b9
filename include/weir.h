/* SPDX-License-Identifier: MIT */
/* weir.h - asynchronous I/O: one completion API over every mechanism an operating system has.
 *
 * Introduction
 *
 *   A program starts operations (ops) on handles. Each op ends exactly once, by a call of its
 *   done() from inside weir_run(). Which mechanism serves it - poll, epoll, io_uring, threads, ...
 *   - is chosen when the loop is opened and changes no result.
 *
 *       struct conn { struct weir_handle sock; struct weir_op recv, send; char buf[4096]; };
 *
 *       static void on_recv(struct weir_op *op)
 *       {
 *           struct conn *c = weir_of(op, struct conn, recv);
 *           if (op->result <= 0) { weir_close(&c->sock, on_closed); return; }
 *           weir_send(&c->send, &c->sock, c->buf, (size_t)op->result, WEIR_ALL, on_sent);
 *           weir_deadline(&c->send, 5 * WEIR_SECOND);
 *       }
 *
 * Rules that hold for every function
 *
 *   Starting an op cannot fail and runs no callback: every outcome, also a wrong argument, arrives
 *   in done(). Argument order: op, handle or loop, data, length, [offset,] flags, done.
 *
 *   Ownership. Ops and handles are the caller's memory, zeroed before their first use. An op
 *   belongs to the loop from the call until its last done(); what it points to (data, paths,
 *   addresses, vectors, struct weir_msg) is borrowed as long. In its own done(), when !op->more, an
 *   op may be started again or freed. A handle belongs to the loop from the call that fills it
 *   until its on_closed().
 *
 *   Results. op->result >= 0 is success: a count, or what the op says. Below zero is one of
 *   WEIR_E*, which are themselves negative. If any byte moved, the result is that count, on every
 *   engine; an op with WEIR_ALL that ends early, also at once, tells the reason in op->error. An op
 *   that the caller cancelled ends WEIR_ECANCELED, one whose weir_deadline() passed ends
 *   WEIR_EDEADLINE - unless it was done before the cancel reached it: then its true result is told.
 *   WEIR_ENOTSUP says that this engine, platform or build of weir does not have the function.
 *
 *   Order. The ops of one direction (in: accept, recv, stream reads; out: connect, send, shutdown,
 *   stream writes) of one handle are done, and told, in the order they were started; so are those
 *   that are refused or have nothing to move. Only one that is asked to end while it waits for its
 *   turn ends before it. The two directions, polls and file ops with an offset are independent of
 *   each other.
 *
 *   Threads. Each function is marked: [loop] only on the loop's thread (that of the first
 *   weir_run(); before it, one thread at a time), [any] on any thread, [pure] touches no loop. A
 *   call from a foreign thread, or the start of an op that is still live, is a bug of the caller
 *   that no completion could tell: weir prints one sentence and aborts, in every build. So is an op
 *   on a handle that never had a loop; one on a handle that was closed ends WEIR_EBADF.
 *
 *   fork(). In the child, calls that return a value return WEIR_EPERM; a started op has ended with
 *   that result when the call returns, without a callback; inherited ops never end.
 *   weir_loop_forget() frees the loop there.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"
#include "weir/ops.h"

#if defined(__GNUC__) && !defined(_WIN32)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------
 * Version
 * ---------------------------------------------------------------------------------------------- */

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0
#define WEIR_VERSION (WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH)

/* [pure] The version of the library that runs, in the form of WEIR_VERSION, and as "0.1.0". */
WEIR_API unsigned    weir_version(void);
WEIR_API const char *weir_version_text(void);

/* ------------------------------------------------------------------------------------------------
 * Units and flags
 * ---------------------------------------------------------------------------------------------- */

/* Times are nanoseconds of the system's monotonic clock (CLOCK_MONOTONIC). */
#define WEIR_MICROSECOND UINT64_C(1000)
#define WEIR_MILLISECOND UINT64_C(1000000)
#define WEIR_SECOND UINT64_C(1000000000)
#define WEIR_FOREVER UINT64_MAX

/* Flags of ops. A flag that the op does not know ends it with WEIR_EINVAL. */
#define WEIR_BACKGROUND 0x0001u /* any op: does not keep weir_run() running */
#define WEIR_ALL 0x0002u        /* recv, send, read, write: go on until every byte moved */
#define WEIR_MULTISHOT 0x0004u  /* accept, recv_pooled, recv_msg_pooled, signal: until cancelled */
#define WEIR_LEVEL 0x0008u      /* poll: told again after its callback while ready */
#define WEIR_EDGE 0x0010u       /* poll: told at least once after each change from not ready */
#define WEIR_ONESHOT 0x0020u    /* poll: told once; the default */
#define WEIR_ZEROCOPY 0x0040u   /* send, sendv, send_msg: without a copy where the engine can */
/* recv, recvv, recv_msg: the bytes stay. WEIR_ENOTSUP but on sockets, WEIR_EINVAL with WEIR_ALL. */
#define WEIR_PEEK 0x0080u
#define WEIR_DATA_ONLY 0x0100u /* fsync: the data and what is needed to read it (fdatasync) */

/* Flags of handles. A function refuses one that it does not know with WEIR_EINVAL. */
#define WEIR_BORROWED 0x0001u   /* adopt: closing the handle leaves the descriptor open */
#define WEIR_V6ONLY 0x0002u     /* socket, listen: IPv6 only; without it both, on every platform */
#define WEIR_REUSE_PORT 0x0004u /* listen, bind: share the port between sockets (SO_REUSEPORT) */
#define WEIR_NODELAY 0x0008u    /* socket, listen (for what it accepts): no Nagle delay */
#define WEIR_NO_REUSE_ADDR 0x0010u /* listen: refuse a port in TIME_WAIT (without: SO_REUSEADDR) */

/* How weir_open() opens; the low 12 bits are the permissions of a new file, 0666 when they are 0,
 * under the umask. open(2). */
#define WEIR_OPEN_READ 0x00010000u
#define WEIR_OPEN_WRITE 0x00020000u
#define WEIR_OPEN_CREATE 0x00040000u
#define WEIR_OPEN_EXCLUSIVE 0x00080000u
#define WEIR_OPEN_TRUNCATE 0x00100000u
#define WEIR_OPEN_APPEND 0x00200000u
#define WEIR_OPEN_DIRECT 0x00400000u /* past the page cache; see weir_direct_alignment() */
#define WEIR_OPEN_SYNC 0x00800000u   /* each write reaches the device before it ends */
#define WEIR_OPEN_DIRECTORY 0x01000000u
#define WEIR_OPEN_NOFOLLOW 0x02000000u

/* Readiness, asked for by weir_poll() and told in its result. HUP and ERR are always told. */
#define WEIR_IN 0x01u
#define WEIR_OUT 0x02u
#define WEIR_HUP 0x04u   /* both directions ended */
#define WEIR_ERR 0x08u   /* an error waits on the descriptor */
#define WEIR_RDHUP 0x10u /* the peer ended its sending; bytes may still be unread */

/* For the offset of read and write: at the descriptor's own position, in order. */
#define WEIR_STREAM UINT64_MAX

/* op->told: what the platform said beside the result. */
#define WEIR_TOLD_TRUNCATED 0x1u         /* the datagram was longer than the buffer */
#define WEIR_TOLD_CONTROL_TRUNCATED 0x2u /* control data was longer than its buffer */
#define WEIR_TOLD_COPIED 0x4u /* WEIR_ZEROCOPY was asked; what was sent was copied all the same */
#define WEIR_TOLD_ADDRESS_TRUNCATED 0x8u /* the sender's address was longer than its room */

/* ------------------------------------------------------------------------------------------------
 * Ops and handles
 * ---------------------------------------------------------------------------------------------- */

struct weir_loop;
struct weir_handle;
struct weir_op;
struct weir_pool;
struct weir_msg;
struct weir_copy_range;
struct weir_lookup;
struct weir_stat;

/* Runs on the loop's thread, inside weir_run() or weir_loop_close(). */
typedef void weir_done(struct weir_op *op);
typedef void weir_closed(struct weir_handle *handle);

/* Runs on a worker's thread; what it returns is the op's result. */
typedef int64_t weir_work_call(struct weir_op *op);

/* An operating system's handle: a descriptor on POSIX, a SOCKET or HANDLE on Windows. */
typedef intptr_t weir_os_handle;

/* One piece of memory; the same layout as struct iovec on POSIX. */
struct weir_buf {
    void  *data;
    size_t length;
};

/* Who did the work of an op; op->served in its done(). */
enum weir_served {
    WEIR_SERVED_NOT,       /* ended without an attempt: wrong argument, cancelled early */
    WEIR_SERVED_AT_ONCE,   /* a direct call that had not to wait */
    WEIR_SERVED_READY,     /* a direct call, after the mechanism said that it is ready */
    WEIR_SERVED_KERNEL,    /* the kernel, or the C library's AIO, completed it */
    WEIR_SERVED_WORKER,    /* a thread made a blocking call */
    WEIR_SERVED_SIMULATED, /* the sim engine */
    WEIR_SERVED_KINDS
};

/* What a handle is; found once, when it is attached. */
enum weir_handle_kind {
    WEIR_HANDLE_NONE,     /* not attached, or closed */
    WEIR_HANDLE_STREAM,   /* connected or connectable stream socket */
    WEIR_HANDLE_DATAGRAM, /* datagram or other message socket */
    WEIR_HANDLE_LISTENER,
    WEIR_HANDLE_PIPE, /* pipe or FIFO */
    WEIR_HANDLE_TTY,
    WEIR_HANDLE_FILE, /* regular file, block device */
    WEIR_HANDLE_DIRECTORY,
    WEIR_HANDLE_OTHER, /* what can only be asked for readiness: eventfd, timerfd, an epoll, ... */
    WEIR_HANDLE_KINDS
};

/* One operation. Zero it before its first use; `user` is never touched by weir, everything else is
 * written by the call that starts the op. 128 bytes on 64-bit platforms. */
struct weir_op {
    void               *user;   /* yours */
    weir_done          *done;   /* may be NULL, except where an op may tell more than once */
    struct weir_handle *handle; /* for an op without one: the loop's own hidden handle */
    int64_t             result; /* >= 0, or WEIR_E*; final in the last done() */
    uint8_t             kind;   /* enum weir_op_kind */
    uint8_t             served; /* enum weir_served */
    uint8_t             more;   /* 1 in done(): the op is still live and will tell again */
    uint8_t             state;  /* weir's own */
    uint32_t            flags;  /* as given */
    int32_t             error;  /* WEIR_ALL, batches: why it ended early, else 0 */
    uint32_t            told;   /* WEIR_TOLD_* */
    struct {                    /* weir's own, from here on */
        struct weir_op *next, *previous;
        struct weir_op *lane;
        uint64_t        due_ns;
        uint32_t        heap_slot;
        int16_t         cause;
        uint8_t         holds;
        uint8_t         step;
        union {
            struct {
                void    *data;
                size_t   length;
                uint64_t offset;
            } transfer;
            struct {
                const struct weir_buf *buffers;
                size_t                 count;
                uint64_t               offset;
            } vector;
            struct {
                const void *data;
                size_t      length;
            } address;
            struct {
                const char *path;
                unsigned    mode;
            } open;
            struct {
                struct weir_msg *messages;
                size_t           count;
            } message;
            struct {
                uint64_t offset, length;
                int      advice;
            } range;
            struct weir_handle *accepted;
            struct {
                struct weir_copy_range *range;
                void                   *record;
            } copy;
            struct weir_lookup *lookup;
            struct weir_stat   *stat;
            struct {
                struct weir_pool *pool;
                struct weir_msg  *message;
                void             *data;
            } pooled;
            struct {
                uint64_t placed_ns, moved;
            } timer;
            struct weir_loop *target;
            weir_work_call   *work;
            unsigned          events;
            int               number;
        } arg;
        uint64_t progress;
        uint64_t engine;
    } in;
};

/* One descriptor on a loop. Zero it before its first use; `user` is never touched by weir. 80 bytes
 * on 64-bit platforms. */
struct weir_handle {
    void             *user; /* yours */
    weir_closed      *on_closed;
    struct weir_loop *loop;
    struct { /* weir's own, from here on */
        struct weir_handle *next, *previous;
        struct weir_op     *ops_in, *ops_out;
        struct weir_handle *changed;
        int32_t             descriptor;
        int32_t             slot;
        uint8_t             kind, armed, want, hint, busy, quota;
        uint16_t            flags;
    } in;
};

/* The structure that holds MEMBER, from a pointer to that member. */
#define weir_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* [any, if the caller orders it with the loop] Whether the op is not the loop's: it ended, or was
 * never started. The way to ask after an op without done(). */
WEIR_API bool weir_ended(const struct weir_op *op);

/* [loop] The loop that an op belongs to, or belonged to last. */
static inline struct weir_loop *weir_op_loop(const struct weir_op *op)
{
    return op->handle ? op->handle->loop : NULL;
}

/* ------------------------------------------------------------------------------------------------
 * The loop
 * ---------------------------------------------------------------------------------------------- */

/* Memory for everything that weir allocates for a loop. resize(user, NULL, n) allocates,
 * resize(user, p, 0) frees and returns NULL; [any], since workers' stacks and records come from the
 * loop's thread but pools of other loops may share it. */
struct weir_allocator {
    void *(*resize)(void *user, void *memory, size_t size);
    void *user;
};

enum weir_log_level { WEIR_LOG_DEBUG, WEIR_LOG_NOTICE, WEIR_LOG_WARNING };

struct weir_sim_host; /* weir/sim.h */

/* How a loop is opened. Zeroed means the defaults; the strings and structures are borrowed during
 * weir_loop_open() only, except allocator, log and hooks, which are copied. */
struct weir_options {
    const char                  *engine;    /* NULL: $WEIR_ENGINE, else the best allowed here */
    const struct weir_allocator *allocator; /* NULL: the C library's */
    void (*log)(void *user, enum weir_log_level level, const char *sentence);
    void *log_user;
    void (*before_wait)(struct weir_loop *loop, void *user, int64_t timeout_ns); /* -1: for ever */
    void (*after_wait)(struct weir_loop *loop, void *user);
    void                 *wait_user;
    unsigned              ring_entries; /* io_uring: submission entries; 0: 256. linux-aio: polls at
                                           a time; 0: 256, and more when they are needed */
    unsigned              file_workers; /* most threads for files, of weir or of io_uring; 0: 4 */
    unsigned              resolve_workers; /* most threads of the lane for names; 0: 2 */
    unsigned              work_workers;    /* most threads of the lane for weir_work(); 0: 4 */
    unsigned              threads_max;     /* engine threads: most workers; 0: 1,024. An op
                                              that would need one more ends WEIR_EAGAIN */
    struct weir_sim_host *sim_host;        /* engine sim: NULL for a world of its own */
    unsigned              features_off;    /* WEIR_WITHOUT_*, to measure or to avoid one */
    unsigned              busy_poll_us;    /* io_uring: how long a wait asks the devices of its
                                              sockets before it sleeps, in microseconds; 0: it does
                                              not. weir_loop_features() says whether it is had */
    const struct weir_buf *buffers;        /* memory that reads and writes of files will use often,
                                              mapped until the loop is closed: io_uring keeps it
                                              pinned, and saves that for each call. Few and large */
    size_t                 buffer_count;
    unsigned registered_files; /* io_uring: so many files at a time have a place in the ring, from
                                  their first read or write to their close; it spares the kernel
                                  to look for their descriptor each time. 0: none */
};

#define WEIR_WITHOUT_DEFER_TASKRUN 0x1u
#define WEIR_WITHOUT_BUFFER_RING 0x2u
#define WEIR_WITHOUT_MULTISHOT 0x4u
#define WEIR_WITHOUT_REGISTERED 0x8u
#define WEIR_WITHOUT_SHARED_RING 0x10u /* linux-aio: events by io_getevents(2) */
#define WEIR_WITHOUT_ZEROCOPY 0x20u

/* [any] Opens a loop; options may be NULL for the defaults. Returns 0 and the loop, or, with *loop
 * NULL, WEIR_ENOENGINE (the engine asked for, or every engine, was refused: weir_engine_list() says
 * why), or WEIR_ENOMEM, WEIR_EMFILE, WEIR_ENFILE where that is what refused it. */
WEIR_API int weir_loop_open(struct weir_loop **loop, const struct weir_options *options);

enum weir_run_mode {
    WEIR_UNTIL_DONE, /* until nothing is pending but WEIR_BACKGROUND ops, or weir_stop() */
    WEIR_ONCE,       /* waits at most once, for something to tell, and tells it; does not wait where
                        only WEIR_BACKGROUND ops are pending */
    WEIR_NOWAIT      /* tells what there is, never waits */
};

/* [loop] Runs callbacks. Returns 0 when nothing is pending any more, 1 when something is (stopped,
 * once, nowait); WEIR_EDEADLK from a callback, WEIR_EPERM in a forked child, else the engine's
 * error. */
WEIR_API int weir_run(struct weir_loop *loop, enum weir_run_mode mode);

/* [loop] Makes weir_run() return after the callback that runs now. Nothing is lost: the next
 * weir_run() goes on where it stopped. Outside weir_run(), the next one returns at once. */
WEIR_API void weir_stop(struct weir_loop *loop);

/* [any] Ends a wait of the loop, if there is one, or makes the next return at once. */
WEIR_API void weir_wake(struct weir_loop *loop);

/* [loop] The clock that deadlines use, read anew. */
WEIR_API uint64_t weir_now(struct weir_loop *loop);

/* [loop] Cancels every op and runs their callbacks, with the handles still open, so that a callback
 * may close them and be told; then closes the handles that are left (they are as after
 * weir_close(handle, NULL)), and frees the loop. An op started meanwhile ends WEIR_ECANCELED. It
 * takes at most timeout_ns: WEIR_EBUSY when a worker still holds a buffer then, or when callbacks
 * went on starting ops until then (the loop stays valid and closing; call again). WEIR_EDEADLK from
 * a callback, or the error with which the mechanism itself failed. With $WEIR_STATS set, it writes
 * to stderr how the loop's ops were served, in one line. NULL is closed already: 0. The caller sees
 * to it that no other thread uses the loop once this returned 0. */
WEIR_API int weir_loop_close(struct weir_loop *loop, uint64_t timeout_ns);

/* [any] In a forked child: closes the loop's own descriptors and frees its memory, without touching
 * what it shares with the parent. Its ops and handles are as zeroed; the handles' descriptors stay
 * open, and are the child's to close. 0, or WEIR_EINVAL where the loop was not inherited by
 * fork(). */
WEIR_API int weir_loop_forget(struct weir_loop *loop);

/* [loop] To run inside another loop: a descriptor that becomes readable when weir_run(loop,
 * WEIR_NOWAIT) has something to do, or WEIR_ENOTSUP (poll, select, spin). */
WEIR_API weir_os_handle weir_loop_fd(struct weir_loop *loop);

/* [loop] How long the outer loop may wait before it calls weir_run() though weir_loop_fd() is not
 * readable: nanoseconds, 0 for at once, -1 for ever. */
WEIR_API int64_t weir_loop_timeout(struct weir_loop *loop);

/* [loop] Each open loop has a default allocator of its own; memory from it for a program's
 * records. */
WEIR_API void *weir_resize(struct weir_loop *loop, void *memory, size_t size);

/* ------------------------------------------------------------------------------------------------
 * Handles
 * ---------------------------------------------------------------------------------------------- */

/* Addresses are those of the system: struct sockaddr_in, sockaddr_in6, sockaddr_un. */
struct weir_address {
    uint32_t length;
    uint32_t reserved;
    union {
        uint64_t      align;
        unsigned char bytes[128];
    } data;
};

/* [pure] Text to address: "127.0.0.1:80", "[::1]:80", ":80" (every address), "unix:/path" (a path
 * that is too long is WEIR_ENAMETOOLONG; "unix:@name" is Linux's abstract name). Names are for
 * weir_resolve(). 0 or WEIR_EINVAL. */
WEIR_API int weir_address_parse(struct weir_address *address, const char *text);

/* [pure] Address to text of the same form, at most 150 bytes with its end. The length written, or
 * WEIR_EINVAL (also for an abstract name that holds a zero byte), WEIR_ERANGE when it does not fit.
 * A path that begins with "@" is told as "unix:./@...". */
WEIR_API int weir_address_format(const struct weir_address *address, char *text, size_t room);

/* [loop] A new socket. family AF_*, type SOCK_*; close-on-exec and non-blocking. Returns 0 or
 * WEIR_E*, and the handle as zeroed. socket(2). */
WEIR_API int weir_socket(struct weir_handle *handle, struct weir_loop *loop, int family, int type,
                         unsigned flags);

/* [loop] Gives a socket of weir_socket() a local address. bind(2). */
WEIR_API int weir_bind(struct weir_handle *handle, const void *address, size_t address_length,
                       unsigned flags);

/* [loop] A new listening socket on an address; backlog 0 is the system's most. 0 or WEIR_E*, and
 * the handle as zeroed. */
WEIR_API int weir_listen(struct weir_handle *handle, struct weir_loop *loop, const void *address,
                         size_t address_length, int backlog, unsigned flags);

/* [loop] Attaches a descriptor of the caller's, which becomes weir's to close (unless
 * WEIR_BORROWED). Its flags are kept: weir never waits in a call on a blocking descriptor either,
 * except where docs/engines.md says so. 0 or WEIR_EBADF, WEIR_ENOMEM: then the descriptor is still
 * the caller's. */
WEIR_API int weir_adopt(struct weir_handle *handle, struct weir_loop *loop, weir_os_handle os,
                        unsigned flags);

/* [loop] The two ends of a new pipe: what is written to the second is read from the first. Either
 * is as weir_adopt() with a descriptor that weir opened. 0 or WEIR_E*. pipe2(2). */
WEIR_API int weir_pipe(struct weir_handle *reader, struct weir_handle *writer,
                       struct weir_loop *loop);

/* [loop] Closes. Needs no op, may be called at any time: every op of the handle ends first
 * (WEIR_ECANCELED, or its true result), on_closed(handle) comes last, and a port is free then.
 * on_closed may be NULL; the handle is the caller's again when it ran (without one: when
 * weir_handle_kind() is WEIR_HANDLE_NONE). Returns 0, also when repeated (the first on_closed stays
 * and runs once), or WEIR_EBADF for a handle that is not attached. An op started on a closing
 * handle ends WEIR_ECANCELED, untouched. */
WEIR_API int weir_close(struct weir_handle *handle, weir_closed *on_closed);

/* [loop] Closes before it returns: waits until the kernel has let go of every op (a system call or
 * two on io_uring, none on readiness engines), then closes the descriptor. No on_closed; the
 * done()s of ops that were pending run in the next weir_run(), and the handle lives until then. 0,
 * WEIR_EBADF, or WEIR_EBUSY while a worker runs a call on it: then it goes on as weir_close(handle,
 * NULL). */
WEIR_API int weir_close_now(struct weir_handle *handle);

/* [loop] */
WEIR_API enum weir_handle_kind weir_handle_kind(const struct weir_handle *handle);
WEIR_API weir_os_handle        weir_handle_os(const struct weir_handle *handle); /* or WEIR_EBADF */
WEIR_API int weir_local_address(const struct weir_handle *handle, struct weir_address *address);
WEIR_API int weir_peer_address(const struct weir_handle *handle, struct weir_address *address);

/* Socket options in one set of names. On Linux a buffer is told twice as large as it was set, and
 * is no larger than net.core.rmem_max and wmem_max allow (socket(7)). With LINGER above 0 the
 * system waits inside close(2), up to so long, and the loop with it: also on a socket that does
 * not block. */
enum weir_option {
    WEIR_OPTION_NODELAY,         /* TCP_NODELAY: 0, 1 */
    WEIR_OPTION_KEEPALIVE,       /* seconds until the first probe, 0: off */
    WEIR_OPTION_RECEIVE_BUFFER,  /* bytes */
    WEIR_OPTION_SEND_BUFFER,     /* bytes */
    WEIR_OPTION_LINGER,          /* seconds; 0: reset at close; -1: off */
    WEIR_OPTION_BROADCAST,       /* 0, 1 */
    WEIR_OPTION_MULTICAST_TTL,   /* hops */
    WEIR_OPTION_MULTICAST_LOOP,  /* 0, 1 */
    WEIR_OPTION_DONT_FRAGMENT,   /* 0, 1: larger than the path's MTU is WEIR_EMSGSIZE */
    WEIR_OPTION_RECEIVE_OFFLOAD, /* UDP_GRO: 0, 1; see weir_recv_msg() */
    WEIR_OPTION_SEND_SEGMENT,    /* UDP_SEGMENT: bytes, of every send that names none; 0: off */
    WEIR_OPTION_ERROR            /* read only: takes the pending error, as WEIR_E* or 0 */
};

/* [loop] 0 or WEIR_E*; get writes *value. WEIR_EINVAL for a value that the option does not have,
 * WEIR_ENOTSOCK for what is no socket, the system's error for a socket of another kind
 * (WEIR_ENOPROTOOPT, WEIR_EOPNOTSUPP), WEIR_ENOTSUP for what the system has not.
 * setsockopt(2), socket(7), tcp(7), udp(7), ip(7). */
WEIR_API int weir_option_set(struct weir_handle *handle, enum weir_option option, int64_t value);
WEIR_API int weir_option_get(struct weir_handle *handle, enum weir_option option, int64_t *value);

/* [loop] Joins (or leaves) a multicast group on an interface, by its number (0: the system's
 * choice). 0 or WEIR_E*: WEIR_EADDRINUSE for a group that was joined there already,
 * WEIR_EADDRNOTAVAIL when it was not joined, WEIR_ENODEV. ip(7), ipv6(7). */
WEIR_API int weir_multicast(struct weir_handle *handle, const struct weir_address *group,
                            unsigned interface_index, bool join);

/* ------------------------------------------------------------------------------------------------
 * Ops without a handle. They take the loop in its place; [loop] unless marked
 * ---------------------------------------------------------------------------------------------- */

/* Ends 0 in the next turn. */
WEIR_API void weir_nop(struct weir_op *op, struct weir_loop *loop, unsigned flags, weir_done *done);

/* Ends 0, never before ns nanoseconds from now have passed; equal times in the order they were
 * started. weir_deadline() re-arms it in place. */
WEIR_API void weir_timer(struct weir_op *op, struct weir_loop *loop, uint64_t ns, unsigned flags,
                         weir_done *done);

/* Ends with the signal's number when it arrives (with WEIR_MULTISHOT: each time, until cancelled).
 * The signal is blocked in this thread while an op waits for it, so start it before threads that
 * would take it. signalfd(2). WEIR_EINVAL for what cannot be caught. */
WEIR_API void weir_signal(struct weir_op *op, struct weir_loop *loop, int signal_number,
                          unsigned flags, weir_done *done);

/* Calls work(op) on a worker of the lane for user work and ends with what it returns. Cancelled
 * before it began: WEIR_ECANCELED; a running one goes on and its result is told. */
WEIR_API void weir_work(struct weir_op *op, struct weir_loop *loop, weir_work_call *work,
                        unsigned flags, weir_done *done);

/* [any] Ends 0 on the loop's thread. Posts of one thread run in the order they were made. The op
 * must not be live; it belongs to the loop from the call. */
WEIR_API void weir_post(struct weir_op *op, struct weir_loop *loop, weir_done *done);

/* A name look-up, on a lane of its own. All of it is the caller's. getaddrinfo(3). */
struct weir_lookup {
    const char          *host;      /* NULL: the local addresses */
    const char          *service;   /* name or number, or NULL */
    int                  family;    /* AF_UNSPEC, AF_INET, AF_INET6 */
    int                  type;      /* SOCK_STREAM, SOCK_DGRAM, or 0 for any */
    struct weir_address *addresses; /* filled, in the order to be tried */
    size_t               room;      /* how many fit */
    bool                 passive;   /* host NULL: every address, for weir_listen() */
};

/* Ends with the number of addresses found, of which at most `room` are written; each is told once,
 * whatever types of socket it serves. Or WEIR_ENONAME (also a service that is no port, or a host
 * without an address of the family), WEIR_ETRYNAME, WEIR_EBADNAME, WEIR_EAFNOSUPPORT;
 * WEIR_ENAMETOOLONG for a host of more than 254 bytes, which is never cut; WEIR_EINVAL without host
 * and service. Numbers need no name server. Slow names keep nothing else waiting; a look-up that
 * has begun cannot be cancelled, one that has not can. */
WEIR_API void weir_resolve(struct weir_op *op, struct weir_loop *loop, struct weir_lookup *lookup,
                           unsigned flags, weir_done *done);

/* Opens a file, FIFO or device into a zeroed handle, which belongs to the loop during the op
 * (op->handle) and is attached when the result is 0; else it is as zeroed again, and op->handle is
 * the loop's own. WEIR_EINVAL for a mode that neither reads nor writes, or has unknown bits.
 * open(2). */
WEIR_API void weir_open(struct weir_op *op, struct weir_loop *loop, struct weir_handle *handle,
                        const char *path, unsigned mode, unsigned flags, weir_done *done);

/* ------------------------------------------------------------------------------------------------
 * Sockets, pipes and ttys [loop]
 * ---------------------------------------------------------------------------------------------- */

/* Takes a connection into a zeroed handle: 0, or WEIR_E* and the handle as zeroed. When the process
 * or system is out of descriptors, the op waits and asks again at most 20 times a second; a
 * connection that was aborted in the queue is skipped. accept4(2): close-on-exec.
 *
 * With WEIR_MULTISHOT, accepted is NULL and each result is an OS handle, the caller's, to
 * weir_adopt(), until the op is cancelled, its deadline passes or its listener is closed. What was
 * accepted by then is told before the end; what is accepted later, and in weir_loop_close(), weir
 * closes. */
WEIR_API void weir_accept(struct weir_op *op, struct weir_handle *listener,
                          struct weir_handle *accepted, unsigned flags, weir_done *done);

/* 0 or WEIR_E*. While the backlog of a unix listener is full it waits, and asks again at most 20
 * times a second. A datagram socket has a peer from then on: sends go to it, receives come only
 * from it, and a port that nobody has is told by WEIR_ECONNREFUSED, to the next op, once. It may be
 * given another peer. connect(2). */
WEIR_API void weir_connect(struct weir_op *op, struct weir_handle *handle, const void *address,
                           size_t address_length, unsigned flags, weir_done *done);

/* Bytes received, 0 at the end of the stream (and for length 0). WEIR_ALL: exactly length bytes, or
 * fewer with op->error WEIR_EEOF or the reason.
 *
 * On a datagram socket one datagram is received or sent, as a whole, with WEIR_ALL or without. A
 * result of 0 is an empty one, not an end. What the buffer does not hold of it is lost, and
 * op->told says WEIR_TOLD_TRUNCATED (weir_try_recv() has no op to tell it by). What is too large to
 * be sent, or has more pieces than the system moves at once (IOV_MAX), is WEIR_EMSGSIZE. */
WEIR_API void weir_recv(struct weir_op *op, struct weir_handle *handle, void *data, size_t length,
                        unsigned flags, weir_done *done);
WEIR_API void weir_recvv(struct weir_op *op, struct weir_handle *handle,
                         const struct weir_buf *buffers, size_t count, unsigned flags,
                         weir_done *done);

/* Bytes taken by the system; with WEIR_ALL all of them, or fewer with op->error. Never raises
 * SIGPIPE.
 *
 * With WEIR_ZEROCOPY the network may read the caller's memory itself, and the op ends when it no
 * longer does: on a stream, when the peer's system has acknowledged the bytes. A cancel or a
 * deadline does not shorten that; weir_close() waits for it, and so do the ops behind. With
 * weir_close_now() the descriptor is closed at once, and the op and its handle live on. It pays for
 * large sends. Where it cannot be had, or would not pay, the send is plain: op->told says
 * WEIR_TOLD_COPIED. */
WEIR_API void weir_send(struct weir_op *op, struct weir_handle *handle, const void *data,
                        size_t length, unsigned flags, weir_done *done);
WEIR_API void weir_sendv(struct weir_op *op, struct weir_handle *handle,
                         const struct weir_buf *buffers, size_t count, unsigned flags,
                         weir_done *done);

/* Ends sending, after what was started before; the peer reads the end of the stream. 0 or WEIR_E*.
 * shutdown(2), SHUT_WR. */
WEIR_API void weir_shutdown(struct weir_op *op, struct weir_handle *handle, unsigned flags,
                            weir_done *done);

/* Tells readiness: the result holds WEIR_IN, WEIR_OUT, WEIR_HUP, WEIR_ERR, WEIR_RDHUP. One of
 * WEIR_ONESHOT (default: ends), WEIR_LEVEL (told again after its callback while ready) or WEIR_EDGE
 * (at least once after each change from not ready; more often where the mechanism has no edges).
 * Regular files are always ready. On any handle, also one that is only WEIR_HANDLE_OTHER. */
WEIR_API void weir_poll(struct weir_op *op, struct weir_handle *handle, unsigned events,
                        unsigned flags, weir_done *done);

/* [loop] Never wait, use no op: bytes moved, or WEIR_EAGAIN, also while an op of that direction is
 * pending, or WEIR_E*. flags: WEIR_PEEK for recv. */
WEIR_API int64_t weir_try_recv(struct weir_handle *handle, void *data, size_t length,
                               unsigned flags);
WEIR_API int64_t weir_try_send(struct weir_handle *handle, const void *data, size_t length,
                               unsigned flags);

/* One message: addresses, data, control data. All of it is the caller's until done(). */
struct weir_msg {
    void                  *address; /* struct sockaddr: to whom; receiving: filled; or NULL */
    uint32_t               address_room;
    uint32_t               address_length;
    const struct weir_buf *buffers;
    size_t                 count;
    void                  *control; /* aligned for struct cmsghdr; or NULL. cmsg(3) */
    uint32_t               control_room;
    uint32_t               control_length;
    int64_t                result;  /* of this message, when it was moved */
    uint32_t               told;    /* WEIR_TOLD_*, of this message */
    uint32_t               segment; /* sending: cut into datagrams of so many bytes (GSO), 0: one;
                                       receiving: the datagrams were so long (GRO), 0: one */
    uint64_t               in[12];  /* weir's own */
};

/* Bytes of one message, at most what the buffers hold; op->told, and message->told, say what of
 * data, control data or address was longer than its room and is lost. On sockets only
 * (WEIR_ENOTSOCK); at most IOV_MAX pieces (WEIR_EMSGSIZE). recvmsg(2), sendmsg(2), cmsg(3).
 *
 * Receiving writes address_length, control_length and segment; sending reads them. An
 * address_length of 0 is no address: the peer of weir_connect(), or WEIR_EDESTADDRREQ.
 *
 * On a stream the result may be short, as with weir_recv() and weir_send(); control data goes with
 * the first byte, and nothing is moved without one. Descriptors that arrive in control data are
 * close-on-exec and the caller's, who gave room for them: weir_msg_take_handles(). What had no room
 * the system closes.
 *
 * segment on another socket than UDP, or a system without it, is WEIR_EOPNOTSUPP. Sending with it
 * appends a control message behind those of the caller, in the caller's room: WEIR_ENOBUFS when
 * fewer than CMSG_SPACE(sizeof(uint16_t)) bytes are left there; without control data none is
 * needed. Datagrams that were glued (WEIR_OPTION_RECEIVE_OFFLOAD) have one length but the last.
 *
 * Nothing tells when the full queue of a unix datagram socket that was addressed by name has room:
 * it is asked again at most 20 times a second. A peer of weir_connect() is waited for. */
WEIR_API void weir_recv_msg(struct weir_op *op, struct weir_handle *handle,
                            struct weir_msg *message, unsigned flags, weir_done *done);
WEIR_API void weir_send_msg(struct weir_op *op, struct weir_handle *handle,
                            struct weir_msg *message, unsigned flags, weir_done *done);

/* The number of messages moved, the first of those given, at least one; each says its bytes in its
 * result, and op->told what any of them says. A wrong argument in one ends the op. On datagram
 * sockets: WEIR_EOPNOTSUPP on streams.
 *
 * A receive ends with those that are there. A send that ends early, with some, tells why in
 * op->error, or 0 there when the socket takes no more now. An error that comes before any is the
 * result. A socket with an end (SOCK_SEQPACKET) tells that as empty messages. recvmmsg(2),
 * sendmmsg(2). */
WEIR_API void weir_recv_batch(struct weir_op *op, struct weir_handle *handle,
                              struct weir_msg *messages, size_t count, unsigned flags,
                              weir_done *done);
WEIR_API void weir_send_batch(struct weir_op *op, struct weir_handle *handle,
                              struct weir_msg *messages, size_t count, unsigned flags,
                              weir_done *done);

/* [pure] Descriptors in a message's control data (SCM_RIGHTS). put appends them behind the first
 * control_length bytes, before sending; they stay the caller's. take, after receiving, makes them
 * the caller's and leaves none: a second take tells 0. The number put or taken; WEIR_ENOBUFS when
 * the control room is too small for them, or `room` for all that came, and nothing was put or
 * taken; WEIR_EINVAL, also for more than 253 at once. unix(7). */
WEIR_API int weir_msg_put_handles(struct weir_msg *message, const weir_os_handle *handles,
                                  size_t count);
WEIR_API int weir_msg_take_handles(struct weir_msg *message, weir_os_handle *handles, size_t room);

/* ------------------------------------------------------------------------------------------------
 * Files [loop]
 * ---------------------------------------------------------------------------------------------- */

/* Bytes, fewer than asked only at the end of the file, or on an error after some moved. offset: in
 * bytes, or WEIR_STREAM for the descriptor's position (and for pipes, ttys and stream sockets,
 * where they are recv and send). pread(2), pwrite(2). */
WEIR_API void weir_read(struct weir_op *op, struct weir_handle *handle, void *data, size_t length,
                        uint64_t offset, unsigned flags, weir_done *done);
WEIR_API void weir_write(struct weir_op *op, struct weir_handle *handle, const void *data,
                         size_t length, uint64_t offset, unsigned flags, weir_done *done);
WEIR_API void weir_readv(struct weir_op *op, struct weir_handle *handle,
                         const struct weir_buf *buffers, size_t count, uint64_t offset,
                         unsigned flags, weir_done *done);
WEIR_API void weir_writev(struct weir_op *op, struct weir_handle *handle,
                          const struct weir_buf *buffers, size_t count, uint64_t offset,
                          unsigned flags, weir_done *done);

struct weir_stat {
    uint64_t size;   /* bytes */
    uint64_t blocks; /* 512-byte units really taken */
    uint64_t inode, device;
    int64_t  modified_ns, accessed_ns, changed_ns; /* since 1970 */
    uint32_t mode;                                 /* POSIX type and permission bits */
    uint32_t links, user, group;
    uint32_t block_size; /* bytes that suit I/O */
    uint32_t kind;       /* enum weir_handle_kind */
};

/* 0 or WEIR_E*. fstat(2). */
WEIR_API void weir_fstat(struct weir_op *op, struct weir_handle *handle, struct weir_stat *stat,
                         unsigned flags, weir_done *done);

/* What writes that ended before this call wrote is on the device. WEIR_DATA_ONLY. An error is told
 * once; do not try again, the data may be gone. fsync(2). */
WEIR_API void weir_fsync(struct weir_op *op, struct weir_handle *handle, unsigned flags,
                         weir_done *done);

/* These three take effect when they have ended, and not in the order of writes: wait for a write
 * that is to come before. */

/* 0 or WEIR_E*. The file is cut, or grows by a hole. ftruncate(2). */
WEIR_API void weir_truncate(struct weir_op *op, struct weir_handle *handle, uint64_t length,
                            unsigned flags, weir_done *done);

/* 0 or WEIR_E*; WEIR_EINVAL for length 0. The range has its space, and the file is at least so
 * long; also where the file system has no call for it: then it is written. posix_fallocate(3). */
WEIR_API void weir_preallocate(struct weir_op *op, struct weir_handle *handle, uint64_t offset,
                               uint64_t length, unsigned flags, weir_done *done);

enum weir_advice {
    WEIR_ADVICE_NORMAL,
    WEIR_ADVICE_SEQUENTIAL,
    WEIR_ADVICE_RANDOM,
    WEIR_ADVICE_WILL_NEED,
    WEIR_ADVICE_DONT_NEED
};

/* 0 or WEIR_E*. length 0: to the end of the file. posix_fadvise(2). */
WEIR_API void weir_advise(struct weir_op *op, struct weir_handle *handle, uint64_t offset,
                          uint64_t length, enum weir_advice advice, unsigned flags,
                          weir_done *done);

/* From where weir_copy() takes how much. */
struct weir_copy_range {
    struct weir_handle *from;
    uint64_t            from_offset; /* or WEIR_STREAM */
    uint64_t            to_offset;   /* or WEIR_STREAM */
    uint64_t            length;      /* bytes; UINT64_MAX: until the end of `from` */
};

/* Moves bytes to `handle` without passing them through the program where the system can (sendfile,
 * splice, copy_file_range), else through a buffer of weir's: between files, stream sockets, pipes
 * and ttys, in every pairing. Bytes that reached `handle`, fewer than `length` only at the end of
 * `from`, or with the reason in op->error; or WEIR_E*. Both handles belong to the same loop, and
 * either may be closed: that ends it.
 *
 * Order. Where it has no offset it takes its place in the out direction of `handle` and in the in
 * direction of `from`; with one, it is independent of the other ops of that file.
 *
 * Nothing is lost. However it ends, the bytes that did not reach `handle` are still to be read from
 * `from`; only what a tty gave (or a pipe, where tee(2) is not to be had) and `handle` did not take
 * is gone. A cancel takes effect between two pieces of at most 4 MiB. Descriptors that come with
 * bytes on a unix socket are dropped.
 *
 * WEIR_EINVAL for datagrams, listeners and other handles, both ends of one pipe, and ranges of one
 * file that overlap; WEIR_EISDIR; WEIR_ESPIPE for an offset where there are none. A `from` that is
 * `handle` gives a stream socket its own bytes back. sendfile(2), splice(2), copy_file_range(2). */
WEIR_API void weir_copy(struct weir_op *op, struct weir_handle *handle,
                        struct weir_copy_range *range, unsigned flags, weir_done *done);

/* What WEIR_OPEN_DIRECT asks of this file, however it was opened; both are 0 where direct I/O is
 * impossible. Where the file system does not say what it needs, a page. */
struct weir_alignment {
    uint32_t memory; /* bytes */
    uint32_t offset; /* bytes; lengths too */
};

/* [loop] 0 or WEIR_E*. statx(2), STATX_DIOALIGN. */
WEIR_API int weir_direct_alignment(const struct weir_handle *handle,
                                   struct weir_alignment    *alignment);

/* ------------------------------------------------------------------------------------------------
 * Late-bound buffers: no memory is held while a connection idles [loop]
 * ---------------------------------------------------------------------------------------------- */

enum weir_pool_policy {
    WEIR_POOL_WAIT, /* a receive without a buffer waits until one is given back */
    WEIR_POOL_FAIL, /* it ends WEIR_ENOBUFS */
    WEIR_POOL_GROW  /* the pool doubles, up to count_max; then, or without memory, as WAIT */
};

struct weir_pool_options {
    size_t                buffer_size; /* bytes; 0: 16 KiB */
    uint32_t              count;       /* 0: 256 */
    uint32_t              count_max;   /* with GROW; 0: 16 times count */
    enum weir_pool_policy policy;
    uint32_t              alignment; /* of each buffer, for direct I/O, a power of two; 0: 64 */
};

/* A pool of equal buffers, which belong to the pool until they are told or taken, and then to the
 * program until it gives them back. Its memory is the loop's: what is not closed before the loop is
 * freed with it, buffers that are out included. options may be NULL. 0, or WEIR_ENOMEM,
 * WEIR_EINVAL. */
WEIR_API int weir_pool_open(struct weir_pool **pool, struct weir_loop *loop,
                            const struct weir_pool_options *options);

/* 0, or WEIR_EBUSY while a buffer is out or a receive is pending on it. NULL is closed already:
 * 0. */
WEIR_API int weir_pool_close(struct weir_pool *pool);

/* Receives, on sockets, pipes and ttys, into a buffer that is taken from the pool when something is
 * there: one that waits holds none. Bytes received, at most what one buffer holds for a datagram;
 * they lie in the pieces told by weir_pooled(), which are the program's until weir_pool_give(). A
 * result of 0 (the end of the stream, an empty datagram) or an error holds no buffer.
 *
 * With WEIR_MULTISHOT again and again until the stream ends, an error, or a cancel; what was
 * received when it stops is told first, with op->more, and the end last. It is not asked for more
 * than there are buffers: who keeps them is sent no more than the system holds for him.
 *
 * When something is there and no buffer, the pool's policy says what comes of it. Those that wait
 * are served in the order in which they began to. On files: WEIR_ENOTSUP. */
WEIR_API void weir_recv_pooled(struct weir_op *op, struct weir_handle *handle,
                               struct weir_pool *pool, unsigned flags, weir_done *done);

/* The same for messages, on sockets only (WEIR_ENOTSOCK): address, control data and result are told
 * in *message as by weir_recv_msg(), the data is pooled; its buffers and count are not used. With
 * WEIR_MULTISHOT it is written anew before each telling, into the rooms that it began with. */
WEIR_API void weir_recv_msg_pooled(struct weir_op *op, struct weir_handle *handle,
                                   struct weir_pool *pool, struct weir_msg *message, unsigned flags,
                                   weir_done *done);

/* [pure] In done(), and of an op that has ended until it is started again: the pieces that hold
 * what was received, in order; at most room are written. Their number. They can be sent as they are
 * by weir_sendv(). */
WEIR_API int weir_pooled(const struct weir_op *op, struct weir_buf *pieces, size_t room);

/* Takes a buffer for the program's own use, or gives one back by any address in it. 0; WEIR_ENOBUFS
 * when none is free (with GROW, when it cannot grow); WEIR_EINVAL for a second give-back or memory
 * that is not the pool's. */
WEIR_API int weir_pool_take(struct weir_pool *pool, struct weir_buf *buffer);
WEIR_API int weir_pool_give(struct weir_pool *pool, void *data);

/* How many buffers, received on it from now on, one handle may have out at a time (0: no limit, at
 * most 63). A receive beyond waits for one of them, or for a larger quota, or ends WEIR_ENOBUFS
 * where the policy is FAIL. 0, WEIR_EINVAL, WEIR_EBADF. */
WEIR_API int weir_handle_quota(struct weir_handle *handle, unsigned buffers_max);

/* Since it was opened: buffers that were told or taken, and given back; receives that had to wait
 * for one; how often it grew. Now: buffers that there are, those that are out, and the most that
 * were. */
struct weir_pool_counts {
    uint64_t taken, given, waited, grown;
    uint32_t count, out, out_most;
};
WEIR_API void weir_pool_stats(const struct weir_pool *pool, struct weir_pool_counts *counts);

/* ------------------------------------------------------------------------------------------------
 * Deadlines and cancelling [loop]
 * ---------------------------------------------------------------------------------------------- */

/* Bounds a live op: when ns nanoseconds from now have passed (or at t on weir_now()), it is asked
 * to end, with WEIR_EDEADLINE. Moves in place when the op has one; WEIR_FOREVER takes it away. A
 * timer is re-armed by it (and ends 0); an op that ended is left alone; a multishot op is bounded
 * as a whole. A call that runs on a worker ends when it ends. */
WEIR_API void weir_deadline(struct weir_op *op, uint64_t ns);
WEIR_API void weir_deadline_at(struct weir_op *op, uint64_t t_ns);

/* Asks an op to end; it still ends once, by done(), later. 0 when it will; WEIR_EBUSY when a worker
 * runs its call, which cannot be interrupted: it ends when that does, with its true result;
 * WEIR_ENOENT when it was never started, or has already ended, also when only its done() is to
 * come. */
WEIR_API int weir_cancel(struct weir_op *op);

/* Cancels every op of the handle, newest first. The number asked, or WEIR_EBADF. */
WEIR_API int weir_cancel_all(struct weir_handle *handle);

/* Gives a handle, on which no op is pending, to another loop of whatever engine; to be called on
 * the thread of the handle's loop. 0: op and handle are of `target` from the call on, to be used on
 * its thread alone, also before done(), which runs there. Bytes that have arrived, and what weir
 * knows of the handle, go along, its quota too; buffers of pools that are out stay behind, and no
 * longer count against it. A `target` that is its own loop already changes nothing.
 *
 * What is refused stays where it is, and done() runs there: WEIR_EBUSY while an op is pending,
 * WEIR_EINVAL without a target, WEIR_ENOTSUP for one that could not serve it (select and a
 * descriptor from FD_SETSIZE on; a loop of another simulated host, or of none), WEIR_EPERM for one
 * that was inherited by fork(), WEIR_ECANCELED while its own loop or the handle closes.
 *
 * A target that closes before it looked ends it WEIR_ECANCELED there, and closes the handle with
 * the others that it has. As with weir_post(), none may come once weir_loop_close(target) returned
 * 0. */
WEIR_API void weir_move(struct weir_op *op, struct weir_handle *handle, struct weir_loop *target,
                        unsigned flags, weir_done *done);

/* ------------------------------------------------------------------------------------------------
 * Many loops
 * ---------------------------------------------------------------------------------------------- */

/* A loop a core, each on a thread of its own that opens it, runs it and closes it; between them no
 * lock is taken and nothing is shared while they run. */
struct weir_group;

struct weir_group_options {
    struct weir_options loop;  /* of each; its allocator and log are called on every thread */
    unsigned            loops; /* 0: one a processor that this process may use */
    bool                pin;   /* each keeps to a processor of its own, while there are more */
    /* On each loop's thread, before any of them runs: 0, or WEIR_E* to undo all of it. Every loop
     * is open then, and *group set. */
    int (*start)(struct weir_loop *loop, unsigned index, void *user);
    void *user;
};

/* [any] Opens the loops and runs them until weir_group_close(), whatever weir_stop() says; options
 * may be NULL for the defaults. 0, or, with *group NULL, the first error that opening, start() or
 * the system (WEIR_EAGAIN: no further thread) told: then nothing is left of it. Every signal is
 * blocked in the threads. With the engine sim there are no threads: the loops are of one host and
 * run as all of its world, on its thread. */
WEIR_API int weir_group_open(struct weir_group **group, const struct weir_group_options *options);

/* Who gets a connection. KERNEL: whom a hash of its addresses tells; each loop listens on the one
 * port (SO_REUSEPORT). On an address without a port it is as HAND_OVER. */
enum weir_spread {
    WEIR_SPREAD_KERNEL,
    WEIR_SPREAD_HAND_OVER /* the next loop in turn; the first one listens, and deals them out */
};

/* What a group listens on, and what becomes of those who connect. Borrowed for the call. */
struct weir_group_listener {
    const void      *address; /* as for weir_listen(), with backlog and flags */
    size_t           address_length;
    int              backlog;
    unsigned         flags;
    enum weir_spread spread;
    /* Bytes of the record that a connection is the first member of; the rest is zeroed, and the
     * program's. 0: nothing but the handle. */
    size_t connection_size;
    /* On the loop that has the connection from then on, which is connection->loop. Its record is
     * the group's memory, in cache lines of its own; it is gone when on_closed() of weir_close()
     * has returned, or weir_close_now() with nothing pending. */
    void (*on_accept)(struct weir_handle *connection, void *user);
    void               *user;
    struct weir_address bound; /* told: where it listens, also when any port was asked for */
};

/* [any, but a thread of the group] Listens for all loops, until the group closes. 0, or WEIR_E* as
 * weir_listen() says, and no loop does; WEIR_EINVAL without address or on_accept, WEIR_EDEADLK on a
 * thread of the group, WEIR_ECANCELED where a loop failed. Nobody is accepted before all listen. */
WEIR_API int weir_group_listen(struct weir_group *group, struct weir_group_listener *listener);

/* [any] How many loops; one of them, or NULL beyond them: for weir_post() and weir_move(). */
WEIR_API unsigned          weir_group_size(const struct weir_group *group);
WEIR_API struct weir_loop *weir_group_loop(struct weir_group *group, unsigned index);

/* [any, but a thread of the group] Ends all ops and closes all handles as weir_loop_close() does,
 * each loop on its thread; frees the loops when all of them are empty, so that what a callback
 * posts or moves to another one is still told, WEIR_ECANCELED; and joins the threads. 0; WEIR_EBUSY
 * when it takes longer than timeout_ns (the group is closing: call again); WEIR_EDEADLK on a thread
 * of the group; WEIR_EPERM in a forked child, which cannot free it; or as weir_loop_close(). NULL
 * is closed already: 0. */
WEIR_API int weir_group_close(struct weir_group *group, uint64_t timeout_ns);

/* ------------------------------------------------------------------------------------------------
 * Seeing inside
 * ---------------------------------------------------------------------------------------------- */

/* [pure] "recv", "pipe", "ready", "ECONNRESET", "connection reset by the peer"; a number that is
 * none of weir's is told as such. Never NULL. */
WEIR_API const char *weir_op_name(enum weir_op_kind kind);
WEIR_API const char *weir_handle_kind_name(enum weir_handle_kind kind);
WEIR_API const char *weir_served_name(enum weir_served served);
WEIR_API const char *weir_error_name(int64_t error);
WEIR_API const char *weir_error_text(int64_t error);

/* One mechanism, and whether it can be used here. */
struct weir_engine_info {
    const char *name;
    const char *model;       /* "readiness", "completion", "threads", "simulation" */
    int         refused;     /* 0: allowed here; else WEIR_E* */
    bool        is_default;  /* what weir_loop_open() takes here when nothing is asked */
    char        reason[192]; /* why it was refused, or why it is the default; a sentence */
};

/* [any] Tries every mechanism that weir knows, also those of other platforms: opens and closes
 * each. The best comes first. Their number; at most room are written. */
WEIR_API int weir_engine_list(struct weir_engine_info *engines, size_t room);

/* [loop] The engine of this loop, and the engines that were refused before it, with reasons: their
 * number; at most room are written. */
WEIR_API const char *weir_loop_engine(const struct weir_loop *loop);
WEIR_API int weir_loop_refusals(const struct weir_loop *loop, struct weir_engine_info *refusals,
                                size_t room);

/* Something that the kernel may offer an engine, e.g. "DEFER_TASKRUN". */
struct weir_feature {
    const char *name;
    bool        used;
    char        reason[120]; /* what it brings, or why it is not used */
};
/* [loop] The features of the loop's engine: their number; at most room are written. */
WEIR_API int weir_loop_features(const struct weir_loop *loop, struct weir_feature *features,
                                size_t room);

/* How an engine would serve an op on a kind of handle. */
enum weir_support {
    WEIR_SUPPORT_NO,
    WEIR_SUPPORT_NATIVE,    /* by the mechanism itself */
    WEIR_SUPPORT_EMULATED,  /* by weir, from what the mechanism has */
    WEIR_SUPPORT_OFFLOADED, /* by a worker */
    WEIR_SUPPORT_AT_ONCE    /* by a call that never waits */
};
/* [pure] Or WEIR_ENOENGINE for a name that weir does not know. What of a file is in memory may be
 * read at once, whatever is said of reads. */
WEIR_API int weir_query(const char *engine, enum weir_op_kind op, enum weir_handle_kind handle);

/* Counts since the loop was opened. */
struct weir_stats {
    uint64_t turns, waits, wakes; /* passes of the loop; calls of the mechanism; wake-ups told */
    uint64_t started, ended, cancelled; /* ops */
    uint64_t served[WEIR_SERVED_KINDS]; /* ops that ended, by who did the work */
    uint64_t attempts, attempts_empty;  /* direct calls; those that said "not now" */
    uint64_t changes;                   /* changes of interest told to the mechanism */
    uint64_t posts, timers_fired, accepts_paced;
    uint32_t pending, pending_background; /* ops now */
    uint32_t handles, timers, workers;    /* attached, armed, threads now */
    uint64_t bytes;                       /* memory of the loop now */
};
WEIR_API void weir_loop_stats(const struct weir_loop *loop, struct weir_stats *stats);

/* [loop] Writes a line for the loop and one for each pending op: kind, handle, state, how long, who
 * serves it. */
WEIR_API void weir_loop_dump(const struct weir_loop *loop, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
