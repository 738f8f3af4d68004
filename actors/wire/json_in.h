/* json_in.h - private to wire: JSON from strangers, read strictly. */
#ifndef VR_WIRE_JSON_IN_H
#define VR_WIRE_JSON_IN_H

#include <jansson.h>

#include "actors/base/bytes.h"

/** One JSON value and nothing behind it: duplicate keys, invalid UTF-8, \u0000 and brackets nested
 * more than `depth_max` deep are refused. NULL then; `problem` (of `size`) says in plain words why.
 */
json_t *vr_json_read(struct vr_bytes text, unsigned depth_max, char *problem, size_t size);

/** A control character (C0, DEL, C1) somewhere; line feeds pass when `lines`. */
bool vr_json_has_control(const char *text, size_t size, bool lines);

#endif
