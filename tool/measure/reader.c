/* SPDX-License-Identifier: MIT */
/* reader.c - the part of a random reader that all such programs share. */
#include "reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

enum { READER_ARGUMENTS = 5 };

/* A word of the file; its place decides all 8 bytes. */
static uint64_t word_at(uint64_t offset)
{
    uint64_t x = (offset / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    return x * UINT64_C(0xbf58476d1ce4e5b9);
}

void reader_fill(void *data, size_t length, uint64_t offset)
{
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = word_at(offset + at);
        memcpy((char *)data + at, &word, 8);
    }
}

void reader_command(struct reader_command *command, const char *const *program,
                    const struct reader_plan *plan)
{
    int count = 0;
    while (count < READER_PROGRAM_WORDS && program[count]) {
        command->argv[count] = program[count];
        count++;
    }
    snprintf(command->text[0], READER_TEXT, "%llu", (unsigned long long)plan->blocks);
    snprintf(command->text[1], READER_TEXT, "%zu", plan->size);
    snprintf(command->text[2], READER_TEXT, "%u", plan->depth);
    command->argv[count++] = plan->path;
    for (int i = 0; i < 3; i++)
        command->argv[count++] = command->text[i];
    command->argv[count++] = plan->direct ? "direct" : "cached";
    command->argv[count] = NULL;
}

int reader_open(struct reader *r, int argc, char **argv)
{
    *r = (struct reader){.random = UINT64_C(88172645463325252)};
    if (work_open(&r->work, argc, argv) != 1 + READER_ARGUMENTS)
        return -1;
    r->plan = (struct reader_plan){.path = argv[1],
                                   .blocks = strtoull(argv[2], NULL, 10),
                                   .size = strtoul(argv[3], NULL, 10),
                                   .depth = (unsigned)strtoul(argv[4], NULL, 10),
                                   .direct = strcmp(argv[5], "direct") == 0};
    return r->plan.blocks && r->plan.size && r->plan.depth ? 0 : -1;
}

int reader_file(const struct reader *r)
{
    return r->plan.direct ? system_open_direct(r->plan.path)
                          : open(r->plan.path, O_RDONLY | O_CLOEXEC);
}

uint64_t reader_next(struct reader *r)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    r->started++;
    return r->random % r->plan.blocks * r->plan.size;
}

/* The first word, the last, and one that differs from block to block. */
static bool is_right(const struct reader *r, const void *data, uint64_t offset)
{
    const size_t size = r->plan.size;
    const size_t at[] = {0, size - 8, r->work.ended * 8 % size & ~(size_t)7};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        uint64_t word = word_at(offset + at[i]);
        if (memcmp((const char *)data + at[i], &word, 8) != 0)
            return false;
    }
    return true;
}

bool reader_done(struct reader *r, const void *data, int64_t result, uint64_t offset,
                 uint64_t started_ns)
{
    uint64_t now_ns = clock_ns();
    if (result < 0)
        work_fail(&r->work, "a read failed", (int)-result);
    if ((uint64_t)result != r->plan.size || !is_right(r, data, offset)) {
        fail(&r->work.report->failure, "the read of %zu bytes at %llu gave %lld bytes%s",
             r->plan.size, (unsigned long long)offset, (long long)result,
             (uint64_t)result == r->plan.size ? ", and wrong ones" : "");
        exit(1);
    }
    if (r->work.stage == WORK_IN_WINDOW)
        hist_add(&r->work.report->latency, now_ns - started_ns);
    bool goes_on = work_done(&r->work, 1, now_ns);
    /* Those that are under way already are among those asked for. */
    return r->work.operations ? r->started < r->work.operations : goes_on;
}
