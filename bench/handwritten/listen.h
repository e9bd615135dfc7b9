/* SPDX-License-Identifier: MIT */
/* listen.h - what all hand-written servers begin with: a listening socket and the line that
 * says so. */
#ifndef HANDWRITTEN_LISTEN_H
#define HANDWRITTEN_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Ends the program with a sentence when a call that cannot fail here did. */
static inline void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

/* Listens on 127.0.0.1 at the port of argv[1] (0: any), prints "listening on 127.0.0.1:PORT"
 * and returns the socket. Mode is SOCK_NONBLOCK, or 0 for io_uring, which would answer EAGAIN
 * instead of waiting on a non-blocking socket. Accepted sockets inherit TCP_NODELAY from it.
 * SIGPIPE is ignored: a peer that is gone is what send() answers. */
static inline int listen_loopback(int argc, char **argv, int mode)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        exit(2);
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          length = sizeof address;
    int                one = 1, fd = socket(AF_INET, SOCK_STREAM | mode, 0);
    must(fd >= 0, "socket");
    signal(SIGPIPE, SIG_IGN);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(listen(fd, SOMAXCONN) == 0, "listen");
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

#endif
