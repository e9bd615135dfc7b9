/* SPDX-License-Identifier: MIT */
/* replay.c - runs a fuzz target over files, without libFuzzer: every input that was kept holds in
 * every build. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static const char *running; /* borrowed; named when the target aborts */
static unsigned    count;

/* The whole file in memory of exactly its size, so that a sanitizer watches its end. */
static uint8_t *read_file(const char *path, size_t *size)
{
    struct stat stat_;
    FILE       *file = fopen(path, "rb");
    if (!file || stat(path, &stat_)) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    *size = (size_t)stat_.st_size;
    uint8_t *data = malloc(*size ? *size : 1);
    if (!data || fread(data, 1, *size, file) != *size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    return data;
}

static void replay_file(const char *path)
{
    size_t   size;
    uint8_t *data = read_file(path, &size);
    running = path;
    LLVMFuzzerTestOneInput(data, size);
    running = NULL;
    free(data);
    count++;
}

static void replay_folder(const char *path, DIR *folder)
{
    for (struct dirent *entry; (entry = readdir(folder));) {
        char file[1024];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        replay_file(file);
    }
    closedir(folder);
}

/* A target aborts, and so does weir itself: neither knows the file. */
static void on_abort(int number)
{
    (void)number;
    if (!running)
        return;
    (void)!write(STDERR_FILENO, "The input was ", 14);
    (void)!write(STDERR_FILENO, running, strlen(running));
    (void)!write(STDERR_FILENO, "\n", 1);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, on_abort);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder)
            replay_folder(argv[i], folder);
        else
            replay_file(argv[i]);
    }
    printf("%u inputs\n", count);
    return count ? 0 : 1; /* none at all is no regression run */
}
