/* SPDX-License-Identifier: MIT */
/* udp.h - what the hand-written UDP servers begin with: a bound socket and the line that says
 * so. */
#ifndef HANDWRITTEN_UDP_H
#define HANDWRITTEN_UDP_H

#include "listen.h"

/* 127.0.0.1 at the port of argv[1] (0: any); non-blocking. */
static inline int bind_loopback(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        exit(2);
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          length = sizeof address;
    int                fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(fd >= 0, "socket");
    must(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

#endif
