/* SPDX-License-Identifier: MIT */
/* servers.c - the table of echo servers. */
#include "servers.h"

#include <string.h>
#include <sys/select.h>

/* A set of select() holds descriptors below FD_SETSIZE, some of which are not connections. */
#define SELECT_MOST (FD_SETSIZE - 24)
#define SELECT_WHY "a set of select() ends at FD_SETSIZE, 1,024 descriptors"

/* A thread for each connection and for the accept: weir starts at most 1,024 when nothing is asked;
 * the other is held to a load that a machine with little memory bears too. */
#define THREADS_MOST 1000
#define THREADS_WHY "the engine starts at most 1,024 threads (options.threads_max)"
#define HAND_THREADS_MOST 4000
#define HAND_THREADS_WHY "a thread a connection needs more memory than is taken for granted"

#define WEIR(NAME) .program = "examples/echo", .engine = NAME, .argv = {NULL, "0"}
#define HAND(NAME) .program = "bench/handwritten/echo_" NAME, .argv = {NULL, "0"}
#define PEER(NAME) .program = "bench/peers/echo_" NAME, .argv = {NULL, "0"}

/* "weir" is the default choice: nobody names an engine. posix-aio has no sockets of its own. */
static struct candidate servers[] = {
    {.name = "weir", WEIR(NULL)},
    {.name = "hand-poll", HAND("poll")},
    {.name = "weir-poll", WEIR("poll")},
    {.name = "hand-epoll", HAND("epoll")},
    {.name = "weir-epoll", WEIR("epoll")},
    {.name = "hand-epoll-et", HAND("epoll_et")},
    {.name = "weir-epoll-et", WEIR("epoll-et")},
    {.name = "hand-epoll-oneshot", HAND("epoll_oneshot")},
    {.name = "weir-epoll-oneshot", WEIR("epoll-oneshot")},
    {.name = "hand-linux-aio", HAND("linux_aio")},
    {.name = "weir-linux-aio", WEIR("linux-aio")},
    {.name = "hand-sigio", HAND("sigio")},
    {.name = "weir-sigio", WEIR("sigio")},
    {.name = "hand-select", HAND("select"), .most = SELECT_MOST, .why_most = SELECT_WHY},
    {.name = "weir-select", WEIR("select"), .most = SELECT_MOST, .why_most = SELECT_WHY},
    {.name = "hand-spin", HAND("spin")},
    {.name = "weir-spin", WEIR("spin")},
    {.name = "hand-threads",
     HAND("threads"),
     .most = HAND_THREADS_MOST,
     .why_most = HAND_THREADS_WHY},
    {.name = "weir-threads", WEIR("threads"), .most = THREADS_MOST, .why_most = THREADS_WHY},
    {.name = "hand-io_uring", HAND("uring")},
    {.name = "hand-io_uring-best", HAND("uring_best")},
    {.name = "hand-io_uring-incremental", HAND("uring_inc")},
    {.name = "weir-io_uring", WEIR("io_uring")},
    {.name = "libuv", PEER("libuv")},
    {.name = "libuv-try", PEER("libuv_try")},
    {.name = "libevent", PEER("libevent")},
    {.name = "libevent-bufferevent", PEER("bufferevent")},
    {.name = "libev", PEER("libev")},
    {.name = "asio", PEER("asio")},
    {.name = "asio-io_uring", PEER("asio_uring")},
    [30 + SERVERS_ADDED_MAX] = {.name = NULL},
};
static size_t server_count = 30;

/* Each engine against the server written by hand for its mechanism. */
static const struct {
    const char *weir, *hand;
} mechanisms[] = {
    {"weir-poll", "hand-poll"},
    {"weir-epoll", "hand-epoll"},
    {"weir-epoll-et", "hand-epoll-et"},
    {"weir-epoll-oneshot", "hand-epoll-oneshot"},
    {"weir-select", "hand-select"},
    {"weir-spin", "hand-spin"},
    {"weir-linux-aio", "hand-linux-aio"},
    {"weir-sigio", "hand-sigio"},
    {"weir-threads", "hand-threads"},
    {"weir-io_uring", "hand-io_uring*"},
    {"weir", "hand-*"},
};
#define AT_MOST_HAND 1.05

static const char *const libraries[] = {
    "libuv", "libuv-try", "libevent", "libevent-bufferevent", "libev", "asio", "asio-io_uring"};

/* Where half of what libuv's idiomatic server takes is asked for: connections and bytes. */
static const struct shape half_of_libuv[] = {
    {.connections = 50, .size = 64, .depth = 1},
    {.connections = 50, .size = 16384, .depth = 1},
    {.connections = 1000, .size = 64, .depth = 1},
};

struct candidate *servers_all(size_t *count)
{
    *count = server_count;
    return servers;
}

int servers_add(struct bench *b, char *text)
{
    char  *equals = strchr(text, '=');
    size_t room = sizeof servers / sizeof servers[0];
    if (!equals || equals == text || equals[1] == '\0' || b->kind.candidate_count == room)
        return bench_usage(b, "--add takes NAME=PROGRAM, not", text);
    *equals = '\0';
    servers[b->kind.candidate_count++] = (struct candidate){
        .name = text, .program = equals + 1, .given = true, .argv = {NULL, "0"}};
    return BENCH_DONE;
}

void servers_enter(struct cell *cell, const struct bench *b, int connections)
{
    for (size_t i = 0; i < b->kind.candidate_count; i++) {
        struct candidate *c = &b->kind.candidates[i];
        cell_add(cell, c);
        if (c->most > 0 && connections > c->most)
            cell->contenders[cell->contender_count - 1].refusal = c->why_most;
    }
}

void servers_ask(struct cell *cell)
{
    const struct shape *shape = &cell->shape;
    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
        cell_ask(cell, (struct goal){mechanisms[i].weir, mechanisms[i].hand, FIGURE_SERVER_US,
                                     GOAL_AT_MOST, AT_MOST_HAND});
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
        cell_ask(cell, (struct goal){"weir", libraries[i], FIGURE_SERVER_US, GOAL_AHEAD, 0});
    for (size_t i = 0; i < sizeof half_of_libuv / sizeof half_of_libuv[0]; i++)
        if (shape->connections == half_of_libuv[i].connections &&
            shape->size == half_of_libuv[i].size && shape->depth == half_of_libuv[i].depth)
            cell_ask(cell, (struct goal){"weir", "libuv", FIGURE_SERVER_US, GOAL_AT_MOST, 0.5});
}
