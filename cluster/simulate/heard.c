/* heard.c - what a client makes of the events that reach it: where it stands, what it missed, and
 * whether one message was told as two. */
#include "cluster/simulate/simulate.h"

static uint64_t number_in(const char *json, const char *name)
{
    const char *at = strstr(json, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void text_in(const char *json, const char *name, char *out, size_t size)
{
    const char *at = strstr(json, name);
    size_t i = 0;

    for (at = at == NULL ? "" : at + strlen(name); *at != '\0' && *at != '"' && i + 1 < size;) {
        out[i++] = *at++;
    }
    out[i] = '\0';
}

static void hear_chat(struct person *person, const char *json, uint64_t epoch)
{
    char text[48];
    char id[48];

    text_in(json, "\"text\":\"", text, sizeof(text));
    text_in(json, "\"message\":\"", id, sizeof(id));
    if (epoch == person->last_chat_epoch && strcmp(person->last_chat, text) == 0 &&
        strcmp(person->last_chat_id, id) != 0) {
        broken(person->world, "a command counted twice: %s heard as two messages by %s", text,
               person->user);
    }
    snprintf(person->last_chat, sizeof(person->last_chat), "%s", text);
    snprintf(person->last_chat_id, sizeof(person->last_chat_id), "%s", id);
    person->last_chat_epoch = epoch;
}

void person_stands_at(struct person *person, uint64_t epoch, uint64_t sequence)
{
    struct place *place = &person->world->places[person->room];

    person->epoch = epoch;
    person->sequence = sequence;
    if (epoch > place->heard_epoch ||
        (epoch == place->heard_epoch && sequence > place->heard_sequence)) {
        place->heard_epoch = epoch;
        place->heard_sequence = sequence;
    }
}

void person_hears(struct person *person, const struct vr_msg *msg)
{
    const char *json = vr_blob_text(msg->as.event.json);
    uint64_t epoch = number_in(json, "\"epoch\":");
    uint64_t sequence = number_in(json, "\"sequence\":");

    person->world->tally->events++;
    person->heard_at = now_of(person->world);
    if (epoch < person->epoch || (epoch == person->epoch && sequence < person->sequence)) {
        return; /* of before */
    }
    if (strncmp(json, "{\"type\":\"room:chat\"", 19) == 0) {
        hear_chat(person, json, epoch);
    }
    if (strncmp(json, "{\"type\":\"room:state\"", 20) == 0) {
        person_stands_at(person, epoch, sequence);
        person->gap = false;
    } else if (epoch == person->epoch && sequence <= person->sequence + 1) {
        person_stands_at(person, epoch, sequence);
    } else {
        person->gap = true;
    }
}
