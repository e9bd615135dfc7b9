/* SPDX-License-Identifier: MIT */
/* contract.c - the harness's main program: picks the cases, runs each in its process, and opens and
 * closes the books around it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "ledger.h"
#include "simulated.h"
#include "torture.h"

#define EXIT_SKIPPED 77
#define CLOSE_TIMEOUT (20 * WEIR_SECOND)
#define LIMIT_OF_HANGS_S 5 /* of a case that is known to hang */

/* The case that this process runs; for what has no contract at hand. */
static struct contract running;

/* ------------------------------------------------------------------------------------------------
 * Verdicts
 * ---------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

CONTRACT_PRINTF(5, 0)
static void write_sentence(char *text, size_t room, const char *file, int line, const char *format,
                           va_list arguments)
{
    int used = snprintf(text, room, "FAIL %s:%d: ", base_name(file), line);
    vsnprintf(text + used, room - (size_t)used, format, arguments);
}

void contract_broken(const char *file, int line, const char *format, ...)
{
    char    text[1000];
    va_list arguments;
    va_start(arguments, format);
    write_sentence(text, sizeof text, file, line, format, arguments);
    va_end(arguments);
    host_report(text);
    host_leave(1);
}

void contract_fail(const char *file, int line, const char *format, ...)
{
    char    text[1000];
    va_list arguments;
    va_start(arguments, format);
    write_sentence(text, sizeof text, file, line, format, arguments);
    va_end(arguments);
    torture_check_failed(text + strlen("FAIL "));
    host_report(text);
    host_leave(1);
}

void contract_skip(const char *file, int line, const char *reason)
{
    char text[1000];
    if (torture_fired()) /* what the case looked for may be there */
        contract_fail(file, line, "skipped: %s", reason);
    snprintf(text, sizeof text, "skip %s", reason);
    host_report(text);
    host_leave(0);
}

void contract_check_equal(const char *file, int line, const char *text, int64_t a, int64_t b)
{
    if (a == b)
        return;
    contract_fail(file, line, "%s: %lld%s%s is not %lld%s%s", text, (long long)a, a < 0 ? " " : "",
                  a < 0 ? weir_error_name(a) : "", (long long)b, b < 0 ? " " : "",
                  b < 0 ? weir_error_name(b) : "");
}

void contract_check_result(const char *file, int line, const char *text, const struct weir_op *op,
                           int64_t expected)
{
    if (!weir_ended(op))
        contract_fail(file, line, "%s (%s) has not ended", text, weir_op_name(op->kind));
    if (op->result == expected)
        return;
    contract_fail(file, line, "%s (%s) ended %lld %s, expected %lld %s", text,
                  weir_op_name(op->kind), (long long)op->result, weir_error_name(op->result),
                  (long long)expected, weir_error_name(expected));
}

/* ------------------------------------------------------------------------------------------------
 * The loop
 * ---------------------------------------------------------------------------------------------- */

void contract_run(struct contract *c)
{
    CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
}

/* Where memory fails, a case may await what it never came to start. */
static _Noreturn void not_pending(const struct weir_op *op)
{
    const char *name = weir_op_name(op->kind);
    if (contract_live(op))
        contract_broken(__FILE__, __LINE__, "nothing is pending, but a %s has not ended", name);
    contract_fail(__FILE__, __LINE__, "nothing is pending, but a %s has not ended", name);
}

int64_t contract_await(struct contract *c, struct weir_op *op)
{
    while (!weir_ended(op)) {
        int left = weir_run(c->loop, WEIR_ONCE);
        if (left < 0)
            contract_fail(__FILE__, __LINE__, "weir_run() returned %s", weir_error_name(left));
        if (left == 0 && !weir_ended(op) && !(op->flags & WEIR_BACKGROUND))
            not_pending(op);
    }
    return op->result;
}

void contract_until(struct contract *c, const int *count, int at_least)
{
    while (*count < at_least) {
        int left = weir_run(c->loop, WEIR_ONCE);
        if (left < 0)
            contract_fail(__FILE__, __LINE__, "weir_run() returned %s", weir_error_name(left));
        if (left == 0 && *count < at_least)
            contract_fail(__FILE__, __LINE__,
                          "weir_run() says that nothing is pending, but only %d of %d came", *count,
                          at_least);
    }
}

void contract_until_taken(struct contract *c, const struct weir_handle *handle)
{
    while (contract_raw_readable((int)weir_handle_os(handle), 0)) {
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
}

void contract_until_moved(struct contract *c, int fd)
{
    while (!contract_raw_readable(fd, 0)) {
        CHECK(weir_run(c->loop, WEIR_NOWAIT) >= 0);
        contract_breathe();
    }
}

void contract_close(struct contract *c, struct weir_handle *handle)
{
    CHECK_EQ(weir_close(handle, NULL), 0);
    while (weir_handle_kind(handle) != WEIR_HANDLE_NONE)
        CHECK(weir_run(c->loop, WEIR_ONCE) >= 0);
}

int contract_open(struct contract *c, struct weir_loop **loop, const struct weir_options *options)
{
    struct weir_options chosen = options ? *options : c->options;
    if (!chosen.engine)
        chosen.engine = c->engine;
    if (!chosen.allocator)
        chosen.allocator = ledger_allocator();
    return weir_loop_open(loop, &chosen);
}

void contract_loop_close(struct contract *c, struct weir_loop *loop)
{
    (void)c;
    CHECK_EQ(weir_loop_close(loop, CLOSE_TIMEOUT), 0);
}

unsigned contract_count(unsigned n)
{
    const char *text = getenv("CONTRACT_SCALE");
    double      scale = text ? strtod(text, NULL) : 1;
    if (!(scale > 0 && scale < 1))
        return n;
    unsigned scaled = (unsigned)((double)n * scale);
    return scaled ? scaled : 1;
}

bool contract_sanitized(const char *name)
{
    return strstr(CONTRACT_SANITIZE, name) != NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Around a case
 * ---------------------------------------------------------------------------------------------- */

struct job {
    const struct contract_case *wanted;
    struct contract             contract;
    unsigned                    limit_s;
};

void harness_time_up(unsigned limit_s)
{
    char text[200];
    snprintf(text, sizeof text, "FAIL %s:%d: not done within %u s", base_name(__FILE__), __LINE__,
             limit_s);
    host_report(text);
    if (running.loop)
        weir_loop_dump(running.loop, stderr);
}

void harness_open(struct contract *c, unsigned flags)
{
    c->loop = NULL;
    c->options = (struct weir_options){.engine = c->engine, .allocator = ledger_allocator()};
    if (!(flags & CONTRACT_OWN_LOOP))
        CHECK_EQ(weir_loop_open(&c->loop, &c->options), 0);
}

/* What must hold of the loop that the case leaves, and closes it. */
static void close_loop(struct contract *c, unsigned flags)
{
    struct weir_stats stats;
    if (!c->loop)
        return;
    weir_loop_stats(c->loop, &stats);
    if (!(flags & CONTRACT_LEAVES_PENDING)) {
        if (stats.pending || stats.pending_background) {
            weir_loop_dump(c->loop, stderr);
            contract_fail(__FILE__, __LINE__, "the case left %u ops pending, %u in the background",
                          stats.pending, stats.pending_background);
        }
        CHECK_EQ(weir_run(c->loop, WEIR_UNTIL_DONE), 0);
    }
    struct weir_loop *loop = c->loop;
    int               result = weir_loop_close(loop, CLOSE_TIMEOUT);
    if (result)
        contract_broken(__FILE__, __LINE__, "weir_loop_close() returned %s",
                        weir_error_name(result));
    c->loop = NULL;
}

/* A selftest case runs cases of its own: of each harness around this one, outermost first. */
static struct host_holdings *held_before[4];
static unsigned              harnesses;
static unsigned              running_flags;

/* What must hold in the end; `own_threads` as for host_compare(). */
static void check_books(const unsigned *own_threads)
{
    ledger_check(!(running_flags & CONTRACT_NO_LEDGER_HEAP));
    const char *difference = host_compare(held_before[harnesses - 1], own_threads);
    if (difference)
        contract_broken(__FILE__, __LINE__, "%s", difference);
}

static void check_books_given_up(unsigned threads_left)
{
    check_books(&threads_left);
}

static void run_books(void *argument, const char *directory)
{
    struct job *job = argument;
    unsigned    flags = job->wanted->flags;
    running = job->contract;
    running.directory = directory;
    running_flags = flags;
    ledger_begin();
    held_before[harnesses++] = host_holdings();
    torture_begin(check_books_given_up, job->limit_s);
    if (!strcmp(running.engine, "sim"))
        simulated_begin(&running);
    harness_open(&running, flags); /* cases that open loops of their own torture that */
    torture_arm();
    job->wanted->run(&running);
    torture_check();
    close_loop(&running, flags);
    contract_fd_release(&running);
    if (simulated())
        simulated_end();
    check_books(NULL);
    ledger_end();
    host_report("ok");
    host_leave(0);
}

void harness_run(struct host_outcome *outcome, const struct contract *c,
                 const struct contract_case *wanted, unsigned limit_s)
{
    struct job job = {wanted, *c, limit_s};
    job.contract.name = wanted->name;
    host_run(outcome, run_books, &job, limit_s);
}

/* ------------------------------------------------------------------------------------------------
 * Which cases, and their sum
 * ---------------------------------------------------------------------------------------------- */

/* Whether text is the pattern, in which one * stands for anything. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = strchr(pattern, '*');
    if (!star)
        return !strcmp(pattern, text);
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), length = strlen(text);
    return length >= before + after && !strncmp(pattern, text, before) &&
           !strcmp(star + 1, text + length - after);
}

#define REASON_ROOM 800

/* Whether a row's engine is this one: * stands for all, ? for all where the machine decides. */
static bool is_on(const char *engine, const char *ours)
{
    return !strcmp(engine, ours) || !strcmp(engine, "*") || !strcmp(engine, "?");
}

/* Whether tests/skips.txt has a row "topic.case engine reason" for it. An empty reason is filled
 * in, by a row of this very engine. */
static bool skip_is_declared(const struct contract *c, char *reason)
{
    const char *path = getenv("CONTRACT_SKIPS");
    FILE       *file = fopen(path ? path : CONTRACT_SKIPS_PATH, "r");
    char        line[1000], name[200], wanted[200], engine[100], why[REASON_ROOM];
    bool        found = false;
    if (!file)
        return false;
    snprintf(name, sizeof name, "%s.%s", c->topic, c->name);
    while (!found && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%199s %99s %799[^\r\n]", wanted, engine, why) != 3)
            continue;
        found = matches(wanted, name) &&
                (reason[0] ? is_on(engine, c->engine) && !strcmp(why, reason)
                           : !strcmp(engine, c->engine));
    }
    if (found && !reason[0])
        snprintf(reason, REASON_ROOM, "%s", why);
    fclose(file);
    return found;
}

/* In builds for an emulator of another processor, which makes the system calls itself: how the case
 * has to end there, and why. */
struct emulated {
    char words[200], reason[600];
};

/* Whether tests/emulated.txt has a row "topic.case engine "words" reason" for it. A simulated world
 * makes no system calls. */
static bool is_emulated(const char *name, const char *engine, struct emulated *row)
{
    FILE *file = CONTRACT_EMULATED_PATH[0] ? fopen(CONTRACT_EMULATED_PATH, "r") : NULL;
    char  line[1000], wanted[200], on[100];
    bool  found = false;
    if (!file)
        return false;
    while (!found && strcmp(engine, "sim") != 0 && fgets(line, sizeof line, file))
        found = sscanf(line, "%199s %99s \"%199[^\"]\" %599[^\n]", wanted, on, row->words,
                       row->reason) == 4 &&
                matches(wanted, name) && is_on(on, engine);
    fclose(file);
    return found;
}

struct sum {
    unsigned passed, failed, skipped;
};

/* What Valgrind, which stands between the program and the kernel, does not leave as it is. */
static const char no_valgrind[] =
    "skip Valgrind takes wrong calls for mistakes and has its own limits";

/* Counts and prints how a case ended; `row` as is_emulated() found it, or NULL. */
static void tell_verdict(const struct contract *c, char *verdict, const struct emulated *row,
                         struct sum *sum)
{
    bool passed = !strcmp(verdict, "ok"), skipped = !strncmp(verdict, "skip ", 5);
    if (row && !passed && strstr(verdict, row->words)) {
        sum->skipped++;
        printf("skip %s: %s\n", c->name, row->reason);
    } else if (row && passed) {
        sum->failed++;
        printf("FAIL %s: passes, against its row in emulated.txt\n", c->name);
    } else if (passed) {
        sum->passed++;
        printf("ok   %s\n", c->name);
    } else if (skipped) {
        bool declared = host_excuses(verdict + 5) || skip_is_declared(c, verdict + 5);
        sum->skipped += declared;
        sum->failed += !declared;
        printf(declared ? "skip %s: %s\n" : "FAIL %s: skipped, but not in skips.txt: %s\n", c->name,
               verdict + 5);
    } else {
        sum->failed++;
        printf("FAIL %s: %s\n", c->name, verdict + strlen("FAIL "));
    }
    fflush(stdout);
}

static void run_one(struct contract *c, const struct contract_case *wanted,
                    const struct torture_point *torture, struct sum *sum)
{
    struct host_outcome outcome;
    struct emulated     row;
    char                by_table[sizeof outcome.verdict] = "skip ", name[200];
    bool                valgrind = contract_sanitized("valgrind");
    bool     slow = contract_sanitized("thread") || valgrind || CONTRACT_EMULATED_PATH[0];
    unsigned limit_s = HOST_LIMIT_S * (slow ? 3 : 1);
    if (wanted->flags & CONTRACT_SLOW)
        limit_s *= 4;
    c->name = wanted->name;
    if (torture) {
        bool well = torture_case(c, wanted, limit_s, torture);
        sum->passed += well;
        sum->failed += !well;
        return;
    }
    snprintf(name, sizeof name, "%s.%s", c->topic, c->name);
    bool emulated = is_emulated(name, c->engine, &row);
    if (emulated && strstr(row.words, "not done within"))
        limit_s = LIMIT_OF_HANGS_S;
    if (valgrind && (wanted->flags & CONTRACT_NO_VALGRIND))
        memcpy(outcome.verdict, no_valgrind, sizeof no_valgrind);
    else if (host_skips_by_table() && skip_is_declared(c, by_table + strlen("skip ")))
        memcpy(outcome.verdict, by_table, sizeof by_table);
    else
        harness_run(&outcome, c, wanted, limit_s);
    tell_verdict(c, outcome.verdict, emulated ? &row : NULL, sum);
}

/* An engine that an emulator is not known to lack has to run there. */
static int tell_refusal(const char *engine, const char *refusal)
{
    struct emulated row;
    bool            known = !CONTRACT_EMULATED_PATH[0] ||
                 (is_emulated("every_case", engine, &row) && strstr(refusal, row.words));
    printf("%s every case: %s cannot run here: %s\n", known ? "skip" : "FAIL", engine, refusal);
    return known ? EXIT_SKIPPED : 1;
}

static void print_refusal(void *argument)
{
    struct weir_engine_info engines[32];
    int                     room = sizeof engines / sizeof *engines;
    int                     count = weir_engine_list(engines, (size_t)room);
    for (int i = 0; i < count && i < room; i++)
        if (!strcmp(engines[i].name, argument) && engines[i].refused)
            fputs(engines[i].reason, stderr);
}

struct arguments {
    const char          *engine, *name;
    bool                 list, tortures;
    struct torture_point torture;
};

static bool read_arguments(int count, char **words, struct arguments *a)
{
    *a = (struct arguments){.engine = "poll"};
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--list"))
            a->list = true;
        else if (!strcmp(words[i], "--engine") && i + 1 < count)
            a->engine = words[++i];
        else if (!strcmp(words[i], "--case") && i + 1 < count)
            a->name = words[++i];
        else if (!strcmp(words[i], "--torture") && i + 1 < count &&
                 torture_read(words[++i], &a->torture))
            a->tortures = true;
        else
            return false;
    }
    return true;
}

/* Programs may end in .exe, and their folders in the other slash. */
static const char *topic_of(const char *program)
{
    static char topic[100];
    const char *name = base_name(program), *slash = strrchr(name, '\\');
    name = slash ? slash + 1 : name;
    name += !strncmp(name, "contract-", 9) ? 9 : 0;
    snprintf(topic, sizeof topic, "%.*s", (int)strcspn(name, "."), name);
    return topic;
}

int main(int count, char **words)
{
    struct arguments a;
    struct sum       sum = {0};
    if (!read_arguments(count, words, &a)) {
        fprintf(stderr, "usage: %s [--engine NAME] [--case NAME] [--torture WHAT] [--list]\n",
                words[0]);
        return 2;
    }
    if (a.list) {
        for (const struct contract_case *at = contract_cases; at->name; at++)
            puts(at->name);
        return 0;
    }
    host_prepare();
    /* Asked in a process of its own, so that the cases start from one that never used weir. */
    char refusal[200];
    host_fork(print_refusal, (void *)(uintptr_t)a.engine, refusal, sizeof refusal);
    if (refusal[0])
        return tell_refusal(a.engine, refusal);
    struct contract c = {.engine = a.engine, .topic = topic_of(words[0])};
    bool            found = false;
    for (const struct contract_case *at = contract_cases; at->name; at++) {
        if (a.name && !matches(a.name, at->name))
            continue;
        found = true;
        run_one(&c, at, a.tortures ? &a.torture : NULL, &sum);
    }
    if (a.name && !found) {
        fprintf(stderr, "%s: no case is named %s\n", words[0], a.name);
        return 2;
    }
    printf("%u passed, %u failed, %u skipped\n", sum.passed, sum.failed, sum.skipped);
    return sum.failed ? 1 : sum.passed ? 0 : EXIT_SKIPPED;
}
