#include "actors/room/records_put.h"

#include <stdlib.h>

void put_message(struct put *put, enum vr_table table, struct vr_bytes key,
                 const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed;

    if (put->err != VR_OK) {
        return;
    }
    packed = malloc(size + 1);
    if (packed == NULL) {
        put->err = VR_E_NO_MEMORY;
        return;
    }
    protobuf_c_message_pack(message, packed);
    if (table == VR_TABLE_ROOMS || table == VR_TABLE_BANS) {
        vr_commit_put_durable(put->commit, table, key, vr_bytes(packed, size));
    } else {
        vr_commit_put(put->commit, table, key, vr_bytes(packed, size));
    }
    free(packed);
}

ProtobufCBinaryData put_ref(struct put *put, const char *user, struct vr_id *ref, uint8_t bytes[16])
{
    enum vr_err err;

    if (user[0] == 0 || put->err != VR_OK) {
        return (ProtobufCBinaryData){0};
    }
    err = put->vault->ensure(put->vault->ctx, user, put->commit, ref);
    if (err != VR_OK) {
        put->err = err;
        return (ProtobufCBinaryData){0};
    }
    vr_id_put(bytes, *ref);
    return (ProtobufCBinaryData){16, bytes};
}

ProtobufCBinaryData put_sealed(struct put *put, struct vr_id ref, const char *text,
                               struct vr_buf *out)
{
    enum vr_err err;

    if (text[0] == 0 || vr_id_is_zero(ref) || put->err != VR_OK) {
        return (ProtobufCBinaryData){0};
    }
    err = put->vault->seal(put->vault->ctx, ref, vr_bytes_of(text), out);
    if (err == VR_OK && out->failed) {
        err = VR_E_NO_MEMORY;
    }
    put->err = err;
    return put_binary(vr_buf_bytes(out));
}
