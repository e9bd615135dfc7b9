/* SPDX-License-Identifier: MIT */
/* error.h - every error that weir can tell, told once: its name and its sentence.
 *
 * A result below zero is one of these. The names that the platform has keep the platform's number,
 * negated, so that `op->result == -ECONNRESET` and `op->result == WEIR_ECONNRESET` say the same on
 * POSIX; on Windows, system codes are mapped into the same set. Numbers at or below -10001 are
 * weir's own: no kernel uses them. */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <errno.h>

/* X(name, sentence) for each error that has the platform's number. */
#define WEIR_ERRORS_PLATFORM(X)                                                                    \
    X(E2BIG, "argument list too long")                                                             \
    X(EACCES, "permission denied")                                                                 \
    X(EADDRINUSE, "address already in use")                                                        \
    X(EADDRNOTAVAIL, "address not available on this machine")                                      \
    X(EAFNOSUPPORT, "address family not supported")                                                \
    X(EAGAIN, "would have to wait")                                                                \
    X(EALREADY, "already in progress")                                                             \
    X(EBADF, "handle is not open")                                                                 \
    X(EBUSY, "busy: a worker is still in the call")                                                \
    X(ECANCELED, "cancelled by the caller")                                                        \
    X(ECHILD, "no child process")                                                                  \
    X(ECONNABORTED, "connection aborted before it was accepted")                                   \
    X(ECONNREFUSED, "connection refused")                                                          \
    X(ECONNRESET, "connection reset by the peer")                                                  \
    X(EDEADLK, "called from inside a callback of the same loop")                                   \
    X(EDESTADDRREQ, "destination address needed")                                                  \
    X(EDOM, "argument outside the domain")                                                         \
    X(EEXIST, "file exists")                                                                       \
    X(EFAULT, "bad address in memory")                                                             \
    X(EFBIG, "file too large")                                                                     \
    X(EHOSTUNREACH, "no route to the host")                                                        \
    X(EILSEQ, "invalid byte sequence")                                                             \
    X(EINPROGRESS, "in progress")                                                                  \
    X(EINTR, "interrupted by a signal")                                                            \
    X(EINVAL, "invalid argument")                                                                  \
    X(EIO, "input/output error of the device")                                                     \
    X(EISCONN, "already connected")                                                                \
    X(EISDIR, "is a directory")                                                                    \
    X(ELOOP, "too many symbolic links")                                                            \
    X(EMFILE, "too many open descriptors in this process")                                         \
    X(EMLINK, "too many links")                                                                    \
    X(EMSGSIZE, "message too long")                                                                \
    X(ENAMETOOLONG, "name too long")                                                               \
    X(ENETDOWN, "network is down")                                                                 \
    X(ENETUNREACH, "network is unreachable")                                                       \
    X(ENFILE, "too many open descriptors in the system")                                           \
    X(ENOBUFS, "no buffer space")                                                                  \
    X(ENODEV, "no such device")                                                                    \
    X(ENOENT, "no such file or directory")                                                         \
    X(ENOEXEC, "not an executable")                                                                \
    X(ENOLCK, "no locks available")                                                                \
    X(ENOMEM, "out of memory")                                                                     \
    X(ENOPROTOOPT, "protocol option not available")                                                \
    X(ENOSPC, "no space left on the device")                                                       \
    X(ENOSYS, "system call not implemented by this kernel")                                        \
    X(ENOTCONN, "not connected")                                                                   \
    X(ENOTDIR, "not a directory")                                                                  \
    X(ENOTEMPTY, "directory not empty")                                                            \
    X(ENOTSOCK, "not a socket")                                                                    \
    X(ENOTTY, "not a terminal, or an ioctl that the descriptor does not know")                     \
    X(ENXIO, "no such device or address")                                                          \
    X(EOPNOTSUPP, "operation not supported by the descriptor")                                     \
    X(EOVERFLOW, "value too large")                                                                \
    X(EPERM, "operation not permitted")                                                            \
    X(EPIPE, "the other end no longer reads")                                                      \
    X(EPROTO, "protocol error")                                                                    \
    X(EPROTONOSUPPORT, "protocol not supported")                                                   \
    X(EPROTOTYPE, "wrong protocol for the socket's type")                                          \
    X(ERANGE, "result out of range")                                                               \
    X(EROFS, "file system is read-only")                                                           \
    X(ESPIPE, "descriptor has no position")                                                        \
    X(ESRCH, "no such process")                                                                    \
    X(ETIMEDOUT, "the peer did not answer in the protocol's own time")                             \
    X(ETXTBSY, "file is a program that runs")                                                      \
    X(EXDEV, "link across file systems")

/* X(name, number, sentence) for each error that is weir's own. */
#define WEIR_ERRORS_OWN(X)                                                                         \
    X(EDEADLINE, -10001, "the deadline given to weir passed")                                      \
    X(ENOTSUP, -10002, "not supported here")                                                       \
    X(EEOF, -10003, "the stream ended before all was moved")                                       \
    X(ENONAME, -10004, "host or service name not known")                                           \
    X(ETRYNAME, -10005, "name could not be looked up now; try again later")                        \
    X(EBADNAME, -10006, "name look-up failed for good")                                            \
    X(ENOENGINE, -10007, "no engine of that name, or none at all, can run here")

#define WEIR_ERROR_PLATFORM_(name, text) WEIR_##name = -name,
#define WEIR_ERROR_OWN_(name, number, text) WEIR_##name = number,
enum weir_error {
    WEIR_OK = 0,
    WEIR_ERRORS_PLATFORM(WEIR_ERROR_PLATFORM_) WEIR_ERRORS_OWN(WEIR_ERROR_OWN_)
};
#undef WEIR_ERROR_PLATFORM_
#undef WEIR_ERROR_OWN_

#endif
