/* SPDX-License-Identifier: MIT */
/* main.c - `kv-test [early] [FIRST-LAST]`: the world of the seed (or of $WEIR_SIM_SEED), in which
 * servers crash and links are cut for half a minute; then all is well again, and every key is read
 * once more. Ends 1 and says what was wrong, if anything was. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv_test.h"

#define TROUBLE_NS (20 * WEIR_SECOND)
#define QUIET_NS (120 * WEIR_SECOND) /* within which every client reads every key */

struct server {
    struct weir_sim_host *host;
    struct weir_loop     *loop; /* NULL while it is down */
    struct kv            *kv;
    struct weir_sim      *sim;
    bool                  failed;
    uint64_t              up_again_ns;
};

struct test {
    struct weir_sim      *sim;
    struct server         servers[KV_HOSTS];
    struct weir_sim_host *client_host;
    struct weir_loop     *client_loop;
    struct client         clients[CLIENTS];
    struct history        history;
    struct weir_op        trouble;
    uint64_t              seed;
    bool                  early, calm;
};

static const char *const addresses[KV_HOSTS] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
struct weir_address      kv_addresses[KV_HOSTS];

/* ---- Servers --------------------------------------------------------------------------------- */

static void on_failed(void *user, const char *what, int64_t error)
{
    struct server *server = user;
    (void)what, (void)error;
    server->failed = true;
}

static void crash(struct server *server)
{
    if (!server->loop)
        return;
    weir_sim_crash(server->sim, server->host);
    kv_free(server->kv);
    server->loop = NULL;
    server->kv = NULL;
    server->failed = false;
    server->up_again_ns = weir_sim_now(server->sim) + weir_sim_random(server->sim, 3 * WEIR_SECOND);
}

/* The loop or the server may not come up when the world has no memory or descriptors for it; then
 * it is tried again. */
static void bring_up(struct test *test, unsigned index)
{
    struct server      *server = &test->servers[index];
    struct weir_options options = {.engine = "sim", .sim_host = server->host};
    struct kv_options   how = {.id = index + 1,
                               .path = "kv.log",
                               .early = test->early,
                               .failed = on_failed,
                               .user = server,
                               .listen = kv_addresses[index]};
    for (unsigned i = 0, peer = 0; i < KV_HOSTS; i++)
        if (i != index)
            how.peers[peer++] = kv_addresses[i];
    if (weir_loop_open(&server->loop, &options))
        return;
    if (kv_open(&server->kv, server->loop, &how)) {
        weir_loop_close(server->loop, WEIR_FOREVER);
        server->loop = NULL;
    }
}

/* ---- Trouble --------------------------------------------------------------------------------- */

static void cut_or_mend(struct test *test, bool cut)
{
    unsigned one = (unsigned)weir_sim_random(test->sim, KV_HOSTS);
    unsigned other = (unsigned)weir_sim_random(test->sim, KV_HOSTS + 1);
    if (one != other)
        weir_sim_partition(test->sim, test->servers[one].host,
                           other < KV_HOSTS ? test->servers[other].host : test->client_host, cut);
}

static void on_trouble(struct weir_op *op)
{
    struct test *test = op->user;
    if (op->result == WEIR_ECANCELED)
        return;
    uint64_t choice = test->calm ? 99 : weir_sim_random(test->sim, 24);
    if (choice < 3)
        crash(&test->servers[choice]);
    else if (choice == 3)
        for (int i = 0; i < KV_HOSTS; i++) /* the whole room is dark */
            crash(&test->servers[i]);
    else if (choice < 8)
        cut_or_mend(test, true);
    else if (choice < 14)
        cut_or_mend(test, false);
    for (unsigned i = 0; i < KV_HOSTS; i++) {
        struct server *server = &test->servers[i];
        if (server->failed)
            crash(server);
        if (!server->loop && (test->calm || weir_sim_now(test->sim) >= server->up_again_ns))
            bring_up(test, i);
    }
    weir_timer(op, test->client_loop, (50 + weir_sim_random(test->sim, 300)) * WEIR_MILLISECOND,
               WEIR_BACKGROUND, on_trouble);
}

/* ---- A run ----------------------------------------------------------------------------------- */

static int fail(struct test *test, const char *sentence)
{
    if (!test->history.wrong[0])
        snprintf(test->history.wrong, sizeof test->history.wrong, "%s", sentence);
    return -1;
}

static int open_world(struct test *test, bool swarm)
{
    struct weir_sim_options how = {.seed = test->seed, .swarm = swarm};
    struct weir_options     options = {.engine = "sim"};
    if (weir_sim_open(&test->sim, &how))
        return fail(test, "no world can be had");
    int error = weir_sim_host_add(test->sim, &test->client_host, "clients", "10.0.0.9");
    for (int i = 0; i < KV_HOSTS && !error; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s:7000", addresses[i]);
        weir_address_parse(&kv_addresses[i], text);
        test->servers[i].sim = test->sim;
        error = weir_sim_host_add(test->sim, &test->servers[i].host, addresses[i], addresses[i]);
    }
    options.sim_host = test->client_host;
    for (int tries = 0; !error && !test->client_loop && tries < 100; tries++)
        weir_loop_open(&test->client_loop, &options);
    return error || !test->client_loop ? fail(test, "no hosts can be had") : 0;
}

static void begin_clients(struct test *test)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &test->clients[i];
        client->number = i + 1;
        client->sim = test->sim;
        client->loop = test->client_loop;
        client->history = &test->history;
        client_begin(client);
    }
    test->trouble.user = test;
    weir_timer(&test->trouble, test->client_loop, 0, WEIR_BACKGROUND, on_trouble);
}

static int check_all_over(struct test *test)
{
    for (int i = 0; i < CLIENTS; i++)
        if (!test->clients[i].over)
            return fail(test, "a client could not read every key after all was well");
    return 0;
}

static int close_world(struct test *test)
{
    int error = weir_loop_close(test->client_loop, WEIR_FOREVER);
    for (int i = 0; i < KV_HOSTS; i++) {
        if (!error && test->servers[i].loop)
            error = weir_loop_close(test->servers[i].loop, WEIR_FOREVER);
        if (!error && test->servers[i].kv)
            kv_free(test->servers[i].kv);
    }
    return error || weir_sim_close(test->sim) ? fail(test, "the world cannot be closed") : 0;
}

/* The world ends with the step in which something was wrong, and so does its trace. */
static const char *check(void *user)
{
    const struct test *test = user;
    return test->history.wrong[0] ? test->history.wrong : NULL;
}

/* Nothing of a world that has failed goes on. */
static int abandon_world(struct test *test)
{
    fail(test, weir_sim_broken(test->sim) ? weir_sim_broken(test->sim) : "the run failed");
    weir_sim_close(test->sim);
    for (int i = 0; i < KV_HOSTS; i++)
        if (test->servers[i].kv)
            kv_free(test->servers[i].kv);
    for (int i = 0; i < CLIENTS; i++)
        line_free(&test->clients[i].line);
    return -1;
}

static int run_test(struct test *test, bool swarm)
{
    if (open_world(test, swarm))
        return -1;
    weir_sim_check(test->sim, check, test);
    begin_clients(test);
    int error = weir_sim_run(test->sim, TROUBLE_NS);
    weir_sim_heal(test->sim);
    test->calm = true;
    for (int i = 0; i < CLIENTS; i++)
        client_finish(&test->clients[i]);
    if (error >= 0)
        error = weir_sim_run(test->sim, QUIET_NS);
    if (error < 0)
        return abandon_world(test);
    check_all_over(test);
    return close_world(test);
}

static bool run_seed(uint64_t seed, bool early, bool swarm, unsigned long *told)
{
    struct test *test = calloc(1, sizeof *test);
    if (!test)
        return false;
    test->seed = seed;
    test->early = early;
    run_test(test, swarm);
    bool fine = !test->history.wrong[0];
    if (!fine && seed)
        printf("seed %" PRIu64 ": ", seed);
    if (!fine)
        printf("%s\n", test->history.wrong);
    *told += test->history.gets + test->history.sets;
    free(test);
    return fine;
}

int main(int argc, char **argv)
{
    uint64_t      first = 0, last = 0;
    bool          early = argc > 1 && strcmp(argv[1], "early") == 0;
    unsigned long told = 0;
    if (argc > 1 + early && (sscanf(argv[1 + early], "%" SCNu64 "-%" SCNu64, &first, &last) != 2 ||
                             !first || last < first))
        return fputs("usage: kv-test [early] [FIRST-LAST]\n", stderr), 2;
    unsigned failed = 0;
    for (uint64_t seed = first; seed <= last; seed++)
        failed += !run_seed(seed, early, first != 0, &told);
    if (first)
        printf("%" PRIu64 " seeds, %u failed, %lu requests were answered\n", last - first + 1,
               failed, told);
    return failed != 0;
}
