/* records_put.h - inside room/: writing protobuf rows with refs and sealed fields into a commit.
 * The first error sticks, later puts do nothing. */
#ifndef VR_ROOM_RECORDS_PUT_H
#define VR_ROOM_RECORDS_PUT_H

#include "actors/room/records.h"
#include "room_record.pb-c.h"

struct put {
    const struct vr_vault *vault;
    struct vr_commit *commit;
    enum vr_err err;
};

static inline ProtobufCBinaryData put_binary(struct vr_bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

/** A row of the tables that are durable (settings, bans) is marked so: in a cluster it goes into
 * the directory too. */
void put_message(struct put *put, enum vr_table table, struct vr_bytes key,
                 const ProtobufCMessage *message);

/** The ref of `user` as bytes; his key is made with this commit if he is new. Empty for nobody. */
ProtobufCBinaryData put_ref(struct put *put, const char *user, struct vr_id *ref,
                            uint8_t bytes[16]);
/** `text` sealed for `ref`, in `out`, which the caller frees. Empty without a text or a ref. */
ProtobufCBinaryData put_sealed(struct put *put, struct vr_id ref, const char *text,
                               struct vr_buf *out);

#endif
