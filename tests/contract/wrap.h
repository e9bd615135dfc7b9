/* SPDX-License-Identifier: MIT */
/* wrap.h - the calls of weir as a case sees them: through the ledger. Included by contract.h
 * only. */
#ifndef CONTRACT_WRAP_H
#define CONTRACT_WRAP_H

#include "weir.h"

static inline void contract_start_nop(struct weir_op *op, struct weir_loop *loop, unsigned flags,
                                      weir_done *done)
{
    contract_call_begins();
    weir_nop(op, loop, flags, contract_watch(op, done, "nop"));
    contract_call_ends();
}

static inline void contract_start_timer(struct weir_op *op, struct weir_loop *loop, uint64_t ns,
                                        unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_timer(op, loop, ns, flags, contract_watch(op, done, "timer"));
    contract_call_ends();
}

static inline void contract_start_signal(struct weir_op *op, struct weir_loop *loop,
                                         int signal_number, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_signal(op, loop, signal_number, flags, contract_watch(op, done, "signal"));
    contract_call_ends();
}

static inline void contract_start_work(struct weir_op *op, struct weir_loop *loop,
                                       weir_work_call *work, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_done *watched = contract_watch(op, done, "work");
    weir_work(op, loop, contract_watch_work(op, work), flags, watched);
    contract_call_ends();
}

static inline void contract_start_resolve(struct weir_op *op, struct weir_loop *loop,
                                          struct weir_lookup *lookup, unsigned flags,
                                          weir_done *done)
{
    contract_call_begins();
    weir_resolve(op, loop, lookup, flags, contract_watch(op, done, "resolve"));
    contract_call_ends();
}

static inline void contract_start_open(struct weir_op *op, struct weir_loop *loop,
                                       struct weir_handle *handle, const char *path, unsigned mode,
                                       unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_open(op, loop, handle, path, mode, flags, contract_watch(op, done, "open"));
    contract_call_ends();
}

static inline void contract_start_accept(struct weir_op *op, struct weir_handle *listener,
                                         struct weir_handle *accepted, unsigned flags,
                                         weir_done *done)
{
    contract_call_begins();
    weir_accept(op, listener, accepted, flags, contract_watch(op, done, "accept"));
    contract_call_ends();
}

static inline void contract_start_connect(struct weir_op *op, struct weir_handle *handle,
                                          const void *address, size_t address_length,
                                          unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_connect(op, handle, address, address_length, flags, contract_watch(op, done, "connect"));
    contract_call_ends();
}

static inline void contract_start_recv(struct weir_op *op, struct weir_handle *handle, void *data,
                                       size_t length, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_recv(op, handle, data, length, flags, contract_watch(op, done, "recv"));
    contract_call_ends();
}

static inline void contract_start_recvv(struct weir_op *op, struct weir_handle *handle,
                                        const struct weir_buf *buffers, size_t count,
                                        unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_recvv(op, handle, buffers, count, flags, contract_watch(op, done, "recvv"));
    contract_call_ends();
}

static inline void contract_start_send(struct weir_op *op, struct weir_handle *handle,
                                       const void *data, size_t length, unsigned flags,
                                       weir_done *done)
{
    contract_call_begins();
    weir_send(op, handle, data, length, flags, contract_watch(op, done, "send"));
    contract_call_ends();
}

static inline void contract_start_sendv(struct weir_op *op, struct weir_handle *handle,
                                        const struct weir_buf *buffers, size_t count,
                                        unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_sendv(op, handle, buffers, count, flags, contract_watch(op, done, "sendv"));
    contract_call_ends();
}

static inline void contract_start_shutdown(struct weir_op *op, struct weir_handle *handle,
                                           unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_shutdown(op, handle, flags, contract_watch(op, done, "shutdown"));
    contract_call_ends();
}

static inline void contract_start_poll(struct weir_op *op, struct weir_handle *handle,
                                       unsigned events, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_done *watched = contract_watch(op, done, "poll");
    contract_watch_poll(op, events, flags);
    weir_poll(op, handle, events, flags, watched);
    contract_call_ends();
}

static inline void contract_start_recv_msg(struct weir_op *op, struct weir_handle *handle,
                                           struct weir_msg *message, unsigned flags,
                                           weir_done *done)
{
    contract_call_begins();
    weir_recv_msg(op, handle, message, flags, contract_watch(op, done, "recv_msg"));
    contract_call_ends();
}

static inline void contract_start_send_msg(struct weir_op *op, struct weir_handle *handle,
                                           struct weir_msg *message, unsigned flags,
                                           weir_done *done)
{
    contract_call_begins();
    weir_send_msg(op, handle, message, flags, contract_watch(op, done, "send_msg"));
    contract_call_ends();
}

static inline void contract_start_recv_batch(struct weir_op *op, struct weir_handle *handle,
                                             struct weir_msg *messages, size_t count,
                                             unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_recv_batch(op, handle, messages, count, flags, contract_watch(op, done, "recv_batch"));
    contract_call_ends();
}

static inline void contract_start_send_batch(struct weir_op *op, struct weir_handle *handle,
                                             struct weir_msg *messages, size_t count,
                                             unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_send_batch(op, handle, messages, count, flags, contract_watch(op, done, "send_batch"));
    contract_call_ends();
}

static inline void contract_start_read(struct weir_op *op, struct weir_handle *handle, void *data,
                                       size_t length, uint64_t offset, unsigned flags,
                                       weir_done *done)
{
    contract_call_begins();
    weir_read(op, handle, data, length, offset, flags, contract_watch(op, done, "read"));
    contract_call_ends();
}

static inline void contract_start_write(struct weir_op *op, struct weir_handle *handle,
                                        const void *data, size_t length, uint64_t offset,
                                        unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_write(op, handle, data, length, offset, flags, contract_watch(op, done, "write"));
    contract_call_ends();
}

static inline void contract_start_readv(struct weir_op *op, struct weir_handle *handle,
                                        const struct weir_buf *buffers, size_t count,
                                        uint64_t offset, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_readv(op, handle, buffers, count, offset, flags, contract_watch(op, done, "readv"));
    contract_call_ends();
}

static inline void contract_start_writev(struct weir_op *op, struct weir_handle *handle,
                                         const struct weir_buf *buffers, size_t count,
                                         uint64_t offset, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_writev(op, handle, buffers, count, offset, flags, contract_watch(op, done, "writev"));
    contract_call_ends();
}

static inline void contract_start_fstat(struct weir_op *op, struct weir_handle *handle,
                                        struct weir_stat *stat, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_fstat(op, handle, stat, flags, contract_watch(op, done, "fstat"));
    contract_call_ends();
}

static inline void contract_start_fsync(struct weir_op *op, struct weir_handle *handle,
                                        unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_fsync(op, handle, flags, contract_watch(op, done, "fsync"));
    contract_call_ends();
}

static inline void contract_start_truncate(struct weir_op *op, struct weir_handle *handle,
                                           uint64_t length, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_truncate(op, handle, length, flags, contract_watch(op, done, "truncate"));
    contract_call_ends();
}

static inline void contract_start_preallocate(struct weir_op *op, struct weir_handle *handle,
                                              uint64_t offset, uint64_t length, unsigned flags,
                                              weir_done *done)
{
    contract_call_begins();
    weir_preallocate(op, handle, offset, length, flags, contract_watch(op, done, "preallocate"));
    contract_call_ends();
}

static inline void contract_start_advise(struct weir_op *op, struct weir_handle *handle,
                                         uint64_t offset, uint64_t length, enum weir_advice advice,
                                         unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_advise(op, handle, offset, length, advice, flags, contract_watch(op, done, "advise"));
    contract_call_ends();
}

static inline void contract_start_copy(struct weir_op *op, struct weir_handle *handle,
                                       struct weir_copy_range *range, unsigned flags,
                                       weir_done *done)
{
    contract_call_begins();
    weir_copy(op, handle, range, flags, contract_watch(op, done, "copy"));
    contract_call_ends();
}

static inline void contract_start_recv_pooled(struct weir_op *op, struct weir_handle *handle,
                                              struct weir_pool *pool, unsigned flags,
                                              weir_done *done)
{
    contract_call_begins();
    weir_recv_pooled(op, handle, pool, flags, contract_watch(op, done, "recv_pooled"));
    contract_call_ends();
}

static inline void contract_start_recv_msg_pooled(struct weir_op *op, struct weir_handle *handle,
                                                  struct weir_pool *pool, struct weir_msg *message,
                                                  unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_recv_msg_pooled(op, handle, pool, message, flags,
                         contract_watch(op, done, "recv_msg_pooled"));
    contract_call_ends();
}

static inline void contract_start_move(struct weir_op *op, struct weir_handle *handle,
                                       struct weir_loop *target, unsigned flags, weir_done *done)
{
    contract_call_begins();
    weir_move(op, handle, target, flags, contract_watch(op, done, "move"));
    contract_call_ends();
}

static inline void contract_start_post(struct weir_op *op, struct weir_loop *loop, weir_done *done)
{
    contract_call_begins();
    weir_post(op, loop, contract_watch(op, done, "post"));
    contract_call_ends();
}

static inline int contract_call_group_open(struct weir_group              **group,
                                           const struct weir_group_options *options)
{
    contract_inside_begins();
    int result = weir_group_open(group, options);
    contract_inside_ends();
    return result;
}

static inline int contract_call_close(struct weir_handle *handle, weir_closed *on_closed)
{
    contract_call_begins();
    int result = weir_close(handle, on_closed);
    contract_call_ends();
    return result;
}

static inline int contract_call_close_now(struct weir_handle *handle)
{
    contract_call_begins();
    int result = weir_close_now(handle);
    contract_call_ends();
    return result;
}

static inline int contract_call_cancel(struct weir_op *op)
{
    contract_call_begins();
    int result = weir_cancel(op);
    contract_call_ends();
    return result;
}

static inline int contract_call_cancel_all(struct weir_handle *handle)
{
    contract_call_begins();
    int result = weir_cancel_all(handle);
    contract_call_ends();
    return result;
}

static inline void contract_call_deadline(struct weir_op *op, uint64_t ns)
{
    contract_call_begins();
    weir_deadline(op, ns);
    contract_call_ends();
}

static inline void contract_call_deadline_at(struct weir_op *op, uint64_t t_ns)
{
    contract_call_begins();
    weir_deadline_at(op, t_ns);
    contract_call_ends();
}

static inline void contract_call_stop(struct weir_loop *loop)
{
    contract_call_begins();
    weir_stop(loop);
    contract_call_ends();
}

static inline void contract_call_wake(struct weir_loop *loop)
{
    contract_call_begins();
    weir_wake(loop);
    contract_call_ends();
}

static inline int64_t contract_call_try_recv(struct weir_handle *handle, void *data, size_t length,
                                             unsigned flags)
{
    contract_call_begins();
    int64_t result = weir_try_recv(handle, data, length, flags);
    contract_call_ends();
    return result;
}

static inline int64_t contract_call_try_send(struct weir_handle *handle, const void *data,
                                             size_t length, unsigned flags)
{
    contract_call_begins();
    int64_t result = weir_try_send(handle, data, length, flags);
    contract_call_ends();
    return result;
}

static inline int contract_call_socket(struct weir_handle *handle, struct weir_loop *loop,
                                       int family, int type, unsigned flags)
{
    contract_inside_begins();
    int result = weir_socket(handle, loop, family, type, flags);
    contract_inside_ends();
    return result;
}

static inline int contract_call_listen(struct weir_handle *handle, struct weir_loop *loop,
                                       const void *address, size_t address_length, int backlog,
                                       unsigned flags)
{
    contract_inside_begins();
    int result = weir_listen(handle, loop, address, address_length, backlog, flags);
    contract_inside_ends();
    return result;
}

static inline int contract_call_pipe(struct weir_handle *reader, struct weir_handle *writer,
                                     struct weir_loop *loop)
{
    contract_inside_begins();
    int result = weir_pipe(reader, writer, loop);
    contract_inside_ends();
    return result;
}

static inline int contract_call_adopt(struct weir_handle *handle, struct weir_loop *loop,
                                      weir_os_handle os, unsigned flags)
{
    contract_inside_begins();
    int result = weir_adopt(handle, loop, os, flags);
    contract_inside_ends();
    return result;
}

static inline int contract_call_engine_list(struct weir_engine_info *engines, size_t room)
{
    contract_inside_begins();
    contract_aside(true); /* it opens every engine, the real ones too */
    int result = weir_engine_list(engines, room);
    contract_aside(false);
    contract_inside_ends();
    return result;
}

#define weir_nop contract_start_nop
#define weir_timer contract_start_timer
#define weir_signal contract_start_signal
#define weir_work contract_start_work
#define weir_resolve contract_start_resolve
#define weir_open contract_start_open
#define weir_accept contract_start_accept
#define weir_connect contract_start_connect
#define weir_recv contract_start_recv
#define weir_recvv contract_start_recvv
#define weir_send contract_start_send
#define weir_sendv contract_start_sendv
#define weir_shutdown contract_start_shutdown
#define weir_poll contract_start_poll
#define weir_recv_msg contract_start_recv_msg
#define weir_send_msg contract_start_send_msg
#define weir_recv_batch contract_start_recv_batch
#define weir_send_batch contract_start_send_batch
#define weir_read contract_start_read
#define weir_write contract_start_write
#define weir_readv contract_start_readv
#define weir_writev contract_start_writev
#define weir_fstat contract_start_fstat
#define weir_fsync contract_start_fsync
#define weir_truncate contract_start_truncate
#define weir_preallocate contract_start_preallocate
#define weir_advise contract_start_advise
#define weir_copy contract_start_copy
#define weir_recv_pooled contract_start_recv_pooled
#define weir_recv_msg_pooled contract_start_recv_msg_pooled
#define weir_move contract_start_move
#define weir_post contract_start_post
#define weir_close contract_call_close
#define weir_close_now contract_call_close_now
#define weir_cancel contract_call_cancel
#define weir_cancel_all contract_call_cancel_all
#define weir_deadline contract_call_deadline
#define weir_deadline_at contract_call_deadline_at
#define weir_stop contract_call_stop
#define weir_wake contract_call_wake
#define weir_try_recv contract_call_try_recv
#define weir_socket contract_call_socket
#define weir_listen contract_call_listen
#define weir_pipe contract_call_pipe
#define weir_adopt contract_call_adopt
#define weir_engine_list contract_call_engine_list
#define weir_group_open contract_call_group_open
#define weir_loop_open contract_call_loop_open
#define weir_run contract_call_run
#define weir_loop_close contract_call_loop_close
#define weir_try_send contract_call_try_send

#endif
