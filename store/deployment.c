#include "store/deployment.h"

#define FIXED 9

static struct vr_bytes key_of(uint8_t key[VR_DEPLOYMENT_KEY], enum vr_deployment_kind kind,
                              struct vr_id id)
{
    key[0] = (uint8_t)kind;
    vr_id_put(key + 1, id);
    return vr_bytes(key, VR_DEPLOYMENT_KEY);
}

void vr_deployment_row_put(struct vr_commit *commit, const struct vr_deployment_row *row)
{
    uint8_t key[VR_DEPLOYMENT_KEY];
    uint8_t fixed[FIXED];
    struct vr_buf value = {0};

    vr_put64(fixed, row->revision);
    fixed[8] = row->gone ? 1 : 0;
    vr_buf_append(&value, fixed, sizeof(fixed));
    if (!row->gone) {
        vr_buf_append(&value, row->body.data, row->body.size);
    }
    if (value.failed) {
        commit->ops.failed = true;
    } else {
        vr_commit_put(commit, VR_TABLE_DEPLOYMENT, key_of(key, row->kind, row->id),
                      vr_buf_bytes(&value));
    }
    vr_buf_deinit(&value);
}

bool vr_deployment_row_get(struct vr_bytes key, struct vr_bytes value,
                           struct vr_deployment_row *out)
{
    if (key.size != VR_DEPLOYMENT_KEY || value.size < FIXED || value.data[8] > 1) {
        return false;
    }
    *out = (struct vr_deployment_row){
        .kind = (enum vr_deployment_kind)key.data[0],
        .id = vr_id_get(key.data + 1),
        .revision = vr_get64(value.data),
        .gone = value.data[8] == 1,
        .body = vr_bytes(value.data + FIXED, value.size - FIXED),
    };
    return true;
}

bool vr_deployment_row_newer(struct vr_records *records, const struct vr_deployment_row *row)
{
    uint8_t key[VR_DEPLOYMENT_KEY];
    struct vr_buf value = {0};
    struct vr_deployment_row held;
    struct vr_bytes name = key_of(key, row->kind, row->id);
    enum vr_err err = vr_records_get(records, VR_TABLE_DEPLOYMENT, name, &value);
    bool newer = err == VR_E_NOT_FOUND || err == VR_E_DAMAGED ||
                 (err == VR_OK && (!vr_deployment_row_get(name, vr_buf_bytes(&value), &held) ||
                                   held.revision < row->revision));

    vr_buf_deinit(&value);
    return newer;
}

struct scan {
    vr_deployment_visit_fn visit;
    void *ctx;
};

static bool visit_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    const struct scan *scan = ctx;
    struct vr_deployment_row row;

    return !vr_deployment_row_get(key, value, &row) || row.gone || scan->visit(scan->ctx, &row);
}

enum vr_err vr_deployment_scan(struct vr_records *records, enum vr_deployment_kind kind,
                               vr_deployment_visit_fn visit, void *ctx)
{
    struct scan scan = {visit, ctx};
    uint8_t prefix = (uint8_t)kind;

    return vr_records_scan(records, VR_TABLE_DEPLOYMENT, vr_bytes(&prefix, 1), vr_bytes(&prefix, 1),
                           visit_row, &scan);
}
