/* SPDX-License-Identifier: MIT */
/* socket_names.h - what addresses and sockets are called by the headers of a platform. */
#ifndef WEIR_SOCKET_NAMES_H
#define WEIR_SOCKET_NAMES_H

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>

typedef u_short sa_family_t;
#else
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

#endif
