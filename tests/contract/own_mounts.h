/* SPDX-License-Identifier: MIT */
/* own_mounts.h - a file system that only the case's process sees, and a file in it. */
#ifndef OWN_MOUNTS_H
#define OWN_MOUNTS_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "contract.h"

/* The same words stand in skips.txt. */
#define NO_MOUNT "this process may not mount a file system of its own"

static inline void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        SKIP(NO_MOUNT);
    contract_raw_close(fd);
}

/* Mounts that only this process sees; who is not root becomes it in a user namespace of his own. */
static inline void enter_own_mounts(void)
{
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            SKIP(NO_MOUNT);
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/uid_map", users);
        write_text("/proc/self/gid_map", groups);
    }
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0)
        SKIP(NO_MOUNT);
}

/* An empty file on a file system over the case's directory, and a loop that is opened now, so that
 * its workers see the mount. */
static inline void open_mounted(struct contract *c, struct weir_handle *file, const char *type,
                                const char *options)
{
    enter_own_mounts();
    if (mount("none", c->directory, type, MS_NOSUID, options) != 0)
        SKIP(NO_MOUNT);
    CHECK_EQ(contract_open(c, &c->loop, NULL), 0);
    int fd = open(contract_temp_file(c), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(weir_adopt(file, c->loop, fd, 0), 0);
}

#endif
