/* SPDX-License-Identifier: MIT */
/* reader.c - the part of a random reader that all such programs share. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

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

int reader_open(struct reader *r, int argc, char **argv)
{
    if (argc != 11)
        return -1;
    *r = (struct reader){.path = argv[1],
                         .blocks = strtoull(argv[2], NULL, 10),
                         .size = strtoul(argv[3], NULL, 10),
                         .depth = (unsigned)strtoul(argv[4], NULL, 10),
                         .direct = strcmp(argv[5], "direct") == 0,
                         .warmup_ns = strtoull(argv[6], NULL, 10),
                         .window_ns = strtoull(argv[7], NULL, 10),
                         .reads = strtoull(argv[8], NULL, 10),
                         .control = atoi(argv[10]),
                         .random = UINT64_C(88172645463325252)};
    int fd = atoi(argv[9]);
    r->report = mmap(NULL, sizeof *r->report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return r->report == MAP_FAILED || !r->blocks || !r->size || !r->depth ? -1 : 0;
}

void reader_fail(struct reader *r, const char *what, int error)
{
    fail(&r->report->failure, "%s: %s", what, strerror(error));
    exit(1);
}

/* Tells a phase, and waits until the one who counts system calls says to go on. */
static void pause_at(struct reader *r, enum load_phase phase)
{
    char byte;
    r->report->phase = (int)phase;
    if (read(r->control, &byte, 1) < 0)
        exit(1);
}

void reader_begin(struct reader *r)
{
    if (r->reads)
        pause_at(r, LOAD_READY);
    r->begin_ns = clock_ns();
}

uint64_t reader_next(struct reader *r)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    r->started++;
    return r->random % r->blocks * r->size;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The window begins and ends with the end of a read. */
static void watch_time(struct reader *r, uint64_t now_ns)
{
    if (r->stage == READER_WARMS_UP && now_ns - r->begin_ns >= r->warmup_ns) {
        r->stage = READER_IN_WINDOW;
        r->begin_ns = now_ns;
        r->before = r->ended;
        r->cpu_ns = own_cpu_ns();
    } else if (r->stage == READER_IN_WINDOW && now_ns - r->begin_ns >= r->window_ns &&
               r->ended > r->before) {
        r->stage = READER_OVER;
        r->report->window_ns = now_ns - r->begin_ns;
        r->report->requests = r->ended - r->before;
        r->report->server_cpu_ns = own_cpu_ns() - r->cpu_ns;
    }
}

/* The first word, the last, and one that differs from block to block. */
static bool is_right(const struct reader *r, const void *data, uint64_t offset)
{
    const size_t at[] = {0, r->size - 8, r->ended * 8 % r->size & ~(size_t)7};
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
        reader_fail(r, "a read failed", (int)-result);
    if ((uint64_t)result != r->size || !is_right(r, data, offset)) {
        fail(&r->report->failure, "the read of %zu bytes at %llu gave %lld bytes%s", r->size,
             (unsigned long long)offset, (long long)result,
             (uint64_t)result == r->size ? ", and wrong ones" : "");
        exit(1);
    }
    r->ended++;
    if (r->stage == READER_IN_WINDOW)
        hist_add(&r->report->latency, now_ns - started_ns);
    if (r->reads)
        return r->started < r->reads;
    watch_time(r, now_ns);
    return r->stage != READER_OVER;
}

int reader_end(struct reader *r)
{
    if (r->reads) {
        r->report->requests = r->ended;
        pause_at(r, LOAD_DONE);
    }
    r->report->phase = LOAD_DONE;
    return 0;
}
