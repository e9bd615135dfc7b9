/* SPDX-License-Identifier: MIT */
/* plain_file.c - the calls of plain.h on files and pipes. They are opened as weir opens its own, so
 * that a port can tell of them too. */
#include "posix/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <winternl.h>

#include "../contract/contract.h"
#include "plain_file.h"

static HANDLE handle_of(int fd)
{
    return (HANDLE)(INT_PTR)fd;
}

static int told(bool well)
{
    static const int codes[][2] = {
        {ERROR_FILE_NOT_FOUND, ENOENT},
        {ERROR_PATH_NOT_FOUND, ENOENT},
        {ERROR_ACCESS_DENIED, EACCES},
        {ERROR_FILE_EXISTS, EEXIST},
        {ERROR_ALREADY_EXISTS, EEXIST},
        {ERROR_INVALID_HANDLE, EBADF},
        {ERROR_INVALID_PARAMETER, EINVAL},
        {ERROR_NEGATIVE_SEEK, EINVAL},
        {ERROR_OPERATION_ABORTED, EAGAIN},
        {ERROR_BROKEN_PIPE, EPIPE},
        {ERROR_NO_DATA, EPIPE},
        {ERROR_PIPE_NOT_CONNECTED, EPIPE},
        {ERROR_PRIVILEGE_NOT_HELD, EACCES},
    };
    if (well)
        return 0;
    int code = (int)GetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i][0] == code)
            errno = codes[i][1];
    return -1;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static DWORD disposition_of(int flags)
{
    if (!(flags & O_CREAT))
        return flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING;
    if (flags & O_EXCL)
        return CREATE_NEW;
    return flags & O_TRUNC ? CREATE_ALWAYS : OPEN_ALWAYS;
}

static DWORD access_of(int flags)
{
    int   how = flags & (O_WRONLY | O_RDWR);
    DWORD access = how == O_WRONLY ? FILE_GENERIC_WRITE
                   : how == O_RDWR ? FILE_GENERIC_READ | FILE_GENERIC_WRITE
                                   : FILE_GENERIC_READ;
    access |= FILE_READ_ATTRIBUTES;
    return flags & O_APPEND ? access & ~(DWORD)FILE_WRITE_DATA : access;
}

int plain_open(const char *path, int flags, ...)
{
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    DWORD       more = FILE_FLAG_OVERLAPPED | FILE_FLAG_BACKUP_SEMANTICS;
    va_list     arguments;
    va_start(arguments, flags);
    unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0600;
    va_end(arguments);
    if (path[0] == '/')
        SKIP("Windows has no paths of that kind");
    if (!(mode & 0222))
        more |= FILE_ATTRIBUTE_READONLY;
    HANDLE file = CreateFileA(path, access_of(flags), shared, NULL, disposition_of(flags), more,
                              NULL);
    return told(file != INVALID_HANDLE_VALUE) ? -1 : (int)(INT_PTR)file;
}

long long plain_lseek(int fd, long long offset, int from)
{
    LARGE_INTEGER by = {.QuadPart = offset}, found = {.QuadPart = 0};
    if (GetFileType(handle_of(fd)) != FILE_TYPE_DISK) {
        errno = ESPIPE;
        return -1;
    }
    bool well = SetFilePointerEx(handle_of(fd), by, &found, (DWORD)from);
    return told(well) ? -1 : found.QuadPart;
}

int plain_ftruncate(int fd, long long length)
{
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = length};
    return told(
        SetFileInformationByHandle(handle_of(fd), FileEndOfFileInfo, &end, (DWORD)sizeof end));
}

static struct timespec time_of(LARGE_INTEGER ticks)
{
    long long since_1970 = ticks.QuadPart - 116444736000000000LL;
    return (struct timespec){.tv_sec = since_1970 / 10000000,
                             .tv_nsec = (long)(since_1970 % 10000000) * 100};
}

/* What Windows tells of a file; what it has not is 0. */
int plain_fstat(int fd, struct plain_stat *found)
{
    BY_HANDLE_FILE_INFORMATION file;
    FILE_BASIC_INFO            basic;
    FILE_STANDARD_INFO         standard;
    HANDLE                     handle = handle_of(fd);
    *found = (struct plain_stat){.st_mode = S_IFIFO | 0666, .st_nlink = 1};
    if (GetFileType(handle) != FILE_TYPE_DISK)
        return told(GetFileType(handle) == FILE_TYPE_PIPE);
    if (!GetFileInformationByHandle(handle, &file) ||
        !GetFileInformationByHandleEx(handle, FileBasicInfo, &basic, (DWORD)sizeof basic) ||
        !GetFileInformationByHandleEx(handle, FileStandardInfo, &standard, (DWORD)sizeof standard))
        return told(false);
    bool locked = file.dwFileAttributes & FILE_ATTRIBUTE_READONLY;
    *found = (struct plain_stat){
        .st_size = (long long)((unsigned long long)file.nFileSizeHigh << 32 | file.nFileSizeLow),
        .st_ino = (unsigned long long)file.nFileIndexHigh << 32 | file.nFileIndexLow,
        .st_dev = file.dwVolumeSerialNumber,
        .st_blocks = (standard.AllocationSize.QuadPart + 511) / 512,
        .st_nlink = file.nNumberOfLinks,
        .st_blksize = 4096,
        .st_mode = file.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR | 0777u
                   : locked                                         ? S_IFREG | 0444u
                                                                    : S_IFREG | 0666u,
        .st_mtim = time_of(basic.LastWriteTime),
        .st_atim = time_of(basic.LastAccessTime),
        .st_ctim = time_of(basic.ChangeTime),
    };
    return 0;
}

int plain_stat(const char *path, struct plain_stat *found)
{
    HANDLE file = CreateFileA(path, FILE_READ_ATTRIBUTES, 7, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return told(false);
    int error = plain_fstat((int)(INT_PTR)file, found);
    CloseHandle(file);
    return error;
}

/* FileAccessInformation; FileModeInformation. */
int plain_file_flags(int fd)
{
    IO_STATUS_BLOCK status;
    ULONG           mode = 0;
    ACCESS_MASK     access = 0;
    if (NtQueryInformationFile(handle_of(fd), &status, &mode, (ULONG)sizeof mode,
                               (FILE_INFORMATION_CLASS)16) < 0 ||
        NtQueryInformationFile(handle_of(fd), &status, &access, (ULONG)sizeof access,
                               (FILE_INFORMATION_CLASS)8) < 0)
        return told(false);
    bool reads = access & FILE_READ_DATA, writes = access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
    return (mode & 0x08u ? O_DIRECT : 0) | /* FILE_NO_INTERMEDIATE_BUFFERING */
           (mode & 0x02u ? O_SYNC : 0) |   /* FILE_WRITE_THROUGH */
           (writes && !(access & FILE_WRITE_DATA) ? O_APPEND : 0) |
           (reads && writes ? O_RDWR
            : writes        ? O_WRONLY
                            : O_RDONLY);
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

#define PIPE_ROOM 65536

/* As weir's own are made: with a name. */
int plain_pipe(int ends[2], int flags)
{
    static LONG number;
    char        name[64];
    (void)flags;
    snprintf(name, sizeof name, "\\\\.\\pipe\\weir-plain-%lu-%ld", GetCurrentProcessId(),
             InterlockedIncrement(&number));
    HANDLE reads = CreateNamedPipeA(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED,
                                    PIPE_TYPE_BYTE, 1, PIPE_ROOM, PIPE_ROOM, 0, NULL);
    CHECK(reads != INVALID_HANDLE_VALUE);
    HANDLE writes = CreateFileA(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0, NULL, OPEN_EXISTING,
                                FILE_FLAG_OVERLAPPED, NULL);
    CHECK(writes != INVALID_HANDLE_VALUE);
    ends[0] = (int)(INT_PTR)reads;
    ends[1] = (int)(INT_PTR)writes;
    return 0;
}

int plain_mkfifo(const char *path, unsigned mode)
{
    (void)path, (void)mode;
    SKIP("Windows has no pipes among its files");
}

/* ---- Moving ---------------------------------------------------------------------------------- */

/* The event's lowest bit keeps the packet from the port that the handle may have joined. */
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
    DWORD code = well ? 0 : GetLastError();
    CloseHandle(event);
    if (!writes && (code == ERROR_BROKEN_PIPE || code == ERROR_HANDLE_EOF))
        return 0;
    SetLastError(code);
    return told(well) ? -1 : (ssize_t)moved;
}

ssize_t plain_pwrite(int fd, const void *data, size_t length, long long offset)
{
    return move(fd, true, (void *)(uintptr_t)data, length, offset);
}

ssize_t plain_pread(int fd, void *data, size_t length, long long offset)
{
    return move(fd, false, data, length, offset);
}

ssize_t plain_move(int fd, bool writes, void *data, size_t length)
{
    LARGE_INTEGER none = {.QuadPart = 0}, at = {.QuadPart = 0};
    bool          file = GetFileType(handle_of(fd)) == FILE_TYPE_DISK;
    if (file && !SetFilePointerEx(handle_of(fd), none, &at, FILE_CURRENT))
        return told(false);
    ssize_t moved = move(fd, writes, data, length, at.QuadPart);
    at.QuadPart += moved;
    if (file && moved > 0)
        SetFilePointerEx(handle_of(fd), at, NULL, FILE_BEGIN);
    return moved;
}

/* A pipe can be asked for what is in it alone; whether it has room, a write finds out, which the
 * program waits for as it would on one that blocks. */
short plain_look(int fd, short events)
{
    DWORD there = 0, type = GetFileType(handle_of(fd));
    if (type == FILE_TYPE_DISK)
        return events & (POLLIN | POLLOUT);
    if (type != FILE_TYPE_PIPE)
        return WaitForSingleObject(handle_of(fd), 0) == WAIT_OBJECT_0 ? events & POLLIN : 0;
    bool ended = !PeekNamedPipe(handle_of(fd), NULL, 0, NULL, &there, NULL);
    if (ended && GetLastError() == ERROR_ACCESS_DENIED)
        return events & POLLOUT; /* the end that is written to */
    return (events & POLLIN) && (ended || there) ? POLLIN : 0;
}
