/* router.h - which route is a path? Pure. */
#ifndef VR_NODES_ROUTER_H
#define VR_NODES_ROUTER_H

#include "nodes/http.h"

#define VR_ROUTE_TEXT_MAX 512 /* bytes of all decoded params of a path */

struct vr_route_match {
    const struct vr_route *route; /* NULL: no route has this path with this method */
    uint32_t allowed;             /* bits 1 << enum vr_method of routes that have the path */
    uint32_t param_count;
    const char *param[VR_HTTP_PARAMS_MAX]; /* into `text` */
    char text[VR_ROUTE_TEXT_MAX];
};

void vr_route_find(const struct vr_route *routes, size_t count, enum vr_method method,
                   struct vr_bytes path, struct vr_route_match *out);

/** Percent-decode into `out` with a 0 at the end. False: bad escape, a 0 inside, not UTF-8, or too
 * long. */
bool vr_percent_decode(struct vr_bytes in, bool plus_is_space, char *out, size_t capacity);
/** One parameter of a query string; false: absent or not decodable. */
bool vr_query_find(struct vr_bytes query, const char *name, char *out, size_t capacity);

const char *vr_method_name(enum vr_method method);
bool vr_method_parse(struct vr_bytes word, enum vr_method *out);
/** "GET, POST, OPTIONS" */
void vr_method_list(uint32_t allowed, struct vr_buf *out);

#endif
