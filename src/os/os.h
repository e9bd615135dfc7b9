/* SPDX-License-Identifier: MIT */
/* os.h - what the core needs of the platform beside struct system: threads and fork. */
#ifndef WEIR_OS_H
#define WEIR_OS_H

#include <pthread.h>

#include "../engine.h"

/* The clock of the loops that are not simulated. */
uint64_t os_now(void);

/* A value that differs from thread to thread. */
extern THREAD_LOCAL char os_thread_mark;

static inline const void *os_thread_self(void)
{
    return &os_thread_mark;
}

/* Changes in a forked child, once os_watch_forks() was called. */
extern unsigned os_forks;
void            os_watch_forks(void);

static inline unsigned os_fork_generation(void)
{
    return os_forks;
}

/* One performing switch for all engines: struct system's perform. */
int64_t posix_perform(struct weir_op *op, enum perform how);

/* The next piece of a copy, where the system has a call for such a pair; else WEIR_EOPNOTSUPP. With
 * WEIR_EAGAIN, copy->waits_for. */
int64_t posix_copy(struct copy *copy, enum perform how);

/* copy_file_range(2), sendfile(2), splice(2), the last two never waiting for a stream and without
 * SIGPIPE; offsets may be WEIR_STREAM. WEIR_EOPNOTSUPP where the system has none. */
int64_t os_copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length);
int64_t os_send_file(int from, uint64_t from_offset, int to, size_t length);
int64_t os_splice(int from, uint64_t from_offset, int to, uint64_t to_offset, size_t length);

/* The next bytes of a pipe, which stay in it; never waits. WEIR_EOPNOTSUPP where that cannot be
 * had. */
int64_t os_peek_pipe(int descriptor, void *data, size_t length);

/* A name look-up, which may take long: as weir_resolve() ends. */
int64_t os_resolve(const struct weir_lookup *lookup);

/* The request to join or leave a group, of either family: the level of its option, or WEIR_EINVAL.
 * multicast.c */
struct group_req;
int os_group_request(struct group_req *request, const struct weir_address *group,
                     unsigned interface_index);

/* Whether this kernel has RWF_NOSIGNAL: writes to pipes that raise no SIGPIPE. */
bool os_has_nosignal(void);

/* Whole messages: the part of perform that does them, and for a mechanism that is given the header
 * itself (it lies in the first message of the op): prepare writes it, or tells WEIR_E*; told reads
 * what the kernel left there. posix_message.c. */
struct msghdr;
struct rest;
int64_t        posix_perform_message(struct weir_op *op, enum perform how);
int            posix_message_prepare(struct weir_op *op);
struct msghdr *posix_message_header(struct weir_msg *message);
int            posix_message_flags(const struct weir_op *op);
void           posix_message_told(struct weir_op *op, int64_t result);
bool           posix_message_is_to_unix(const struct weir_msg *message);

/* Of a pooled receive whose message the kernel laid out by itself: what that says, in a header
 * whose name and control data lie where the kernel left them. */
void posix_message_picked(struct weir_op *op, struct msghdr *header, int64_t result);

/* A plain receive of a datagram, which tells what was cut off; and the same for a mechanism that
 * received with MSG_TRUNC: the true length in, the result out. */
int64_t posix_receive_datagram(struct weir_op *op, const struct rest *rest, int flags);
int64_t posix_datagram_told(struct weir_op *op, int64_t result);

/* struct system's options. posix_option.c */
int posix_option_set(struct weir_handle *handle, enum weir_option option, int64_t value);
int posix_option_get(const struct weir_handle *handle, enum weir_option option, int64_t *value);
int posix_multicast(struct weir_handle *handle, const struct weir_address *group,
                    unsigned interface_index, bool join);

/* A real-time signal that neither the program handles nor another part of weir has: its number, or
 * WEIR_EBUSY when none is left. */
int  os_realtime_take(void);
void os_realtime_give(int number);

/* What differs between POSIX systems: linux*.c; darwin.c or bsd.c, with kqueue_*.c. */
int     os_notifier_open(int ends[2]);
void    os_notifier_tell(int end);
void    os_notifier_clear(int end);
int     os_gather_open(void); /* a descriptor that is readable while one of those in it is */
int     os_gather_add(int gather, int descriptor);
bool    os_gathers_are_inherited(void); /* a forked child has these, and what tells signals */
int     os_signals_watch(int descriptor, uint64_t mask, uint64_t *blocked);
int     os_signals_take(int descriptor);
int     os_socket(int family, int type); /* close-on-exec, non-blocking; or WEIR_E* */
int     os_accept(int listener);         /* the same */
int     os_pipe(int ends[2]);            /* the same */
int     os_connect(int descriptor, const void *address, size_t length); /* 0 or WEIR_E* */
int64_t os_read_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset);
int64_t os_write_now(int descriptor, const struct weir_buf *buffers, int count, uint64_t offset);
int64_t os_write_quiet(int descriptor, const struct weir_buf *buffers, int count);

/* As ppoll(2) without a mask; -1: for ever. Never early. */
struct pollfd;
int os_poll(struct pollfd *entries, unsigned count, int64_t timeout_ns);

int os_reopen_tty(int descriptor, int flags); /* a description of its own; or WEIR_E* */
int os_sync(int descriptor);                  /* as fsync(2), down to the disk */
int os_sync_data(int descriptor);             /* as fdatasync(2) */
int os_make_direct(int descriptor);           /* what O_DIRECT has not done; 0 or WEIR_E* */

/* Of a part of a file: posix_fallocate(3), posix_fadvise(2) with an enum weir_advice. 0 or WEIR_E*.
 */
int os_preallocate(int descriptor, uint64_t offset, uint64_t length);
int os_advise(int descriptor, uint64_t offset, uint64_t length, int advice);

/* The number `descriptor` means what `by` means, by one call: 0 or WEIR_E*, and it is unchanged. */
int os_replace(int descriptor, int by, bool close_on_exec);

/* As weir_direct_alignment(), of a regular file or block device. */
int os_direct_alignment(int descriptor, struct weir_alignment *alignment);

/* Before the process uses POSIX AIO: what its C library needs to be told. */
void os_prepare_aio(void);

/* Cancels what of POSIX AIO waits on the descriptor for its turn, and never waits itself. */
void os_cancel_aio(int descriptor);

enum os_stat_time { OS_MODIFIED, OS_ACCESSED, OS_CHANGED };
struct stat;
int64_t os_stat_time(const struct stat *stat, enum os_stat_time which); /* ns since 1970 */

/* weir_open()'s mode as open(2) has it. */
int      posix_open_flags(unsigned mode);
unsigned posix_open_permissions(unsigned mode);

/* enum weir_advice as posix_fadvise(2) has it. */
int posix_advice_of(int advice);

/* Starts a thread with every signal blocked. stack: bytes, 0 for the system's usual; where the
 * thread would not fit into so few, it gets the usual too. 0 or WEIR_E*. */
int os_thread_start(void *(*run)(void *), void *argument, size_t stack, pthread_t *thread);

/* The processors that this process may use; and the calling thread, with those that it starts, to
 * run on one of them alone, by a number modulo theirs: 0 or WEIR_E*. */
unsigned os_cpu_count(void);
int      os_thread_pin(unsigned number);

/* A condition that is waited for until a time on the clock of the loops, or WEIR_FOREVER; false
 * when that has come. */
void os_condition_init(pthread_cond_t *condition);
bool os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns);

/* Whether it is an address of a protocol with ports, which several sockets may share. */
bool os_address_has_port(const void *address, size_t length);

#endif
