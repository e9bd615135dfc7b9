/* SPDX-License-Identifier: MIT */
/* path.c - the names on a simulated disk, and how they are opened. Errors are those of Linux. */
#include <string.h>

#include "disk.h"

/* As of limits.h, which a platform need not have: bytes, the latter with the end. */
#define NAME_BYTES_MAX 255u
#define PATH_BYTES_MAX 4096u

/* Of struct stat's st_mode: numbers that every POSIX system has in common. */
#define MODE_DIRECTORY 0040000u
#define MODE_REGULAR 0100000u
#define MODE_DEVICE 0020000u
#define MODE_SOCKET 0140000u
#define UMASK 022u

/* ---- Files ----------------------------------------------------------------------------------- */

static struct sim_file *file_new(struct sim_disk *disk, struct sim_file *directory,
                                 const char *name, enum file_kind kind, unsigned mode)
{
    struct sim_file *file = sim_new(sizeof *file);
    size_t           size = strlen(name) + 1;
    file->disk = disk;
    file->directory = directory;
    file->name = memcpy(sim_new(size), name, size);
    file->kind = kind;
    file->inode = ++disk->inodes;
    file->mode = mode;
    file->last = &file->first;
    file->accessed_ns = sim_now(disk->host->world);
    file->now.modified_ns = file->now.changed_ns = file->accessed_ns;
    file->kept.modified_ns = file->kept.changed_ns = file->accessed_ns;
    *disk->last = file;
    disk->last = &file->next;
    return file;
}

/* What a host begins with lasts. */
static struct sim_file *file_given(struct sim_disk *disk, struct sim_file *directory,
                                   const char *name, enum file_kind kind, unsigned mode)
{
    struct sim_file *file = file_new(disk, directory, name, kind, mode);
    file->named = true;
    return file;
}

static struct sim_disk *disk_of(struct weir_sim_host *host)
{
    if (host->disk)
        return host->disk;
    struct sim_disk *disk = host->disk = sim_new(sizeof *disk);
    disk->host = host;
    disk->last = &disk->files;
    struct sim_file *root = file_given(disk, NULL, "/", FILE_DIRECTORY, MODE_DIRECTORY | 0755u);
    file_given(disk, root, "data", FILE_DIRECTORY, MODE_DIRECTORY | 0755u);
    file_given(disk, root, "tmp", FILE_DIRECTORY, MODE_DIRECTORY | 01777u);
    struct sim_file *dev = file_given(disk, root, "dev", FILE_DIRECTORY, MODE_DIRECTORY | 0755u);
    file_given(disk, dev, "null", FILE_NULL, MODE_DEVICE | 0666u);
    file_given(disk, dev, "zero", FILE_ZERO, MODE_DEVICE | 0666u);
    return disk;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* What a path leads to. */
struct place {
    struct sim_file *directory; /* that holds it, or would */
    struct sim_file *file;      /* or NULL: there is none */
    char             name[NAME_BYTES_MAX + 1];
    bool             slash; /* the path ends in one: it means a directory */
};

struct sim_file *disk_find(const struct sim_disk *disk, const struct sim_file *directory,
                           const char *name)
{
    for (struct sim_file *file = disk->files; file; file = file->next)
        if (!file->removed && file->directory == directory && strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

/* One step from place->file, the one before, by place->name. 0 or WEIR_E*. */
static int step(const struct sim_disk *disk, struct place *place)
{
    struct sim_file *from = place->file;
    if (!from)
        return WEIR_ENOENT;
    if (from->kind != FILE_DIRECTORY)
        return WEIR_ENOTDIR;
    place->directory = from;
    if (strcmp(place->name, ".") == 0)
        place->file = from;
    else if (strcmp(place->name, "..") == 0)
        place->file = from->directory ? from->directory : from;
    else
        place->file = disk_find(disk, from, place->name);
    return 0;
}

/* 0, also where there is no file of the last name, or WEIR_E*. */
static int find(const struct sim_disk *disk, const char *path, struct place *place)
{
    struct sim_file *root = disk->files;
    if (!*path)
        return WEIR_ENOENT;
    if (strlen(path) >= PATH_BYTES_MAX)
        return WEIR_ENAMETOOLONG;
    *place = (struct place){.file = *path == '/' ? root : disk_find(disk, root, "data")};
    place->directory = place->file;
    for (const char *at = path + strspn(path, "/"); *at; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");
        if (length > NAME_BYTES_MAX)
            return WEIR_ENAMETOOLONG;
        memcpy(place->name, at, length);
        place->name[length] = '\0';
        int error = step(disk, place);
        if (error)
            return error;
        at += length;
        place->slash = *at == '/';
    }
    return 0;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int check_room(const struct sim_disk *disk)
{
    bool full = !disk_room(disk) || sim_fault(disk->host->world, WEIR_SIM_DISK_FULL, "create");
    return full ? WEIR_ENOSPC : 0;
}

static int check_new(const struct sim_disk *disk, const struct place *place, unsigned mode)
{
    if (!(mode & WEIR_OPEN_CREATE))
        return WEIR_ENOENT;
    if (place->slash)
        return WEIR_EISDIR;
    return check_room(disk);
}

static int check_directory(unsigned mode)
{
    if (mode & WEIR_OPEN_CREATE)
        return mode & WEIR_OPEN_EXCLUSIVE ? WEIR_EEXIST : WEIR_EISDIR;
    if (mode & (WEIR_OPEN_WRITE | WEIR_OPEN_TRUNCATE))
        return WEIR_EISDIR;
    return mode & WEIR_OPEN_DIRECT ? WEIR_EINVAL : 0;
}

static int check(const struct sim_disk *disk, const struct place *place, unsigned mode)
{
    if ((mode & WEIR_OPEN_CREATE) && (mode & WEIR_OPEN_DIRECTORY))
        return WEIR_EINVAL;
    if (!place->file)
        return check_new(disk, place, mode);
    if (place->file->kind == FILE_DIRECTORY)
        return check_directory(mode);
    if (place->slash)
        return mode & WEIR_OPEN_CREATE ? WEIR_EISDIR : WEIR_ENOTDIR;
    if ((mode & WEIR_OPEN_CREATE) && (mode & WEIR_OPEN_EXCLUSIVE))
        return WEIR_EEXIST;
    if (mode & WEIR_OPEN_DIRECTORY)
        return WEIR_ENOTDIR;
    if (place->file->kind == FILE_SOCKET)
        return WEIR_ENXIO;
    return (mode & WEIR_OPEN_DIRECT) && place->file->kind != FILE_REGULAR ? WEIR_EINVAL : 0;
}

/* An object without a file, whose number is known before anything is created, as on Linux. */
static struct sim_file_open *open_new(struct weir_sim_host *host, bool is_directory, unsigned mode)
{
    enum weir_handle_kind kind = is_directory ? WEIR_HANDLE_DIRECTORY : WEIR_HANDLE_FILE;
    struct sim_file_open *open = sim_object_new(host, &sim_file_type, kind, sizeof *open);
    open->mode = mode;
    open->object.handle_flags = (mode & WEIR_OPEN_READ ? 0u : HANDLE_NO_IN) |
                                (mode & WEIR_OPEN_WRITE ? 0u : HANDLE_NO_OUT) |
                                (mode & WEIR_OPEN_DIRECT ? HANDLE_DIRECT : 0u);
    return open;
}

static void attach(struct sim_file_open *open, struct sim_file *file)
{
    open->file = file;
    file->opens++;
    /* An error that nobody was told of yet is told to the next who comes. */
    open->errors_told = file->errors - (file->errors && !file->error_told ? 1 : 0);
    if ((open->mode & WEIR_OPEN_TRUNCATE) && file->kind == FILE_REGULAR && file->now.size)
        disk_resize(file, 0);
}

int64_t sim_open(struct weir_sim_host *host, const char *path, unsigned mode)
{
    struct sim_disk *disk = disk_of(host);
    struct place     place;
    int              error = find(disk, path, &place);
    if (!error)
        error = check(disk, &place, mode);
    if (error)
        return error;
    bool                  is_directory = place.file && place.file->kind == FILE_DIRECTORY;
    struct sim_file_open *open = open_new(host, is_directory, mode);
    sim_hold(&open->object);
    int descriptor = sim_descriptor_take(host, &open->object);
    if (descriptor >= 0) {
        unsigned bits = (mode & 07777u ? mode & 07777u : 0666u) & ~UMASK;
        if (!place.file)
            place.file = file_new(disk, place.directory, place.name, FILE_REGULAR,
                                  MODE_REGULAR | bits);
        attach(open, place.file);
        sim_trace(host->world, "%s open %d %s", host->name, descriptor, place.file->name);
    }
    sim_release(&open->object);
    return descriptor;
}

/* ---- Names of sockets, and removal ----------------------------------------------------------- */

/* bind(2) of a path: what is there already, of whatever kind, is in the way. */
int64_t sim_path_bind(struct weir_sim_host *host, const char *path)
{
    struct sim_disk *disk = disk_of(host);
    struct place     place;
    int              error = find(disk, path, &place);
    if (!error && place.file)
        error = WEIR_EADDRINUSE;
    else if (!error)
        error = place.slash ? WEIR_ENOENT : check_room(disk);
    if (error)
        return error;
    place.file = file_new(disk, place.directory, place.name, FILE_SOCKET,
                          MODE_SOCKET | (0777u & ~UMASK));
    sim_trace(host->world, "%s binds %s", host->name, path);
    return place.file->inode;
}

static int find_there(const struct sim_disk *disk, const char *path, struct place *place)
{
    int error = find(disk, path, place);
    if (error)
        return error;
    if (!place->file)
        return WEIR_ENOENT;
    return place->slash && place->file->kind != FILE_DIRECTORY ? WEIR_ENOTDIR : 0;
}

/* As connect(2) finds it. */
int64_t sim_path_find(struct weir_sim_host *host, const char *path)
{
    struct place place;
    int          error = find_there(disk_of(host), path, &place);
    if (error)
        return error;
    return place.file->kind == FILE_SOCKET ? (int64_t)place.file->inode : WEIR_ECONNREFUSED;
}

/* unlink(2) */
int sim_path_remove(struct weir_sim_host *host, const char *path)
{
    struct sim_disk *disk = disk_of(host);
    struct place     place;
    int              error = find_there(disk, path, &place);
    if (error)
        return error;
    if (place.file->kind == FILE_DIRECTORY)
        return WEIR_EISDIR;
    place.file->removed = true;
    place.file->now.changed_ns = sim_now(host->world);
    sim_trace(host->world, "%s unlinks %s", host->name, path);
    disk_sweep(disk);
    return 0;
}
