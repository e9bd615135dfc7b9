/* SPDX-License-Identifier: MIT */
/* posix_header.h - what struct msghdr and struct cmsghdr count with: size_t in the GNU C library,
 * and what POSIX says everywhere else. sys_socket.h(0p) */
#ifndef WEIR_POSIX_HEADER_H
#define WEIR_POSIX_HEADER_H

#include <stddef.h>
#include <sys/socket.h>

#ifdef __GLIBC__
typedef size_t header_count;  /* msg_iovlen */
typedef size_t header_length; /* msg_controllen, cmsg_len */
#else
typedef int       header_count;
typedef socklen_t header_length;
#endif

#endif
