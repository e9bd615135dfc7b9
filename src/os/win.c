/* SPDX-License-Identifier: MIT */
/* win.c - the system table of Windows: sockets, what a descriptor is, the clock. */
#include "win.h"

#include <mswsock.h>
#include <string.h>
#include <ws2tcpip.h>

#include "os.h"

/* The counter's frequency is fixed at boot, and mostly 10 MHz. */
uint64_t os_now(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    uint64_t count = (uint64_t)ticks.QuadPart, rate = (uint64_t)frequency.QuadPart;
    return count / rate * WEIR_SECOND + count % rate * WEIR_SECOND / rate;
}

static uint64_t win_now(struct weir_loop *loop)
{
    (void)loop;
    return os_now();
}

/* The one who knows whether it is a socket is the system. */
static void win_close(struct weir_loop *loop, int descriptor)
{
    (void)loop;
    if (closesocket(win_socket_of(descriptor)) == 0 || WSAGetLastError() != WSAENOTSOCK)
        return;
    win_signals_forget(descriptor);
    CloseHandle(win_handle_of(descriptor));
}

/* ---- Sockets --------------------------------------------------------------------------------- */

int win_sockets_begin(void)
{
    WSADATA data;
    return win_error_of((DWORD)WSAStartup(MAKEWORD(2, 2), &data));
}

void win_sockets_end(void)
{
    WSACleanup();
}

int win_set_int(int descriptor, int level, int name, int value)
{
    int error = setsockopt(win_socket_of(descriptor), level, name, (const char *)&value,
                           (int)sizeof value);
    return error ? win_socket_error() : 0;
}

int win_get_int(int descriptor, int level, int name, int *value)
{
    int length = (int)sizeof *value;
    *value = 0;
    int error = getsockopt(win_socket_of(descriptor), level, name, (char *)value, &length);
    return error ? win_socket_error() : 0;
}

int win_family_of(int descriptor)
{
    struct sockaddr_storage name = {0};
    int                     length = (int)sizeof name;
    int error = getsockname(win_socket_of(descriptor), (struct sockaddr *)&name, &length);
    return error ? AF_UNSPEC : name.ss_family;
}

/* The address of its family that is none yet: its length, or WEIR_E*. */
static int anywhere(SOCKET socket, struct sockaddr_storage *any)
{
    WSAPROTOCOL_INFOW info;
    int               length = (int)sizeof info;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &length) != 0)
        return win_socket_error();
    *any = (struct sockaddr_storage){.ss_family = (short)info.iAddressFamily};
    return any->ss_family == AF_INET6 ? (int)sizeof(struct sockaddr_in6)
                                      : (int)sizeof(struct sockaddr_in);
}

int win_bind_anywhere(int descriptor)
{
    struct sockaddr_storage any;
    SOCKET                  socket = win_socket_of(descriptor);
    int                     length = anywhere(socket, &any);
    if (length < 0)
        return length;
    return bind(socket, (struct sockaddr *)&any, length) ? win_socket_error() : 0;
}

int win_socket_new(int family, int type)
{
    u_long one = 1;
    SOCKET made = WSASocketW(family, type, 0, NULL, 0,
                             WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET)
        return win_socket_error();
    if (ioctlsocket(made, (long)FIONBIO, &one) == 0)
        return (int)made;
    int error = win_socket_error();
    closesocket(made);
    return error;
}

/* A port that nothing listens on answers a datagram, which ends the next receive: as elsewhere,
 * only on a socket that has a peer. */
void win_hear_refusals(int descriptor, bool hear)
{
    BOOL  on = hear;
    DWORD none;
    WSAIoctl(win_socket_of(descriptor), SIO_UDP_CONNRESET, &on, (DWORD)sizeof on, NULL, 0, &none,
             NULL, NULL);
}

static int win_socket(struct weir_loop *loop, int family, int type, unsigned flags)
{
    int descriptor = win_socket_new(family, type);
    int error = 0;
    if (descriptor < 0)
        return descriptor;
    if (family == AF_INET6)
        error = win_set_int(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, flags & WEIR_V6ONLY ? 1 : 0);
    if (!error && (flags & WEIR_NODELAY) && type == SOCK_STREAM && family != AF_UNIX)
        error = win_set_int(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!error && type == SOCK_DGRAM)
        win_hear_refusals(descriptor, false);
    if (!error)
        return descriptor;
    win_close(loop, descriptor);
    return error;
}

/* Windows has nothing that spreads what comes to one port over several sockets: its SO_REUSEADDR
 * lets anybody take it away. */
static int win_bind(struct weir_handle *handle, const void *address, size_t length, unsigned flags)
{
    if (flags & WEIR_REUSE_PORT)
        return WEIR_ENOTSUP;
    if (length < sizeof(struct sockaddr_in))
        return WEIR_EINVAL;
    int error = bind(win_socket_of(handle->in.descriptor), address, (int)length);
    return error ? win_socket_error() : 0;
}

/* What other systems do with SO_REUSEADDR, Windows does anyway: a port in TIME_WAIT can be had.
 * Against one who would take it over, it is ours alone. */
static int listen_on(int descriptor, const void *address, size_t length, int backlog)
{
    SOCKET socket = win_socket_of(descriptor);
    int    error = win_set_int(descriptor, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    if (!error && bind(socket, address, (int)length) != 0)
        error = win_socket_error();
    if (!error && listen(socket, backlog > 0 ? backlog : SOMAXCONN) != 0)
        error = win_socket_error();
    return error;
}

static int win_listen(struct weir_loop *loop, const void *address, size_t length, int backlog,
                      unsigned flags)
{
    const struct sockaddr *name = address;
    if (flags & WEIR_REUSE_PORT)
        return WEIR_ENOTSUP;
    if (length < sizeof name->sa_family)
        return WEIR_EINVAL;
    int descriptor = win_socket(loop, name->sa_family, SOCK_STREAM, flags);
    if (descriptor < 0)
        return descriptor;
    int error = listen_on(descriptor, address, length, backlog);
    if (!error)
        return descriptor;
    win_close(loop, descriptor);
    return error;
}

static int win_address(const struct weir_handle *handle, bool peer, struct weir_address *address)
{
    SOCKET           socket = win_socket_of(handle->in.descriptor);
    int              length = (int)sizeof address->data;
    struct sockaddr *name = (struct sockaddr *)(void *)&address->data;
    address->length = 0;
    if (!handle_is_socket(handle))
        return WEIR_ENOTSOCK;
    int failed = peer ? getpeername(socket, name, &length) : getsockname(socket, name, &length);
    int error = failed ? win_socket_error() : 0;
    if (error == WEIR_EINVAL && !peer) { /* it has none yet, which is an address elsewhere */
        struct sockaddr_storage any;
        length = anywhere(socket, &any);
        error = length < 0 ? length : 0;
        if (!error)
            memcpy(&address->data, &any, (size_t)length);
    }
    address->length = error ? 0 : (uint32_t)length;
    return error;
}

/* ---- What a descriptor is -------------------------------------------------------------------- */

static int classify_socket(struct weir_handle *handle, int type)
{
    int    listens = 0;
    u_long one = 1;
    int    error = win_get_int(handle->in.descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens);
    if (error && error != WEIR_ENOPROTOOPT)
        return error;
    if (ioctlsocket(win_socket_of(handle->in.descriptor), (long)FIONBIO, &one) != 0)
        return win_socket_error();
    handle->in.flags |= HANDLE_NONBLOCK;
    handle->in.kind = listens               ? WEIR_HANDLE_LISTENER
                      : type == SOCK_STREAM ? WEIR_HANDLE_STREAM
                                            : WEIR_HANDLE_DATAGRAM;
    return 0;
}

/* A socket that is adopted becomes one that plain calls never wait on. */
static int win_classify(struct weir_handle *handle, bool own)
{
    int type;
    int error = win_get_int(handle->in.descriptor, SOL_SOCKET, SO_TYPE, &type);
    (void)own;
    if (!error)
        return classify_socket(handle, type);
    if (error != WEIR_ENOTSOCK && error != WEIR_EBADF)
        return error;
    DWORD marks;
    if (!GetHandleInformation(win_handle_of(handle->in.descriptor), &marks))
        return win_error();
    if (GetFileType(win_handle_of(handle->in.descriptor)) != FILE_TYPE_UNKNOWN)
        return win_classify_file(handle);
    handle->in.kind = WEIR_HANDLE_OTHER; /* an event, a process: what can be waited for */
    return 0;
}

/* ---- Waking ---------------------------------------------------------------------------------- */

static int win_notifier_open(int ends[2])
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    ends[0] = ends[1] = (int)(INT_PTR)event;
    return event ? 0 : win_error();
}

static void win_notifier_tell(int end)
{
    SetEvent(win_handle_of(end));
}

static void win_notifier_clear(int end)
{
    ResetEvent(win_handle_of(end));
}

const struct system system_windows = {
    .now = win_now,
    .perform = win_perform,
    .socket = win_socket,
    .bind = win_bind,
    .listen = win_listen,
    .pipe = win_pipe,
    .classify = win_classify,
    .close = win_close,
    .address = win_address,
    .option_set = win_option_set,
    .option_get = win_option_get,
    .multicast = win_multicast,
    .alignment = win_alignment,
    .notifier_open = win_notifier_open,
    .notifier_tell = win_notifier_tell,
    .notifier_clear = win_notifier_clear,
    .signals_watch = win_signals_watch,
    .signals_take = win_signals_take,
};
