/* SPDX-License-Identifier: MIT */
/* sockets_win.c - the load's sockets by Winsock. Once they are connected no call on them waits. */
#include "sockets.h"

#include <winsock2.h>

#include <errno.h>
#include <ws2tcpip.h>

#include "clock.h"

static SOCKET socket_of(int fd)
{
    return (SOCKET)(UINT_PTR)(unsigned)fd;
}

/* A number of 32 bits is all that a SOCKET has. */
int sockets_make(bool datagrams, uint64_t patience_ns)
{
    static bool started;
    WSADATA     data;
    DWORD       one = 1, patience_ms = (DWORD)(patience_ns / NS_PER_MS);
    int         code = started ? 0 : WSAStartup(MAKEWORD(2, 2), &data);
    if (code) {
        WSASetLastError(code);
        return -1;
    }
    started = true;
    SOCKET made = socket(AF_INET, datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (made == INVALID_SOCKET)
        return -1;
    if (!datagrams)
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, (const char *)&one, sizeof one);
    setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, (const char *)&patience_ms, sizeof patience_ms);
    return (int)made;
}

int sockets_connect(int fd, uint16_t port)
{
    u_long             on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(socket_of(fd), (struct sockaddr *)&address, sizeof address) != 0 ||
        ioctlsocket(socket_of(fd), (long)FIONBIO, &on) != 0)
        return -1;
    return 0;
}

static ssize_t told(int result)
{
    if (result != SOCKET_ERROR)
        return result;
    errno = WSAGetLastError() == WSAEWOULDBLOCK ? EAGAIN : EIO;
    return -1;
}

ssize_t sockets_send(int fd, const void *data, size_t length)
{
    return told(send(socket_of(fd), data, (int)length, 0));
}

ssize_t sockets_receive(int fd, void *data, size_t room)
{
    return told(recv(socket_of(fd), data, (int)room, 0));
}

ssize_t sockets_await(int fd, void *data, size_t room, uint64_t patience_ns)
{
    WSAPOLLFD asked = {.fd = socket_of(fd), .events = POLLRDNORM};
    if (WSAPoll(&asked, 1, (int)(patience_ns / NS_PER_MS)) == SOCKET_ERROR)
        return -1;
    return sockets_receive(fd, data, room);
}

void sockets_end(int fd)
{
    shutdown(socket_of(fd), SD_SEND);
}

void sockets_reset_at_close(int fd)
{
    struct linger reset = {.l_onoff = 1};
    setsockopt(socket_of(fd), SOL_SOCKET, SO_LINGER, (const char *)&reset, sizeof reset);
}
