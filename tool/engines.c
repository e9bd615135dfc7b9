/* SPDX-License-Identifier: MIT */
/* engines.c - `weir engines`: every mechanism that weir knows, and what this machine says to it. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <weir.h>

#include "command.h"
#include "measure/report.h"
#include "measure/table.h"

enum { ENGINE_ROOM = 32, FEATURE_ROOM = 32 };

static void help(void)
{
    fputs(
        "usage: weir engines [--json] [-v]\n"
        "\n"
        "Tries every mechanism that weir knows and says whether it can be used here, which is the\n"
        "default and why, and why the others are refused.\n"
        "\n"
        "  --json         print JSON instead of a table\n"
        "  -v, --verbose  say too which features of the kernel each engine uses\n"
        "  -h, --help     print this\n",
        stdout);
}

/* Opens the engine for a moment and asks for its features; their number. */
static int read_features(const struct weir_engine_info *engine, struct weir_feature *features)
{
    struct weir_options options = {.engine = engine->name};
    struct weir_loop   *loop;
    if (engine->refused || weir_loop_open(&loop, &options) < 0)
        return 0;
    int count = weir_loop_features(loop, features, FEATURE_ROOM);
    weir_loop_close(loop, WEIR_SECOND);
    return count < 0 ? 0 : count < FEATURE_ROOM ? count : FEATURE_ROOM;
}

static const char *state_of(const struct weir_engine_info *engine)
{
    return engine->is_default ? "default" : engine->refused ? "no" : "yes";
}

static void print_table(const struct weir_engine_info *engines, int count, bool verbose)
{
    static struct table table;
    struct weir_feature features[FEATURE_ROOM];
    table_row(&table);
    table_cell(&table, "engine");
    table_cell(&table, "model");
    table_cell(&table, "here");
    table_cell(&table, "why");
    for (int i = 0; i < count; i++) {
        table_row(&table);
        table_cell(&table, "%s", engines[i].name);
        table_cell(&table, "%s", engines[i].model);
        table_cell(&table, "%s", state_of(&engines[i]));
        table_cell(&table, "%s", engines[i].reason);
        int n = verbose ? read_features(&engines[i], features) : 0;
        for (int f = 0; f < n; f++) {
            table_row(&table);
            table_cell(&table, "  %s", features[f].name);
            table_cell(&table, "feature");
            table_cell(&table, "%s", features[f].used ? "used" : "not used");
            table_cell(&table, "%s", features[f].reason);
        }
    }
    table_print(&table, stdout);
}

static json_t *json_features(const struct weir_engine_info *engine)
{
    struct weir_feature features[FEATURE_ROOM];
    int                 count = read_features(engine, features);
    json_t             *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:b, s:s}", "name", features[i].name, "used",
                                               features[i].used, "reason", features[i].reason));
    return array;
}

static int print_json(const struct weir_engine_info *engines, int count, bool verbose)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        const struct weir_engine_info *e = &engines[i];
        json_t *object = json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", e->name, "model", e->model,
                                   "allowed", e->refused == 0, "default", e->is_default, "reason",
                                   e->reason);
        json_object_set_new(object, "error",
                            e->refused ? json_string(weir_error_name(e->refused)) : json_null());
        if (verbose)
            json_object_set_new(object, "features", json_features(e));
        json_array_append_new(array, object);
    }
    struct failure why = {0};
    json_t        *document = json_pack("{s:s, s:s, s:o}", "schema", "weir-engines-1", "weir",
                                        weir_version_text(), "engines", array);
    return report_json_write(document, "-", &why) == 0 ? EXIT_DONE : say_failed("%s", why.sentence);
}

int engines_command(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct weir_engine_info    engines[ENGINE_ROOM];
    bool                       json = false, verbose = false;
    int                        answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        if (answer == 'j')
            json = true;
        else if (answer == 'v')
            verbose = true;
        else if (answer == 'h')
            return help(), EXIT_DONE;
        else
            return say_bad_option("weir engines", argv, answer);
    }
    if (optind < argc)
        return say_usage("`weir engines` takes no argument, but got '%s'", argv[optind]);
    int count = weir_engine_list(engines, ENGINE_ROOM);
    if (count > ENGINE_ROOM)
        count = ENGINE_ROOM;
    if (json)
        return print_json(engines, count, verbose);
    print_table(engines, count, verbose);
    return EXIT_DONE;
}
