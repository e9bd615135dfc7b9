/* SPDX-License-Identifier: MIT */
/* check_json.c - `check_json engines|compare|idle|files FILE [NAME...|COUNT...]`: the file is JSON
 * of the shape that weir(1) documents; of a comparison, with exactly these engines or counts of
 * idle connections, and plausible, never exact, figures. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* Unpacks strictly: a key too few or too many is told. */
static bool unpack(json_t *value, const char *what, const char *format, ...)
{
    json_error_t error;
    va_list      arguments;
    va_start(arguments, format);
    int result = json_vunpack_ex(value, &error, JSON_STRICT, format, arguments);
    va_end(arguments);
    expect(result == 0, "%s: %s", what, error.text);
    return result == 0;
}

/* Every op has a row, and its cells are among the documented words. */
static void check_matrix(const char *name, json_t *matrix)
{
    static const char *const words[] = {"native", "emulated", "offloaded", "at-once"};
    const char              *op, *handle;
    json_t                  *row, *cell;
    expect(json_is_object(json_object_get(matrix, "recv")), "%s: no row for recv", name);
    json_object_foreach(matrix, op, row) json_object_foreach(row, handle, cell)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            known |= json_is_string(cell) && strcmp(json_string_value(cell), words[i]) == 0;
        expect(known, "%s: %s on %s is served in no known way", name, op, handle);
    }
}

static void check_engines(json_t *document)
{
    const char *schema, *version;
    json_t     *engines, *engine;
    size_t      i, defaults = 0;
    if (!unpack(document, "document", "{s:s, s:s, s:o}", "schema", &schema, "weir", &version,
                "engines", &engines))
        return;
    expect(strcmp(schema, "weir-engines-1") == 0, "schema %s", schema);
    json_array_foreach(engines, i, engine)
    {
        const char *name, *model, *reason;
        int         allowed, is_default;
        json_t     *error, *features = NULL, *matrix = NULL;
        if (!unpack(engine, "engine", "{s:s, s:s, s:b, s:b, s:s, s:o, s?o, s?o}", "name", &name,
                    "model", &model, "allowed", &allowed, "default", &is_default, "reason", &reason,
                    "error", &error, "features", &features, "matrix", &matrix))
            continue;
        if (matrix)
            check_matrix(name, matrix);
        defaults += is_default != 0;
        expect(allowed == json_is_null(error), "%s is allowed and has an error", name);
        expect(allowed || !is_default, "%s is refused and the default", name);
        expect(strlen(reason) > 0 || (allowed && !is_default), "%s gives no reason", name);
    }
    expect(json_array_size(engines) >= 16, "%zu engines", json_array_size(engines));
    expect(defaults == 1, "%zu defaults", defaults);
}

static void check_range(json_t *range, const char *what)
{
    double median, min, max;
    if (unpack(range, what, "{s:f, s:f, s:f}", "median", &median, "min", &min, "max", &max))
        expect(min > 0 && min <= median && median <= max, "%s: %g %g %g", what, median, min, max);
}

static void check_round(json_t *round)
{
    double rate, server, client = 1, p50, p99, peak = 1; /* readers have no load beside them */
    double added = 0;                                    /* of many connections only */
    if (unpack(round, "round", "{s:f, s:f, s?f, s:f, s:f, s?f, s?f}", "operations_per_s", &rate,
               "server_cpu_us", &server, "client_cpu_us", &client, "latency_p50_us", &p50,
               "latency_p99_us", &p99, "peak_kib", &peak, "connection_bytes", &added))
        expect(rate > 0 && server > 0 && client > 0 && p50 > 0 && p99 >= p50 && peak > 0 &&
                   added >= 0,
               "a figure of a round is missing");
}

static void check_latency(json_t *latency)
{
    double     p50, p90, p99, p999, max;
    json_int_t operations;
    if (unpack(latency, "latency_us", "{s:f, s:f, s:f, s:f, s:f, s:I}", "p50", &p50, "p90", &p90,
               "p99", &p99, "p99.9", &p999, "max", &max, "operations", &operations))
        expect(p50 > 0 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max && operations > 0,
               "latencies %g %g %g %g %g", p50, p90, p99, p999, max);
}

static void check_calls(json_t *calls)
{
    const char *reason = NULL;
    double      each;
    json_int_t  operations, sum, all = 0;
    json_t     *by_name, *number;
    const char *name;
    if (json_object_get(calls, "not_counted")) {
        unpack(calls, "system_calls", "{s:s}", "not_counted", &reason);
        return;
    }
    if (!unpack(calls, "system_calls", "{s:f, s:I, s:I, s:o}", "per_operation", &each, "operations",
                &operations, "calls", &sum, "by_name", &by_name))
        return;
    json_object_foreach(by_name, name, number) all += json_integer_value(number);
    /* The one that asks each of many idle connections makes many. */
    expect(all == sum && operations > 0 && each > 0 && each < 1e5, "%lld of %lld calls, %g each",
           (long long)all, (long long)sum, each);
}

/* Nothing is served twice or not at all: each echo is a receive and a send. */
static void check_served(json_t *served, bool complete)
{
    json_int_t n[5];
    if (!complete && json_is_null(served))
        return;
    if (unpack(served, "served", "{s:I, s:I, s:I, s:I, s:I}", "at-once", &n[0], "ready", &n[1],
               "kernel", &n[2], "worker", &n[3], "simulated", &n[4]))
        expect(n[0] + n[1] + n[2] + n[3] > 0 && n[4] == 0, "nothing was served");
}

static void check_entrant(json_t *engine, const char *wanted, bool complete)
{
    const char *name, *figure;
    json_t     *summary, *rounds, *round, *latency, *calls, *served, *range;
    size_t      i;
    if (!unpack(engine, "engine", "{s:s, s:o, s:o, s:o, s:o, s:o}", "name", &name, "summary",
                &summary, "rounds", &rounds, "latency_us", &latency, "system_calls", &calls,
                "served", &served))
        return;
    expect(strcmp(name, wanted) == 0, "%s in the place of %s", name, wanted);
    expect(json_array_size(rounds) > 0 || !complete, "%s has no rounds", name);
    json_array_foreach(rounds, i, round) check_round(round);
    if (json_array_size(rounds) == 0)
        return;
    json_object_foreach(summary, figure, range) check_range(range, figure);
    expect(json_object_size(summary) >= 4, "%zu figures", json_object_size(summary));
    check_latency(latency);
    check_calls(calls);
    bool by_hand = strncmp(wanted, "hand-", 5) == 0 || strcmp(wanted, "blocking") == 0;
    check_served(served, complete && !by_hand); /* only weir tells */
}

static void check_compare(json_t *document, int count, char **names)
{
    const char *schema, *version, *text[5];
    int         complete, cpus, connections, depth;
    json_int_t  size;
    double      window_s, warmup_s;
    json_t     *machine, *workload, *engines, *refused, *verdict;
    if (!unpack(document, "document", "{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "schema", &schema,
                "weir", &version, "complete", &complete, "machine", &machine, "workload", &workload,
                "engines", &engines, "refused", &refused, "verdict", &verdict))
        return;
    expect(strcmp(schema, "weir-compare-1") == 0, "schema %s", schema);
    unpack(machine, "machine", "{s:s, s:s, s:s, s:s, s:i}", "system", &text[0], "kernel", &text[1],
           "machine", &text[2], "cpu", &text[3], "cpus", &cpus);
    unpack(workload, "workload", "{s:s, s:i, s:I, s:i, s:s, s:f, s:f}", "name", &text[0],
           "connections", &connections, "size_bytes", &size, "depth", &depth, "cores", &text[4],
           "window_s", &window_s, "warmup_s", &warmup_s);
    expect(json_is_object(json_object_get(verdict, "server_cpu_us")) ||
               json_is_null(json_object_get(verdict, "server_cpu_us")),
           "no verdict");
    expect(json_array_size(engines) == (size_t)count, "%zu engines", json_array_size(engines));
    for (int i = 0; i < count; i++)
        check_entrant(json_array_get(engines, (size_t)i), names[i], complete);
    printf("complete: %s\n", complete ? "yes" : "no");
}

/* A server with so many idle connections, or why it was not asked to hold them. */
static void check_idle_server(json_t *server, bool complete)
{
    const char *name, *why;
    json_int_t  idle;
    if (json_object_get(server, "not_asked")) {
        unpack(server, "server", "{s:s, s:s, s:I}", "name", &name, "not_asked", &why, "idle",
               &idle);
        return;
    }
    json_t *copy = json_copy(server);
    json_object_del(copy, "idle");
    check_entrant(copy, json_string_value(json_object_get(server, "name")), complete);
    json_decref(copy);
}

static void check_idle(json_t *document, int count, char **counts)
{
    const char *schema, *version;
    int         complete;
    json_t     *machine, *workload, *idle, *servers, *server, *refused, *verdict;
    size_t      i;
    if (!unpack(document, "document", "{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                &schema, "weir", &version, "complete", &complete, "machine", &machine, "workload",
                &workload, "idle", &idle, "servers", &servers, "refused", &refused, "verdict",
                &verdict))
        return;
    expect(strcmp(schema, "weir-compare-idle-1") == 0, "schema %s", schema);
    expect(json_array_size(idle) == (size_t)count, "%zu counts", json_array_size(idle));
    for (int c = 0; c < count; c++)
        expect(json_integer_value(json_array_get(idle, (size_t)c)) == strtol(counts[c], NULL, 10),
               "another count than %s", counts[c]);
    expect(json_array_size(servers) >= 2 * (size_t)count, "%zu servers", json_array_size(servers));
    json_array_foreach(servers, i, server)
    {
        json_int_t held = json_integer_value(json_object_get(server, "idle"));
        expect(held == strtol(counts[i % (size_t)count], NULL, 10), "server %zu has %lld idle", i,
               (long long)held);
        check_idle_server(server, complete);
    }
    printf("complete: %s\n", complete ? "yes" : "no");
}

/* The readers that are named come first; more may follow. */
static void check_block(json_t *block, int count, char **names, bool complete)
{
    const char *mode;
    int         depth;
    json_t     *readers, *verdict;
    if (!unpack(block, "block", "{s:s, s:i, s:o, s:o}", "mode", &mode, "depth", &depth, "readers",
                &readers, "verdict", &verdict))
        return;
    expect(strcmp(mode, "cached") == 0 || strcmp(mode, "O_DIRECT") == 0, "mode %s", mode);
    expect(depth > 0, "depth %d", depth);
    for (int i = 0; i < count; i++)
        check_entrant(json_array_get(readers, (size_t)i), names[i], complete);
}

static void check_files(json_t *document, int count, char **names)
{
    const char *schema, *version, *no_direct;
    int         complete;
    json_int_t  size, file;
    double      window_s;
    json_t     *machine, *blocks, *block, *refused;
    size_t      i;
    if (!unpack(document, "document", "{s:s, s:s, s:b, s:o, s:I, s:I, s:f, s:o, s:o, s:s}",
                "schema", &schema, "weir", &version, "complete", &complete, "machine", &machine,
                "size_bytes", &size, "file_bytes", &file, "window_s", &window_s, "blocks", &blocks,
                "refused", &refused, "no_direct", &no_direct))
        return;
    expect(strcmp(schema, "weir-compare-files-1") == 0, "schema %s", schema);
    expect(file > 0 && file % size == 0, "%lld bytes", (long long)file);
    expect(json_array_size(blocks) > 0, "no blocks");
    json_array_foreach(blocks, i, block) check_block(block, count, names, complete);
    printf("complete: %s\n", complete ? "yes" : "no");
}

int main(int argc, char **argv)
{
    json_error_t error;
    if (argc < 3)
        return 2;
    json_t *document = json_load_file(argv[2], JSON_REJECT_DUPLICATES, &error);
    expect(document, "%s:%d: %s", argv[2], error.line, error.text);
    if (!document)
        return 1;
    if (strcmp(argv[1], "engines") == 0)
        check_engines(document);
    else if (strcmp(argv[1], "idle") == 0)
        check_idle(document, argc - 3, argv + 3);
    else if (strcmp(argv[1], "files") == 0)
        check_files(document, argc - 3, argv + 3);
    else
        check_compare(document, argc - 3, argv + 3);
    json_decref(document);
    return kit_failures > 0;
}
