/* SPDX-License-Identifier: MIT */
/* differential.c - one script of tests/differential on iocp: it comes by the standard input as
 * far.c has written it, with the fault to plant, and the trace goes to the standard output. */
#include <inttypes.h>
#include <io.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../contract/contract.h"
#include "../differential/run.h"

#undef getsockopt
#undef send

#define HANDLES_END 0x4000
#define UNREAD 0x4004667f /* FIONREAD and FIONBIO */
#define NO_WAIT ((long)0x8004667e)

static SOCKET socket_of(int fd)
{
    return (SOCKET)(UINT_PTR)(unsigned)fd;
}

/* SOCK_STREAM, SOCK_DGRAM, or 0: no socket. */
static int type_of(int fd)
{
    int type = 0, length = (int)sizeof type;
    return getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &length) ? 0 : type;
}

int differential_unread(int fd, int *there)
{
    unsigned long count = 0;
    HANDLE        pipe = (HANDLE)(INT_PTR)fd;
    bool          well = type_of(fd) ? ioctlsocket(socket_of(fd), UNREAD, &count) == 0
                                     : PeekNamedPipe(pipe, NULL, 0, NULL, &count, NULL);
    *there = (int)count;
    return well ? 0 : -1;
}

/* The end that is written to tells nothing: there is room. */
static short look_at_pipe(int fd, short events)
{
    DWORD there = 0;
    if (PeekNamedPipe((HANDLE)(INT_PTR)fd, NULL, 0, NULL, &there, NULL))
        return there ? events & POLLIN : 0;
    return GetLastError() == ERROR_ACCESS_DENIED ? events & POLLOUT : POLLHUP;
}

/* WSAPoll() tells a hang-up when the peer alone has ended. */
static bool is_half_hung(int fd)
{
    return send(socket_of(fd), "", 0, 0) == 0;
}

/* No call asks for the end alone: the stream is readable, and there is nothing. */
static short look_at_socket(int fd, short events)
{
    WSAPOLLFD asked = {.fd = socket_of(fd), .events = POLLIN | (events & POLLOUT)};
    int       there = 0;
    bool      end = false;
    if (WSAPoll(&asked, 1, 0) <= 0)
        return 0;
    if (type_of(fd) == SOCK_STREAM) {
        end = (asked.revents & (POLLIN | POLLHUP)) && differential_unread(fd, &there) == 0 &&
              !there;
        if ((asked.revents & POLLHUP) && is_half_hung(fd))
            asked.revents = (asked.revents & ~POLLHUP) | POLLIN;
    }
    return (asked.revents & ~(events & POLLIN ? 0 : POLLIN)) | (end ? events & POLLRDHUP : 0);
}

int differential_poll(struct plain_pollfd *entry)
{
    entry->revents = type_of(entry->fd) ? look_at_socket(entry->fd, entry->events)
                                        : look_at_pipe(entry->fd, entry->events);
    return entry->revents != 0;
}

int differential_fcntl(int fd, int command, ...)
{
    unsigned long one = 1;
    return command == F_SETFL ? ioctlsocket(socket_of(fd), NO_WAIT, &one) : 0;
}

bool host_make_paths(void)
{
    return CreateDirectoryA("directory", NULL) != 0;
}

/* Sockets, files and pipes, among all that it holds. */
int host_count_descriptors(void)
{
    DWORD marks, held = 0;
    int   count = 0;
    if (!GetProcessHandleCount(GetCurrentProcess(), &held))
        abort();
    for (uintptr_t number = 4; held && number < HANDLES_END; number += 4) {
        if (!GetHandleInformation((HANDLE)number, &marks))
            continue;
        held--;
        count += GetFileType((HANDLE)number) != FILE_TYPE_UNKNOWN;
    }
    return count;
}

/* ---- What plain.c finds wrong ---------------------------------------------------------------- */

void contract_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(3);
}

void contract_skip(const char *file, int line, const char *reason)
{
    contract_fail(file, line, "%s", reason);
}

void contract_check_equal(const char *file, int line, const char *text, int64_t a, int64_t b)
{
    if (a != b)
        contract_fail(file, line, "%s: %" PRId64 " and %" PRId64, text, a, b);
}

/* ---- The script ------------------------------------------------------------------------------ */

int main(void)
{
    static struct script script;
    static struct trace  trace;
    static struct run    run = {.script = &script, .trace = &trace};
    WSADATA              data;
    _setmode(0, _O_BINARY);
    _setmode(1, _O_BINARY);
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0 ||
        fread(&script, 1, sizeof script, stdin) != sizeof script ||
        fread(&run.plant, 1, sizeof run.plant, stdin) != sizeof run.plant || getchar() != EOF) {
        fputs("differential: that is no script of this program's\n", stderr);
        return 2;
    }
    run_script(&run, "iocp");
    return fwrite(trace.text, 1, trace.length, stdout) == trace.length && fflush(stdout) == 0 ? 0
                                                                                              : 2;
}
