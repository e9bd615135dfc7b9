/* SPDX-License-Identifier: MIT */
/* plain.c - the calls of plain.h. */
#include "posix/plain.h"

#include "../contract/contract.h"

#undef socket
#undef accept
#undef bind
#undef connect
#undef listen
#undef getsockname
#undef setsockopt
#undef getsockopt
#undef shutdown
#undef send
#undef recv
#undef sendto
#undef pollfd

static const char no_files[] = "Windows has no files that plain calls and a port share";
static const char no_pipes[] = "Windows has no pipes that plain calls and a port share";
static const char no_unix[] = "Windows has no unix sockets of that kind";

static SOCKET socket_of(int fd)
{
    return (SOCKET)(UINT_PTR)(unsigned)fd;
}

static HANDLE handle_of(int fd)
{
    return (HANDLE)(INT_PTR)fd;
}

static int told(int result)
{
    static const int codes[][2] = {
        {WSAEWOULDBLOCK, EAGAIN},        {WSAENOTSOCK, ENOTSOCK},
        {WSAECONNRESET, ECONNRESET},     {WSAECONNABORTED, ECONNRESET},
        {WSAECONNREFUSED, ECONNREFUSED}, {WSAEINVAL, EINVAL},
        {WSAEADDRINUSE, EADDRINUSE},     {WSAENOTCONN, ENOTCONN},
        {WSAESHUTDOWN, EPIPE},           {WSAEADDRNOTAVAIL, EADDRNOTAVAIL}};
    if (result != SOCKET_ERROR)
        return result;
    int code = WSAGetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i][0] == code)
            errno = codes[i][1];
    return -1;
}

int plain_lacks(const char *what)
{
    char text[100];
    snprintf(text, sizeof text, "Windows has no %s", what);
    SKIP(text);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static void wait_no_more(int fd, bool on)
{
    u_long one = on;
    ioctlsocket(socket_of(fd), (long)FIONBIO, &one);
}

int plain_socket(int family, int type, int protocol)
{
    if (family == AF_UNIX)
        SKIP(no_unix);
    SOCKET made = WSASocketW(family, type & SOCK_KINDS, protocol, NULL, 0,
                             WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET)
        return told(SOCKET_ERROR);
    if (type & SOCK_NONBLOCK)
        wait_no_more((int)made, true);
    return (int)made;
}

/* Two sockets of the loopback, connected to each other, stand for a pair of AF_UNIX. */
static int bound(int type, struct sockaddr_in *address)
{
    int length = (int)sizeof *address;
    int fd = plain_socket(AF_INET, type, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0);
    CHECK_EQ(bind(socket_of(fd), (struct sockaddr *)address, (int)sizeof *address), 0);
    CHECK_EQ(getsockname(socket_of(fd), (struct sockaddr *)address, &length), 0);
    return fd;
}

static void stream_pair(int ends[2])
{
    struct sockaddr_in address;
    BOOL               one = TRUE;
    int                listener = bound(SOCK_STREAM, &address);
    CHECK_EQ(listen(socket_of(listener), 1), 0);
    ends[0] = plain_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(socket_of(ends[0]), (struct sockaddr *)&address, (int)sizeof address), 0);
    ends[1] = (int)accept(socket_of(listener), NULL, NULL);
    closesocket(socket_of(listener));
    for (int i = 0; i < 2; i++)
        setsockopt(socket_of(ends[i]), IPPROTO_TCP, TCP_NODELAY, (const char *)&one,
                   (int)sizeof one);
}

int plain_socketpair(int family, int type, int protocol, int ends[2])
{
    struct sockaddr_in address[2];
    (void)family, (void)protocol;
    if ((type & SOCK_KINDS) == SOCK_STREAM) {
        stream_pair(ends);
    } else if ((type & SOCK_KINDS) == SOCK_DGRAM) {
        for (int i = 0; i < 2; i++)
            ends[i] = bound(SOCK_DGRAM, &address[i]);
        for (int i = 0; i < 2; i++)
            CHECK_EQ(connect(socket_of(ends[i]), (struct sockaddr *)&address[!i],
                             (int)sizeof address[0]),
                     0);
    } else {
        SKIP(no_unix);
    }
    for (int i = 0; i < 2; i++)
        wait_no_more(ends[i], type & SOCK_NONBLOCK);
    return 0;
}

int plain_pipe(int ends[2], int flags)
{
    (void)ends, (void)flags;
    SKIP(no_pipes);
}

int plain_mkfifo(const char *path, unsigned mode)
{
    (void)path, (void)mode;
    SKIP(no_pipes);
}

int plain_open(const char *path, int flags, ...)
{
    (void)path, (void)flags;
    SKIP(no_files);
}

int plain_accept(int fd, void *address, void *length, int flags)
{
    (void)address, (void)length, (void)flags;
    SOCKET made = accept(socket_of(fd), NULL, NULL);
    return made == INVALID_SOCKET ? told(SOCKET_ERROR) : (int)made;
}

/* ---- Memory and environment ------------------------------------------------------------------ */

void *plain_map(size_t length, bool usable)
{
    return VirtualAlloc(NULL, length, MEM_RESERVE | MEM_COMMIT,
                        usable ? PAGE_READWRITE : PAGE_NOACCESS);
}

int plain_unmap(void *memory)
{
    return VirtualFree(memory, 0, MEM_RELEASE) ? 0 : -1;
}

/* An empty value takes the variable away. */
int plain_setenv(const char *name, const char *value)
{
    return _putenv_s(name, value);
}

/* ---- What a socket is told ------------------------------------------------------------------- */

int plain_bind(int fd, const struct sockaddr *address, size_t length)
{
    return told(bind(socket_of(fd), address, (int)length));
}

int plain_connect(int fd, const struct sockaddr *address, size_t length)
{
    return told(connect(socket_of(fd), address, (int)length));
}

int plain_listen(int fd, int backlog)
{
    return told(listen(socket_of(fd), backlog));
}

int plain_getsockname(int fd, struct sockaddr *address, plain_length *length)
{
    int room = (int)*length, error = getsockname(socket_of(fd), address, &room);
    *length = (plain_length)room;
    return told(error);
}

int plain_getsockopt(int fd, int level, int name, void *value, plain_length *length)
{
    int room = (int)*length, error = getsockopt(socket_of(fd), level, name, value, &room);
    *length = (plain_length)room;
    return told(error);
}

int plain_setsockopt(int fd, int level, int name, const void *value, size_t length)
{
    if (level == IPPROTO_TCP && name == TCP_USER_TIMEOUT)
        SKIP("Windows has no such option of sockets");
    return told(setsockopt(socket_of(fd), level, name, value, (int)length));
}

int plain_shutdown(int fd, int how)
{
    return told(shutdown(socket_of(fd), how));
}

int plain_fcntl(int fd, int command)
{
    DWORD marks;
    if (command != F_GETFD)
        SKIP("Windows does not tell whether a socket blocks");
    return GetHandleInformation(handle_of(fd), &marks) && !(marks & HANDLE_FLAG_INHERIT)
               ? FD_CLOEXEC
               : 0;
}

int plain_close(int fd)
{
    if (closesocket(socket_of(fd)) == 0)
        return 0;
    return WSAGetLastError() == WSAENOTSOCK && CloseHandle(handle_of(fd)) ? 0 : -1;
}

/* ---- Waiting and moving ---------------------------------------------------------------------- */

/* Of what is no socket, only a pipe can be asked, and only for what is in it. */
static short look_at_pipe(int fd, short events)
{
    DWORD there = 0;
    bool  ended = !PeekNamedPipe(handle_of(fd), NULL, 0, NULL, &there, NULL);
    return (events & POLLIN) && (ended || there) ? POLLIN : 0;
}

int plain_poll(struct plain_pollfd *entries, plain_count count, int timeout_ms)
{
    struct pollfd asked[16];
    CHECK(count <= 16);
    for (plain_count i = 0; i < count; i++)
        asked[i] = (struct pollfd){.fd = socket_of(entries[i].fd), .events = entries[i].events};
    int ready = told(WSAPoll(asked, count, timeout_ms));
    for (plain_count i = 0; i < count; i++)
        entries[i].revents = asked[i].revents;
    if (count == 1 && (ready < 0 || (asked[0].revents & POLLNVAL))) {
        entries[0].revents = look_at_pipe(entries[0].fd, entries[0].events);
        ready = entries[0].revents != 0;
    }
    return ready;
}

/* An end of a pipe of weir's, or a file. The event's lowest bit keeps the packet from the port that
 * it may have joined. */
static ssize_t move(int fd, bool writes, void *data, size_t length, long long offset)
{
    HANDLE     event = CreateEventW(NULL, TRUE, FALSE, NULL);
    OVERLAPPED overlapped = {.Offset = (DWORD)offset,
                             .OffsetHigh = (DWORD)(offset >> 32),
                             .hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    DWORD      moved = 0;
    CHECK(event != NULL);
    BOOL well = writes ? WriteFile(handle_of(fd), data, (DWORD)length, NULL, &overlapped)
                       : ReadFile(handle_of(fd), data, (DWORD)length, NULL, &overlapped);
    if (well || GetLastError() == ERROR_IO_PENDING)
        well = GetOverlappedResult(handle_of(fd), &overlapped, &moved, TRUE);
    CloseHandle(event);
    if (!well && !writes && GetLastError() == ERROR_BROKEN_PIPE)
        return 0;
    errno = EPIPE;
    return well ? (ssize_t)moved : -1;
}

ssize_t plain_pwrite(int fd, const void *data, size_t length, long long offset)
{
    return move(fd, true, (void *)(uintptr_t)data, length, offset);
}

ssize_t plain_send(int fd, const void *data, size_t length, int flags)
{
    return plain_sendto(fd, data, length, flags, NULL, 0);
}

ssize_t plain_sendto(int fd, const void *data, size_t length, int flags,
                     const struct sockaddr *address, size_t address_length)
{
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, true);
    int sent = told(
        sendto(socket_of(fd), data, (int)length, flags & MSG_SYSTEM, address, (int)address_length));
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, false);
    if (sent < 0 && errno == ENOTSOCK)
        return move(fd, true, (void *)(uintptr_t)data, length, 0);
    return sent;
}

ssize_t plain_recv(int fd, void *data, size_t length, int flags)
{
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, true);
    int result = told(recv(socket_of(fd), data, (int)length, flags & MSG_SYSTEM));
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, false);
    if (result < 0 && errno == ENOTSOCK)
        return move(fd, false, data, length, 0);
    return result;
}
