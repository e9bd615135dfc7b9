/* SPDX-License-Identifier: MIT */
/* options.c - fuzz target: the command line of the tool, a word a line.
 *
 * The tool itself runs, up to where it would open or measure something. Oracles: a wrong use ends
 * with status 2 and one sentence, and prints nothing; success says nothing on standard error; JSON
 * can be read; and a measurement is asked for only within the bounds that the help states. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <weir.h>

#include "fuzz.h"

/* Those of the tool's headers that it replaces, or looks at. */
#include "../../tool/choice.h"
#include "../../tool/measure/trial.h"
#include "../../tool/programs.h"
#include "../../tool/sim_run.h"

enum { WORDS_MAX = 16 };

int tool_main(int argc, char **argv);

static bool measuring; /* it came as far as that */

/* ---- What the linker puts in the place of the tool's own: --wrap ----------------------------- */

int  __wrap_weir_engine_list(struct weir_engine_info *engines, size_t room);
int  __wrap_choice_check_writable(const char *path);
int  __wrap_choice_ensure_descriptors(int connections, const char *option);
int  __wrap_series_open(struct series *series, size_t count, size_t rounds, struct failure *why);
int  __wrap_mkostemp(char *path, int flags);
void __wrap_stop_watch(void);

/* The same on every machine. */
int __wrap_weir_engine_list(struct weir_engine_info *engines, size_t room)
{
    static const struct weir_engine_info here[] = {
        {"epoll", "readiness", 0, true, "The first here."},
        {"poll", "readiness", 0, false, ""},
        {"select", "readiness", 0, false, ""},
        {"threads", "threads", 0, false, ""},
        {"spin", "readiness", WEIR_EPERM, false, "It is \"denied\"\t."},
        {"kqueue", "readiness", WEIR_ENOTSUP, false, "Not here."},
        {"sim", "simulation", WEIR_ENOTSUP, false, "Not yet."},
    };
    const size_t count = sizeof here / sizeof here[0];
    memcpy(engines, here, (room < count ? room : count) * sizeof here[0]);
    return (int)count;
}

int __wrap_choice_check_writable(const char *path)
{
    FUZZ_CHECK(!path || strlen(path) < 4096);
    return 0;
}

int __wrap_choice_ensure_descriptors(int connections, const char *option)
{
    FUZZ_CHECK(connections >= 1 && connections <= 20001);
    FUZZ_CHECK(!strncmp(option, "--", 2));
    return 0;
}

int __wrap_series_open(struct series *series, size_t count, size_t rounds, struct failure *why)
{
    measuring = true;
    FUZZ_CHECK(count >= 1 && count <= 128);
    FUZZ_CHECK(rounds >= 1 && rounds <= 1000);
    FUZZ_CHECK(series->shape.connections >= 1 && series->shape.connections <= 20000);
    FUZZ_CHECK(series->shape.size >= 1 && series->shape.size <= 16u << 20);
    FUZZ_CHECK(series->timing.window_ns >= 10000000);
    FUZZ_CHECK(series->timing.window_ns <= UINT64_C(3600000000000));
    return fail(why, "nothing is measured here");
}

/* The file of `weir compare files`, and the first that `weir sim` needs. */
int __wrap_mkostemp(char *path, int flags)
{
    (void)path, (void)flags;
    measuring = true;
    errno = EROFS;
    return -1;
}

void __wrap_stop_watch(void)
{
}

/* In the place of sim_run.c: no program is run, since there is no file for its trace. */
int sim_run_start(const struct sim_plan *plan, struct sim_run *run, struct failure *why)
{
    (void)plan, (void)run, (void)why;
    FUZZ_FAIL("reached");
    return -1;
}

int sim_run_whole(const struct sim_plan *plan, struct sim_run *run, struct failure *why)
{
    return sim_run_start(plan, run, why);
}

int sim_run_await(struct sim_run *runs, int count)
{
    (void)runs, (void)count;
    return -1;
}

void sim_run_finish(struct sim_run *run)
{
    (void)run;
}

bool sim_run_failed(const struct sim_run *run)
{
    return run->status != 0;
}

void sim_run_describe(const struct sim_run *run, char *text, size_t room)
{
    snprintf(text, room, "exit status %d", run->status);
}

/* In the place of programs.c: all of them could be measured, and none is started. */
bool programs_has(const char *name)
{
    (void)name;
    return true;
}

const char *const *programs_command(const char *name)
{
    static const char *argv[] = {"weir", PROGRAM_ARGUMENT, NULL, NULL};
    argv[2] = name;
    return argv;
}

int programs_run(int argc, char **argv)
{
    (void)argc, (void)argv;
    return -1;
}

/* ---- The target ------------------------------------------------------------------------------ */

/* Words of their own memory, so that reading behind an end is seen. */
static int split(const uint8_t *data, size_t size, char **words)
{
    int count = 0;
    words[count++] = strdup("weir");
    while (size && count < WORDS_MAX) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t         length = end ? (size_t)(end - data) : size;
        char          *word = calloc(1, length + 1);
        FUZZ_CHECK(word);
        memcpy(word, data, length);
        words[count++] = word;
        data += length + (end != NULL);
        size -= length + (end != NULL);
    }
    words[count] = NULL;
    return count;
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* What is under way is told line by line before. */
static bool tells_failure(const char *err)
{
    return !strncmp(err, "weir: ", 6) || strstr(err, "\nweir: ");
}

static void check_said(int status, const char *out, const char *err, char *const *words)
{
    switch (status) {
    case 0:
        FUZZ_CHECK(!measuring && !*err && *out);
        break;
    case 1:
        FUZZ_CHECK(!*out && tells_failure(err) && lines_of(err) >= 1);
        break;
    default:
        FUZZ_CHECK_EQ(status, 2);
        FUZZ_CHECK(!measuring && !*out && !strncmp(err, "weir: ", 6));
        FUZZ_CHECK_EQ(lines_of(err), 1);
        FUZZ_CHECK(strlen(err) > 12 && err[strlen(err) - 1] == '\n');
        break;
    }
    if (status || !words[1] || strcmp(words[1], "engines") || out[0] != '{')
        return;
    json_error_t error;
    json_t      *document = json_loads(out, 0, &error);
    FUZZ_CHECK(json_is_string(json_object_get(document, "schema")));
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *words[WORDS_MAX + 1], *given[WORDS_MAX + 1], *out = NULL, *err = NULL;
    size_t out_length, err_length;
    FILE  *before_out = stdout, *before_err = stderr;
    int    count = split(data, size, given);
    memcpy(words, given, sizeof words); /* getopt_long() changes their order */
    measuring = false;
    optind = 0;
    FILE *to_out = open_memstream(&out, &out_length), *to_err = open_memstream(&err, &err_length);
    FUZZ_CHECK(to_out && to_err);
    stdout = to_out;
    stderr = to_err;
    int status = tool_main(count, words);
    stdout = before_out;
    stderr = before_err;
    fclose(to_out);
    fclose(to_err);
    check_said(status, out, err, given);
    free(out);
    free(err);
    for (int i = 0; i < count; i++)
        free(given[i]);
    return 0;
}
