/* SPDX-License-Identifier: MIT */
/* server.c - starts a server program, and ends it. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "stop.h"
#include "system.h"

static const uint64_t start_patience_ns = 10 * NS_PER_S;
static const uint64_t stop_patience_ns = 3 * NS_PER_S;

const char *const served_names[SERVED_COUNT] = {"at-once", "ready", "kernel", "worker",
                                                "simulated"};

static void run_child(const struct server_plan *plan, int cpu, int out, int err, pid_t parent)
{
    stop_child_setup(parent);
    int in = open("/dev/null", O_RDONLY);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(in);
    if (plan->engine)
        setenv("WEIR_ENGINE", plan->engine, 1);
    else
        unsetenv("WEIR_ENGINE");
    setenv("WEIR_STATS", "1", 1);
    if (cpu >= 0 && cpus_pin(cpu) < 0) {
        fprintf(stderr, "it could not be bound to CPU %d: %s\n", cpu, strerror(errno));
        _exit(1);
    }
    execvp(plan->argv[0], (char *const *)(uintptr_t)plan->argv);
    fprintf(stderr, "%s: %s\n", plan->argv[0], strerror(errno));
    _exit(127);
}

/* What the program said on standard error, at most length - 1 bytes of it, from its beginning. */
static void read_errors(const struct server *server, char *text, size_t length)
{
    ssize_t n = server->err >= 0 ? pread(server->err, text, length - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
}

/* A failure in the program's own words: its first line on standard error, where there is one. */
static int fail_saying(struct server *server, struct failure *why, const char *what)
{
    char text[256];
    read_errors(server, text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    return fail(why, "the server %s %s%s%s", server->name, what, text[0] ? ": " : "", text);
}

/* The number behind the last colon; 0 when there is none. */
static uint16_t port_in(const char *line)
{
    const char   *colon = strrchr(line, ':');
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* A program that names its engine in parentheses must have taken the one it was told. */
static bool names_other_engine(const char *line, const char *engine)
{
    const char *open = strrchr(line, '('), *close = strrchr(line, ')');
    if (!engine || !open || !close || close < open)
        return false;
    size_t length = (size_t)(close - open - 1);
    return strlen(engine) != length || memcmp(open + 1, engine, length) != 0;
}

/* Reads the first line of the server's output and the port in it. */
static int await_port(struct server *server, const char *engine, struct failure *why)
{
    char     line[256];
    size_t   length = 0;
    uint64_t end_ns = clock_ns() + start_patience_ns;
    while (length < sizeof line - 1) {
        struct pollfd fd = {.fd = server->out, .events = POLLIN};
        uint64_t      now_ns = clock_ns();
        if (stop_requested())
            return -1;
        if (now_ns >= end_ns)
            return fail_saying(server, why, "did not say in time that it listens");
        if (poll(&fd, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            continue;
        ssize_t n = read(server->out, line + length, sizeof line - 1 - length);
        if (n <= 0)
            return fail_saying(server, why, "did not start");
        length += (size_t)n;
        line[length] = '\0';
        if (strchr(line, '\n'))
            break;
    }
    line[strcspn(line, "\n")] = '\0';
    server->port = port_in(line);
    if (server->port == 0)
        return fail(why, "the server %s did not name its port: \"%s\"", server->name, line);
    if (names_other_engine(line, engine))
        return fail(why, "the server %s runs on another engine: \"%s\"", server->name, line);
    return 0;
}

int server_spawn(struct server *server, const struct server_plan *plan, int cpu,
                 struct failure *why)
{
    *server = (struct server){.name = plan->name, .out = -1, .err = -1};
    int ends[2];
    server->err = system_unnamed_file();
    if (server->err < 0 || system_pipe(ends) < 0)
        return fail(why, "the server %s could not be started: %s", plan->name, strerror(errno));
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid == 0)
        run_child(plan, cpu, ends[1], server->err, parent);
    close(ends[1]);
    server->out = ends[0];
    if (server->pid < 0) {
        server->pid = 0;
        return fail(why, "the server %s could not be started: %s", plan->name, strerror(errno));
    }
    return 0;
}

int server_start(struct server *server, const struct server_plan *plan, int cpu,
                 struct failure *why)
{
    int result = server_spawn(server, plan, cpu, why);
    return result < 0 ? result : await_port(server, plan->engine, why);
}

/* Waits for the end, not longer than the timeout; whether it came. */
static bool await_end(struct server *server, int *status, uint64_t timeout_ns)
{
    const struct timespec moment = {.tv_nsec = 500000};
    for (uint64_t end_ns = clock_ns() + timeout_ns; clock_ns() < end_ns;) {
        pid_t pid = waitpid(server->pid, status, WNOHANG);
        if (pid == server->pid || (pid < 0 && errno == ECHILD)) {
            server->pid = 0;
            return true;
        }
        nanosleep(&moment, NULL);
    }
    return false;
}

static void parse_served(const struct server *server, struct served *served)
{
    char text[8192];
    read_errors(server, text, sizeof text);
    const char *line = strstr(text, "served: ");
    uint64_t   *n = served->operations;
    served->told = line && sscanf(line,
                                  "served: at-once %" SCNu64 ", ready %" SCNu64 ", kernel %" SCNu64
                                  ", worker %" SCNu64 ", simulated %" SCNu64,
                                  &n[SERVED_AT_ONCE], &n[SERVED_READY], &n[SERVED_KERNEL],
                                  &n[SERVED_WORKER], &n[SERVED_SIMULATED]) == SERVED_COUNT;
}

/* 0 when it ended well, or as it was asked to; else -1 with a sentence. */
static int judge_end(struct server *server, int status, bool asked, struct failure *why)
{
    bool by_us = WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM);
    if ((asked && by_us) || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return 0;
    if (WIFSIGNALED(status))
        return fail(why, "the server %s died of signal %d (%s)", server->name, WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    return fail_saying(server, why, "ended with a failure");
}

int server_await(struct server *server, struct served *served, uint64_t timeout_ns,
                 struct failure *why)
{
    int status = 0;
    for (uint64_t end_ns = clock_ns() + timeout_ns; !await_end(server, &status, NS_PER_MS);) {
        if (stop_requested())
            return -1;
        if (clock_ns() > end_ns)
            return fail(why, "%s did not end in time", server->name);
    }
    parse_served(server, served);
    return judge_end(server, status, false, why);
}

int server_stop(struct server *server, struct served *served, struct failure *why)
{
    static const int politely[] = {SIGINT, SIGTERM};
    int              status = 0;
    bool             gone = false;
    for (size_t i = 0; i < sizeof politely / sizeof politely[0] && !gone; i++) {
        kill(server->pid, politely[i]);
        gone = await_end(server, &status, stop_patience_ns);
    }
    if (!gone) {
        server_close(server);
        return fail(why, "the server %s did not end when asked to and was killed", server->name);
    }
    parse_served(server, served);
    return judge_end(server, status, true, why);
}

void server_close(struct server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        server->pid = 0;
    }
    if (server->out >= 0)
        close(server->out);
    if (server->err >= 0)
        close(server->err);
    server->out = server->err = -1;
}
