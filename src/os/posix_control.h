/* SPDX-License-Identifier: MIT */
/* posix_control.h - the control data of messages, as bytes of which none is believed. cmsg(3) */
#ifndef WEIR_POSIX_CONTROL_H
#define WEIR_POSIX_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

/* One control message: what it is, and where its bytes lie. */
struct control {
    int    level, type;
    size_t at, length; /* of its data; bytes from the beginning of the control data */
    size_t next;       /* where another one may begin */
};

/* The control message that begins at `at`; false where the `length` bytes hold no whole one. */
bool control_find(const void *bytes, size_t length, size_t at, struct control *found);

/* Appends one to `used` bytes of `room`: how many are used then, or 0 when it does not fit. */
size_t control_append(void *bytes, size_t room, size_t used, int level, int type, const void *data,
                      size_t length);

/* Marks every descriptor that came in it, where the system did not when it was received. */
void control_close_on_exec(const void *bytes, size_t length);

#endif
