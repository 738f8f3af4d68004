/* routes_diagnosis.c - who hears whom in a room: the room says who is there and where, each shard
 * is asked what it knows, on this node and on others, and one document comes of it.
 *
 * The room judges who may see it. A shard that does not answer in time is shown as such: half a
 * diagnosis is worth more than none. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/runtime/system.h"
#include "nodes/routes_admin.h"

#define SHARD_TIMEOUT VR_SECONDS(2)

struct diagnosis {
    struct vr_http_request *request;
    struct vr_id room;
    json_t *people; /* of the room's answer, by number */
    json_t *speaking;
    json_t *verdicts;
    json_t *shards;
    json_t *listeners;
    uint32_t waiting; /* questions under way, and one for who asks */
};

struct question {
    struct diagnosis *diagnosis;
    uint32_t shard;
};

/* Text of a number, as the key of an index: a large room is not searched for each listener. */
static const char *key_of(const json_t *number, char text[24])
{
    snprintf(text, 24, "%lld", (long long)json_integer_value(number));
    return text;
}

static json_t *person_of(const struct diagnosis *diagnosis, const json_t *number)
{
    char key[24];

    return json_object_get(diagnosis->people, key_of(number, key));
}

static json_t *index_of(json_t *people)
{
    json_t *index = json_object();
    json_t *person = NULL;
    size_t i = 0;
    char key[24];

    json_array_foreach(people, i, person)
    {
        json_object_set(index, key_of(json_object_get(person, "participant"), key), person);
    }
    return index;
}

/* A node that runs alone has no number in its shards' addresses. */
static uint32_t node_of(const struct diagnosis *diagnosis, uint32_t shard)
{
    uint32_t node = vr_shard_node(shard);

    return node != 0 ? node : vr_system_node(vr_worker_system(diagnosis->request->worker));
}

static void copy(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value != NULL) {
        json_object_set(to, name, value);
    }
}

/* ---- one shard's answer ---- */

static void add_verdicts(struct diagnosis *diagnosis, json_t *counts)
{
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(counts, name, value)
    {
        json_int_t sum = json_integer_value(json_object_get(diagnosis->verdicts, name));

        json_object_set_new(diagnosis->verdicts, name,
                            json_integer(sum + json_integer_value(value)));
    }
}

/* Whoever speaks holds a slot on each shard that hears him: told once. */
static void add_speaking(struct diagnosis *diagnosis, json_t *speaking)
{
    json_t *one = NULL;
    size_t i = 0;

    json_array_foreach(speaking, i, one)
    {
        json_t *number = json_object_get(one, "participant");
        json_t *known = NULL;
        size_t k = 0;
        bool told = false;

        json_array_foreach(diagnosis->speaking, k, known)
        {
            told = told || json_equal(json_object_get(known, "participant"), number);
        }
        if (!told) {
            json_t *person = json_object();

            json_object_set(person, "participant", number);
            copy(person, person_of(diagnosis, number), "name");
            json_array_append_new(diagnosis->speaking, person);
        }
    }
}

/* All who speak there but himself. */
static json_t *should_hear(json_t *listener, json_t *speaking)
{
    json_t *numbers = json_array();
    json_t *one = NULL;
    size_t i = 0;

    json_array_foreach(speaking, i, one)
    {
        json_t *number = json_object_get(one, "participant");

        if (json_is_true(json_object_get(listener, "may_hear")) &&
            !json_equal(number, json_object_get(listener, "participant"))) {
            json_array_append(numbers, number);
        }
    }
    return numbers;
}

static void add_listeners(struct diagnosis *diagnosis, uint32_t shard, json_t *answer)
{
    json_t *speaking = json_object_get(answer, "speaking");
    json_t *listener = NULL;
    size_t i = 0;

    json_array_foreach(json_object_get(answer, "listeners"), i, listener)
    {
        json_t *person = person_of(diagnosis, json_object_get(listener, "participant"));

        if (person != NULL) {
            json_object_set_new(person, "has_media", json_true());
        }
        copy(listener, person, "name");
        copy(listener, person, "role");
        copy(listener, person, "muted");
        json_object_set_new(listener, "node", json_integer(node_of(diagnosis, shard)));
        json_object_set_new(listener, "worker", json_integer(vr_shard_worker(shard)));
        json_object_set_new(listener, "should_hear", should_hear(listener, speaking));
        json_array_append(diagnosis->listeners, listener);
    }
}

static void add_shard(struct diagnosis *diagnosis, uint32_t shard, json_t *answer)
{
    json_t *row = json_object();

    json_object_set_new(row, "node", json_integer(node_of(diagnosis, shard)));
    json_object_set_new(row, "worker", json_integer(vr_shard_worker(shard)));
    json_object_set_new(row, "answered", json_boolean(answer != NULL));
    copy(row, answer, "transports");
    json_array_append_new(diagnosis->shards, row);
    if (answer != NULL) {
        add_verdicts(diagnosis, json_object_get(answer, "verdicts"));
        add_speaking(diagnosis, json_object_get(answer, "speaking"));
        add_listeners(diagnosis, shard, answer);
    }
}

/* ---- the whole ---- */

/* In the room, and no transport of his is anywhere that answered. */
static json_t *without_media(const struct diagnosis *diagnosis)
{
    json_t *missing = json_array();
    const char *key = NULL;
    json_t *person = NULL;

    json_object_foreach(diagnosis->people, key, person)
    {
        if (json_object_get(person, "has_media") == NULL) {
            json_t *row = json_object();

            copy(row, person, "participant");
            copy(row, person, "name");
            copy(row, person, "state");
            json_array_append_new(missing, row);
        }
    }
    return missing;
}

static void answer(struct diagnosis *diagnosis)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(diagnosis->request->worker));
    json_t *document = json_object();

    json_object_set_new(document, "room", vr_admin_id(diagnosis->room));
    json_object_set_new(document, "at", vr_admin_time(clock->wall(clock->ctx)));
    json_object_set(document, "verdicts", diagnosis->verdicts);
    json_object_set(document, "speaking", diagnosis->speaking);
    json_object_set(document, "shards", diagnosis->shards);
    json_object_set_new(document, "without_media", without_media(diagnosis));
    json_object_set(document, "listeners", diagnosis->listeners);
    vr_http_header(diagnosis->request, "cache-control", "no-store");
    vr_admin_answer(diagnosis->request, 200, document);
}

/* A question less; with the last one all is answered. */
static void one_less(struct diagnosis *diagnosis)
{
    if (--diagnosis->waiting > 0) {
        return;
    }
    answer(diagnosis);
    json_decref(diagnosis->people);
    json_decref(diagnosis->speaking);
    json_decref(diagnosis->verdicts);
    json_decref(diagnosis->shards);
    json_decref(diagnosis->listeners);
    free(diagnosis);
}

static void on_shard(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct question *question = ctx;
    json_t *told = NULL;

    if (err == VR_OK && msg->kind == VR_MSG_CLUSTER_DONE && msg->as.note.err == VR_OK) {
        struct vr_bytes text = vr_blob_bytes(msg->as.note.bytes);

        told = json_loadb((const char *)text.data, text.size, 0, NULL);
    }
    add_shard(question->diagnosis, question->shard, told);
    json_decref(told);
    one_less(question->diagnosis);
    free(question);
}

static void ask_shard(struct diagnosis *diagnosis, uint32_t shard)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = vr_shard_address(diagnosis->room, shard)};
    struct question *question = malloc(sizeof(*question));

    if (question == NULL) {
        add_shard(diagnosis, shard, NULL);
        return;
    }
    diagnosis->waiting++;
    *question = (struct question){.diagnosis = diagnosis, .shard = shard};
    msg.as.note.type = VR_NOTE_DIAGNOSIS;
    vr_ask(diagnosis->request->worker, &msg, SHARD_TIMEOUT, on_shard, question);
}

static void got_room(struct vr_http_request *request, const struct vr_answer *room)
{
    struct vr_bytes text = vr_blob_bytes(room->body);
    struct diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));
    json_t *told = json_loadb((const char *)text.data, text.size, 0, NULL);
    json_t *shard = NULL;
    size_t i = 0;

    if (diagnosis == NULL || told == NULL || !vr_id_parse(request->param[0], &diagnosis->room)) {
        free(diagnosis);
        json_decref(told);
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    diagnosis->request = request;
    diagnosis->people = index_of(json_object_get(told, "participants"));
    diagnosis->speaking = json_array();
    diagnosis->verdicts = json_object();
    diagnosis->shards = json_array();
    diagnosis->listeners = json_array();
    diagnosis->waiting = 1;
    json_array_foreach(json_object_get(told, "shards"), i, shard)
    {
        ask_shard(diagnosis, (uint32_t)json_integer_value(shard));
    }
    json_decref(told);
    one_less(diagnosis);
}

void vr_route_room_diagnosis(struct vr_http_request *request)
{
    struct vr_command *command = NULL;
    struct vr_id room;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = VR_SHOW_DIAGNOSIS;
        vr_route_ask(request, room, command, got_room);
    }
}
