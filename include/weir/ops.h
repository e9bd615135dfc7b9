/* SPDX-License-Identifier: MIT */
/* ops.h - every operation that weir knows, told once.
 *
 * X(NAME, "name", direction): the direction in which ops of one handle keep their order (see
 * "Order" in weir.h). IN and OUT are first come, first served; ANY runs beside everything;
 * STREAM_IN and STREAM_OUT are ANY with an explicit offset, and IN or OUT without one. */
#ifndef WEIR_OPS_H
#define WEIR_OPS_H

#define WEIR_OPS(X)                                                                                \
    X(NOP, "nop", ANY)                                                                             \
    X(TIMER, "timer", ANY)                                                                         \
    X(SIGNAL, "signal", ANY)                                                                       \
    X(POST, "post", ANY)                                                                           \
    X(WORK, "work", ANY)                                                                           \
    X(RESOLVE, "resolve", ANY)                                                                     \
    X(POLL, "poll", ANY)                                                                           \
    X(ACCEPT, "accept", IN)                                                                        \
    X(CONNECT, "connect", OUT)                                                                     \
    X(RECV, "recv", IN)                                                                            \
    X(RECVV, "recvv", IN)                                                                          \
    X(RECV_POOLED, "recv-pooled", IN)                                                              \
    X(RECV_MSG, "recv-msg", IN)                                                                    \
    X(RECV_MSG_POOLED, "recv-msg-pooled", IN)                                                      \
    X(RECV_BATCH, "recv-batch", IN)                                                                \
    X(SEND, "send", OUT)                                                                           \
    X(SENDV, "sendv", OUT)                                                                         \
    X(SEND_MSG, "send-msg", OUT)                                                                   \
    X(SEND_BATCH, "send-batch", OUT)                                                               \
    X(SHUTDOWN, "shutdown", OUT)                                                                   \
    X(OPEN, "open", ANY)                                                                           \
    X(READ, "read", STREAM_IN)                                                                     \
    X(READV, "readv", STREAM_IN)                                                                   \
    X(WRITE, "write", STREAM_OUT)                                                                  \
    X(WRITEV, "writev", STREAM_OUT)                                                                \
    X(FSTAT, "fstat", ANY)                                                                         \
    X(FSYNC, "fsync", ANY)                                                                         \
    X(TRUNCATE, "truncate", ANY)                                                                   \
    X(PREALLOCATE, "preallocate", ANY)                                                             \
    X(ADVISE, "advise", ANY)                                                                       \
    X(COPY, "copy", STREAM_OUT)                                                                    \
    X(MOVE, "move", ANY)

#define WEIR_OP_KIND_(NAME, name, direction) WEIR_OP_##NAME,
enum weir_op_kind { WEIR_OP_NONE, WEIR_OPS(WEIR_OP_KIND_) WEIR_OP_KINDS };
#undef WEIR_OP_KIND_

#endif
