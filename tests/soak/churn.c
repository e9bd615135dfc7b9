/* SPDX-License-Identifier: MIT */
/* churn.c - holds thousands of connections between two processes, closes and opens some all the
 * time, and checks that bytes in are bytes out and that neither process grows. */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "churn.h"

/* What a process may grow by after the beginning: the allocator's and the kernel's rounding.
 * A leak of a hundred bytes a connection shows within minutes. */
#define GROWTH_MOST (1u << 20)

static const char *side = "churn";

void churn_fail(const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    fprintf(stderr, "churn: the %s: ", side);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    _exit(1);
}

struct holding holding_now(void)
{
    struct holding     now = {0};
    unsigned long long size, resident = 0;
    FILE              *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%llu %llu", &size, &resident) != 2)
        churn_fail("/proc/self/statm cannot be read");
    fclose(file);
    now.memory = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        churn_fail("/proc/self/fd cannot be read");
    while (readdir(folder))
        now.descriptors++;
    closedir(folder);
    return now;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void account_sample(struct account *account, uint64_t elapsed, uint64_t whole, uint64_t held)
{
    /* The last moment is left out: the other side's clock may have ended it already. */
    if (elapsed > whole - least(whole / 8, 2 * WEIR_SECOND))
        return;
    struct holding now = holding_now();
    account->late = now;
    if (elapsed < least(whole / 4, 60 * WEIR_SECOND) || !account->early.memory) {
        account->early = account->most = now;
        account->held_least = held;
        return;
    }
    if (account->most.memory < now.memory)
        account->most.memory = now.memory;
    if (account->most.descriptors < now.descriptors)
        account->most.descriptors = now.descriptors;
    if (account->held_least > held)
        account->held_least = held;
}

/* ---- The verdict ----------------------------------------------------------------------------- */

static void tell(const char *who, const struct account *account)
{
    printf("  %s: %llu bytes in, %llu out; %llu connections opened, at least %llu at a time; "
           "memory %llu KiB, then at most %llu, at the end %llu; descriptors %llu, then at most "
           "%llu, %llu before and %llu after\n",
           who, (unsigned long long)account->received, (unsigned long long)account->sent,
           (unsigned long long)account->opened, (unsigned long long)account->held_least,
           (unsigned long long)account->early.memory >> 10,
           (unsigned long long)account->most.memory >> 10,
           (unsigned long long)account->late.memory >> 10,
           (unsigned long long)account->early.descriptors,
           (unsigned long long)account->most.descriptors,
           (unsigned long long)account->before.descriptors,
           (unsigned long long)account->after.descriptors);
}

static int expect(bool holds, const char *who, const char *sentence)
{
    if (!holds)
        printf("  FAILED: %s: %s\n", who, sentence);
    return holds ? 0 : 1;
}

static int check_side(const struct churn *churn, const char *who, const struct account *account)
{
    /* Some are always on their way between two lives: no more than connect in a moment. */
    uint64_t slack = churn->connections / 10 + 64;
    int      failed = 0;
    failed += expect(account->sent == account->received, who, "bytes in are not bytes out");
    failed += expect(account->sent > 0, who, "nothing was sent");
    failed += expect(account->opened == account->closed, who, "a connection was not closed");
    failed += expect(account->opened > churn->connections, who, "no connection was opened anew");
    failed += expect(account->held_least + slack > churn->connections, who,
                     "the connections were not held");
    failed += expect(account->late.memory < account->early.memory + GROWTH_MOST, who,
                     "its memory grew");
    failed += expect(account->most.descriptors < churn->connections + slack, who,
                     "its descriptors grew");
    failed += expect(account->after.descriptors == account->before.descriptors, who,
                     "a descriptor is left");
    return failed;
}

static int check(const struct churn *churn, const struct account *client,
                 const struct account *server)
{
    int failed = 0;
    printf("churn: %s, %u connections, %u s, seed %llu\n", churn->engine, churn->connections,
           churn->seconds, (unsigned long long)churn->seed);
    tell("client", client);
    tell("server", server);
    failed += check_side(churn, "client", client);
    failed += check_side(churn, "server", server);
    failed += expect(client->sent == server->received, "both", "bytes were lost on the way");
    failed += expect(client->opened == server->opened, "both", "connections were lost on the way");
    printf("churn: %s %s\n", churn->engine, failed ? "FAILED" : "passed");
    return failed != 0;
}

/* ---- Two processes --------------------------------------------------------------------------- */

static void raise_descriptors(unsigned wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        churn_fail("the limit of descriptors cannot be read");
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        churn_fail("%u descriptors are needed; raise the limit (ulimit -n)", wanted);
}

static void read_all(int fd, void *data, size_t length)
{
    if (recv(fd, data, length, MSG_WAITALL) != (ssize_t)length)
        churn_fail("the other side ended early");
}

static int run(struct churn *churn)
{
    struct account client = {0}, server = {0};
    int            ends[2], status;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        churn_fail("socketpair failed");
    pid_t child = fork();
    if (child < 0)
        churn_fail("fork failed");
    /* Neither lives on when the other is gone, or when something hangs. */
    alarm(churn->seconds + 4 * LAST_WORDS);
    churn->control = ends[child == 0];
    close(ends[child != 0]);
    side = child ? "client" : "server";
    if (!child) {
        churn_serve(churn, &server);
        ssize_t told = write(churn->control, &server, sizeof server);
        _exit(told == sizeof server ? 0 : 1);
    }
    read_all(churn->control, churn->ports, sizeof churn->ports);
    churn_ask(churn, &client);
    shutdown(churn->control, SHUT_WR);
    read_all(churn->control, &server, sizeof server);
    if (waitpid(child, &status, 0) != child || status != 0)
        churn_fail("the server ended with status %d", status);
    return check(churn, &client, &server);
}

static int usage(void)
{
    fputs("usage: churn --engine NAME [--connections N] [--seconds N] [--rate N] [--seed N]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct churn churn = {.connections = 10000, .seconds = 600, .rate = 5000};
    churn.seed = (uint64_t)time(NULL);
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long number = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--engine"))
            churn.engine = argv[i + 1];
        else if (!strcmp(argv[i], "--connections"))
            churn.connections = (unsigned)number;
        else if (!strcmp(argv[i], "--seconds"))
            churn.seconds = (unsigned)number;
        else if (!strcmp(argv[i], "--rate"))
            churn.rate = (unsigned)number;
        else if (!strcmp(argv[i], "--seed"))
            churn.seed = number;
        else
            return usage();
    }
    if (!(argc & 1) || !churn.engine || !churn.connections || !churn.seconds || !churn.rate)
        return usage();
    if (!churn.seed)
        churn.seed = 1; /* of which the generator makes nothing else */
    raise_descriptors(churn.connections + 2048);
    return run(&churn);
}
