/* deployment_words.c - the word filter's rules, and webhooks, in memory. */
#include <stdio.h>
#include <string.h>

#include "nodes/deployment_internal.h"

/* --- words --- */

enum vr_err vr_deployment_word_body(const struct vr_deployment_word *word, struct vr_buf *body)
{
    Vr__DeploymentFilter record = VR__DEPLOYMENT_FILTER__INIT;

    record.word = (char *)(uintptr_t)word->rule.word;
    record.action = word->rule.action;
    record.at = word->at;
    return deployment_pack(&record.base, body);
}

bool vr_deployment_word_read(const struct vr_deployment_row *row, struct vr_deployment_word *out)
{
    Vr__DeploymentFilter *record =
        vr__deployment_filter__unpack(NULL, row->body.size, row->body.data);
    bool fine = record != NULL && strlen(record->word) <= VR_FILTER_WORD_MAX &&
                record->action <= VR_FILTER_REJECT;

    if (fine) {
        *out = (struct vr_deployment_word){
            .id = row->id, .rule.action = (enum vr_filter_action)record->action, .at = record->at};
        snprintf(out->rule.word, sizeof(out->rule.word), "%s", record->word);
    }
    if (record != NULL) {
        vr__deployment_filter__free_unpacked(record, NULL);
    }
    return fine;
}

void deployment_word_apply(struct vr_deployment *deployment, const struct vr_deployment_row *row)
{
    struct vr_deployment_word word;
    uint32_t at = 0;

    while (at < deployment->word_count && !vr_id_equal(deployment->word_ids[at], row->id)) {
        at++;
    }
    if (row->gone) {
        if (at < deployment->word_count) {
            deployment->word_count--;
            deployment->word_ids[at] = deployment->word_ids[deployment->word_count];
            deployment->words[at] = deployment->words[deployment->word_count];
        }
    } else if (at < VR_DEPLOYMENT_WORDS_MAX && vr_deployment_word_read(row, &word)) {
        deployment->word_ids[at] = row->id;
        deployment->words[at] = word.rule;
        deployment->word_count += at == deployment->word_count ? 1 : 0;
    }
}

enum vr_filter_verdict vr_deployment_filter(struct vr_deployment *deployment, const char *text,
                                            struct vr_buf *out)
{
    enum vr_filter_verdict verdict;

    pthread_rwlock_rdlock(&deployment->lock);
    verdict = vr_filter_judge(deployment->words, deployment->word_count, text, out);
    pthread_rwlock_unlock(&deployment->lock);
    return verdict;
}

uint32_t vr_deployment_word_count(struct vr_deployment *deployment)
{
    uint32_t count;

    pthread_rwlock_rdlock(&deployment->lock);
    count = deployment->word_count;
    pthread_rwlock_unlock(&deployment->lock);
    return count;
}

bool vr_deployment_word_find(struct vr_deployment *deployment, const char *word, struct vr_id *out)
{
    bool found = false;

    pthread_rwlock_rdlock(&deployment->lock);
    for (uint32_t i = 0; i < deployment->word_count && !found; i++) {
        found = strcmp(deployment->words[i].word, word) == 0;
        *out = found ? deployment->word_ids[i] : *out;
    }
    pthread_rwlock_unlock(&deployment->lock);
    return found;
}

/* --- webhooks --- */

enum vr_err vr_deployment_webhook_body(struct vr_deployment *deployment,
                                       const struct vr_webhook *webhook, struct vr_commit *commit,
                                       struct vr_buf *body)
{
    Vr__DeploymentWebhook record = VR__DEPLOYMENT_WEBHOOK__INIT;
    char *types[VR_WEBHOOK_TYPES_MAX];
    struct vr_buf url = {0};
    struct vr_buf secret = {0};
    enum vr_err err = deployment_seal(deployment, "", vr_bytes_of(webhook->url), commit, &url);

    if (err == VR_OK) {
        err = deployment_seal(deployment, "", vr_bytes(webhook->secret, VR_WEBHOOK_SECRET), commit,
                              &secret);
    }
    if (err == VR_OK) {
        for (uint32_t i = 0; i < webhook->type_count; i++) {
            types[i] = (char *)(uintptr_t)webhook->types[i];
        }
        record.url = deployment_binary(vr_buf_bytes(&url));
        record.secret = deployment_binary(vr_buf_bytes(&secret));
        record.types = types;
        record.n_types = webhook->type_count;
        record.description = (char *)(uintptr_t)webhook->description;
        record.disabled = webhook->disabled;
        record.disabled_why = (char *)(uintptr_t)webhook->disabled_why;
        record.at = webhook->at;
        err = deployment_pack(&record.base, body);
    }
    vr_buf_deinit(&url);
    vr_buf_deinit(&secret);
    return err;
}

static bool webhook_read(const struct vr_deployment *deployment,
                         const struct vr_deployment_row *row, struct vr_webhook *out)
{
    Vr__DeploymentWebhook *record =
        vr__deployment_webhook__unpack(NULL, row->body.size, row->body.data);
    struct vr_id own = deployment_own_ref(deployment);
    struct vr_buf url = {0};
    struct vr_buf secret = {0};
    bool fine = record != NULL && record->n_types <= VR_WEBHOOK_TYPES_MAX &&
                deployment_open(deployment, own, deployment_bytes(record->url), &url) &&
                deployment_open(deployment, own, deployment_bytes(record->secret), &secret) &&
                url.size <= VR_WEBHOOK_URL_MAX && secret.size == VR_WEBHOOK_SECRET;

    if (fine) {
        *out = (struct vr_webhook){.id = row->id, .disabled = record->disabled, .at = record->at};
        memcpy(out->url, url.data, url.size);
        memcpy(out->secret, secret.data, secret.size);
        snprintf(out->description, sizeof(out->description), "%s", record->description);
        snprintf(out->disabled_why, sizeof(out->disabled_why), "%s", record->disabled_why);
        for (size_t i = 0; i < record->n_types; i++) {
            snprintf(out->types[out->type_count++], sizeof(out->types[0]), "%s", record->types[i]);
        }
    }
    if (record != NULL) {
        vr__deployment_webhook__free_unpacked(record, NULL);
    }
    vr_buf_deinit(&url);
    vr_buf_deinit(&secret);
    return fine;
}

void deployment_webhook_apply(struct vr_deployment *deployment, const struct vr_deployment_row *row)
{
    struct vr_webhook webhook;
    uint32_t at = 0;

    while (at < deployment->webhook_count && !vr_id_equal(deployment->webhooks[at].id, row->id)) {
        at++;
    }
    if (row->gone) {
        if (at < deployment->webhook_count) {
            deployment->webhooks[at] = deployment->webhooks[--deployment->webhook_count];
        }
    } else if (at < VR_WEBHOOKS_MAX && webhook_read(deployment, row, &webhook)) {
        deployment->webhooks[at] = webhook;
        deployment->webhook_count += at == deployment->webhook_count ? 1 : 0;
    }
}

uint32_t vr_deployment_webhooks(struct vr_deployment *deployment,
                                struct vr_webhook out[VR_WEBHOOKS_MAX])
{
    uint32_t count;

    pthread_rwlock_rdlock(&deployment->lock);
    count = deployment->webhook_count;
    memcpy(out, deployment->webhooks, count * sizeof(*out));
    pthread_rwlock_unlock(&deployment->lock);
    return count;
}

bool vr_deployment_webhook(struct vr_deployment *deployment, struct vr_id id,
                           struct vr_webhook *out)
{
    bool found = false;

    pthread_rwlock_rdlock(&deployment->lock);
    for (uint32_t i = 0; i < deployment->webhook_count && !found; i++) {
        found = vr_id_equal(deployment->webhooks[i].id, id);
        if (found) {
            *out = deployment->webhooks[i];
        }
    }
    pthread_rwlock_unlock(&deployment->lock);
    return found;
}

bool vr_webhook_wants(const struct vr_webhook *webhook, const char *type)
{
    for (uint32_t i = 0; i < webhook->type_count; i++) {
        if (strcmp(webhook->types[i], type) == 0) {
            return true;
        }
    }
    return webhook->type_count == 0;
}
