/* SPDX-License-Identifier: MIT */
/* sockets.h - the load's sockets: sockets_unix.c, sockets_win.c. Nothing of weir is in it. What
 * fails is -1, and system_error() says why. */
#ifndef MEASURE_SOCKETS_H
#define MEASURE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A socket of IPv4, whose calls that wait do so for no longer than that. */
int sockets_make(bool datagrams, uint64_t patience_ns);

/* Waits until it is connected to a port of 127.0.0.1. */
int sockets_connect(int fd, uint16_t port);

/* They never wait: as send(2) and recv(2), with EAGAIN where they would. The process ignores
 * SIGPIPE. */
ssize_t sockets_send(int fd, const void *data, size_t length);
ssize_t sockets_receive(int fd, void *data, size_t room);

/* Waits for something to receive, so long at most. */
ssize_t sockets_await(int fd, void *data, size_t room, uint64_t patience_ns);

/* Tells the peer that nothing more comes. */
void sockets_end(int fd);

/* Its close, or that of its process, will be a reset. */
void sockets_reset_at_close(int fd);

#endif
