/* SPDX-License-Identifier: MIT */
/* engines.c - `weir engines`: every mechanism that weir knows, and what this machine says to it. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <weir.h>

#include "command.h"
#include "matrix.h"
#include "measure/document.h"
#include "measure/table.h"

enum { ENGINE_ROOM = 32, FEATURE_ROOM = 32 };

static void help(void)
{
    fputs(
        "usage: weir engines [--json] [-v]\n"
        "       weir engines --matrix [--json] [ENGINE]\n"
        "\n"
        "Tries every mechanism that weir knows and says whether it can be used here, which is the\n"
        "default and why, and why the others are refused.\n"
        "\n"
        "  --json         print JSON instead of a table\n"
        "  --matrix       print how each engine of this build, or the one named, serves each op "
        "on\n"
        "                 each kind of handle\n"
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
    memset(&table, 0, sizeof table);
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

/* What is asked for on the command line. */
struct asked {
    bool        json, verbose, matrix;
    const char *engine; /* with matrix: only this one; or NULL */
};

static int print_json(const struct weir_engine_info *engines, int count, const struct asked *asked)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        const struct weir_engine_info *e = &engines[i];
        if (asked->engine && strcmp(asked->engine, e->name) != 0)
            continue;
        json_t *object = json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", e->name, "model", e->model,
                                   "allowed", e->refused == 0, "default", e->is_default, "reason",
                                   e->reason);
        json_object_set_new(object, "error",
                            e->refused ? json_string(weir_error_name(e->refused)) : json_null());
        if (asked->verbose)
            json_object_set_new(object, "features", json_features(e));
        if (asked->matrix)
            json_object_set_new(object, "matrix", matrix_json(e->name));
        json_array_append_new(array, object);
    }
    struct failure why = {0};
    json_t        *document = json_pack("{s:s, s:s, s:o}", "schema", "weir-engines-1", "weir",
                                        weir_version_text(), "engines", array);
    return document_write(document, "-", &why) == 0 ? EXIT_DONE : say_failed("%s", why.sentence);
}

/* EXIT_DONE when the command goes on. */
static int read_options(int argc, char **argv, struct asked *asked, bool *helped)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"matrix", no_argument, NULL, 'm'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int                        answer;
    optind = 0;
    while ((answer = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        if (answer == 'h') {
            help();
            *helped = true;
            return EXIT_DONE;
        }
        if (answer == '?' || answer == ':')
            return say_bad_option("weir engines", argv, answer);
        asked->json |= answer == 'j';
        asked->matrix |= answer == 'm';
        asked->verbose |= answer == 'v';
    }
    if (asked->matrix && optind < argc)
        asked->engine = argv[optind++];
    if (optind < argc)
        return say_usage("`weir engines%s` takes no%s argument, but got '%s'",
                         asked->matrix ? " --matrix" : "", asked->matrix ? " second" : "",
                         argv[optind]);
    if (asked->engine && weir_query(asked->engine, WEIR_OP_NOP, WEIR_HANDLE_NONE) < 0)
        return say_usage("there is no engine '%s'; `weir engines` lists them", asked->engine);
    return EXIT_DONE;
}

int engines_command(int argc, char **argv)
{
    struct weir_engine_info engines[ENGINE_ROOM];
    struct asked            asked = {0};
    bool                    helped = false;
    int                     status = read_options(argc, argv, &asked, &helped);
    if (status != EXIT_DONE || helped)
        return status;
    int count = weir_engine_list(engines, ENGINE_ROOM);
    if (count > ENGINE_ROOM)
        count = ENGINE_ROOM;
    if (asked.json)
        return print_json(engines, count, &asked);
    if (!asked.matrix)
        print_table(engines, count, asked.verbose);
    else if (matrix_print(engines, count, asked.engine, stdout) == 0)
        return say_failed("the engine %s is not in this build", asked.engine);
    return EXIT_DONE;
}
