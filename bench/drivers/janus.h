/* janus.h - Janus' API over its Unix socket: one session, many handles, requests answered by a
 * function. What its plugins have in common for the drivers beside this file. */
#ifndef VR_BENCH_JANUS_H
#define VR_BENCH_JANUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct vr_janus;

/** `plugin`: the name that handles attach to. NULL with a line on stderr. */
struct vr_janus *vr_janus_open(const char *path, const char *plugin);
void vr_janus_close(struct vr_janus *janus);
void vr_janus_turn(struct vr_janus *janus);

/** The whole answer, borrowed; NULL: an error (said on stderr). */
typedef void (*vr_janus_answer)(void *ctx, json_t *answer);

void vr_janus_attach(struct vr_janus *janus, vr_janus_answer answer, void *ctx);
/** `body` and `jsep` (may be NULL) are taken. An ack is not an answer. */
void vr_janus_message(struct vr_janus *janus, uint64_t handle, json_t *body, json_t *jsep,
                      vr_janus_answer answer, void *ctx);
/** Blocks for at most 10 s, for set-up. False: no answer, or an error. */
bool vr_janus_create(struct vr_janus *janus, json_t *body);

/** Parts of an answer. */
uint64_t vr_janus_id(const json_t *answer);     /* of a new handle */
const char *vr_janus_sdp(const json_t *answer); /* NULL: none */
json_t *vr_janus_data(const json_t *answer);    /* of the plugin */
json_t *vr_janus_jsep(const char *type, const char *sdp);

#endif
