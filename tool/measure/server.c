/* SPDX-License-Identifier: MIT */
/* server.c - starts a server program, and ends it. */
#include "server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "process.h"
#include "stop.h"
#include "system.h"

static const uint64_t start_patience_ns = 10 * NS_PER_S;
static const uint64_t stop_patience_ns = 3 * NS_PER_S;

const char *const served_names[SERVED_COUNT] = {"at-once", "ready", "kernel", "worker",
                                                "simulated"};

/* What the program said on standard error, at most length - 1 bytes of it, from its beginning. */
static void read_errors(const struct server *server, char *text, size_t length)
{
    ssize_t n = server->err >= 0 ? system_read_start(server->err, text, length - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
}

/* A failure in the program's own words: its first line on standard error, where there is one. */
static int fail_saying(struct server *server, struct failure *why, const char *what)
{
    char text[256];
    read_errors(server, text, sizeof text);
    text[strcspn(text, "\r\n")] = '\0';
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
        uint64_t now_ns = clock_ns();
        if (stop_requested())
            return -1;
        if (now_ns >= end_ns)
            return fail_saying(server, why, "did not say in time that it listens");
        int n = process_read(server->out, line + length, sizeof line - 1 - length, end_ns - now_ns);
        if (n < 0)
            continue;
        if (n == 0)
            return fail_saying(server, why, "did not start");
        length += (size_t)n;
        line[length] = '\0';
        if (strchr(line, '\n'))
            break;
    }
    line[strcspn(line, "\r\n")] = '\0';
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
        return fail(why, "the server %s could not be started: %s", plan->name, system_error());
    struct process_plan process = {
        .argv = plan->argv, .engine = plan->engine, .cpu = cpu, .out = ends[1], .err = server->err};
    server->pid = process_start(&process);
    if (server->pid < 0) {
        server->pid = 0;
        fail(why, "the server %s could not be started: %s", plan->name, system_error());
    }
    close(ends[1]);
    server->out = ends[0];
    return server->pid ? 0 : -1;
}

int server_start(struct server *server, const struct server_plan *plan, int cpu,
                 struct failure *why)
{
    int result = server_spawn(server, plan, cpu, why);
    return result < 0 ? result : await_port(server, plan->engine, why);
}

/* Waits for the end, not longer than the timeout; whether it came. */
static bool await_end(struct server *server, struct process_end *end, uint64_t timeout_ns)
{
    const struct timespec moment = {.tv_nsec = 500000};
    for (uint64_t end_ns = clock_ns() + timeout_ns; clock_ns() < end_ns;) {
        if (process_look(server->pid, end) != PROCESS_RUNS) {
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
static int judge_end(struct server *server, const struct process_end *end, bool asked,
                     struct failure *why)
{
    if (end->fate == PROCESS_DONE || (asked && end->fate == PROCESS_STOPPED))
        return 0;
    if (end->fate != PROCESS_FAILED)
        return fail(why, "the server %s died of %s", server->name, end->cause);
    return fail_saying(server, why, "ended with a failure");
}

int server_await(struct server *server, struct served *served, uint64_t timeout_ns,
                 struct failure *why)
{
    struct process_end end = {.fate = PROCESS_DONE};
    for (uint64_t end_ns = clock_ns() + timeout_ns; !await_end(server, &end, NS_PER_MS);) {
        if (stop_requested())
            return -1;
        if (clock_ns() > end_ns)
            return fail(why, "%s did not end in time", server->name);
    }
    parse_served(server, served);
    return judge_end(server, &end, false, why);
}

int server_stop(struct server *server, struct served *served, struct failure *why)
{
    struct process_end end = {.fate = PROCESS_DONE};
    bool               gone = false;
    for (int times = 0; !gone && process_ask(server->pid, times); times++)
        gone = await_end(server, &end, stop_patience_ns);
    if (!gone) {
        server_close(server);
        return fail(why, "the server %s did not end when asked to and was killed", server->name);
    }
    parse_served(server, served);
    return judge_end(server, &end, true, why);
}

void server_close(struct server *server)
{
    if (server->pid > 0) {
        process_kill(server->pid);
        server->pid = 0;
    }
    if (server->out >= 0)
        close(server->out);
    if (server->err >= 0)
        close(server->err);
    server->out = server->err = -1;
}
