/* etcd_json_fuzz.c - replies of a server that lies. The first byte chooses the parser. */
#include <stddef.h>
#include <stdint.h>

#include "cluster/kv_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_kv_reply reply;
    struct vr_kv_watch_line line;
    struct vr_kv_refusal refusal;
    struct vr_bytes body;
    size_t sum = 0;

    if (size == 0) {
        return 0;
    }
    body = vr_bytes(data + 1, size - 1);
    if (data[0] == 'w') {
        if (vr_kv_json_watch_line(body, &line) == VR_OK) {
            for (uint32_t i = 0; i < line.event_count; i++) {
                sum += line.events[i].pair.key.data[0] + line.events[i].pair.value.size;
            }
            vr_kv_watch_line_deinit(&line);
        }
    } else if (data[0] == 'e') {
        vr_kv_json_refusal(503, body, &refusal);
    } else if ((data[0] == 't'   ? vr_kv_json_txn_reply(body, &reply)
                : data[0] == 'r' ? vr_kv_json_range_reply(body, &reply)
                                 : vr_kv_json_lease_reply(body, &reply)) == VR_OK) {
        for (uint32_t i = 0; i < reply.pair_count; i++) {
            sum += reply.pairs[i].key.data[0] + reply.pairs[i].value.size;
        }
        vr_kv_reply_deinit(&reply);
    }
    return sum == SIZE_MAX ? 1 : 0;
}
