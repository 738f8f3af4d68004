/* records_fuzz.c - stored records from any bytes: nothing may crash, and a room that came of them
 * must be showable, steppable and storable. Input: records as | table 1 | key size 1 | key | value
 * size 2 | value |. */
#include <stdint.h>

#include "actors/room/room_kit.h"

#define RECORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool next(struct vr_bytes *input, struct vr_bytes *key, struct vr_bytes *value,
                 enum vr_table *table)
{
    const uint8_t *data = input->data;
    size_t key_size;
    size_t value_size;

    if (input->size < 4 || input->size < (size_t)data[1] + 4) {
        return false;
    }
    *table = (enum vr_table)(data[0] % VR_TABLE_COUNT);
    key_size = data[1];
    value_size = vr_get16(data + 2 + key_size);
    if (input->size < 4 + key_size + value_size) {
        return false;
    }
    *key = vr_bytes(data + 2, key_size);
    *value = vr_bytes(data + 4 + key_size, value_size);
    *input = vr_bytes(data + 4 + key_size + value_size, input->size - 4 - key_size - value_size);
    return true;
}

static void live(struct kit *kit, const struct vr_vault *vault)
{
    struct vr_commit *commit = vr_commit_new(KIT_ROOM, 3, 0);
    struct vr_buf text = {0};

    kit->keep_effects = true;
    (void)kit_join(kit, "ana");
    kit_pass(kit, VR_SECONDS(100));
    kit_tick(kit);
    (void)kit_say(kit, VR_CMD_MUTE_ALL, 1, 0);
    (void)kit_say(kit, VR_CMD_END, 1, 0);
    vr_room_snapshot_json(kit->room, true, &text);
    vr_buf_deinit(&text);
    if (vr_room_save(kit->room, &kit->effects, vault, commit) != VR_OK) {
        (void)0; /* more users than the vault of the tests holds */
    }
    vr_commit_free(commit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kit_vault vault_data = {.count = 0};
    struct vr_vault vault = kit_vault_of(&vault_data);
    struct vr_bytes input = vr_bytes(data, size);
    struct vr_room_listing *listing = malloc(sizeof(*listing));
    struct vr_bytes key;
    struct vr_bytes value;
    enum vr_table table;
    struct vr_id ref;
    struct kit kit;

    (void)kit_ensure(&vault_data, "ana", NULL, &ref);
    (void)kit_ensure(&vault_data, "ben", NULL, &ref);
    kit_init(&kit, 1);
    for (int i = 0; i < RECORDS_MAX && next(&input, &key, &value, &table); i++) {
        enum vr_err err = vr_room_load_record(kit.room, &vault, table, key, value);

        if (listing != NULL && table == VR_TABLE_ROOMS) {
            err = vr_room_listing_decode(value, &vault, listing);
        }
        (void)err;
    }
    vr_room_loaded(kit.room, kit.at);
    live(&kit, &vault);
    free(listing);
    kit_deinit(&kit);
    return 0;
}
