/* SPDX-License-Identifier: MIT */
/* simulated.h - the engine sim under the contract: a world for each case, and the system calls of
 * the case's own, which go to that world, since the other end of what weir has lies there, too.
 *
 * Nothing of weir makes a system call under sim, so that every call comes from the case or its
 * peers. They are done by weir itself, on a loop of the peers' own on the same host: a call takes
 * the descriptor as a borrowed handle, does its op, and lets go of it. The world's loops run by
 * hand (weir/sim.h), so that no callback of the case runs while a peer waits. */
#ifndef CONTRACT_SIMULATED_H
#define CONTRACT_SIMULATED_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "contract.h"

/* Opens the world of the case that begins in this process; closes it, and fails the case where
 * something was left there. */
void simulated_begin(struct contract *c);
void simulated_end(void);

/* Whether there is one. */
bool simulated(void);

/* A moment passes: what is on its way arrives. */
void simulated_moment(void);

/* How many descriptors of the host are the case's and weir's; none can be opened for a while. */
unsigned simulated_count(void);
void     simulated_exhaust(bool on);

/* As the system calls, with errno. */
int     simulated_socket(int family, int type);
int     simulated_socketpair(int family, int type, int ends[2]);
int     simulated_pipe(int ends[2], int flags);
int     simulated_open(const char *path, int flags);
int     simulated_dup(int fd);
int     simulated_fcntl(int fd, int command);
int     simulated_close(int fd);
int     simulated_bind(int fd, const struct sockaddr *address, socklen_t length);
int     simulated_listen(int fd, int backlog);
int     simulated_connect(int fd, const struct sockaddr *address, socklen_t length);
int     simulated_accept(int fd, int flags);
int     simulated_name(int fd, struct sockaddr *address, socklen_t *length);
int     simulated_option(int fd, int level, int name, const void *value, socklen_t length);
int     simulated_shutdown(int fd, int how);
int     simulated_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int     simulated_stat(int fd, struct stat *stat);
int     simulated_truncate(int fd, off_t length);
int     simulated_sync(int fd);
int     simulated_unlink(const char *path);
int     simulated_raise(int signo);
ssize_t simulated_send(int fd, const void *data, size_t length, int flags);
ssize_t simulated_recv(int fd, void *data, size_t length, int flags);
/* offset -1: of the descriptor. */
ssize_t simulated_read(int fd, void *data, size_t length, off_t offset);
ssize_t simulated_write(int fd, const void *data, size_t length, off_t offset);

#endif
