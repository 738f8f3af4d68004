/* routes.h - what the files of the REST routes share: ids from the path, questions to a room, plain
 * answers.
 *
 * Routes judge nothing about a room themselves: every act is a command with the caller's identity,
 * and the room's actor decides (what one may not see is VR_E_NOT_FOUND there). */
#ifndef VR_NODES_ROUTES_H
#define VR_NODES_ROUTES_H

#include <jansson.h>

#include "actors/messages/command.h"
#include "actors/wire/client_json.h"
#include "nodes/http.h"

/** The id in param `index`; false when it is none: then the request was answered 404. */
bool vr_route_id(struct vr_http_request *request, uint32_t index, struct vr_id *out);
/** The participant number in param `index`; the same. */
bool vr_route_participant(struct vr_http_request *request, uint32_t index, vr_participant_id *out);

/** Told once with the room's answer when it is VR_OK; refusals were answered already. Borrows
 * `answer`. */
typedef void (*vr_route_done_fn)(struct vr_http_request *request, const struct vr_answer *answer);

/** A command for this room by who asks, with id and request id; NULL: the request was answered. */
struct vr_command *vr_route_command(struct vr_http_request *request, struct vr_id room,
                                    enum vr_command_kind kind);
/** Ask the room; takes `command`. */
void vr_route_ask(struct vr_http_request *request, struct vr_id room, struct vr_command *command,
                  vr_route_done_fn done);
/** Read the body as the fields of `kind`: an empty one is {}. Takes over who asks from
 * vr_route_command. NULL: the request was answered. The rest of the body (sdp, ...) is thrown away.
 */
struct vr_command *vr_route_body_command(struct vr_http_request *request, struct vr_id room,
                                         enum vr_command_kind kind);
/** A refusal by the codec, with a pointer to the field when the sentence begins with its name. */
void vr_route_bad_body(struct vr_http_request *request, enum vr_err err, const struct vr_why *why);

/** Endings for vr_route_ask. */
void vr_route_answer_body(struct vr_http_request *request,
                          const struct vr_answer *answer); /* 200 */
void vr_route_answer_nothing(struct vr_http_request *request,
                             const struct vr_answer *answer); /* 204 */

/** The ETag header of a revision: "r12" with its quotes. */
void vr_route_etag(struct vr_http_request *request, uint64_t revision);
/** If-Match as a revision: 0 when absent or "*"; false when it is no ETag of ours (it cannot match
 * then). */
bool vr_route_if_match(const struct vr_http_request *request, uint64_t *revision);

/** The body as a JSON object, to be json_decref'd; NULL: the request was answered. */
json_t *vr_route_object(struct vr_http_request *request);
/** 422 with a JSON pointer to what is wrong. */
void vr_route_invalid(struct vr_http_request *request, const char *pointer, const char *detail);
/** The buffer as JSON, or 503 when it has failed; empties it. */
void vr_route_answer_buf(struct vr_http_request *request, int status, struct vr_buf *body);

/* routes_rooms.c */
void vr_route_room_create(struct vr_http_request *request);
void vr_route_room_show(struct vr_http_request *request);
void vr_route_room_update(struct vr_http_request *request);
void vr_route_room_start(struct vr_http_request *request);
void vr_route_room_end(struct vr_http_request *request);
void vr_route_room_delete(struct vr_http_request *request);
void vr_route_analytics(struct vr_http_request *request);
void vr_route_audit(struct vr_http_request *request);
void vr_route_chat_delete(struct vr_http_request *request);

/* routes_calendar.c */
void vr_route_room_calendar(struct vr_http_request *request);
void vr_route_calendar(struct vr_http_request *request);

/* routes_reminders.c */
void vr_route_reminders(struct vr_http_request *request);
void vr_route_reminder_set(struct vr_http_request *request);
void vr_route_reminder_remove(struct vr_http_request *request);

/* list.c */
void vr_route_room_list(struct vr_http_request *request);

/* routes_people.c */
void vr_route_participants(struct vr_http_request *request);
void vr_route_participant_show(struct vr_http_request *request);
void vr_route_kick(struct vr_http_request *request);
void vr_route_act(struct vr_http_request *request);
void vr_route_mute_all(struct vr_http_request *request);
void vr_route_hands(struct vr_http_request *request);
void vr_route_hand_raise(struct vr_http_request *request);
void vr_route_hand_lower(struct vr_http_request *request);
void vr_route_bans(struct vr_http_request *request);
void vr_route_ban(struct vr_http_request *request);
void vr_route_unban(struct vr_http_request *request);

/* routes_session.c */
void vr_route_join(struct vr_http_request *request);
void vr_route_session_delete(struct vr_http_request *request);
void vr_route_session_offer(struct vr_http_request *request);

/* routes_node.c */
void vr_route_guest(struct vr_http_request *request);
void vr_route_ice_servers(struct vr_http_request *request);
void vr_route_revoke(struct vr_http_request *request);
void vr_route_log_level_show(struct vr_http_request *request);
void vr_route_log_level_set(struct vr_http_request *request);
void vr_route_healthz(struct vr_http_request *request);
void vr_route_readyz(struct vr_http_request *request);
void vr_route_metrics(struct vr_http_request *request);

/* routes_keys.c */
void vr_route_keys(struct vr_http_request *request);
void vr_route_key_add(struct vr_http_request *request);
void vr_route_key_remove(struct vr_http_request *request);

/* routes_cluster.c */
void vr_route_nodes(struct vr_http_request *request);
void vr_route_node_show(struct vr_http_request *request);
void vr_route_node_drain(struct vr_http_request *request);
void vr_route_node_undrain(struct vr_http_request *request);
void vr_route_cluster_show(struct vr_http_request *request);
void vr_route_cluster_placement(struct vr_http_request *request);
void vr_route_cluster_adopt(struct vr_http_request *request);

/* routes_docs.c */
void vr_route_openapi_json(struct vr_http_request *request);
void vr_route_openapi_yaml(struct vr_http_request *request);
void vr_route_asyncapi_yaml(struct vr_http_request *request);

#endif
