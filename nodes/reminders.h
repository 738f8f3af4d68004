/* reminders.h - "remind me" of scheduled rooms: who wants it is a row of the deployment, so it
 * outlives nodes and is known on all of them; each node tells its own sockets, one of them tells
 * the webhooks.
 *
 *     VR_TABLE_DEPLOYMENT    | 'r' | user ref, upper half 8 | room id, lower half 8 |
 *
 * One thread looks at the rows every second or so, and at the rooms they name: the room's own
 * record says when it begins, so a room that is moved, begun early or ended needs no second look at
 * who waits for it. */
#ifndef VR_NODES_REMINDERS_H
#define VR_NODES_REMINDERS_H

#include "actors/messages/command.h"
#include "nodes/deployment.h"

#define VR_REMIND_BEFORE VR_SECONDS(600)
#define VR_REMINDERS_MAX 20000     /* of the deployment: what is more is not looked at */
#define VR_REMINDERS_OF_ONE_MAX 50 /* of one user */

struct vr_reminders;

struct vr_reminders_conf {
    struct vr_records *records; /* borrowed, as the next two */
    struct vr_personal *personal;
    struct vr_deployment *deployment;
    /** Is it this node that tells the webhooks and takes away what is over? One of a cluster should
     * say so. */
    bool (*leads)(void *ctx);
    void *ctx;
};

/** Starts the thread. */
VR_MUST_CHECK enum vr_err vr_reminders_new(const struct vr_reminders_conf *conf,
                                           struct vr_reminders **out);
/** Ends the thread: nothing falls due or is written from now on. Before the store's way to other
 * nodes ends. */
void vr_reminders_stop(struct vr_reminders *reminders);
/** Before the deployment goes. NULL is fine. */
void vr_reminders_free(struct vr_reminders *reminders);

/* --- what is kept --- */

struct vr_reminder_row {
    struct vr_id ref; /* of the user */
    struct vr_id room;
    bool told; /* the webhooks were */
    vr_time_us at;
};

struct vr_id vr_reminder_id(struct vr_id ref, struct vr_id room);
VR_MUST_CHECK enum vr_err vr_reminder_body(const struct vr_reminder_row *reminder,
                                           struct vr_buf *body);
/** False: no such row. */
bool vr_reminder_read(const struct vr_deployment_row *row, struct vr_reminder_row *out);

/** Its row goes with this commit. */
void vr_reminder_remove(struct vr_id ref, struct vr_id room, struct vr_commit *commit);

/** The rooms of which this user is to be reminded, at most `max`; how many were written. Any
 * thread. */
VR_MUST_CHECK enum vr_err vr_reminders_of(struct vr_records *records, struct vr_id ref,
                                          struct vr_id *rooms, uint32_t max, uint32_t *count);

/* --- when --- */

enum vr_reminder_state {
    VR_REMINDER_WAITS,
    VR_REMINDER_DUE,   /* it begins soon, or should have begun */
    VR_REMINDER_BEGUN, /* its host has opened it a short while ago */
    VR_REMINDER_OVER,  /* nothing is said any more */
};
struct vr_room_listing;
/** Pure. `room` NULL: it is gone. */
enum vr_reminder_state vr_reminder_state(const struct vr_room_listing *room, vr_time_us now_wall);

struct vr_reminder {
    uint64_t number; /* grows with each that falls due on this node */
    struct vr_id ref;
    struct vr_id room;
    bool begun;
    vr_time_us starts_wall;
    char title[VR_TITLE_MAX + 1];
};

/** The newest number: as long as it is what it was, there is nothing new to tell. Any thread. */
uint64_t vr_reminders_newest(const struct vr_reminders *reminders);
/** Those for this user with a number above `after`, oldest first, that are not over. `tell` runs
 * under a lock: it may not come back. */
typedef void (*vr_reminder_fn)(void *ctx, const struct vr_reminder *reminder);
void vr_reminders_due(struct vr_reminders *reminders, struct vr_id ref, uint64_t after,
                      vr_reminder_fn tell, void *ctx);
/** What a socket is told: `schedule:reminder`. */
void vr_reminder_json(const struct vr_reminder *reminder, struct vr_buf *out);

#endif
