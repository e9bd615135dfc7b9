/* SPDX-License-Identifier: MIT */
/* inside.c - seeing inside, and options: engines, counts, dump, log, hooks, allocator, version. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "contract.h"

#define HOUR (3600 * WEIR_SECOND)
#define ENGINES 32

/* ------------------------------------------------------------------------------------------------
 * Engines
 * ---------------------------------------------------------------------------------------------- */

static void engine_list_tells_every_mechanism(struct contract *c)
{
    static const char *const known[] = {
        "poll", "select",  "epoll",     "epoll-et",  "epoll-oneshot", "io_uring", "kqueue",
        "iocp", "threads", "linux-aio", "posix-aio", "sigio",         "spin",     "sim",
    };
    static struct weir_engine_info engines[ENGINES];
    unsigned                       descriptors = contract_fd_count(), defaults = 0;
    bool                           allowed_before = false, found = false;
    int                            count = weir_engine_list(engines, ENGINES);
    CHECK(count > 0 && count <= ENGINES);
    CHECK_EQ(contract_fd_count(), descriptors);
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        int k = 0;
        while (k < count && strcmp(engines[k].name, known[i]) != 0)
            k++;
        if (k == count)
            contract_fail(__FILE__, __LINE__, "%s is not told of", known[i]);
    }
    for (int i = 0; i < count; i++) {
        CHECK(engines[i].refused <= 0);
        CHECK(engines[i].model && engines[i].model[0]);
        CHECK(memchr(engines[i].reason, '\0', sizeof engines[i].reason) != NULL);
        if (engines[i].refused || engines[i].is_default)
            CHECK(engines[i].reason[0] != '\0');
        defaults += engines[i].is_default;
        /* The best comes first, and the default is the best that is allowed. */
        CHECK_EQ(engines[i].is_default, !engines[i].refused && !allowed_before);
        allowed_before |= !engines[i].refused;
        found |= !strcmp(engines[i].name, c->engine) && !engines[i].refused;
    }
    CHECK_EQ(defaults, 1);
    CHECK(found);
}

static void engine_list_respects_its_room(struct contract *c)
{
    struct weir_engine_info engines[3];
    memset(engines, 0x77, sizeof engines);
    (void)c;
    int count = weir_engine_list(NULL, 0);
    CHECK(count > 3);
    CHECK_EQ(weir_engine_list(engines, 2), count);
    CHECK(engines[0].name && engines[1].name);
    for (unsigned i = 0; i < sizeof engines[2]; i++)
        CHECK_EQ(((unsigned char *)&engines[2])[i], 0x77);
}

static void loop_tells_its_engine(struct contract *c)
{
    struct weir_engine_info refusals[ENGINES];
    struct weir_feature     features[ENGINES];
    char                    name[64];
    struct weir_options     options = {.engine = name};
    /* The strings are borrowed while the loop is opened, and no longer. */
    contract_loop_close(c, c->loop);
    snprintf(name, sizeof name, "%s", c->engine);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    memset(name, 'x', sizeof name - 1);
    CHECK(!strcmp(weir_loop_engine(c->loop), c->engine));
    CHECK_EQ(weir_loop_refusals(c->loop, refusals, ENGINES), 0); /* it was asked for by name */
    CHECK_EQ(weir_loop_refusals(c->loop, NULL, 0), 0);
    int count = weir_loop_features(c->loop, features, ENGINES);
    CHECK(count >= 0 && count <= ENGINES);
    CHECK_EQ(weir_loop_features(c->loop, NULL, 0), count);
    for (int i = 0; i < count; i++) {
        CHECK(features[i].name && features[i].name[0]);
        CHECK(features[i].reason[0] != '\0');
    }
}

static void unknown_engine_is_refused(struct contract *c)
{
    struct weir_options options = {.engine = "no-such-engine"};
    struct weir_loop   *loop = c->loop;
    CHECK_EQ(contract_open(c, &loop, &options), WEIR_ENOENGINE);
    CHECK(loop == NULL);
    CHECK_EQ(weir_query("no-such-engine", WEIR_OP_RECV, WEIR_HANDLE_STREAM), WEIR_ENOENGINE);
}

static void engine_by_environment(struct contract *c)
{
    struct weir_options options = {.engine = "poll"};
    struct weir_loop   *loop = NULL;
    CHECK_EQ(setenv("WEIR_ENGINE", c->engine, 1), 0);
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    CHECK(!strcmp(weir_loop_engine(loop), c->engine));
    contract_loop_close(c, loop);
    /* The option is stronger. */
    CHECK_EQ(setenv("WEIR_ENGINE", "no-such-engine", 1), 0);
    CHECK_EQ(weir_loop_open(&loop, &options), 0);
    CHECK(!strcmp(weir_loop_engine(loop), "poll"));
    contract_loop_close(c, loop);
    CHECK_EQ(weir_loop_open(&loop, NULL), WEIR_ENOENGINE);
    CHECK_EQ(unsetenv("WEIR_ENGINE"), 0);
}

/* What weir_query() says of the engine is how it serves, for ops that wait on a stream. */
static void query_tells_how_ops_are_served(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0}, work = {0};
    char               byte;
    contract_needs("mechanism that is always the same");
    for (int op = 0; op < WEIR_OP_KINDS; op++)
        for (int kind = 0; kind < WEIR_HANDLE_KINDS; kind++) {
            int support = weir_query(c->engine, (enum weir_op_kind)op, (enum weir_handle_kind)kind);
            CHECK(support >= WEIR_SUPPORT_NO && support <= WEIR_SUPPORT_AT_ONCE);
        }
    int  support = weir_query(c->engine, WEIR_OP_RECV, WEIR_HANDLE_STREAM);
    bool offloads = support == WEIR_SUPPORT_OFFLOADED;
    CHECK(offloads || support == WEIR_SUPPORT_NATIVE || support == WEIR_SUPPORT_EMULATED);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_ACCEPT, WEIR_HANDLE_STREAM), WEIR_SUPPORT_NO);
    CHECK_EQ(weir_query(c->engine, WEIR_OP_WORK, WEIR_HANDLE_NONE), WEIR_SUPPORT_OFFLOADED);
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &b, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(weir_try_send(&a, "x", 1, 0), 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    bool completes = !strcmp(c->engine, "io_uring") || !strcmp(c->engine, "iocp");
    CHECK_EQ(recv.served, offloads    ? WEIR_SERVED_WORKER
                          : completes ? WEIR_SERVED_KERNEL
                                      : WEIR_SERVED_READY);
    weir_work(&work, c->loop, (weir_work_call *)NULL, 0, contract_done);
    CHECK_EQ(contract_await(c, &work), WEIR_EINVAL);
    CHECK_EQ(work.served, WEIR_SERVED_NOT);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* ------------------------------------------------------------------------------------------------
 * Counts and dump
 * ---------------------------------------------------------------------------------------------- */

static void stats_count(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     ops[6] = {{0}};
    struct weir_stats  stats, before;
    uint64_t           served = 0;
    char               bytes[2];
    contract_unix_pair(c, &a, &b);
    weir_loop_stats(c->loop, &before);
    CHECK_EQ(before.handles, 2);
    CHECK_EQ(before.pending, 0);
    weir_nop(&ops[0], c->loop, 0, contract_done);
    weir_timer(&ops[1], c->loop, HOUR, 0, contract_done);
    weir_timer(&ops[2], c->loop, HOUR, WEIR_BACKGROUND, contract_done);
    weir_recv(&ops[3], &a, &bytes[0], 1, 0, contract_done);
    weir_send(&ops[4], &b, "x", 1, 0, contract_done);
    weir_deadline(&ops[3], HOUR);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.pending, 5);
    CHECK_EQ(stats.pending_background, 1);
    CHECK_EQ(stats.timers, 3);
    CHECK_EQ(stats.started - before.started, 5);
    CHECK_EQ(contract_await(c, &ops[3]), 1);
    CHECK_EQ(contract_await(c, &ops[4]), 1);
    weir_cancel(&ops[1]);
    weir_cancel(&ops[2]);
    weir_post(&ops[5], c->loop, contract_done);
    contract_run(c);
    weir_run(c->loop, WEIR_NOWAIT);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.pending, 0);
    CHECK_EQ(stats.pending_background, 0);
    CHECK_EQ(stats.timers, 0);
    CHECK_EQ(stats.ended - before.ended, 6);
    CHECK_EQ(stats.started, stats.ended);
    CHECK_EQ(stats.cancelled - before.cancelled, 2);
    CHECK_EQ(stats.posts - before.posts, 1);
    CHECK(stats.turns > before.turns);
    CHECK(stats.waits > before.waits);
    for (int i = 0; i < WEIR_SERVED_KINDS; i++)
        served += stats.served[i];
    CHECK_EQ(served, stats.ended);
    CHECK(stats.bytes > 0 && stats.bytes <= contract_heap().bytes);
    contract_close(c, &a);
    contract_close(c, &b);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.handles, 0);
}

static void timers_fired_are_counted(struct contract *c)
{
    struct weir_op    timers[5] = {{0}};
    struct weir_stats stats;
    for (int i = 0; i < 5; i++)
        weir_timer(&timers[i], c->loop, (uint64_t)i, 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.timers_fired, 5);
}

static void dump_names_each_pending_op(struct contract *c)
{
    struct weir_handle a = {0}, b = {0}, listener = {0}, accepted = {0};
    struct weir_op     ops[5] = {{0}};
    char               bytes[2], *text = NULL;
    size_t             length = 0;
    contract_tcp_pair(c, &a, &b);
    contract_listen_any(c, &listener);
    weir_timer(&ops[0], c->loop, HOUR, WEIR_BACKGROUND, contract_done);
    weir_recv(&ops[1], &a, &bytes[0], 1, 0, contract_done);
    weir_recv(&ops[2], &a, &bytes[1], 1, 0, contract_done);
    weir_accept(&ops[3], &listener, &accepted, 0, contract_done);
    weir_poll(&ops[4], &b, WEIR_IN, WEIR_LEVEL, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    FILE *file = open_memstream(&text, &length);
    CHECK(file != NULL);
    weir_loop_dump(c->loop, file);
    fclose(file);
    CHECK(strstr(text, c->engine) != NULL);
    static const char *const words[] = {"timer", "recv", "accept", "poll", "stream", "listener"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(text, words[i]))
            contract_fail(__FILE__, __LINE__, "the dump lacks %s: %s", words[i], text);
    unsigned lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    CHECK_EQ(lines, 1 + 5); /* one for the loop, one for each op */
    free(text);
    weir_cancel(&ops[0]);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_close(c, &listener);
    while (!weir_ended(&ops[0]))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
}

static void dump_of_an_idle_loop(struct contract *c)
{
    char  text[1000] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    CHECK(file != NULL);
    weir_loop_dump(c->loop, file);
    fclose(file);
    CHECK(text[0] != '\0' && strchr(text, '\n') == text + strlen(text) - 1);
}

/* ------------------------------------------------------------------------------------------------
 * Hooks and log
 * ---------------------------------------------------------------------------------------------- */

struct hooks {
    struct weir_loop *loop;
    unsigned          before, after;
    int64_t           timeout_ns; /* of the last wait */
};

static void hook_before(struct weir_loop *loop, void *user, int64_t timeout_ns)
{
    struct hooks *h = user;
    CHECK(loop == h->loop);
    CHECK_EQ(h->before, h->after);
    CHECK(timeout_ns >= -1);
    h->before++;
    h->timeout_ns = timeout_ns;
}

static void hook_after(struct weir_loop *loop, void *user)
{
    struct hooks *h = user;
    CHECK(loop == h->loop);
    h->after++;
    CHECK_EQ(h->before, h->after);
}

static void hooks_surround_each_wait(struct contract *c)
{
    struct hooks       hooks = {.loop = NULL};
    struct weir_op     timer = {0}, recv = {0};
    struct weir_handle handle = {0};
    struct weir_stats  stats;
    char               byte;
    {
        /* Copied by weir_loop_open(): this memory is gone when they run. */
        struct weir_options options = {
            .before_wait = hook_before, .after_wait = hook_after, .wait_user = &hooks};
        contract_loop_close(c, c->loop);
        CHECK_EQ(contract_open(c, &c->loop, &options), 0);
        memset(&options, 0x77, sizeof options);
    }
    hooks.loop = c->loop;
    int peer = contract_unix_peer(c, &handle);
    weir_timer(&timer, c->loop, 2 * WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    CHECK(hooks.before > 0);
    CHECK_EQ(hooks.before, hooks.after);
    weir_recv(&recv, &handle, &byte, 1, 0, contract_done);
    CHECK_EQ(weir_run(c->loop, WEIR_NOWAIT), 1);
    CHECK_EQ(hooks.timeout_ns, 0);
    contract_raw_send(peer, "x", 1);
    CHECK_EQ(contract_await(c, &recv), 1);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.waits, hooks.before);
    contract_close(c, &handle);
    contract_raw_close(peer);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* Never a spin: a loop with nothing to do but wait waits once. */
static void idle_loop_waits_once(struct contract *c)
{
    struct weir_op     timer = {0};
    struct weir_stats  before, after;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    char               byte;
    contract_tcp_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, WEIR_BACKGROUND, contract_done);
    CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    weir_loop_stats(c->loop, &before);
    weir_timer(&timer, c->loop, 50 * WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &after);
    CHECK(after.waits - before.waits <= 5);
    contract_close(c, &a);
    contract_close(c, &b);
}

struct sentences {
    unsigned count;
    char     all[2000];
};

static void note_sentence(void *user, enum weir_log_level level, const char *sentence)
{
    struct sentences *s = user;
    size_t            used = strlen(s->all);
    CHECK(level == WEIR_LOG_DEBUG || level == WEIR_LOG_NOTICE || level == WEIR_LOG_WARNING);
    CHECK(sentence[0] != '\0');
    s->count++;
    snprintf(s->all + used, sizeof s->all - used, "%s\n", sentence);
}

/* Threads that cannot be had are something to tell, wherever a log is given. */
static int64_t never_called(struct weir_op *op)
{
    (void)op;
    return 0;
}

static void log_tells_what_went_wrong(struct contract *c)
{
    struct sentences    sentences = {.count = 0};
    struct weir_options options = {.log = note_sentence, .log_user = &sentences};
    struct weir_op      work = {0};
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    contract_deny_threads(EAGAIN);
    weir_work(&work, c->loop, never_called, 0, contract_done);
    CHECK(contract_await(c, &work) < 0);
    CHECK(sentences.count > 0);
    CHECK(strstr(sentences.all, "thread") != NULL);
    contract_loop_close(c, c->loop);
    c->loop = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Memory
 * ---------------------------------------------------------------------------------------------- */

static void resize_is_the_loops_memory(struct contract *c)
{
    struct contract_heap before = contract_heap();
    char                *memory = weir_resize(c->loop, NULL, 100);
    CHECK(memory != NULL);
    CHECK_EQ((uintptr_t)memory % 16, 0);
    CHECK_EQ(contract_heap().blocks, before.blocks + 1);
    memset(memory, 'a', 100);
    memory = weir_resize(c->loop, memory, 1000);
    CHECK(memory != NULL);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(memory[i], 'a');
    CHECK(weir_resize(c->loop, memory, 0) == NULL);
    CHECK_EQ(contract_heap().blocks, before.blocks);
    CHECK_EQ(contract_heap().bytes, before.bytes);
    CHECK(weir_resize(c->loop, NULL, 0) == NULL);
    contract_heap_fail(1, false);
    CHECK(weir_resize(c->loop, NULL, 100) == NULL);
}

static void default_allocator_works(struct contract *c)
{
    struct weir_options  options = {.engine = c->engine};
    struct weir_loop    *loop = NULL;
    struct weir_op       timer = {0};
    struct contract_heap before = contract_heap();
    CHECK_EQ(weir_loop_open(&loop, &options), 0);
    weir_timer(&timer, loop, 1, 0, contract_done);
    CHECK_EQ(weir_run(loop, WEIR_UNTIL_DONE), 0);
    CHECK_RESULT(&timer, 0);
    void *memory = weir_resize(loop, NULL, 100);
    CHECK(memory != NULL);
    CHECK(weir_resize(loop, memory, 0) == NULL);
    contract_loop_close(c, loop);
    CHECK_EQ(contract_heap().calls, before.calls);
    CHECK_EQ(weir_loop_open(&loop, NULL), 0);
    contract_loop_close(c, loop);
}

/* Every allocation of opening fails in turn: a named loop is not opened, and nothing is left. */
static void open_without_memory(struct contract *c)
{
    struct contract_heap before = contract_heap();
    unsigned             descriptors = contract_fd_count();
    struct weir_loop    *loop = NULL;
    int                  result = WEIR_ENOMEM;
    for (unsigned nth = 1; result != 0; nth++) {
        CHECK(nth < 100);
        for (int stay = 0; stay < 2; stay++) {
            loop = c->loop;
            contract_heap_fail(nth, stay);
            result = contract_open(c, &loop, NULL);
            contract_heap_fail(0, false);
            if (result == 0)
                break;
            CHECK(loop == NULL);
            CHECK_EQ(result, WEIR_ENOMEM);
            CHECK_EQ(contract_heap().blocks, before.blocks);
            CHECK_EQ(contract_fd_count(), descriptors);
        }
    }
    contract_loop_close(c, loop);
}

static void open_without_descriptors(struct contract *c)
{
    struct contract_heap before = contract_heap();
    for (unsigned spare = 0; spare < 8; spare++) {
        struct weir_loop *loop = c->loop;
        contract_fd_exhaust(c, spare);
        int result = contract_open(c, &loop, NULL);
        if (result == 0)
            contract_loop_close(c, loop);
        contract_fd_release(c);
        CHECK_EQ(contract_heap().blocks, before.blocks);
        if (result == 0)
            return;
        CHECK_EQ(result, WEIR_EMFILE);
        CHECK(loop == NULL);
    }
    contract_fail(__FILE__, __LINE__, "a loop needs more than 7 descriptors");
}

/* Each allocation while a loop runs fails in turn. Ops may end WEIR_ENOMEM; none is lost, and the
 * loop is as good as before. */
static int64_t return_7(struct weir_op *op)
{
    (void)op;
    return 7;
}

static unsigned run_short_of_memory(struct contract *c, unsigned nth)
{
    struct weir_loop  *kept = c->loop;
    struct weir_handle a = {0}, b = {0};
    struct weir_op     ops[100] = {{0}}, recv = {0}, send = {0}, work = {0}, signal_op = {0};
    char               byte = 0;
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    contract_unix_pair(c, &a, &b);
    uint64_t calls = contract_heap().calls;
    contract_heap_fail(nth, false);
    for (int i = 0; i < 100; i++)
        weir_timer(&ops[i], c->loop, (uint64_t)(i % 7), 0, contract_done);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    weir_send(&send, &b, "x", 1, 0, contract_done);
    weir_deadline(&recv, HOUR);
    weir_work(&work, c->loop, return_7, 0, contract_done);
    weir_signal(&signal_op, c->loop, 10, 0, contract_done);
    weir_deadline(&signal_op, 1);
    contract_await(c, &send);
    if (send.result < 0) /* nothing will come */
        weir_cancel(&recv);
    contract_run(c);
    contract_heap_fail(0, false);
    calls = contract_heap().calls - calls;
    for (int i = 0; i < 100; i++)
        CHECK(ops[i].result == 0 || ops[i].result == WEIR_ENOMEM);
    CHECK(recv.result == 1 || recv.result == WEIR_ENOMEM ||
          (recv.result == WEIR_ECANCELED && send.result < 0));
    CHECK(send.result == 1 || send.result == WEIR_ENOMEM);
    CHECK(work.result == 7 || work.result == WEIR_ENOMEM);
    CHECK(signal_op.result == WEIR_EDEADLINE || signal_op.result == WEIR_ENOMEM);
    weir_timer(&ops[0], c->loop, 1, 0, contract_done);
    CHECK_EQ(contract_await(c, &ops[0]), 0);
    contract_close(c, &a);
    contract_close(c, &b);
    contract_loop_close(c, c->loop);
    c->loop = kept;
    return calls <= nth ? 0 : 1;
}

static void run_without_memory(struct contract *c)
{
    unsigned nth = 1;
    while (run_short_of_memory(c, nth))
        CHECK(++nth < 1000);
    CHECK(nth > 1);
}

static void version_is_told(struct contract *c)
{
    char text[32];
    (void)c;
    CHECK_EQ(weir_version(), WEIR_VERSION);
    snprintf(text, sizeof text, "%d.%d.%d", WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
             WEIR_VERSION_PATCH);
    CHECK(!strcmp(weir_version_text(), text));
}

/* The ops stay as they were: the loop can be asked again, or closed. */
static void failed_wait_is_told(struct contract *c)
{
    struct weir_handle a = {0}, b = {0};
    struct weir_op     recv = {0};
    char               byte;
    contract_unix_pair(c, &a, &b);
    weir_recv(&recv, &a, &byte, 1, 0, contract_done);
    contract_deny_waiting(EPERM);
    CHECK_EQ(weir_run(c->loop, WEIR_ONCE), WEIR_EPERM);
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), WEIR_EPERM);
    CHECK(contract_live(&recv));
    CHECK_EQ(weir_cancel(&recv), 0);
    while (!weir_ended(&recv))
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
    CHECK_RESULT(&recv, WEIR_ECANCELED);
    contract_close(c, &a);
    contract_close(c, &b);
}

static void no_loop_is_closed_already(struct contract *c)
{
    (void)c;
    CHECK_EQ(weir_loop_close(NULL, 0), 0);
}

static void file_workers_are_bounded(struct contract *c)
{
    struct weir_options options = {.file_workers = 1};
    struct weir_handle  a = {0}, b = {0};
    struct weir_op      ops[16] = {{0}};
    struct weir_stat    stat[16];
    struct weir_stats   stats, before;
    contract_needs("threads of its own");
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    contract_unix_pair(c, &a, &b);
    weir_loop_stats(c->loop, &before);
    for (int i = 0; i < 16; i++)
        weir_fstat(&ops[i], &a, &stat[i], 0, contract_done);
    contract_run(c);
    weir_loop_stats(c->loop, &stats);
    CHECK_EQ(stats.workers, before.workers + 1);
    CHECK_EQ(stats.served[WEIR_SERVED_WORKER], 16);
    contract_close(c, &a);
    contract_close(c, &b);
}

/* Whether the loop's engine says that it uses the feature; false for one that has none. */
static bool uses(struct weir_loop *loop, const char *name)
{
    struct weir_feature features[16];
    int                 count = weir_loop_features(loop, features, 16);
    CHECK(count >= 0 && count <= 16);
    for (int i = 0; i < count; i++)
        if (strcmp(features[i].name, name) == 0)
            return features[i].used;
    return false;
}

static char last_sentence[256];

static void keep_sentence(void *user, enum weir_log_level level, const char *sentence)
{
    (void)user, (void)level;
    snprintf(last_sentence, sizeof last_sentence, "%s", sentence);
}

/* A wait that polls devices delivers as any other; where it cannot be had, that is said, and the
 * loop works all the same. */
static void busy_poll_is_had_or_told(struct contract *c)
{
    struct weir_options options = {.busy_poll_us = 20, .log = keep_sentence};
    bool                known = false;
    for (int denied = 0; denied < 2; denied++) {
        struct weir_handle  a = {0}, b = {0};
        struct weir_op      ops[2] = {{0}};
        struct weir_feature features[32];
        char                byte;
        last_sentence[0] = 0;
        if (denied) /* IORING_REGISTER_NAPI */
            contract_deny_when(SYS_io_uring_register, 1, 27, EINVAL);
        CHECK_EQ(contract_open(c, &c->loop, &options), 0);
        int count = weir_loop_features(c->loop, features, 32);
        for (int i = 0; i < count; i++) {
            if (strcmp(features[i].name, "NAPI") != 0)
                continue;
            known = true;
            CHECK(!(denied && features[i].used));
            CHECK_EQ(!features[i].used, strstr(features[i].reason, "refused") != NULL);
            CHECK_EQ(!features[i].used, strstr(last_sentence, "busy_poll_us") != NULL);
        }
        CHECK(known || !last_sentence[0]);
        contract_tcp_pair(c, &a, &b);
        weir_recv(&ops[0], &a, &byte, 1, 0, contract_done);
        weir_send(&ops[1], &b, "x", 1, 0, contract_done);
        contract_run(c);
        CHECK_RESULT(&ops[0], 1);
        contract_close(c, &a);
        contract_close(c, &b);
        contract_loop_close(c, c->loop);
        c->loop = NULL;
    }
}

/* Whether that is why. */
static bool reason_tells(struct weir_loop *loop, const char *name, const char *word)
{
    struct weir_feature features[32];
    int                 count = weir_loop_features(loop, features, 32);
    for (int i = 0; i < count; i++)
        if (strcmp(features[i].name, name) == 0)
            return strstr(features[i].reason, word);
    return false;
}

static void feature_that_is_off_is_not_used(struct contract *c)
{
    struct weir_options options = {.features_off = WEIR_WITHOUT_DEFER_TASKRUN};
    struct weir_op      timer = {0};
    bool                used = uses(c->loop, "DEFER_TASKRUN");
    CHECK_EQ(uses(c->loop, "SINGLE_ISSUER"), used);
    contract_loop_close(c, c->loop);
    CHECK_EQ(contract_open(c, &c->loop, &options), 0);
    CHECK(!uses(c->loop, "DEFER_TASKRUN"));
    CHECK_EQ(uses(c->loop, "COOP_TASKRUN"), used);
    CHECK(!used || reason_tells(c->loop, "DEFER_TASKRUN", "features_off"));
    weir_timer(&timer, c->loop, WEIR_MILLISECOND, 0, contract_done);
    contract_run(c);
    CHECK_RESULT(&timer, 0);
}

const struct contract_case contract_cases[] = {
    {"failed_wait_is_told", failed_wait_is_told, 0},
    {"no_loop_is_closed_already", no_loop_is_closed_already, 0},
    {"file_workers_are_bounded", file_workers_are_bounded, 0},
    {"feature_that_is_off_is_not_used", feature_that_is_off_is_not_used, 0},
    /* The loops are opened with options. */
    {"busy_poll_is_had_or_told", busy_poll_is_had_or_told, CONTRACT_OWN_LOOP},
    {"engine_list_tells_every_mechanism", engine_list_tells_every_mechanism, 0},
    {"engine_list_respects_its_room", engine_list_respects_its_room, 0},
    {"loop_tells_its_engine", loop_tells_its_engine, 0},
    {"unknown_engine_is_refused", unknown_engine_is_refused, 0},
    {"engine_by_environment", engine_by_environment, 0},
    {"query_tells_how_ops_are_served", query_tells_how_ops_are_served, 0},
    {"stats_count", stats_count, 0},
    {"timers_fired_are_counted", timers_fired_are_counted, 0},
    {"dump_names_each_pending_op", dump_names_each_pending_op, 0},
    {"dump_of_an_idle_loop", dump_of_an_idle_loop, 0},
    {"hooks_surround_each_wait", hooks_surround_each_wait, 0},
    {"idle_loop_waits_once", idle_loop_waits_once, 0},
    {"log_tells_what_went_wrong", log_tells_what_went_wrong, 0},
    {"resize_is_the_loops_memory", resize_is_the_loops_memory, 0},
    {"default_allocator_works", default_allocator_works, 0},
    {"open_without_memory", open_without_memory, 0},
    {"open_without_descriptors", open_without_descriptors, 0},
    {"run_without_memory", run_without_memory, 0},
    {"version_is_told", version_is_told, 0},
    {0},
};
