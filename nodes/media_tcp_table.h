/* media_tcp_table.h - which ICE-TCP connections there are: by path, by address, by age. */
#ifndef VR_NODES_MEDIA_TCP_TABLE_H
#define VR_NODES_MEDIA_TCP_TABLE_H

#include "nodes/media_tcp_internal.h"

#define TCP_SLOTS_MAX 65536u

/** May one more come from there? */
bool tcp_table_admits(const struct vr_media_tcp *tcp, const struct sockaddr_storage *remote);
/** Give it a path, and count it; tcp_table_admits has said yes. */
void tcp_table_add(struct vr_media_tcp *tcp, struct connection *connection,
                   const struct sockaddr_storage *remote);
void tcp_table_remove(struct vr_media_tcp *tcp, struct connection *connection);

#endif
