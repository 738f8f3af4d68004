/* yaml_json.h - YAML as JSON, for documents of our own: maps, lists, plain and quoted scalars; no
 * anchors, no tags. Pure but for libyaml. */
#ifndef VR_NODES_YAML_JSON_H
#define VR_NODES_YAML_JSON_H

#include "actors/base/bytes.h"
#include "actors/base/err.h"

/** Appends. Plain scalars that read as null, true, false or a JSON number are those; all others are
 * text. Errors: VR_E_BAD_WIRE (not YAML, an anchor or alias, deeper than 64), VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_yaml_to_json(struct vr_bytes yaml, struct vr_buf *out);

#endif
