/* SPDX-License-Identifier: MIT */
/* system_win.c - what Windows answers. */
#include "system.h"

#include "win.h"

#include <errno.h>
#include <fcntl.h>
#include <psapi.h>
#include <stdio.h>
#include <string.h>
#include <tlhelp32.h>

const char *system_error(void)
{
    static char text[200];
    DWORD       code = GetLastError();
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                  code, 0, text, sizeof text, NULL);
    while (length > 0 && strchr("\r\n. ", text[length - 1]))
        text[--length] = '\0';
    if (length == 0)
        snprintf(text, sizeof text, "error %lu", (unsigned long)code);
    return text;
}

/* ---- Processes ------------------------------------------------------------------------------- */

const char *system_self(const char *argv0)
{
    static char path[WIN_PATH];
    wchar_t     wide[WIN_PATH];
    DWORD       length = GetModuleFileNameW(NULL, wide, WIN_PATH);
    bool        well = length > 0 && length < WIN_PATH &&
                WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, sizeof path, NULL, NULL);
    return well ? path : argv0;
}

/* Whatever win_process_start() starts does. */
void system_end_with_parent(void)
{
}

/* In units of 100 ns. */
static uint64_t units_of(FILETIME time)
{
    return (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

static uint64_t thread_units(DWORD id)
{
    FILETIME made, ended, kernel, user;
    uint64_t sum = 0;
    HANDLE   thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, id);
    if (thread && GetThreadTimes(thread, &made, &ended, &kernel, &user))
        sum = units_of(kernel) + units_of(user);
    if (thread)
        CloseHandle(thread);
    return sum;
}

/* Of the threads that it has: Wine answers GetProcessTimes() of another process with the caller's
 * own. Both count whole ticks. */
uint64_t system_cpu_ns(pid_t pid)
{
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    uint64_t      sum = 0;
    HANDLE        threads = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    if (threads == INVALID_HANDLE_VALUE)
        return 0;
    for (BOOL more = Thread32First(threads, &entry); more; more = Thread32Next(threads, &entry))
        if (entry.th32OwnerProcessID == (DWORD)pid)
            sum += thread_units(entry.th32ThreadID);
    CloseHandle(threads);
    return sum * 100;
}

/* The tick of the system's clock. */
uint64_t system_cpu_step_ns(void)
{
    DWORD adjustment, units = 0;
    BOOL  disabled;
    return GetSystemTimeAdjustment(&adjustment, &units, &disabled) ? units * UINT64_C(100) : 0;
}

/* All zeros when it cannot be read. */
static PROCESS_MEMORY_COUNTERS memory_of(pid_t pid)
{
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
    if (process && !GetProcessMemoryInfo(process, &counters, sizeof counters))
        counters = (PROCESS_MEMORY_COUNTERS){.cb = 0};
    if (process)
        CloseHandle(process);
    return counters;
}

/* What is committed to it alone, resident or not. */
uint64_t system_private_kib(pid_t pid)
{
    return memory_of(pid).PagefileUsage / 1024;
}

uint64_t system_peak_kib(pid_t pid)
{
    return memory_of(pid).PeakWorkingSetSize / 1024;
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The handle belongs to the descriptor from now on; -1 when there is none. */
static int descriptor_of(HANDLE handle, int flags)
{
    int fd = _open_osfhandle((intptr_t)handle, flags | O_BINARY);
    if (fd < 0) {
        CloseHandle(handle);
        SetLastError(ERROR_TOO_MANY_OPEN_FILES);
    }
    return fd;
}

int system_pipe(int ends[2])
{
    HANDLE from, to;
    if (!CreatePipe(&from, &to, NULL, 0))
        return -1;
    int read_end = descriptor_of(from, O_RDONLY), write_end = descriptor_of(to, 0);
    if (read_end >= 0 && write_end >= 0) {
        ends[0] = read_end;
        ends[1] = write_end;
        return 0;
    }
    if (read_end >= 0)
        close(read_end);
    if (write_end >= 0)
        close(write_end);
    return -1;
}

/* It has a name as long as it is open. */
int system_unnamed_file(void)
{
    wchar_t folder[MAX_PATH + 1], path[MAX_PATH + 1];
    if (!GetTempPathW(MAX_PATH + 1, folder) || !GetTempFileNameW(folder, L"wei", 0, path))
        return -1;
    HANDLE file = CreateFileW(
        path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (file != INVALID_HANDLE_VALUE)
        return descriptor_of(file, O_RDWR);
    DWORD code = GetLastError();
    DeleteFileW(path);
    SetLastError(code);
    return -1;
}

/* Who writes to it shares its position, and has no more to say when this is asked. */
ssize_t system_read_start(int fd, void *data, size_t length)
{
    DWORD      got = 0;
    OVERLAPPED start = {.Offset = 0};
    return ReadFile(win_handle(fd), data, (DWORD)length, &got, &start) ? (ssize_t)got : -1;
}

/* There is no limit of a process that it could raise. */
int system_allow_descriptors(uint64_t needed, uint64_t *most)
{
    (void)needed, (void)most;
    return 0;
}

const char system_direct[] = "FILE_FLAG_NO_BUFFERING";

int system_open_direct(const char *path)
{
    (void)path;
    SetLastError(ERROR_NOT_SUPPORTED);
    return -1;
}

void system_forget_cached(int fd)
{
    (void)fd;
}

/* ---- The machine ----------------------------------------------------------------------------- */

static void registry_text(const char *key, const char *name, char *text, DWORD length)
{
    if (RegGetValueA(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_SZ, NULL, text, &length) != 0)
        text[0] = '\0';
}

/* The version as the registry has it, since calls tell each program an older one that it knows. */
void system_names(struct system_names *names)
{
    SYSTEM_INFO info;
    GetNativeSystemInfo(&info);
    snprintf(names->system, sizeof names->system, "Windows");
    registry_text("SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", "CurrentBuildNumber",
                  names->version, sizeof names->version);
    snprintf(names->machine, sizeof names->machine, "%s",
             info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64   ? "x86_64"
             : info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64 ? "aarch64"
                                                                           : "");
}

void system_cpu_name(char *text, size_t length)
{
    registry_text("HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", "ProcessorNameString", text,
                  (DWORD)length);
}
