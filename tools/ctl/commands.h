/* commands.h - what the table runs, one function a command, by noun. */
#ifndef VR_CTL_COMMANDS_H
#define VR_CTL_COMMANDS_H

#include "tools/ctl/ctl.h"

enum vr_ctl_exit vr_ctl_room_create(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_update(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_start(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_end(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_delete(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_watch(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_participant_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_participant_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_participant_act(struct vr_ctl *ctl); /* mute, unmute, promote, ... */
enum vr_ctl_exit vr_ctl_participant_mute_all(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_participant_kick(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_accept(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_decline(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_ban_add(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_ban_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_ban_remove(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_audit_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_analytics_room(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_token_create(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_token_inspect(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_token_revoke(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_node_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_log_level_get(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_log_level_set(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_doctor(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_version(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_completion(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_man(struct vr_ctl *ctl);

/** What changed between two answers of /participants, as a list of
 *  {"at", "event", "participant", "name", "detail"}; `at` is borrowed text. Pure. */
json_t *vr_ctl_changes(const json_t *before, const json_t *after, const char *at);

/** Pure: the man page, a completion script ("bash", "zsh", "fish"), help at a level. */
void vr_ctl_man_write(struct vr_buf *out, const struct vr_ctl_table *table);
bool vr_ctl_completion_write(struct vr_buf *out, const struct vr_ctl_table *table,
                             const char *shell);
void vr_ctl_help_write(struct vr_buf *out, const struct vr_ctl_table *table, const char *noun,
                       const struct vr_ctl_command *command);

#endif
