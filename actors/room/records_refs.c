/* records_refs.c - whose keys the personal fields of a record are sealed with: another node that
 * gets the record needs these users' rows as well. */
#include "actors/room/records_internal.h"

static void tell(ProtobufCBinaryData field, vr_ref_fn told, void *ctx)
{
    if (field.len == 16) {
        told(ctx, vr_id_get(field.data));
    }
}

static void of_room(struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__RoomRecord *record = vr__room_record__unpack(NULL, value.size, value.data);

    if (record != NULL) {
        tell(record->creator_ref, told, ctx);
        vr__room_record__free_unpacked(record, NULL);
    }
}

static void of_person(struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__PersonRecord *record = vr__person_record__unpack(NULL, value.size, value.data);

    if (record != NULL) {
        tell(record->user_ref, told, ctx);
        vr__person_record__free_unpacked(record, NULL);
    }
}

static void of_ban(struct vr_bytes key, struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__BanRecord *record = vr__ban_record__unpack(NULL, value.size, value.data);

    if (key.size == 32) {
        told(ctx, vr_id_get(key.data + 16));
    }
    if (record != NULL) {
        tell(record->by_ref, told, ctx);
        vr__ban_record__free_unpacked(record, NULL);
    }
}

static void of_audit(struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__AuditRecord *record = vr__audit_record__unpack(NULL, value.size, value.data);

    if (record != NULL) {
        tell(record->by_ref, told, ctx);
        tell(record->target_ref, told, ctx);
        vr__audit_record__free_unpacked(record, NULL);
    }
}

static void of_report(struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__ReportRecord *record = vr__report_record__unpack(NULL, value.size, value.data);

    if (record != NULL) {
        tell(record->by_ref, told, ctx);
        tell(record->target_ref, told, ctx);
        tell(record->resolver_ref, told, ctx);
        vr__report_record__free_unpacked(record, NULL);
    }
}

static void of_outbox(struct vr_bytes value, vr_ref_fn told, void *ctx)
{
    Vr__OutboxRecord *record = vr__outbox_record__unpack(NULL, value.size, value.data);

    for (size_t i = 0; record != NULL && i + 16 <= record->refs.len; i += 16) {
        told(ctx, vr_id_get(record->refs.data + i));
    }
    if (record != NULL) {
        vr__outbox_record__free_unpacked(record, NULL);
    }
}

void vr_room_record_refs(enum vr_table table, struct vr_bytes key, struct vr_bytes value,
                         vr_ref_fn told, void *ctx)
{
    switch (table) {
    case VR_TABLE_ROOMS:
        of_room(value, told, ctx);
        break;
    case VR_TABLE_PARTICIPANTS:
        of_person(value, told, ctx);
        break;
    case VR_TABLE_BANS:
        of_ban(key, value, told, ctx);
        break;
    case VR_TABLE_AUDIT:
        of_audit(value, told, ctx);
        break;
    case VR_TABLE_REPORTS:
        of_report(value, told, ctx);
        break;
    case VR_TABLE_OUTBOX:
        of_outbox(value, told, ctx);
        break;
    case VR_TABLE_META:
    case VR_TABLE_HEADS:
    case VR_TABLE_ANALYTICS:
    case VR_TABLE_USERS:
    case VR_TABLE_KEYS:
    case VR_TABLE_REVOKED:
    case VR_TABLE_IDEMPOTENCY:
    case VR_TABLE_COMMANDS:
    case VR_TABLE_DEPLOYMENT:
    case VR_TABLE_MARKS:
    case VR_TABLE_GRANTS:
    case VR_TABLE_COUNT:
        break;
    }
}
