/* SPDX-License-Identifier: MIT */
/* plain.c - the calls of plain.h. */
#include "posix/plain.h"

#include "../contract/contract.h"
#include "plain_file.h"

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

int plain_mask(const sigset_t *set, sigset_t *before)
{
    if (set)
        plain_lacks("signal masks");
    if (before)
        *before = (sigset_t){0};
    return 0;
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

/* Who sets a thread's is told what it was. */
int plain_affinity(unsigned long long *bits)
{
    DWORD_PTR allowed, all;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all))
        return -1;
    *bits = SetThreadAffinityMask(GetCurrentThread(), allowed);
    return *bits && SetThreadAffinityMask(GetCurrentThread(), (DWORD_PTR)*bits) ? 0 : -1;
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

int plain_fcntl(int fd, int command, ...)
{
    DWORD marks;
    if (command == F_GETFL && GetFileType(handle_of(fd)) == FILE_TYPE_DISK)
        return plain_file_flags(fd);
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

static bool is_socket(int fd)
{
    int type, length = (int)sizeof type;
    return getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &length) == 0 ||
           WSAGetLastError() != WSAENOTSOCK;
}

static short look(const struct plain_pollfd *entry)
{
    if (!is_socket(entry->fd))
        return plain_look(entry->fd, entry->events);
    WSAPOLLFD asked = {.fd = socket_of(entry->fd), .events = entry->events};
    return WSAPoll(&asked, 1, 0) > 0 ? asked.revents : 0;
}

static int look_at_all(struct plain_pollfd *entries, plain_count count)
{
    int ready = 0;
    for (plain_count i = 0; i < count; i++) {
        entries[i].revents = look(&entries[i]);
        ready += entries[i].revents != 0;
    }
    return ready;
}

/* Sockets, pipes and what else can be waited for have no wait together: they are looked at in
 * turns. */
int plain_poll(struct plain_pollfd *entries, plain_count count, int timeout_ms)
{
    uint64_t until = GetTickCount64() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
    int      ready;
    while (!(ready = look_at_all(entries, count)) && (timeout_ms < 0 || GetTickCount64() < until))
        Sleep(1);
    return ready;
}

ssize_t plain_send(int fd, const void *data, size_t length, int flags)
{
    return plain_sendto(fd, data, length, flags, NULL, 0);
}

ssize_t plain_sendto(int fd, const void *data, size_t length, int flags,
                     const struct sockaddr *address, size_t address_length)
{
    if (!is_socket(fd))
        return plain_move(fd, true, (void *)(uintptr_t)data, length);
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, true);
    int sent = told(
        sendto(socket_of(fd), data, (int)length, flags & MSG_SYSTEM, address, (int)address_length));
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, false);
    return sent;
}

ssize_t plain_recv(int fd, void *data, size_t length, int flags)
{
    if (!is_socket(fd))
        return plain_move(fd, false, data, length);
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, true);
    int result = told(recv(socket_of(fd), data, (int)length, flags & MSG_SYSTEM));
    if (flags & MSG_DONTWAIT)
        wait_no_more(fd, false);
    return result;
}
