/* routes_backup.h - the routes under /v1/node/backup. */
#ifndef VR_NODES_ROUTES_BACKUP_H
#define VR_NODES_ROUTES_BACKUP_H

#include "nodes/http.h"

void vr_route_backup_make(struct vr_http_request *request);
void vr_route_backup_read(struct vr_http_request *request);
void vr_route_backup_drop(struct vr_http_request *request);

#endif
