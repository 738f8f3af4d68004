/* keys.h - the names of what stands in etcd, all below the cluster's prefix. */
#ifndef VR_CLUSTER_KEYS_H
#define VR_CLUSTER_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/ids.h"
#include "store/records.h"

/* Prefix 63, folder 8, room 26, table 13, key 2 * VR_KEY_MAX: less than this. */
struct cluster_key {
    char text[448];
};

struct vr_bytes key_generation(struct cluster_key *key, const char *prefix);
struct vr_bytes key_number(struct cluster_key *key, const char *prefix, uint32_t number);
struct vr_bytes key_numbers(struct cluster_key *key, const char *prefix); /* the folder */
struct vr_bytes key_node(struct cluster_key *key, const char *prefix, const char *name);
/** `folder`: "owners" or "sync". */
struct vr_bytes key_room(struct cluster_key *key, const char *prefix, const char *folder,
                         struct vr_id room);
struct vr_bytes key_head(struct cluster_key *key, const char *prefix, struct vr_id room);
/** rooms/<room>/ */
struct vr_bytes key_rows(struct cluster_key *key, const char *prefix, struct vr_id room);
/** rooms/<room>/<table>/<rest of the key in hex>; `row` begins with the room's 16 bytes. Empty when
 * it does not. */
struct vr_bytes key_row(struct cluster_key *key, const char *prefix, struct vr_id room,
                        enum vr_table table, struct vr_bytes row);
/** Back: what follows rooms/<room>/. `row` has room for VR_KEY_MAX. False: no such key (the head,
 * or something newer). */
bool key_row_parse(struct vr_bytes rest, struct vr_id room, enum vr_table *table,
                   uint8_t row[VR_KEY_MAX], size_t *size);
/** deploy/<table>/<key in hex>, and back. */
struct vr_bytes key_deploy(struct cluster_key *key, const char *prefix, enum vr_table table,
                           struct vr_bytes row);
bool key_deploy_parse(struct vr_bytes rest, enum vr_table *table, uint8_t row[VR_KEY_MAX],
                      size_t *size);

#endif
