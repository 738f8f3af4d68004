/* commands_upgrade.c - node upgrade: ask for it, wait for what becomes of it, and say why not. */
#include <time.h>

#include "actors/base/clock.h"
#include "tools/ctl/commands.h"

/* The node asks the new program for up to 10 s, and a start on a slow disk takes some, too. */
#define PATIENCE VR_SECONDS(45)
#define PAUSE_NS 100000000

enum outcome { OPEN, DONE, REFUSED, UNTOLD };

static json_int_t number(const json_t *about, const char *name)
{
    return json_integer_value(json_object_get(about, name));
}

/** `before` is what the node said when it was asked. A process that took over has begun anew: the
 * one before it knows the count as well, and must not be taken for it. */
static enum outcome judge(const json_t *before, const json_t *now)
{
    if (number(now, "refused") > number(before, "refused")) {
        return REFUSED;
    }
    return number(now, "upgrades") > number(before, "upgrades") &&
                   number(now, "starts") > number(before, "starts")
               ? DONE
               : OPEN;
}

/** One look; a node that does not answer is on its way. `*now` is the caller's. */
static enum outcome look(struct vr_ctl *ctl, const json_t *before, json_t **now)
{
    struct vr_ctl_send send = {.method = "GET", .path = "/v1/node/upgrade"};
    struct vr_ctl_reply reply = {0};
    enum outcome outcome = OPEN;

    if (vr_ctl_token(ctl, &send.token) == VR_CTL_OK &&
        vr_ctl_http_send(ctl->http, &send, &reply, NULL) == VR_CTL_OK) {
        *now = reply.status == 200 ? json_loads((const char *)reply.body.data, 0, NULL) : NULL;
        outcome = *now != NULL ? judge(before, *now) : reply.status == 404 ? UNTOLD : OPEN;
    }
    vr_buf_deinit(&reply.body);
    return outcome;
}

static enum vr_ctl_exit tell(const struct vr_ctl *ctl, enum outcome outcome, const json_t *now)
{
    enum vr_ctl_exit code = VR_CTL_OK;

    switch (outcome) {
    case DONE:
        vr_ctl_say(ctl, "the program on disk has taken over");
        break;
    case REFUSED:
        code =
            vr_ctl_fail(ctl, VR_CTL_CONFLICT, "the program on disk does not take over in place: %s",
                        json_string_value(json_object_get(now, "why")));
        vr_ctl_say(ctl,
                   "  to do:   nothing has changed. Mend what it says; or drain the node "
                   "('voiceroomctl node drain NODE --wait') and restart it, as the upgrade of the "
                   "package does");
        break;
    case UNTOLD:
        vr_ctl_say(ctl, "asked; this node is too old to tell what becomes of it: see its log");
        break;
    case OPEN:
        code = vr_ctl_fail(ctl, VR_CTL_TIMEOUT,
                           "it was asked, and has not taken over yet: see the node's log");
        break;
    }
    return code;
}

enum vr_ctl_exit vr_ctl_node_upgrade(struct vr_ctl *ctl)
{
    const struct vr_clock *clock = vr_clock_system();
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/node/upgrade"};
    json_t *before = NULL;
    json_t *now = NULL;
    enum outcome outcome = OPEN;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &before);
    vr_time_us until = clock->now(clock->ctx) + PATIENCE;

    while (code == VR_CTL_OK && outcome == OPEN && clock->now(clock->ctx) < until) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        json_decref(now);
        now = NULL;
        outcome = look(ctl, before, &now);
    }
    if (code == VR_CTL_OK) {
        code = tell(ctl, outcome, now);
    }
    json_decref(before);
    json_decref(now);
    return code;
}
