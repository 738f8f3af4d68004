/* Fuzz the demultiplexer and everything behind it: bytes from a validated address with keys, from a
 * checked one without, and from a foreign one, into one engine.
 *
 * Input: a row of [source, size high, size low, bytes]. Source bits 0-1: 0 foreign, 1 checked, 2
 * up, 3: a frame that the client itself protects, so that parsers behind decryption are reached too
 * (bit 2: as RTCP). */
#include "actors/media/engine_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig *rig;
static struct rig_person *up;
static struct rig_person *checked;
static struct rig_person *other;

static void begin(void)
{
    rig = rig_new_with(1, true, VR_PACK_3);
    up = rig_join(rig, (struct rig_wish){.red = true});
    rig_join(rig, (struct rig_wish){.red_receive = true});
    rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    rig_join(rig, (struct rig_wish){.pack60 = true, .muted = true});
    rig_join(rig, (struct rig_wish){.pack60 = true, .red_receive = true, .muted = true});
    other = rig_join(rig, (struct rig_wish){0}); /* with him there is something to wait for */
    checked = rig_person(rig, (struct rig_wish){0});
    vr_client_check(checked->client, true, true);
    rig_pump(rig);
}

static void feed(uint8_t source, const uint8_t *bytes, size_t size)
{
    struct vr_path foreign;
    uint8_t copy[2048];
    const struct vr_path *path;

    if ((source & 3) == 3) {
        vr_client_raw(up->client, vr_bytes(bytes, size), (source & 4) != 0);
        return;
    }
    rig_path(&foreign, 1);
    path = (source & 3) == 2 ? &up->path : (source & 3) == 1 ? &checked->path : &foreign;
    memcpy(copy, bytes, size);
    vr_engine_input(rig->nodes[0].engine, rig->now, path, copy, size, sizeof copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig == NULL) {
        begin();
    }
    while (size >= 3) {
        size_t n = vr_get16(data + 1);

        n = n > size - 3 ? size - 3 : n;
        n = n > 1500 ? 1500 : n;
        feed(data[0], data + 3, n);
        data += 3 + n;
        size -= 3 + n;
        rig_pump(rig);
        rig_advance(rig, VR_MS(2));
        rig_say(other, 30);
        rig_advance(rig, VR_MS(18));
    }
    if (up->state != VR_PEER_UP || checked->state != VR_PEER_CHECKED) {
        rig_free(rig); /* consent ran out, or the handshake failed: begin again */
        rig = NULL;
    }
    return 0;
}
