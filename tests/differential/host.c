/* SPDX-License-Identifier: MIT */
/* host.c - what a run asks of a POSIX system beside its descriptors. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

bool host_make_paths(void)
{
    return mkdir("directory", 0700) == 0 && symlink("symlink", "symlink") == 0;
}

int host_count_descriptors(void)
{
    DIR *folder = opendir("/dev/fd");
    int  count = -1; /* the folder's own */
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            count++;
    closedir(folder);
    return count;
}
