/* SPDX-License-Identifier: MIT */
/* iocp_afd.c - readiness of sockets, by the driver below Windows Sockets, whose poll ends in a
 * packet: select() and WSAPoll() ask it too, but only wait. Its numbers stand in no header. */
#include <string.h>
#include <winternl.h>
#include <ws2tcpip.h>

#include "iocp.h"

#define IOCTL_AFD_POLL 0x00012024u

enum afd_event {
    AFD_RECEIVE = 0x001,
    AFD_SEND = 0x004,
    AFD_DISCONNECT = 0x008, /* the peer has ended its sending */
    AFD_ABORT = 0x010,
    AFD_CLOSE = 0x020,
    AFD_ACCEPT = 0x080,
    AFD_CONNECT_FAIL = 0x100
};

#define AFD_ALWAYS (AFD_ABORT | AFD_CLOSE | AFD_CONNECT_FAIL)

static int status_error(NTSTATUS status)
{
    return status < 0 ? win_error_of(RtlNtStatusToDosError(status)) : 0;
}

/* A handle of the driver that is no socket: what is polled need not join the port. */
static int open_driver(struct iocp *iocp)
{
    static wchar_t    name[] = L"\\Device\\Afd\\Weir";
    UNICODE_STRING    text = {.Length = (USHORT)(sizeof name - sizeof name[0]),
                              .MaximumLength = (USHORT)sizeof name,
                              .Buffer = name};
    OBJECT_ATTRIBUTES attributes = {.Length = (ULONG)sizeof attributes, .ObjectName = &text};
    IO_STATUS_BLOCK   status;
    HANDLE            driver;
    if (iocp->afd)
        return 0;
    int error = status_error(NtCreateFile(&driver, SYNCHRONIZE, &attributes, &status, NULL, 0,
                                          FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, NULL,
                                          0));
    if (error)
        return error;
    if (!CreateIoCompletionPort(driver, iocp->port, IOCP_CALL, 0)) {
        error = win_error();
        CloseHandle(driver);
        return error;
    }
    iocp->afd = driver;
    return 0;
}

/* What others have put around the socket is passed by. */
static int base_of(int descriptor, HANDLE *base)
{
    DWORD none;
    int   failed = WSAIoctl(win_socket_of(descriptor), SIO_BASE_HANDLE, NULL, 0, base,
                            (DWORD)sizeof *base, &none, NULL, NULL);
    return failed ? win_socket_error() : 0;
}

/* Sending nothing moves nothing, and is refused where the end was sent before, by whomever. */
static bool sending_ended(const struct weir_handle *handle)
{
    WSABUF nothing = {0, NULL};
    DWORD  moved;
    if (handle->in.kind != WEIR_HANDLE_STREAM)
        return false;
    return WSASend(win_socket_of(handle->in.descriptor), &nothing, 1, &moved, 0, NULL, NULL) != 0 &&
           WSAGetLastError() == WSAESHUTDOWN;
}

/* The peer's end makes a whole hang-up of one's own, which is told though nobody asked. */
static ULONG asked_for(const struct weir_handle *handle, unsigned events)
{
    ULONG asked = AFD_ALWAYS;
    asked |= events & WEIR_IN ? AFD_RECEIVE | AFD_ACCEPT | AFD_DISCONNECT : 0;
    asked |= events & WEIR_OUT ? AFD_SEND : 0;
    asked |= (events & WEIR_RDHUP) || sending_ended(handle) ? AFD_DISCONNECT : 0;
    return asked;
}

int iocp_begin_ready(struct iocp *iocp, struct iocp_record *record, const struct weir_op *op,
                     unsigned events)
{
    HANDLE           base;
    struct afd_poll *poll = &record->poll;
    IO_STATUS_BLOCK *status = (IO_STATUS_BLOCK *)(void *)&record->overlapped;
    int              error = open_driver(iocp);
    if (!error)
        error = base_of(op->handle->in.descriptor, &base);
    if (error)
        return error;
    *poll = (struct afd_poll){.timeout.QuadPart = INT64_MAX,
                              .count = 1,
                              .entry = {.socket = base, .events = asked_for(op->handle, events)}};
    record->called_on = iocp->afd;
    return status_error(NtDeviceIoControlFile(iocp->afd, NULL, NULL, &record->overlapped, status,
                                              IOCTL_AFD_POLL, poll, (ULONG)sizeof *poll, poll,
                                              (ULONG)sizeof *poll));
}

/* As poll() tells them. */
static unsigned events_of(ULONG told)
{
    unsigned events = 0;
    if (told & (AFD_RECEIVE | AFD_ACCEPT))
        events |= WEIR_IN;
    if (told & AFD_SEND)
        events |= WEIR_OUT;
    if (told & AFD_DISCONNECT)
        events |= WEIR_IN | WEIR_RDHUP;
    if (told & AFD_ABORT)
        events |= WEIR_IN | WEIR_OUT | WEIR_RDHUP | WEIR_HUP | WEIR_ERR;
    if (told & AFD_CONNECT_FAIL)
        events |= WEIR_OUT | WEIR_HUP | WEIR_ERR;
    return events;
}

int64_t iocp_ready_events(const struct iocp_record *record, unsigned asked)
{
    int error = status_error((NTSTATUS)record->overlapped.Internal);
    if (error)
        return error;
    if (!record->poll.count)
        return WEIR_EAGAIN;
    if (record->poll.entry.events & AFD_CLOSE)
        return WEIR_EBADF;
    unsigned events = events_of(record->poll.entry.events);
    if ((record->poll.entry.events & AFD_DISCONNECT) && sending_ended(record->op->handle))
        events |= WEIR_HUP;
    events &= asked | WEIR_HUP | WEIR_ERR;
    return events ? (int64_t)events : WEIR_EAGAIN;
}
