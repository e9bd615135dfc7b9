/* SPDX-License-Identifier: MIT */
/* process_win.c - processes by CreateProcess(), ended as a person does it.
 *
 * A server has a console of its own that nobody sees: no Ctrl-C of the tool's reaches it. Who wants
 * to press Ctrl-C there must be in that console, and is in one only: so a further process goes in,
 * the tool again, by a word of its own. All are in a job that ends with the process that made it,
 * however that ends. */
#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "stop.h"
#include "system.h"
#include "win.h"

#define INTERRUPT_ARGUMENT "--interrupt"

enum { LINE_ROOM = 32768, PROCESSES_MAX = 16, LOOK_MS = 10 };

static const uint64_t start_patience_ms = 5000;

/* Those that were not seen ending; a number is nobody else's as long as its handle is there. */
static struct {
    pid_t  pid;
    HANDLE handle; /* owned; NULL: a free place */
} processes[PROCESSES_MAX];

static HANDLE *find(pid_t pid)
{
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (processes[i].handle && processes[i].pid == pid)
            return &processes[i].handle;
    return NULL;
}

static bool remember(pid_t pid, HANDLE handle)
{
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (!processes[i].handle) {
            processes[i].pid = pid;
            processes[i].handle = handle;
            return true;
        }
    return false;
}

static void forget(pid_t pid)
{
    HANDLE *handle = find(pid);
    if (handle)
        CloseHandle(*handle);
    if (handle)
        *handle = NULL;
}

/* ---- Starting -------------------------------------------------------------------------------- */

/* Made with the first process, and never closed: the system does that. */
static HANDLE job(void)
{
    static HANDLE                        made;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (!made)
        made = CreateJobObjectW(NULL, NULL);
    if (made)
        SetInformationJobObject(made, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return made;
}

static bool add(char *line, size_t *at, char c)
{
    if (*at + 1 < LINE_ROOM)
        line[(*at)++] = c;
    line[*at] = '\0';
    return *at + 1 < LINE_ROOM;
}

/* A word as CommandLineToArgvW() reads it back: in quotes, in which backslashes are doubled before
 * a quote. False when there is no room. */
static bool add_word(char *line, size_t *at, const char *word)
{
    size_t slashes = 0;
    bool   fits = add(line, at, '"');
    for (; *word && fits; word++) {
        for (size_t i = 0; *word == '"' && i <= slashes; i++)
            fits = add(line, at, '\\');
        slashes = *word == '\\' ? slashes + 1 : 0;
        fits = add(line, at, *word);
    }
    for (; slashes > 0; slashes--)
        fits = add(line, at, '\\');
    fits = add(line, at, '"');
    return fits && add(line, at, ' ');
}

/* The words as one line; NULL when there is no room. */
static wchar_t *line_of(const char *const *argv)
{
    static char    line[LINE_ROOM];
    static wchar_t wide[LINE_ROOM];
    size_t         at = 0;
    for (int i = 0; argv[i]; i++)
        if (!add_word(line, &at, argv[i]))
            return SetLastError(ERROR_FILENAME_EXCED_RANGE), NULL;
    return MultiByteToWideChar(CP_UTF8, 0, line, -1, wide, LINE_ROOM) ? wide : NULL;
}

/* For the moment in which a process is started, since whatever can be inherited is. */
static void inherit(const struct win_start *start, bool on)
{
    const HANDLE standard[] = {start->in, start->out, start->err};
    const DWORD  mark = on ? HANDLE_FLAG_INHERIT : 0;
    for (int i = 0; i < WIN_INHERITED && start->inherited[i]; i++)
        SetHandleInformation(start->inherited[i], HANDLE_FLAG_INHERIT, mark);
    for (int i = 0; i < 3 && start->out; i++)
        SetHandleInformation(standard[i], HANDLE_FLAG_INHERIT, mark);
}

/* It has run nothing yet. False with GetLastError(), and then it is ended. */
static bool let_go(const struct win_start *start, const PROCESS_INFORMATION *made)
{
    bool well = AssignProcessToJobObject(job(), made->hProcess) &&
                (start->cpu < 0 ||
                 SetProcessAffinityMask(made->hProcess, (DWORD_PTR)1 << start->cpu)) &&
                remember((pid_t)made->dwProcessId, made->hProcess) &&
                ResumeThread(made->hThread) != (DWORD)-1;
    DWORD code = GetLastError();
    CloseHandle(made->hThread);
    if (!well) {
        TerminateProcess(made->hProcess, 1);
        if (find((pid_t)made->dwProcessId))
            forget((pid_t)made->dwProcessId);
        else
            CloseHandle(made->hProcess);
    }
    SetLastError(code);
    return well;
}

pid_t win_process_start(const struct win_start *start)
{
    STARTUPINFOW        info = {.cb = sizeof info};
    PROCESS_INFORMATION made;
    wchar_t            *line = line_of(start->argv);
    if (start->out) {
        info.dwFlags = STARTF_USESTDHANDLES;
        info.hStdInput = start->in;
        info.hStdOutput = start->out;
        info.hStdError = start->err;
    }
    inherit(start, true);
    bool  well = line && CreateProcessW(NULL, line, NULL, NULL, TRUE,
                                        CREATE_SUSPENDED | start->flags, NULL, NULL, &info, &made);
    DWORD code = GetLastError();
    inherit(start, false);
    SetLastError(code);
    return well && let_go(start, &made) ? (pid_t)made.dwProcessId : -1;
}

pid_t process_start(const struct process_plan *plan)
{
    struct win_start start = {.argv = plan->argv,
                              .flags = CREATE_NO_WINDOW,
                              .out = win_handle(plan->out),
                              .err = win_handle(plan->err),
                              .cpu = plan->cpu};
    start.in = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                           OPEN_EXISTING, 0, NULL);
    if (start.in == INVALID_HANDLE_VALUE)
        return -1;
    SetEnvironmentVariableA("WEIR_ENGINE", plan->engine);
    SetEnvironmentVariableA("WEIR_STATS", "1");
    pid_t pid = win_process_start(&start);
    DWORD code = GetLastError();
    CloseHandle(start.in);
    SetLastError(code);
    return pid;
}

/* ---- Watching and ending --------------------------------------------------------------------- */

enum process_fate process_look(pid_t pid, struct process_end *end)
{
    HANDLE *handle = find(pid);
    DWORD   code = 0;
    *end = (struct process_end){.fate = PROCESS_DONE};
    if (handle && WaitForSingleObject(*handle, 0) == WAIT_TIMEOUT)
        return end->fate = PROCESS_RUNS;
    if (handle)
        GetExitCodeProcess(*handle, &code);
    forget(pid);
    if (code == (DWORD)STATUS_CONTROL_C_EXIT)
        end->fate = PROCESS_STOPPED;
    else if (code >= 0x80000000) /* the names of exceptions begin there */
        end->fate = PROCESS_DIED;
    else if (code != 0)
        end->fate = PROCESS_FAILED;
    snprintf(end->cause, sizeof end->cause, "the exception 0x%08lx", (unsigned long)code);
    return end->fate;
}

bool process_ask(pid_t pid, int times_before)
{
    char             number[32];
    const char      *argv[] = {system_self(NULL), INTERRUPT_ARGUMENT, number, NULL};
    struct win_start start = {.argv = argv, .flags = DETACHED_PROCESS, .cpu = -1};
    if (times_before > 0)
        return false;
    snprintf(number, sizeof number, "%lld", (long long)pid);
    pid_t interrupts = win_process_start(&start);
    if (interrupts < 0)
        return false;
    if (WaitForSingleObject(*find(interrupts), (DWORD)start_patience_ms) == WAIT_OBJECT_0)
        forget(interrupts);
    else
        process_kill(interrupts);
    return true;
}

/* What that process does: Ctrl-C in the other's console, for all who are in it but itself. */
static int interrupt(const char *number)
{
    FreeConsole();
    bool well = AttachConsole((DWORD)strtoul(number, NULL, 10)) &&
                SetConsoleCtrlHandler(NULL, TRUE) && GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    return well ? 0 : 1;
}

int process_hidden(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], INTERRUPT_ARGUMENT) == 0)
        return interrupt(argv[2]);
    if (argc == 5 && strcmp(argv[1], WIN_LOAD_ARGUMENT) == 0)
        return win_load_run(argv + 2);
    return -1;
}

void process_reap(pid_t pid)
{
    HANDLE *handle = find(pid);
    if (handle)
        WaitForSingleObject(*handle, INFINITE);
    forget(pid);
}

void process_kill(pid_t pid)
{
    HANDLE *handle = find(pid);
    if (handle)
        TerminateProcess(*handle, 1);
    process_reap(pid);
}

/* A pipe cannot be waited for beside a stop or a time: it is looked at a hundred times a second,
 * which disturbs nothing that is measured. */
int process_read(int fd, void *data, size_t room, uint64_t timeout_ns)
{
    DWORD there = 0, got = 0;
    for (uint64_t end_ns = clock_ns() + timeout_ns;; Sleep(LOOK_MS)) {
        if (!PeekNamedPipe(win_handle(fd), NULL, 0, NULL, &there, NULL))
            return 0;
        if (there)
            return ReadFile(win_handle(fd), data, (DWORD)room, &got, NULL) ? (int)got : 0;
        if (stop_requested() || clock_ns() >= end_ns)
            return -1;
    }
}
