/* SPDX-License-Identifier: MIT */
/* host.c - the harness's host on Windows: a process for each case, pages, holdings, threads.
 *
 * A process cannot be forked, so the program is started again with the same words, and told which
 * of its cases it is to run: all others it passes over. Its verdict comes through a pipe. */
#include <winsock2.h>

#include <io.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlhelp32.h>
#include <winternl.h>

#include "../contract/host.h"

#define GRACE_S 10u
#define SLOWER 4u /* an emulator starts processes slowly, the more so beside others */
#define CASE_VARIABLE "CONTRACT_CASE"     /* the how manieth of the program */
#define REPORT_VARIABLE "CONTRACT_REPORT" /* the number of the pipe's handle */

static HANDLE   report = INVALID_HANDLE_VALUE;
static unsigned cases; /* run, or passed over, so far */

static uint64_t now_ms(void)
{
    return GetTickCount64();
}

void contract_breathe(void)
{
    Sleep(1);
}

static uintptr_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (uintptr_t)strtoull(text, NULL, 10) : 0;
}

void host_prepare(void)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    SetEnvironmentVariableA("WEIR_ENGINE", NULL);
    _putenv("WEIR_ENGINE=");
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    setvbuf(stdout, NULL, _IONBF, 0);
}

bool host_skips_by_table(void)
{
    return true;
}

bool host_excuses(const char *reason)
{
    (void)reason;
    return false;
}

void host_report(const char *verdict)
{
    char   line[1100];
    DWORD  ignored;
    int    length = snprintf(line, sizeof line, "%s\n", verdict);
    HANDLE to = report != INVALID_HANDLE_VALUE ? report : GetStdHandle(STD_ERROR_HANDLE);
    WriteFile(to, line, (DWORD)((size_t)length < sizeof line ? (size_t)length : sizeof line - 1),
              &ignored, NULL);
}

void host_leave(int status)
{
    fflush(NULL);
    TerminateProcess(GetCurrentProcess(), (UINT)status);
    abort(); /* not reached */
}

/* ---- In the process of a case ---------------------------------------------------------------- */

static DWORD WINAPI limit_time(void *limit_s)
{
    Sleep((DWORD)(uintptr_t)limit_s * 1000);
    harness_time_up((unsigned)(uintptr_t)limit_s);
    host_leave(1);
}

static void run_here(void (*call)(void *argument, const char *directory), void *argument,
                     unsigned limit_s)
{
    char directory[MAX_PATH + 1];
    CHECK(GetCurrentDirectoryA((DWORD)sizeof directory, directory) > 0);
    report = (HANDLE)number_of(REPORT_VARIABLE);
    SetHandleInformation(report, HANDLE_FLAG_INHERIT, 0);
    CHECK(CreateThread(NULL, 0, limit_time, (void *)(uintptr_t)limit_s, 0, NULL) != NULL);
    call(argument, directory);
    host_leave(1);
}

/* ---- Around it ------------------------------------------------------------------------------- */

static void remove_all(const char *directory)
{
    char             path[2 * MAX_PATH];
    WIN32_FIND_DATAA found;
    snprintf(path, sizeof path, "%s\\*", directory);
    HANDLE search = FindFirstFileA(path, &found);
    while (search != INVALID_HANDLE_VALUE) {
        snprintf(path, sizeof path, "%s\\%s", directory, found.cFileName);
        if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            DeleteFileA(path);
        else if (strcmp(found.cFileName, ".") != 0 && strcmp(found.cFileName, "..") != 0)
            remove_all(path);
        if (!FindNextFileA(search, &found))
            break;
    }
    if (search != INVALID_HANDLE_VALUE)
        FindClose(search);
    RemoveDirectoryA(directory);
}

static bool start(const char *directory, HANDLE verdict, PROCESS_INFORMATION *process)
{
    char                number[32];
    SECURITY_ATTRIBUTES inherited = {.nLength = (DWORD)sizeof inherited, .bInheritHandle = TRUE};
    STARTUPINFOA        begin = {.cb = (DWORD)sizeof begin, .dwFlags = STARTF_USESTDHANDLES};
    HANDLE nothing = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, 7, &inherited, OPEN_EXISTING,
                                 0, NULL);
    begin.hStdInput = begin.hStdOutput = nothing;
    begin.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    snprintf(number, sizeof number, "%u", cases);
    SetEnvironmentVariableA(CASE_VARIABLE, number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)(uintptr_t)verdict);
    SetEnvironmentVariableA(REPORT_VARIABLE, number);
    BOOL well = CreateProcessA(NULL, GetCommandLineA(), NULL, NULL, TRUE, 0, NULL, directory,
                               &begin, process);
    SetEnvironmentVariableA(CASE_VARIABLE, NULL);
    CloseHandle(nothing);
    return well;
}

static void judge(struct host_outcome *outcome, DWORD status)
{
    outcome->verdict[strcspn(outcome->verdict, "\r\n")] = '\0';
    if (status && strncmp(outcome->verdict, "FAIL", 4) != 0)
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL ended with status %#lx", status);
    else if (!outcome->verdict[0])
        snprintf(outcome->verdict, sizeof outcome->verdict, "FAIL ended without a verdict");
}

static void run_there(struct host_outcome *outcome, unsigned limit_s)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = (DWORD)sizeof inherited, .bInheritHandle = TRUE};
    PROCESS_INFORMATION process;
    HANDLE              ends[2];
    char                parent[MAX_PATH + 1], directory[2 * MAX_PATH];
    DWORD               got = 0, status = 1;
    CHECK(GetTempPathA((DWORD)sizeof parent, parent) > 0);
    snprintf(directory, sizeof directory, "%sweir-contract-%lu-%u", parent, GetCurrentProcessId(),
             cases);
    remove_all(directory); /* of one that was stopped, and had this number before */
    CHECK(CreateDirectoryA(directory, NULL) && CreatePipe(&ends[0], &ends[1], &inherited, 4096));
    SetHandleInformation(ends[0], HANDLE_FLAG_INHERIT, 0);
    CHECK(start(directory, ends[1], &process));
    CloseHandle(ends[1]);
    if (WaitForSingleObject(process.hProcess, (limit_s + GRACE_S) * 1000) != WAIT_OBJECT_0)
        TerminateProcess(process.hProcess, 1);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    if (PeekNamedPipe(ends[0], NULL, 0, NULL, &got, NULL) && got)
        ReadFile(ends[0], outcome->verdict, (DWORD)sizeof outcome->verdict - 1, &got, NULL);
    outcome->verdict[got] = '\0';
    CloseHandle(ends[0]);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    judge(outcome, status);
    remove_all(directory);
}

void host_run(struct host_outcome *outcome, void (*call)(void *argument, const char *directory),
              void *argument, unsigned limit_s)
{
    unsigned wanted = (unsigned)number_of(CASE_VARIABLE);
    *outcome = (struct host_outcome){.verdict = "ok"};
    cases++;
    limit_s *= SLOWER;
    if (wanted && wanted == cases)
        run_here(call, argument, limit_s);
    if (!wanted)
        run_there(outcome, limit_s);
}

/* Cases are processes of their own here anyway, so that this one may call it. */
int host_fork(void (*call)(void *argument), void *argument, char *text, size_t room)
{
    FILE *file = tmpfile();
    int   kept = _dup(2);
    CHECK(file && kept >= 0);
    _dup2(_fileno(file), 2);
    call(argument);
    fflush(stderr);
    _dup2(kept, 2);
    _close(kept);
    rewind(file);
    text[fread(text, 1, room - 1, file)] = '\0';
    fclose(file);
    return 0;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

#define PAGE 4096u

void *host_pages(size_t length, void **base, size_t *mapped)
{
    DWORD before;
    *mapped = (length + PAGE - 1) / PAGE * PAGE;
    if (*mapped == 0)
        *mapped = PAGE;
    char *pages = VirtualAlloc(NULL, *mapped + PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!pages)
        return NULL;
    VirtualProtect(pages + *mapped, PAGE, PAGE_NOACCESS, &before);
    *base = pages;
    return pages + *mapped - length;
}

void host_pages_writable(void *base, size_t mapped, bool writable)
{
    DWORD before;
    VirtualProtect(base, mapped, writable ? PAGE_READWRITE : PAGE_READONLY, &before);
}

void host_pages_free(void *base, size_t mapped)
{
    (void)mapped;
    VirtualFree(base, 0, MEM_RELEASE);
}

/* ---- Holdings -------------------------------------------------------------------------------- */

#define HANDLES_END 0x4000 /* numbers that are looked at; they are small, and multiples of four */

struct host_holdings {
    bool     held[HANDLES_END / 4];
    unsigned count, threads;
};

/* Sockets, files and pipes. Of other objects the system keeps some for itself, when it likes. */
static bool is_descriptor(uintptr_t number)
{
    DWORD marks;
    return GetHandleInformation((HANDLE)number, &marks) &&
           GetFileType((HANDLE)number) != FILE_TYPE_UNKNOWN;
}

unsigned contract_thread_count(void)
{
    THREADENTRY32 entry = {.dwSize = (DWORD)sizeof entry};
    unsigned      count = 0;
    HANDLE        all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    CHECK(all != INVALID_HANDLE_VALUE);
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(all);
    return count;
}

#define ALL_HANDLES ((SYSTEM_INFORMATION_CLASS)64) /* SystemExtendedHandleInformation */

struct all_handles {
    ULONG_PTR count, reserved;
    struct {
        void     *object;
        ULONG_PTR process, number;
        ULONG     access;
        USHORT    trace, type;
        ULONG     attributes, reserved;
    } handles[];
};

/* Those of every process, in one question: to ask for each number takes longer than most cases. To
 * be freed. */
static struct all_handles *all_handles(void)
{
    for (ULONG length = 1 << 20;; length *= 2) {
        struct all_handles *all = malloc(length);
        CHECK(all != NULL);
        NTSTATUS status = NtQuerySystemInformation(ALL_HANDLES, all, length, NULL);
        if (status >= 0)
            return all;
        free(all);
        CHECK((ULONG)status == 0xc0000004); /* STATUS_INFO_LENGTH_MISMATCH */
    }
}

struct host_holdings *host_holdings(void)
{
    struct host_holdings *held = calloc(1, sizeof *held);
    struct all_handles   *all = all_handles();
    CHECK(held != NULL);
    for (ULONG_PTR i = 0; i < all->count; i++) {
        uintptr_t number = all->handles[i].number;
        if (all->handles[i].process != GetCurrentProcessId() || number >= HANDLES_END)
            continue;
        held->held[number / 4] = is_descriptor(number);
        held->count += held->held[number / 4];
    }
    free(all);
    held->threads = contract_thread_count();
    return held;
}

const char *host_compare(struct host_holdings *before, const unsigned *own_threads)
{
    static char sentence[200];
    unsigned    threads = before->threads + (own_threads ? *own_threads : 0);
    for (uint64_t until = now_ms() + 5000; contract_thread_count() != threads && now_ms() < until;)
        contract_breathe();
    struct host_holdings *now = host_holdings();
    sentence[0] = '\0';
    for (unsigned i = 0; i < HANDLES_END / 4; i++)
        if (now->held[i] != before->held[i])
            snprintf(sentence, sizeof sentence, "descriptor %#x %s", i * 4,
                     now->held[i] ? "was left open" : "is gone");
    if (!sentence[0] && now->threads != threads)
        snprintf(sentence, sizeof sentence, "%u threads, but %u before", now->threads, threads);
    free(now);
    free(before);
    return sentence[0] ? sentence : NULL;
}

bool host_ready(int fd, bool writing)
{
    if (!writing)
        return contract_raw_readable(fd, 0);
    WSAPOLLFD ready = {.fd = (SOCKET)(UINT_PTR)(unsigned)fd, .events = POLLWRNORM};
    return WSAPoll(&ready, 1, 0) == 1;
}

bool contract_fd_open(intptr_t fd)
{
    return is_descriptor((uintptr_t)fd);
}

unsigned contract_fd_count(void)
{
    struct host_holdings *now = host_holdings();
    unsigned              count = now->count;
    free(now);
    return count;
}

int contract_fd_copy(int fd)
{
    HANDLE copy, self = GetCurrentProcess();
    CHECK(DuplicateHandle(self, (HANDLE)(INT_PTR)fd, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    return (int)(INT_PTR)copy;
}

const char *contract_temp_file(struct contract *c)
{
    static char     paths[64][2 * MAX_PATH];
    static unsigned used;
    CHECK(used < sizeof paths / sizeof *paths);
    snprintf(paths[used], sizeof paths[used], "%s\\file-%u", c->directory, used);
    return paths[used++];
}

/* ---- Threads --------------------------------------------------------------------------------- */

static pthread_mutex_t gates = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  gates_changed = PTHREAD_COND_INITIALIZER;

void contract_thread_start(struct contract_thread *thread, void *(*run)(void *), void *argument)
{
    pthread_t *started = malloc(sizeof *started);
    CHECK(started != NULL);
    *thread = (struct contract_thread){run, argument, started};
    CHECK_EQ(pthread_create(started, NULL, run, argument), 0);
}

void *contract_thread_join(struct contract_thread *thread)
{
    void *result;
    CHECK_EQ(pthread_join(*(pthread_t *)thread->handle, &result), 0);
    free(thread->handle);
    thread->handle = NULL;
    return result;
}

void contract_gate_open(struct contract_gate *gate)
{
    pthread_mutex_lock(&gates);
    gate->opened = 1;
    pthread_cond_broadcast(&gates_changed);
    pthread_mutex_unlock(&gates);
}

void contract_gate_wait(struct contract_gate *gate)
{
    struct timespec second = {.tv_sec = HOST_LIMIT_S - 5};
    int             error = 0;
    pthread_mutex_lock(&gates);
    while (!gate->opened && !error)
        error = pthread_cond_timedwait_relative_np(&gates_changed, &gates, &second);
    pthread_mutex_unlock(&gates);
    if (error)
        contract_fail(__FILE__, __LINE__, "a gate was not opened in time");
}
