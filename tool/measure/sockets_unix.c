/* SPDX-License-Identifier: MIT */
/* sockets_unix.c - the load's sockets by POSIX. They stay blocking, which makes connecting simple;
 * every transfer says MSG_DONTWAIT. */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "clock.h"

int sockets_make(bool datagrams, uint64_t patience_ns)
{
    int            fd = socket(AF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0), one = 1;
    struct timeval patience = {.tv_sec = (time_t)(patience_ns / NS_PER_S)};
    if (fd >= 0 && !datagrams)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

int sockets_connect(int fd, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

/* Systems may have two words for it. */
static ssize_t told(ssize_t result)
{
    if (result < 0 && errno == EWOULDBLOCK)
        errno = EAGAIN;
    return result;
}

ssize_t sockets_send(int fd, const void *data, size_t length)
{
    return told(send(fd, data, length, MSG_DONTWAIT));
}

ssize_t sockets_receive(int fd, void *data, size_t room)
{
    return told(recv(fd, data, room, MSG_DONTWAIT));
}

ssize_t sockets_await(int fd, void *data, size_t room, uint64_t patience_ns)
{
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    if (poll(&asked, 1, (int)(patience_ns / NS_PER_MS)) < 0)
        return -1;
    return sockets_receive(fd, data, room);
}

void sockets_end(int fd)
{
    shutdown(fd, SHUT_WR);
}

void sockets_reset_at_close(int fd)
{
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}
