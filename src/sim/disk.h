/* SPDX-License-Identifier: MIT */
/* disk.h - the disk of a simulated host: names, files, and what of them lasts over a crash.
 *
 * A file is twice there: `now`, as programs see it, and `kept`, as it is on the device. Between the
 * two lie the changes that were made since, in their order; a sync, or too many of them, brings the
 * oldest to the device. A crash keeps `kept` and of each file's changes the first few, or, by
 * WEIR_SIM_TORN_WRITE, any of its writes, and of those any of their sectors. What was not kept of a
 * length takes everything behind it along, as a journal does.
 *
 * As on ext4, a sync of a file brings its name to the device, too; one of a directory brings those
 * of its files, and nothing in them. No order holds between files. A name that was removed comes
 * back with a crash by the same rules, but not where a new file has it; the file itself is there as
 * long as a descriptor is.
 *
 * A unix socket that is bound to a path is a file here, too: its name, which stays when the socket
 * goes. The socket keeps the inode, which is never another's.
 *
 * A sync that fails tells so once on each descriptor, and what it could not write is clean then: no
 * later sync writes it. It is seen until a crash, or is forgotten at once. */
#ifndef WEIR_SIM_DISK_H
#define WEIR_SIM_DISK_H

#include "content.h"

#define DISK_SIZE (UINT64_C(1) << 30)                             /* bytes */
#define DISK_FILE_MAX ((UINT64_C(1) << 44) - CONTENT_PAGE)        /* bytes, as on ext4 */
#define DISK_EPOCH_NS (INT64_C(1577836800) * INT64_C(1000000000)) /* 2020 began with the world */

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_NULL, FILE_ZERO, FILE_SOCKET };

enum change_kind { CHANGE_WRITE, CHANGE_RESIZE, CHANGE_RESERVE };

/* Not on the device yet. */
struct change {
    struct change   *next;
    enum change_kind kind;
    uint64_t         offset, length; /* resize: the length alone */
    uint64_t         at_ns;
    unsigned char    bytes[]; /* of a write */
};

struct sim_file {
    struct sim_file *next; /* of the disk, in the order of their creation */
    struct sim_disk *disk;
    struct sim_file *directory; /* NULL: of the root */
    char            *name;      /* owned */
    enum file_kind   kind;
    uint32_t         inode, mode;
    uint32_t         errors;     /* of syncs and of what was brought to the device before one */
    bool             error_told; /* the last of them, by one descriptor at least */
    bool             named;      /* the name is on the device */
    bool             removed;    /* nobody finds it by its name any more */
    uint32_t         opens;      /* descriptors' objects that have it */
    uint64_t         accessed_ns;
    struct content   now, kept;
    struct change   *first, **last; /* owned list */
    uint32_t         change_count;
    uint64_t         change_bytes;
};

struct sim_disk {
    struct weir_sim_host *host;
    struct sim_file      *files, **last;
    uint32_t              inodes;
    uint64_t              pages; /* that have their space, of all files as they are now */
};

/* A descriptor's object. */
struct sim_file_open {
    struct sim_object object;
    struct sim_file  *file; /* borrowed; NULL when its disk is gone */
    unsigned          mode; /* WEIR_OPEN_* */
    uint32_t          errors_told;
    uint64_t          position;
};

extern const struct sim_object_type sim_file_type;

/* Bytes moved, fewer by faults and at the end, or WEIR_E*; no alignment is asked for. */
int64_t file_read(struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                  size_t length);
int64_t file_write(struct sim_file_open *open, uint64_t at, const struct weir_buf *pieces,
                   size_t length);

/* Makes a change of a file: of `now`, and of what is to be brought to the device. `data` of a write
 * lies in pieces; they hold its length. */
void disk_write(struct sim_file *file, uint64_t offset, const struct weir_buf *pieces,
                size_t length);
void disk_resize(struct sim_file *file, uint64_t length);
void disk_reserve(struct sim_file *file, uint64_t offset, uint64_t length);

/* The file of a name, or NULL. */
struct sim_file *disk_find(const struct sim_disk *disk, const struct sim_file *directory,
                           const char *name);

/* Forgets what no name leads to and no descriptor has; what a crash may bring back stays. */
void disk_sweep(struct sim_disk *disk);

/* How many pages are free. */
uint64_t disk_room(const struct sim_disk *disk);

/* Everything of the file to the device. An error is for the next disk_error_take(). */
void disk_sync(struct sim_file *file);
/* The names of a directory, and that others are gone. */
void disk_sync_names(struct sim_file *directory);
/* 0, or WEIR_EIO for what failed since this descriptor was told. */
int disk_error_take(struct sim_file_open *open);

#endif
