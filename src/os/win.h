/* SPDX-License-Identifier: MIT */
/* win.h - the parts of Windows' system table. A descriptor is the number of a SOCKET or HANDLE: of
 * those only 32 bits mean something. */
#ifndef WEIR_OS_WIN_H
#define WEIR_OS_WIN_H

#include <winsock2.h>

#include "../base/rest.h"
#include "../engine.h"

/* What a call left in GetLastError() or WSAGetLastError(). */
int win_error_of(DWORD code);

static inline int win_error(void)
{
    return win_error_of(GetLastError());
}

static inline int win_socket_error(void)
{
    return win_error_of((DWORD)WSAGetLastError());
}

static inline SOCKET win_socket_of(int descriptor)
{
    return (SOCKET)(UINT_PTR)(unsigned)descriptor;
}

static inline HANDLE win_handle_of(int descriptor)
{
    return (HANDLE)(INT_PTR)descriptor;
}

/* What one call moves of a transfer. The buffers need not outlive the call that is given them. */
struct win_pieces {
    WSABUF buffers[PIECES_MAX];
    DWORD  count;
};
void win_pieces_of(struct win_pieces *pieces, const struct weir_op *op);

/* Of a file or pipe: the first piece of a rest, which is all that one call moves. Of a pipe: once
 * that is filled, what is there for the pieces behind it, and so all that was moved. What a call
 * says that ended, before anybody else asks GetLastError(). The position that transfers without an
 * offset begin at, and where it is behind one. */
struct weir_buf win_piece_of(const struct rest *rest);
int64_t         win_fill_pieces(const struct weir_op *op, int64_t moved);
int64_t         win_moved(const struct weir_op *op, bool well, DWORD moved);
uint64_t        win_position(int descriptor);
void            win_position_set(int descriptor, uint64_t position);
void            win_position_moved(const struct weir_op *op, uint64_t from, int64_t moved);

/* Parts of perform: what concerns files, opening included; bytes of one, on a worker; what is in a
 * pipe. */
int64_t win_perform_file(const struct weir_op *op, enum perform how);
int64_t win_move_file(const struct weir_op *op, enum perform how);
int64_t win_move_pipe(const struct weir_op *op);
int64_t win_look_at_pipe(const struct weir_op *op); /* only for WEIR_IN */

/* Whole messages: the part of perform that does them; and for the port: begin is given the pieces,
 * and the header in the first message of the op; told reads what the system left there, and is the
 * op's result. begin: 0 or the system's code; without overlapped it never waits. */
int     win_messages_begin(int descriptor); /* with any socket, before all others. 0 or WEIR_E* */
int64_t win_perform_message(struct weir_op *op);
int     win_message_begin(const struct weir_op *op, struct weir_msg *message, DWORD *moved,
                          void *overlapped);
int64_t win_message_told(struct weir_op *op, struct weir_msg *message, int64_t result);

/* A result of an op on a datagram socket, which may have cut the datagram; and an error of a call
 * on a socket, as other systems have it. */
int64_t win_datagram_told(struct weir_op *op, int64_t result);
int     win_socket_says(const struct weir_op *op, int error);

/* One piece of a copy, as the part of perform that does them. */
int64_t win_copy(struct copy *copy, enum perform how);

/* As classify, of what is no socket; and the entry alignment. */
int win_classify_file(struct weir_handle *handle);
int win_alignment(const struct weir_handle *handle, struct weir_alignment *alignment);

/* A socket for overlapped calls, which a child does not inherit, and plain calls never wait on. */
int  win_socket_new(int family, int type); /* its descriptor, or WEIR_E* */
int  win_family_of(int descriptor);        /* of its address; AF_UNSPEC when it has none yet */
int  win_bind_anywhere(int descriptor);    /* one that has none. 0 or WEIR_E* */
void win_hear_refusals(int descriptor, bool hear);
int  win_set_int(int descriptor, int level, int name, int value); /* 0 or WEIR_E* */
int  win_get_int(int descriptor, int level, int name, int *value);

/* Around every use of sockets, as often as liked. 0 or WEIR_E*. */
int  win_sockets_begin(void);
void win_sockets_end(void);

/* Entries of the table. */
int64_t win_perform(struct weir_op *op, enum perform how);
int     win_pipe(struct weir_loop *loop, int ends[2]);
int     win_option_set(struct weir_handle *handle, enum weir_option option, int64_t value);
int     win_option_get(const struct weir_handle *handle, enum weir_option option, int64_t *value);
int     win_multicast(struct weir_handle *handle, const struct weir_address *group,
                      unsigned interface_index, bool join);
int     win_signals_watch(struct weir_loop *loop, int descriptor, uint64_t mask, uint64_t *blocked);
int     win_signals_take(struct weir_loop *loop, int descriptor);

/* The event that may have told signals is to be closed. */
void win_signals_forget(int descriptor);

#endif
