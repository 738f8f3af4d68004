/* chat.c - what passes and is not kept: chat, reactions, measurements; and reports, which are kept
 * in the audit log and in the moderation queue. Only the authors of the last messages are known, so
 * that they can be taken back. */
#include "actors/room/state.h"
#include "actors/wire/client_json.h"

bool rate_take(struct rate *rate, uint32_t most, vr_time_us window, vr_time_us now,
               vr_time_us *wait)
{
    if (rate->used == 0 || now - rate->since >= window) {
        *rate = (struct rate){.since = now};
    }
    if (rate->used >= most) {
        *wait = rate->since + window - now;
        return false;
    }
    rate->used++;
    return true;
}

static enum vr_err take(struct step *step, struct rate *rate, uint32_t most, const char *what)
{
    vr_time_us wait = 0;

    if (step->self->hidden) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "hidden services only listen");
    }
    if (!rate_take(rate, most, VR_SECONDS(10), step->at.now, &wait)) {
        step->answer->retry_after_ms = (uint32_t)((wait + 999) / 1000);
        return vr_fail(&step->why, VR_E_RATE, "too many %s: at most %u in 10 s", what, most);
    }
    if (step->room->flush_due == VR_NEVER) {
        step->room->flush_due = step->at.now + FLUSH_AFTER;
    }
    return VR_OK;
}

enum vr_err step_reaction(struct step *step)
{
    const struct vr_blob *text = step->cmd->text;
    struct event event;
    enum vr_err err;

    if (text == NULL || text->size == 0 || text->size > 16) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "reaction: 1 to 16 bytes");
    }
    err = take(step, &step->self->reactions, step->room->conf.reactions_per_10s, "reactions");
    if (err != VR_OK) {
        return err;
    }
    step->room->counters.reactions++;
    event = event_begin(step, "room:reaction", false);
    event_number(&event, "who", step->self->id);
    event_text(&event, "reaction", vr_blob_text(text));
    event_send(step, &event, 0);
    return VR_OK;
}

enum vr_err step_chat(struct step *step)
{
    struct vr_room *room = step->room;
    const struct vr_blob *text = step->cmd->text;
    struct chat_line *line = &room->chat[room->chat_next % CHAT_KEPT];
    struct vr_buf body = {0};
    struct event event;
    char id[VR_ID_TEXT];
    enum vr_err err;

    if (text == NULL || text->size == 0 || text->size > VR_TEXT_MAX) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "text: 1 to %d bytes", VR_TEXT_MAX);
    }
    err = take(step, &step->self->chat, room->conf.chat_per_10s, "messages");
    if (err != VR_OK) {
        return err;
    }
    *line = (struct chat_line){vr_random_id(room->conf.random), step->self->id};
    room->chat_next++;
    room->counters.chats++;
    vr_id_format(line->id, id);
    event = event_begin(step, "room:chat", false);
    event_text(&event, "message", id);
    event_number(&event, "who", step->self->id);
    event_text(&event, "name", step->self->name);
    event_text(&event, "text", vr_blob_text(text));
    vr_buf_text(&event.json, ",\"at\":");
    vr_json_time(&event.json, step->at.wall);
    event_send(step, &event, 0);
    vr_buf_printf(&body, "{\"message\":\"%s\"}", id);
    step->answer->body = json_blob(step, &body);
    return VR_OK;
}

enum vr_err step_chat_delete(struct step *step)
{
    struct vr_room *room = step->room;
    struct vr_id id = step->cmd->message;
    struct event event;
    char text[VR_ID_TEXT];

    for (uint32_t i = 0; i < CHAT_KEPT && !vr_id_is_zero(id); i++) {
        const struct person *author;
        bool own;

        if (!vr_id_equal(room->chat[i].id, id)) {
            continue;
        }
        own = room->chat[i].author == self_id(step);
        if (!own && step->rank < VR_RANK_MODERATOR) {
            return vr_fail(&step->why, VR_E_FORBIDDEN, "only its author or a moderator deletes it");
        }
        author = person_by_id(room, room->chat[i].author);
        room->chat[i].id = (struct vr_id){0};
        event = event_begin(step, "room:chat-deleted", false);
        event_text(&event, "message", vr_id_format(id, text));
        event_id(&event, "by", self_id(step));
        event_send(step, &event, 0);
        if (!own) {
            audit(step, "room:chat-delete", author ? author->user : NULL,
                  author ? author->name : NULL, NULL);
        }
        return VR_OK;
    }
    return vr_fail(&step->why, VR_E_NOT_FOUND, "no such message, or it is too old");
}

enum vr_err step_report(struct step *step)
{
    struct vr_audit *entry;
    struct vr_buf body = {0};
    char id[VR_ID_TEXT];
    vr_time_us wait = 0;

    if (step->cmd->text == NULL || step->cmd->text->size == 0) {
        return vr_fail(&step->why, VR_E_UNPROCESSABLE, "reason: must not be empty");
    }
    if (step->self != NULL &&
        !rate_take(&step->self->reports, REPORTS_MAX, REPORTS_WINDOW, step->at.now, &wait)) {
        step->answer->retry_after_ms = (uint32_t)((wait + 999) / 1000);
        return vr_fail(&step->why, VR_E_RATE, "too many reports: at most %u a minute", REPORTS_MAX);
    }
    audit(step, "room:report", step->target->user, step->target->name,
          vr_blob_text(step->cmd->text));
    if (step->effects->failed) {
        return VR_OK; /* the actor loads the room anew */
    }
    entry = &step->effects->audits[step->effects->audit_count - 1];
    entry->report = vr_random_id(step->room->conf.random);
    vr_buf_printf(&body, "{\"report\":\"%s\"}", vr_id_format(entry->report, id));
    step->answer->body = json_blob(step, &body);
    return VR_OK;
}

/* A client's measurements belong to the node's metrics: the session counts them, the room has no
 * use. */
enum vr_err step_quality(struct step *step)
{
    (void)step;
    return VR_OK;
}
