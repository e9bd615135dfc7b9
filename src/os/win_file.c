/* SPDX-License-Identifier: MIT */
/* win_file.c - files: opening by UTF-8 paths, what is known of one, and what workers
 * do to it. Its bytes are moved in win_bytes.c. */
#include <stdlib.h>
#include <winternl.h>

#include "os.h"
#include "win.h"

/* POSIX's, which mingw-w64 does not have all of. */
#define MODE_DIRECTORY 0040000u
#define MODE_FILE 0100000u
#define MODE_PIPE 0010000u
#define MODE_SOCKET 0140000u

/* ---- Opening --------------------------------------------------------------------------------- */

/* The path in UTF-16, to be freed; NULL with *error. */
static wchar_t *wide(const char *path, int *error)
{
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    if (!count) {
        *error = WEIR_EILSEQ;
        return NULL;
    }
    wchar_t *text = malloc((size_t)count * sizeof *text);
    *error = text ? 0 : WEIR_ENOMEM;
    if (text)
        MultiByteToWideChar(CP_UTF8, 0, path, -1, text, count);
    return text;
}

/* Who may only append writes at the end, whatever the offset says. */
static DWORD access_of(unsigned mode)
{
    DWORD access = FILE_READ_ATTRIBUTES | SYNCHRONIZE;
    if (mode & WEIR_OPEN_READ)
        access |= FILE_GENERIC_READ;
    if (mode & WEIR_OPEN_WRITE)
        access |= FILE_GENERIC_WRITE;
    return mode & WEIR_OPEN_APPEND ? access & ~(DWORD)FILE_WRITE_DATA : access;
}

static DWORD disposition_of(unsigned mode)
{
    bool cut = mode & WEIR_OPEN_TRUNCATE;
    if (!(mode & WEIR_OPEN_CREATE))
        return cut ? TRUNCATE_EXISTING : OPEN_EXISTING;
    if (mode & WEIR_OPEN_EXCLUSIVE)
        return CREATE_NEW;
    return cut ? CREATE_ALWAYS : OPEN_ALWAYS;
}

#define NEVER_A_DIRECTORY (WEIR_OPEN_WRITE | WEIR_OPEN_CREATE) /* EISDIR: open(2) */

static DWORD flags_of(unsigned mode)
{
    DWORD    flags = FILE_FLAG_OVERLAPPED;
    unsigned permissions = mode & 07777u;
    if (permissions && !(permissions & 0222u))
        flags |= FILE_ATTRIBUTE_READONLY; /* of a new file */
    if (!(mode & NEVER_A_DIRECTORY))
        flags |= FILE_FLAG_BACKUP_SEMANTICS; /* also a directory */
    flags |= mode & WEIR_OPEN_DIRECT ? FILE_FLAG_NO_BUFFERING : 0;
    flags |= mode & WEIR_OPEN_SYNC ? FILE_FLAG_WRITE_THROUGH : 0;
    flags |= mode & WEIR_OPEN_NOFOLLOW ? FILE_FLAG_OPEN_REPARSE_POINT : 0;
    return flags;
}

/* Windows says of a directory only that it may not be written to. */
static int open_error(const wchar_t *path, unsigned mode)
{
    int error = win_error();
    if (error != WEIR_EACCES || !(mode & NEVER_A_DIRECTORY))
        return error;
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)
               ? WEIR_EISDIR
               : error;
}

/* Whether what was opened is what the mode asked for. 0 or WEIR_E*. */
static int check_opened(HANDLE file, unsigned mode)
{
    FILE_ATTRIBUTE_TAG_INFO    tag;
    BY_HANDLE_FILE_INFORMATION found;
    if (!(mode & (WEIR_OPEN_DIRECTORY | WEIR_OPEN_NOFOLLOW)))
        return 0;
    if (!GetFileInformationByHandle(file, &found))
        return win_error();
    if ((mode & WEIR_OPEN_NOFOLLOW) && (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) &&
        GetFileInformationByHandleEx(file, FileAttributeTagInfo, &tag, (DWORD)sizeof tag) &&
        (tag.ReparseTag == IO_REPARSE_TAG_SYMLINK || tag.ReparseTag == IO_REPARSE_TAG_MOUNT_POINT))
        return WEIR_ELOOP;
    bool directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    return (mode & WEIR_OPEN_DIRECTORY) && !directory ? WEIR_ENOTDIR : 0;
}

static int64_t open_wide(const wchar_t *path, unsigned mode)
{
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE      file = CreateFileW(path, access_of(mode), shared, NULL, disposition_of(mode),
                                   flags_of(mode), NULL);
    if (file == INVALID_HANDLE_VALUE)
        return open_error(path, mode);
    int error = check_opened(file, mode);
    if (!error)
        return (int)(INT_PTR)file;
    CloseHandle(file);
    return error;
}

static int64_t perform_open(const struct weir_op *op)
{
    int      error;
    wchar_t *path = wide(op->in.arg.open.path, &error);
    if (!path)
        return error;
    int64_t result = open_wide(path, op->in.arg.open.mode);
    free(path);
    return result;
}

/* ---- What a descriptor is -------------------------------------------------------------------- */

#define MODE_INFORMATION ((FILE_INFORMATION_CLASS)16) /* FileModeInformation */
#define MODE_UNBUFFERED 0x08u                         /* FILE_NO_INTERMEDIATE_BUFFERING */
#define MODE_WAITS 0x30u                              /* FILE_SYNCHRONOUS_IO_* */

/* One that was opened without FILE_FLAG_OVERLAPPED joins no port: its calls wait. */
int win_classify_file(struct weir_handle *handle)
{
    HANDLE          file = win_handle_of(handle->in.descriptor);
    DWORD           type = GetFileType(file);
    IO_STATUS_BLOCK status;
    ULONG           mode = 0;
    if (type != FILE_TYPE_DISK && type != FILE_TYPE_PIPE)
        return WEIR_ENOTSUP;
    if (NtQueryInformationFile(file, &status, &mode, (ULONG)sizeof mode, MODE_INFORMATION) < 0)
        return WEIR_ENOTSUP;
    if (mode & MODE_WAITS)
        handle->in.flags |= HANDLE_GUARDED;
    if (type == FILE_TYPE_PIPE) {
        handle->in.kind = WEIR_HANDLE_PIPE;
        return mode & MODE_WAITS ? WEIR_ENOTSUP : 0;
    }
    BY_HANDLE_FILE_INFORMATION found;
    if (!GetFileInformationByHandle(file, &found))
        return win_error();
    if (mode & MODE_UNBUFFERED)
        handle->in.flags |= HANDLE_DIRECT;
    handle->in.kind = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? WEIR_HANDLE_DIRECTORY
                                                                        : WEIR_HANDLE_FILE;
    return 0;
}

#define SIZE_INFORMATION ((FS_INFORMATION_CLASS)3) /* FileFsSizeInformation */

/* Past the cache a file is moved in whole sectors of its volume, the memory included: CreateFile(),
 * "FILE_FLAG_NO_BUFFERING". */
int win_alignment(const struct weir_handle *handle, struct weir_alignment *alignment)
{
    struct {
        LARGE_INTEGER units, free;
        ULONG         sectors_per_unit, sector;
    } size;
    IO_STATUS_BLOCK status;
    *alignment = (struct weir_alignment){0};
    if (handle->in.kind != WEIR_HANDLE_FILE)
        return 0;
    if (NtQueryVolumeInformationFile(win_handle_of(handle->in.descriptor), &status, &size,
                                     (ULONG)sizeof size, SIZE_INFORMATION) >= 0)
        *alignment = (struct weir_alignment){size.sector, size.sector};
    return 0;
}

static int64_t since_1970_ns(LARGE_INTEGER time)
{
    return (time.QuadPart - INT64_C(116444736000000000)) * 100;
}

/* Of what is no file only its kind is known. */
static int64_t stat_other(const struct weir_op *op)
{
    enum weir_handle_kind kind = (enum weir_handle_kind)op->handle->in.kind;
    uint32_t              type = handle_is_socket(op->handle) ? MODE_SOCKET
                                 : kind == WEIR_HANDLE_PIPE   ? MODE_PIPE
                                                              : 0;
    *op->in.arg.stat = (struct weir_stat){
        .mode = type | 0666u, .links = 1, .block_size = 4096, .kind = kind};
    return 0;
}

static uint32_t mode_of(DWORD attributes, enum weir_handle_kind kind)
{
    if (kind == WEIR_HANDLE_DIRECTORY)
        return MODE_DIRECTORY | 0777u;
    return MODE_FILE | (attributes & FILE_ATTRIBUTE_READONLY ? 0444u : 0666u);
}

static int64_t stat_file(const struct weir_op *op)
{
    HANDLE                     file = win_handle_of(op->handle->in.descriptor);
    enum weir_handle_kind      kind = (enum weir_handle_kind)op->handle->in.kind;
    BY_HANDLE_FILE_INFORMATION found;
    FILE_BASIC_INFO            basic;
    FILE_STANDARD_INFO         standard;
    if (!GetFileInformationByHandle(file, &found) ||
        !GetFileInformationByHandleEx(file, FileBasicInfo, &basic, (DWORD)sizeof basic) ||
        !GetFileInformationByHandleEx(file, FileStandardInfo, &standard, (DWORD)sizeof standard))
        return win_error();
    *op->in.arg.stat = (struct weir_stat){
        .size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow,
        .blocks = ((uint64_t)standard.AllocationSize.QuadPart + 511) / 512,
        .inode = (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow,
        .device = found.dwVolumeSerialNumber,
        .modified_ns = since_1970_ns(basic.LastWriteTime),
        .accessed_ns = since_1970_ns(basic.LastAccessTime),
        .changed_ns = since_1970_ns(basic.ChangeTime),
        .mode = mode_of(found.dwFileAttributes, kind),
        .links = (uint32_t)found.nNumberOfLinks,
        .block_size = 4096,
        .kind = kind,
    };
    return 0;
}

/* ---- What waits for the disk ----------------------------------------------------------------- */

/* Of a file that is not open for writing Windows says that access is denied, and Wine that the
 * handle is none; ftruncate(2) calls it EINVAL. */
static bool is_unwritable(HANDLE file, int error)
{
    return error == WEIR_EACCES || (error == WEIR_EBADF && GetFileType(file) != FILE_TYPE_UNKNOWN);
}

static int64_t cut(const struct weir_op *op)
{
    HANDLE                file = win_handle_of(op->handle->in.descriptor);
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)op->in.arg.range.length};
    BOOL well = SetFileInformationByHandle(file, FileEndOfFileInfo, &end, (DWORD)sizeof end);
    int  error = well ? 0 : win_error();
    if (error == WEIR_EINVAL)
        return WEIR_EFBIG; /* the file system takes no such length */
    return is_unwritable(file, error) ? WEIR_EINVAL : error;
}

int64_t win_perform_file(const struct weir_op *op, enum perform how)
{
    if (op->kind == WEIR_OP_ADVISE)
        return 0; /* Windows takes advice only when a file is opened */
    if (op->kind == WEIR_OP_FSTAT && !handle_has_offsets(op->handle))
        return stat_other(op);
    if (how == PERFORM_TRY)
        return WEIR_ENOTSUP;
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_OPEN:
        return perform_open(op);
    case WEIR_OP_FSTAT:
        return stat_file(op);
    case WEIR_OP_TRUNCATE:
        return cut(op);
    default: /* WEIR_OP_FSYNC */
        return FlushFileBuffers(win_handle_of(op->handle->in.descriptor)) ? 0 : win_error();
    }
}
