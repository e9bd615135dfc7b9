/* SPDX-License-Identifier: MIT */
/* plain_file.h - what plain.c leaves to plain_file.c: descriptors that are no sockets. */
#ifndef CONTRACT_PLAIN_FILE_H
#define CONTRACT_PLAIN_FILE_H

#include "posix/plain.h"

/* read() and write(). */
ssize_t plain_move(int fd, bool writes, void *data, size_t length);

/* poll() of one, without waiting: what of the events is so. */
short plain_look(int fd, short events);

/* fcntl(F_GETFL) of a file. */
int plain_file_flags(int fd);

#endif
