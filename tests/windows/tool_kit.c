/* SPDX-License-Identifier: MIT */
/* tool_kit.c - the measuring kit of the tool on Windows.
 *
 * `tool_kit faults`: every planted fault of a server is told in its sentence, and a server without
 * one passes; `tool_kit interrupt WEIR.EXE`: Ctrl-C ends a comparison early, and it says what it
 * has. The server is this program, too: `tool_kit planted FAULT`, in which the 20th answer is
 * wrong, or the end. */
#include <winsock2.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../tool/measure/clock.h"
#include "../../tool/measure/process.h"
#include "../../tool/measure/system.h"
#include "../../tool/measure/trial.h"
#include "../tool/kit.h"

enum { CONNECTIONS = 16, MESSAGE = 65536, WRONG = 20 };

/* ---- The server ------------------------------------------------------------------------------ */

static SOCKET      sockets[CONNECTIONS + 1]; /* the first one listens */
static int         count;
static char        message[MESSAGE], before[MESSAGE], other[MESSAGE];
static const char *fault;
static int         answers;

static bool is(const char *name)
{
    return strcmp(fault, name) == 0;
}

static void send_all(SOCKET to, const char *data, int length)
{
    for (int n; length > 0; data += n, length -= n)
        if ((n = send(to, data, length, 0)) <= 0)
            return;
}

static void drop(int i, bool reset)
{
    struct linger now = {.l_onoff = reset};
    setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, (const char *)&now, sizeof now);
    closesocket(sockets[i]);
    sockets[i] = sockets[--count];
}

static BOOL WINAPI fail_at_end(DWORD event)
{
    (void)event;
    ExitProcess(is("dying") ? (UINT)EXCEPTION_ACCESS_VIOLATION : 3);
}

/* Answers a message, wrongly when it is time. */
static void answer(int i, int length)
{
    bool strike = ++answers == WRONG;
    if (is("mute"))
        return;
    if (strike && is("exit"))
        exit(0);
    if (strike && is("corrupt"))
        message[length / 2] ^= 0x10;
    if (strike && is("stale"))
        memcpy(message, before, (size_t)length);
    else
        memcpy(before, message, (size_t)length);
    if (strike && is("swap"))
        memcpy(message, other, (size_t)length);
    if (i == 1)
        memcpy(other, message, (size_t)length);
    send_all(sockets[i], message, strike && is("short") ? length - 1 : length);
    if (strike && is("double"))
        send_all(sockets[i], message, length);
    if (strike && (is("close") || is("reset")))
        drop(i, is("reset"));
}

static void serve(int i)
{
    int length = recv(sockets[i], message, MESSAGE, 0);
    if (length > 0) {
        answer(i, length);
        return;
    }
    if (is("extra"))
        send_all(sockets[i], "", 1);
    drop(i, false);
}

static int planted(const char *name)
{
    WSADATA            data;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                length = sizeof at;
    fault = name;
    if (is("stubborn"))
        SetConsoleCtrlHandler(NULL, TRUE);
    if (is("failing") || is("dying"))
        SetConsoleCtrlHandler(fail_at_end, TRUE);
    WSAStartup(MAKEWORD(2, 2), &data);
    sockets[count++] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(sockets[0], (struct sockaddr *)&at, sizeof at) != 0 || listen(sockets[0], 64) != 0 ||
        getsockname(sockets[0], (struct sockaddr *)&at, &length) != 0)
        return 1;
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        fd_set ready;
        FD_ZERO(&ready);
        for (int i = 0; i < count; i++)
            FD_SET(sockets[i], &ready);
        select(0, &ready, NULL, NULL, NULL);
        for (int i = count - 1; i > 0; i--)
            if (FD_ISSET(sockets[i], &ready))
                serve(i);
        if (FD_ISSET(sockets[0], &ready) && count <= CONNECTIONS)
            sockets[count++] = accept(sockets[0], NULL, NULL);
    }
}

/* ---- What the kit says of it ----------------------------------------------------------------- */

static int run_trial(const char *name, uint64_t window_ms, double figures[FIGURES],
                     struct failure *why)
{
    static struct hist latency;
    const char        *argv[] = {system_self(NULL), "planted", name, NULL};
    struct served      served = {.told = false};
    struct server_plan plan = {.name = "planted", .argv = argv};
    struct shape       shape = {.connections = 5, .size = 64, .depth = 1};
    struct timing      timing = {.warmup_ns = 10 * NS_PER_MS, .window_ns = window_ms * NS_PER_MS};
    return trial_run(&plan, &shape, &timing, figures, &latency, &served, why);
}

static void check_good(void)
{
    double         figures[FIGURES] = {0};
    struct failure why = {.sentence = ""};
    expect(run_trial("none", 300, figures, &why) == 0, "a server without a fault: %s",
           why.sentence);
    expect(figures[FIGURE_RATE] > 0 && figures[FIGURE_P50_US] > 0 &&
               figures[FIGURE_P99_US] >= figures[FIGURE_P50_US] && figures[FIGURE_SERVER_US] > 0 &&
               figures[FIGURE_PEAK_KIB] > 0,
           "a figure is missing");
}

/* As tests/tool/kit_verify.c asks elsewhere. */
static void check_faults(void)
{
    static const struct {
        const char *fault, *sentence;
        uint64_t    window_ms;
    } cases[] = {{"corrupt", "wrong byte", 20000},
                 {"stale", "wrong byte", 20000},
                 {"swap", "wrong byte", 20000},
                 {"short", "no answer came", 20000},
                 {"double", "the server answered", 20000},
                 {"close", " answers", 20000},
                 {"reset", "failed", 20000},
                 {"exit", "connection", 20000},
                 {"extra", "sent more than it was sent", 50},
                 {"stubborn", "did not end when asked to", 50},
                 {"failing", "ended with a failure", 50},
                 {"dying", "died of the exception 0xc0000005", 50}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double         figures[FIGURES] = {0};
        struct failure why = {.sentence = ""};
        int            result = run_trial(cases[i].fault, cases[i].window_ms, figures, &why);
        printf("%s: %s\n", cases[i].fault, why.sentence);
        fflush(stdout);
        expect(result < 0, "the fault '%s' was not seen", cases[i].fault);
        expect(strstr(why.sentence, cases[i].sentence), "'%s' is told as: %s", cases[i].fault,
               why.sentence);
    }
}

/* ---- Ctrl-C ---------------------------------------------------------------------------------- */

/* What it has said on standard error has the words, within half a minute. */
static bool await_words(int err, const char *words)
{
    char text[2000];
    for (uint64_t end_ns = clock_ns() + 30 * NS_PER_S; clock_ns() < end_ns; Sleep(20)) {
        ssize_t length = system_read_start(err, text, sizeof text - 1);
        text[length > 0 ? length : 0] = '\0';
        if (strstr(text, words))
            return true;
    }
    return false;
}

static void check_interrupt(const char *weir)
{
    const char *argv[] = {weir, "compare", "echo", "--rounds", "900", "--seconds", "0.1", NULL};
    static char out[8000];
    int         ends[2] = {-1, -1}, length = 0, got;
    struct process_end end = {.fate = PROCESS_RUNS};
    expect(system_pipe(ends) == 0, "no pipe: %s", system_error());
    struct process_plan plan = {
        .argv = argv, .cpu = -1, .out = ends[1], .err = system_unnamed_file()};
    pid_t pid = process_start(&plan);
    expect(pid > 0, "%s does not start: %s", weir, system_error());
    close(ends[1]);
    expect(await_words(plan.err, "round 3 of 900"), "it does not measure");
    expect(process_ask(pid, 0), "it cannot be asked");
    while (length < (int)sizeof out - 1 &&
           (got = process_read(ends[0], out + length, sizeof out - 1 - (size_t)length,
                               20 * NS_PER_S)) > 0)
        length += got;
    for (int i = 0; i < 1000 && process_look(pid, &end) == PROCESS_RUNS; i++)
        Sleep(20);
    expect(end.fate == PROCESS_FAILED, "it ended as %d", (int)end.fate);
    expect(strstr(out, "(stopped early)") && strstr(out, "\niocp "), "it said: %s", out);
    process_kill(pid);
}

int main(int argc, char **argv)
{
    int hidden = process_hidden(argc, argv);
    if (hidden >= 0)
        return hidden;
    if (argc == 3 && strcmp(argv[1], "planted") == 0)
        return planted(argv[2]);
    if (argc == 2 && strcmp(argv[1], "faults") == 0) {
        check_good();
        check_faults();
    } else if (argc == 3 && strcmp(argv[1], "interrupt") == 0) {
        check_interrupt(argv[2]);
    } else {
        return 2;
    }
    return kit_failures > 0;
}
