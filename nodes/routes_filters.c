/* routes_filters.c - the word filter's rules over REST. */
#include <stdio.h>
#include <string.h>

#include "nodes/node.h"
#include "nodes/routes_admin.h"

static json_t *word_json(const struct vr_deployment_word *word)
{
    return json_pack("{s:o, s:s, s:s, s:o}", "id", vr_admin_id(word->id), "word", word->rule.word,
                     "action", word->rule.action == VR_FILTER_REJECT ? "reject" : "mask", "at",
                     vr_admin_time(word->at));
}

static bool list_word(void *ctx, const struct vr_deployment_row *row)
{
    struct vr_deployment_word word;

    if (vr_deployment_word_read(row, &word)) {
        json_array_append_new(ctx, word_json(&word));
    }
    return true;
}

void vr_route_filters(struct vr_http_request *request)
{
    json_t *words = json_array();
    enum vr_err err =
        vr_deployment_scan(vr_node_records(request->node), VR_DEPLOYMENT_FILTER, list_word, words);

    if (err != VR_OK) {
        json_decref(words);
        vr_http_answer_problem(request, err, NULL);
        return;
    }
    vr_admin_answer(request, 200, json_pack("{s:o}", "filters", words));
}

static void word_add(struct vr_http_request *request, struct vr_deployment_word *word)
{
    struct vr_deployment *deployment = vr_node_deployment(request->node);
    struct vr_admin_change change = {.status = 201};
    struct vr_buf body = {0};
    char location[64];
    char id[VR_ID_TEXT];

    if (!vr_deployment_word_find(deployment, word->rule.word, &word->id)) {
        word->id = vr_deployment_id_make(deployment);
        if (vr_deployment_word_count(deployment) >= VR_DEPLOYMENT_WORDS_MAX) {
            vr_http_answer_problem(request, VR_E_CONFLICT, "there are 500 words: remove one first");
            return;
        }
    }
    word->at = vr_deployment_wall(deployment);
    if (vr_deployment_word_body(word, &body) != VR_OK) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        change.change.commit = vr_deployment_commit();
        change.change.row = (struct vr_deployment_row){
            .kind = VR_DEPLOYMENT_FILTER, .id = word->id, .body = vr_buf_bytes(&body)};
        vr_admin_audit(request, &change.change.audit, "filter:add");
        snprintf(change.change.audit.reason, sizeof(change.change.audit.reason), "%s",
                 word->rule.word);
        snprintf(location, sizeof(location), "/v1/filters/%s", vr_id_format(word->id, id));
        change.location = location;
        change.value = word_json(word);
        vr_admin_change(request, &change);
    }
    vr_buf_deinit(&body);
}

void vr_route_filter_add(struct vr_http_request *request)
{
    json_t *body = vr_route_object(request);
    struct vr_deployment_word word = {0};
    const char *text = NULL;
    const char *action = NULL;

    if (body == NULL) {
        return;
    }
    if (vr_admin_member(request, body, "word", 1, VR_FILTER_WORD_MAX, &text) &&
        vr_admin_member(request, body, "action", 0, 16, &action)) {
        action = action == NULL ? "mask" : action;
        if (!vr_filter_word_valid(text)) {
            vr_route_invalid(request, "/word",
                             "word: letters and digits; a * only at its beginning or end");
        } else if (strcmp(action, "mask") != 0 && strcmp(action, "reject") != 0) {
            vr_route_invalid(request, "/action", "action: mask or reject");
        } else {
            snprintf(word.rule.word, sizeof(word.rule.word), "%s", text);
            word.rule.action = action[0] == 'r' ? VR_FILTER_REJECT : VR_FILTER_MASK;
            word_add(request, &word);
        }
    }
    json_decref(body);
}

struct finding {
    struct vr_id id;
    struct vr_deployment_word word;
    bool found;
};

static bool find_word(void *ctx, const struct vr_deployment_row *row)
{
    struct finding *finding = ctx;

    finding->found =
        vr_id_equal(finding->id, row->id) && vr_deployment_word_read(row, &finding->word);
    return !finding->found;
}

void vr_route_filter_remove(struct vr_http_request *request)
{
    struct vr_admin_change change = {.status = 204};
    struct finding finding = {0};
    enum vr_err err = VR_OK;

    if (!vr_route_id(request, 0, &finding.id)) {
        return;
    }
    err = vr_deployment_scan(vr_node_records(request->node), VR_DEPLOYMENT_FILTER, find_word,
                             &finding);
    if (err != VR_OK || !finding.found) {
        vr_http_answer_problem(request, err == VR_OK ? VR_E_NOT_FOUND : err, NULL);
        return;
    }
    change.change.commit = vr_deployment_commit();
    change.change.row =
        (struct vr_deployment_row){.kind = VR_DEPLOYMENT_FILTER, .id = finding.id, .gone = true};
    vr_admin_audit(request, &change.change.audit, "filter:remove");
    snprintf(change.change.audit.reason, sizeof(change.change.audit.reason), "%s",
             finding.word.rule.word);
    vr_admin_change(request, &change);
}
