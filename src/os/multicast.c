/* SPDX-License-Identifier: MIT */
/* multicast.c - a group and an interface as the request that joins or leaves them. RFC 3678. */
#include <string.h>

#include "os.h"
#include "socket_names.h"

int os_group_request(struct group_req *request, const struct weir_address *group,
                     unsigned interface_index)
{
    *request = (struct group_req){.gr_interface = interface_index};
    if (group->length > sizeof request->gr_group || group->length < sizeof(struct sockaddr_in))
        return WEIR_EINVAL;
    memcpy(&request->gr_group, group->data.bytes, group->length);
    if (request->gr_group.ss_family != AF_INET6)
        return IPPROTO_IP;
    return group->length < sizeof(struct sockaddr_in6) ? WEIR_EINVAL : IPPROTO_IPV6;
}
