/* SPDX-License-Identifier: MIT */
/* iocp.h - what the files of the engine iocp share: the port, and the record of each op that the
 * system works on. */
#ifndef WEIR_ENGINE_IOCP_H
#define WEIR_ENGINE_IOCP_H

#include "../os/win.h"

#include <mswsock.h>

/* AcceptEx() writes both addresses, each with 16 bytes more than its largest form. */
#define ACCEPT_ADDRESS (sizeof(struct sockaddr_storage) + 16)

/* What the driver of sockets is asked, and answers: iocp_afd.c. */
struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG         count, exclusive;
    struct {
        HANDLE socket;
        ULONG  events;
        LONG   status;
    } entry;
};

/* op->in.engine while the system has the op. Its OVERLAPPED must not move, nor be used again before
 * its packet came. */
struct iocp_record {
    OVERLAPPED          overlapped;
    struct iocp_record *next; /* of the free */
    struct weir_op     *op;
    HANDLE              port;
    HANDLE              called_on; /* has the call, to be cancelled; NULL: there is a wait */
    HANDLE              wait;      /* of a poll: the system's thread waits for the object */
    atomic_bool         told;      /* it has posted the packet */
    bool                look;      /* nothing is moved yet: the call is to come when it is ready */
    int                 accepted;  /* of an accept: the socket that is to be the connection */
    union {
        char            addresses[2 * ACCEPT_ADDRESS]; /* of an accept */
        struct afd_poll poll;                          /* of what waits for readiness */
    };
};

#define IOCP_BLOCK 32

struct iocp_block {
    struct iocp_block *next;
    struct iocp_record records[IOCP_BLOCK];
};

struct iocp {
    HANDLE              port, afd; /* afd: owned, NULL until the first poll of a socket */
    LPFN_ACCEPTEX       accept;
    LPFN_CONNECTEX      connect;
    struct iocp_block  *blocks; /* owned */
    struct iocp_record *free;
};

/* What a packet is: the end of a record's call, or weir_wake(). */
enum iocp_key { IOCP_CALL, IOCP_WAKE };

/* NULL without memory; its OVERLAPPED is zeroed. */
struct iocp_record *iocp_take(struct weir_loop *loop, struct weir_op *op);
void                iocp_give(struct weir_loop *loop, struct iocp_record *record);

/* Of what begins a call: its packet is to come. Else the op's result. */
#define IOCP_BEGUN INT64_MAX

/* iocp_file.c: of files and pipes. The result when the packet has come, also of a look: it moved
 * nothing, and is not below 0 when there is something to be tried. */
int64_t iocp_begin_file(struct iocp_record *record, const struct weir_op *op);
int64_t iocp_begin_look_at_pipe(struct iocp_record *record, struct weir_op *op);
int64_t iocp_file_result(struct iocp_record *record);

/* iocp_afd.c: of sockets. begin: 0, and the packet is to come, or WEIR_E*. events: of those asked
 * for, and what is always told; WEIR_EAGAIN for none. */
int     iocp_begin_ready(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op,
                         unsigned events);
int64_t iocp_ready_events(const struct iocp_record *record, unsigned asked);

/* iocp_ops.c: as the entries of struct engine; and the packet of a record has come. */
enum started iocp_start(struct weir_loop *loop, struct weir_op *op);
void         iocp_cancel(struct weir_loop *loop, struct weir_op *op);
void         iocp_harvest(struct weir_loop *loop, struct iocp_record *record);
/* iocp_query.c */
int iocp_query(enum weir_op_kind op, enum weir_handle_kind handle);

#endif
