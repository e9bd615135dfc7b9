/* SPDX-License-Identifier: MIT */
/* peer.h - what the servers on other libraries share: the port of the command line, the line that
 * says it is listened on, and an end when something cannot fail and did. For C and C++. */
#ifndef PEERS_PEER_H
#define PEERS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static inline void peer_must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

/* 127.0.0.1 and the port of argv[1], 0 for any. */
static inline struct sockaddr_in peer_address(int argc, char **argv)
{
    struct sockaddr_in address;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        exit(2);
    }
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* "listening on 127.0.0.1:PORT", with the port that the socket really has. */
static inline void peer_listening(int fd)
{
    struct sockaddr_in address;
    socklen_t          length = sizeof address;
    peer_must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

#endif
