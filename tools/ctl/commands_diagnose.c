/* commands_diagnose.c - room diagnose: who should hear whom, and does he. */
#include "tools/ctl/commands.h"

static const struct vr_ctl_column columns[] = {
    {"PARTICIPANT", "participant", false},
    {"NAME", "name", false},
    {"NODE", "node", false},
    {"MEDIA", "state", false},
    {"HEARING", "hearing", false},
    {"BY", "by", false},
    {"SHOULD-HEAR", "should_hear", false},
    {"SENT", "packets_sent", false},
    {"LOST", "packets_lost", false},
    {"RTT-US", "path.round_trip_us", false},
    {"REPAIRS", "repair_count", false},
    {"LAST", "last_repair", false},
    {"ROLE", "role", true},
    {"WORKER", "worker", true},
    {"BY-WAY-OF", "path.transport", true},
    {"SINCE-MS", "since_ms", true},
    {"CHECKED-MS", "path.checked_ms", true},
    {"ANSWERED-MS", "path.answered_ms", true},
    {"REPORTED-MS", "reported_ms", true},
    {"MAY-SPEAK", "may_speak", true},
    {"RECEIVED", "received", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape shape = {columns, "participant"};

/** Programs get the whole document, people its listeners. */
enum vr_ctl_exit vr_ctl_room_diagnose(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/rooms/%/diagnosis", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);
    bool people =
        ctl->format == VR_CTL_TABLE || ctl->format == VR_CTL_WIDE || ctl->format == VR_CTL_NAME;

    if (code == VR_CTL_OK && answer != NULL) {
        code = vr_ctl_print(ctl, people ? json_object_get(answer, "listeners") : answer, &shape);
    }
    json_decref(answer);
    return code;
}
