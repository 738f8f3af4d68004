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
enum vr_ctl_exit vr_ctl_participant_move(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_accept(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_hand_decline(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_ban_add(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_ban_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_ban_remove(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_audit_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_analytics_room(struct vr_ctl *ctl);

enum vr_ctl_exit vr_ctl_analytics_summary(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_backup_create(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_backup_key(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_backup_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_backup_restore(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_backup_verify(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_audit_tail(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_audit_verify(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_ban_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_adopt(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_capacity(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_placement(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_provisional(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_rebalance(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_cluster_status(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_config_check(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_config_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_events(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_filter_add(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_filter_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_filter_remove(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_node_drain(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_node_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_node_reload(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_node_upgrade(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_node_undrain(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_report_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_report_resolve(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_report_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_export(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_room_diagnose(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_schedule_cancel(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_schedule_create(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_schedule_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_top(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_user_erase(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_user_export(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_user_show(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_add(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_deliveries(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_list(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_redeliver(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_remove(struct vr_ctl *ctl);
enum vr_ctl_exit vr_ctl_webhook_test(struct vr_ctl *ctl);

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

/** The figure of a line of /metrics: `name` with its labels; null: there is no such line. */
json_t *vr_ctl_figure(const char *metrics, const char *name);
/** Add a row of doctor: `result` is "ok", "warn" or "fail", `detail` as it is shown. */
void vr_ctl_doctor_row(json_t *rows, const char *endpoint, const char *check, const char *result,
                       const char *detail);
/** Rows of doctor that a node's figures tell. */
void vr_ctl_doctor_figures(json_t *rows, const char *endpoint, const char *metrics);
/** Rows of doctor about what is installed on this machine, where a node runs. */
void vr_ctl_doctor_libraries(json_t *rows, const char *endpoint);
/** Rows of doctor about the relays that this one endpoint names; each is asked for an allocation.
 */
void vr_ctl_doctor_relays(const struct vr_ctl *one, json_t *rows, const char *token);

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
