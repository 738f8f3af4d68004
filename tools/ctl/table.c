/* table.c - every command of voiceroomctl and its flags. */
#include "tools/ctl/table.h"

#include <string.h>

#include "tools/ctl/commands.h"

/* clang-format off */
static const char *const formats[] = {"table", "wide", "json", "jsonl", "yaml", "name", NULL};
static const char *const visibilities[] = {"public", "unlisted", "private", NULL};
static const char *const entries[] = {"listen", "speak", NULL};
static const char *const sorts[] = {"live", "created", "starts_at", "title", NULL};
static const char *const roles[] = {"listener", "speaker", "moderator", "host", NULL};
static const char *const answers[] = {"yes", "no", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const statuses[] = {"open", "resolved", "all", NULL};
static const char *const actions[] = {"mask", "reject", NULL};
static const char *const outcomes[] = {"dismissed", "warned", "muted", "kicked", "banned", "other", NULL};
static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static const struct vr_ctl_flag globals[] = {
    {"output",     'o', VR_CTL_WORD,   "FORMAT",  formats, "table, wide, json, jsonl, yaml or name"},
    {"endpoint",   'e', VR_CTL_TEXT,   "URL",     NULL, "the node; again for more: the next one is tried when no connection comes about"},
    {"context",    'c', VR_CTL_TEXT,   "NAME",    NULL, "a context of the context file"},
    {"key-file",   'k', VR_CTL_TEXT,   "FILE",    NULL, "API key (admin-key.json) to make tokens with"},
    {"token-file", 't', VR_CTL_TEXT,   "FILE",    NULL, "a token in a file; - is standard input"},
    {"ca-file",    0,   VR_CTL_TEXT,   "FILE",    NULL, "PEM file that vouches for the node's certificate"},
    {"timeout",    0,   VR_CTL_TIME,   "TIME",    NULL, "how long a request may take (default 15s)"},
    {"watch",      'w', VR_CTL_TIME,   "TIME",    NULL, "what reads: again after this time, until interrupted"},
    {"dry-run",    0,   VR_CTL_SWITCH, NULL,      NULL, "what changes: say what would be done, change nothing"},
    {"yes",        'y', VR_CTL_SWITCH, NULL,      NULL, "what cannot be undone: do not ask"},
    {"curl",       0,   VR_CTL_SWITCH, NULL,      NULL, "print the request as a curl command, send nothing that changes"},
    {"help",       'h', VR_CTL_SWITCH, NULL,      NULL, "help; also for a noun, or for a command"},
    {"version",    0,   VR_CTL_SWITCH, NULL,      NULL, "the version of voiceroomctl"},
    {NULL, 0, VR_CTL_SWITCH, NULL, NULL, NULL},
};

#define END_FLAGS {NULL, 0, VR_CTL_SWITCH, NULL, NULL, NULL}
#define SETTINGS                                                                                        \
    {"topic",            0, VR_CTL_TEXT,   "TEXT",   NULL,         "what it is about, in a word"},       \
    {"description",      0, VR_CTL_TEXT,   "TEXT",   NULL,         "a longer text"},                     \
    {"language",         0, VR_CTL_TEXT,   "TAG",    NULL,         "BCP 47, as de or pt-BR"},            \
    {"tag",              0, VR_CTL_TEXT,   "WORD",   NULL,         "a tag; again for more; '' for none"},\
    {"visibility",       0, VR_CTL_WORD,   "WORD",   visibilities, "public, unlisted or private"},       \
    {"capacity",         0, VR_CTL_NUMBER, "NUMBER", NULL,         "people; 0: the node's limit"},       \
    {"speaker-capacity", 0, VR_CTL_NUMBER, "NUMBER", NULL,         "people on the stage"},               \
    {"slow-hand",        0, VR_CTL_TIME,   "TIME",   NULL,         "pause between two raised hands of one person"}, \
    {"entry",            0, VR_CTL_WORD,   "WORD",   entries,      "people come in to listen, or to speak"}, \
    {"starts-at",        0, VR_CTL_TEXT,   "TIME",   NULL,         "scheduled: 2026-11-22T16:00:00Z"},   \
    {"invite",           0, VR_CTL_TEXT,   "USER",   NULL,         "who may enter a private room; again for more"}, \
    {"passcode-file",    0, VR_CTL_TEXT,   "FILE",   NULL,         "file with the passcode; - is standard input"}

static const struct vr_ctl_flag create_flags[] = {SETTINGS, END_FLAGS};
static const struct vr_ctl_flag update_flags[] = {
    {"title",       0, VR_CTL_TEXT,   "TEXT",   NULL,    "a new title"},
    SETTINGS,
    {"no-passcode", 0, VR_CTL_SWITCH, NULL,     NULL,    "take the passcode away"},
    {"locked",      0, VR_CTL_WORD,   "WORD",   answers, "yes: nobody comes in any more"},
    {"revision",    0, VR_CTL_NUMBER, "NUMBER", NULL,    "only when nobody changed the room since this revision"},
    END_FLAGS};
static const struct vr_ctl_flag list_flags[] = {
    {"phase",    0, VR_CTL_TEXT,   "LIST",   NULL,  "of active, scheduled, ended (default active,scheduled)"},
    {"search",   0, VR_CTL_TEXT,   "TEXT",   NULL,  "part of title, topic, description or a tag"},
    {"topic",    0, VR_CTL_TEXT,   "TEXT",   NULL,  "this topic"},
    {"tag",      0, VR_CTL_TEXT,   "WORD",   NULL,  "this tag"},
    {"language", 0, VR_CTL_TEXT,   "TAG",    NULL,  "this language"},
    {"sort",     0, VR_CTL_WORD,   "WORD",   sorts, "live, created, starts_at or title"},
    {"limit",    0, VR_CTL_NUMBER, "NUMBER", NULL,  "at most so many (default 100)"},
    END_FLAGS};
static const struct vr_ctl_flag reason_flags[] = {
    {"reason", 0, VR_CTL_TEXT, "TEXT", NULL, "told to those concerned, and kept in the audit log"}, END_FLAGS};
static const struct vr_ctl_flag ban_flags[] = {
    {"participant", 0, VR_CTL_NUMBER, "NUMBER", NULL, "somebody who is or was here"},
    {"user",        0, VR_CTL_TEXT,   "USER",   NULL, "somebody by the user id of his token"},
    {"for",         0, VR_CTL_TIME,   "TIME",   NULL, "how long (default: for ever)"},
    {"reason",      0, VR_CTL_TEXT,   "TEXT",   NULL, "why"},
    {"by-address",  0, VR_CTL_SWITCH, NULL,     NULL, "the address that he has now as well"},
    {"range",       0, VR_CTL_TEXT,   "RANGE",  NULL, "with 'all': an address, or a range like 192.0.2.0/24"},
    END_FLAGS};
static const struct vr_ctl_flag verify_flags[] = {
    {"number", 0, VR_CTL_NUMBER, "NUMBER", NULL, "of an entry that was noted earlier"},
    {"hash",   0, VR_CTL_TEXT,   "HASH",   NULL, "and its hash: it must be the same now"},
    END_FLAGS};
static const struct vr_ctl_flag tail_flags[] = {
    {"looks", 0, VR_CTL_NUMBER, "NUMBER", NULL, "end after so many (default: never)"}, END_FLAGS};
static const struct vr_ctl_flag events_flags[] = {
    {"after", 0, VR_CTL_NUMBER, "NUMBER", NULL, "also those kept since this one (0: all that are kept)"},
    {"looks", 0, VR_CTL_NUMBER, "NUMBER", NULL, "end after so many (default: never)"}, END_FLAGS};
static const struct vr_ctl_flag report_flags[] = {
    {"status", 0, VR_CTL_WORD, "STATUS", statuses, "open (default), resolved or all"},
    {"room",   0, VR_CTL_TEXT, "ROOM",   NULL,     "of this room only"},
    END_FLAGS};
static const struct vr_ctl_flag note_flags[] = {
    {"note", 0, VR_CTL_TEXT, "TEXT", NULL, "kept with the report"}, END_FLAGS};
static const struct vr_ctl_flag filter_flags[] = {
    {"action", 0, VR_CTL_WORD, "ACTION", actions, "mask (default) or reject"}, END_FLAGS};
static const struct vr_ctl_flag webhook_flags[] = {
    {"type",        0, VR_CTL_TEXT, "TYPE", NULL, "only this, as room.created; again for more"},
    {"description", 0, VR_CTL_TEXT, "TEXT", NULL, "what it is for"},
    END_FLAGS};
static const struct vr_ctl_flag drain_flags[] = {
    {"force", 0, VR_CTL_SWITCH, NULL, NULL, "also the last node that takes rooms"},
    {"wait",  0, VR_CTL_SWITCH, NULL, NULL, "until nobody is left there; says how far it is"},
    END_FLAGS};
#define BACKUP_KEY {"backup-key", 0, VR_CTL_TEXT, "FILE", NULL, "what backups are sealed with; 'backup key FILE' makes one"}
#define PROGRAM {"voiceroomd", 0, VR_CTL_TEXT, "FILE", NULL, "the program that reads stores (default: the one beside this one)"}
static const struct vr_ctl_flag backup_flags[] = {
    BACKUP_KEY,
    {"all",              0, VR_CTL_SWITCH, NULL,     NULL, "the stores of all nodes of the cluster, not of one alone"},
    {"keep",             0, VR_CTL_NUMBER, "NUMBER", NULL, "remove older ones of the same name until so many are left"},
    {"data",             0, VR_CTL_TEXT,   "FOLDER", NULL, "read this data folder instead of asking a node; it may be in use"},
    {"etcd",             0, VR_CTL_TEXT,   "URLS",   NULL, "a snapshot of etcd as well; members' addresses, commas between"},
    {"etcd-ca",          0, VR_CTL_TEXT,   "FILE",   NULL, "PEM file that vouches for etcd"},
    {"etcd-certificate", 0, VR_CTL_TEXT,   "FILE",   NULL, "PEM file to show to etcd"},
    {"etcd-key",         0, VR_CTL_TEXT,   "FILE",   NULL, "and its key"},
    PROGRAM,
    END_FLAGS};
static const struct vr_ctl_flag verify_backup_flags[] = {BACKUP_KEY, PROGRAM, END_FLAGS};
static const struct vr_ctl_flag restore_flags[] = {
    BACKUP_KEY,
    {"to",            0, VR_CTL_TEXT,   "FOLDER", NULL, "the data folder; no node may run on it"},
    {"node",          0, VR_CTL_TEXT,   "NAME",   NULL, "whose store, when several are in the backup"},
    {"room",          0, VR_CTL_TEXT,   "ROOM",   NULL, "this deleted room alone: into the store of --to, without it into what runs at --endpoint"},
    {"etcd-snapshot", 0, VR_CTL_TEXT,   "FILE",   NULL, "write etcd's snapshot here, for 'etcdctl snapshot restore'"},
    {"replace",       0, VR_CTL_SWITCH, NULL,     NULL, "a store that is there is kept aside, a room that is there is deleted first"},
    PROGRAM,
    END_FLAGS};
static const struct vr_ctl_flag schedule_flags[] = {
    {"topic", 0, VR_CTL_TEXT, "TEXT", NULL, "what it is about, in a word"}, END_FLAGS};
static const struct vr_ctl_flag token_flags[] = {
    {"name",                0, VR_CTL_TEXT,   "NAME", NULL,  "the name that people see (default: USER)"},
    {"room",                0, VR_CTL_TEXT,   "ROOM", NULL,  "for this room only"},
    {"role",                0, VR_CTL_WORD,   "ROLE", roles, "highest role on entry (default listener)"},
    {"ttl",                 0, VR_CTL_TIME,   "TIME", NULL,  "how long it is good (default 1h)"},
    {"admin",               0, VR_CTL_SWITCH, NULL,   NULL,  "an administrator of the whole deployment"},
    {"room-admin",          0, VR_CTL_SWITCH, NULL,   NULL,  "everything about --room, or about all rooms"},
    {"room-create",         0, VR_CTL_SWITCH, NULL,   NULL,  "may create rooms"},
    {"moderate",            0, VR_CTL_SWITCH, NULL,   NULL,  "may moderate"},
    {"hidden",              0, VR_CTL_SWITCH, NULL,   NULL,  "is not shown to others"},
    {"no-join",             0, VR_CTL_SWITCH, NULL,   NULL,  "may not enter rooms"},
    {"no-publish",          0, VR_CTL_SWITCH, NULL,   NULL,  "may not speak"},
    {"no-subscribe",        0, VR_CTL_SWITCH, NULL,   NULL,  "may not listen"},
    {"no-request-to-speak", 0, VR_CTL_SWITCH, NULL,   NULL,  "may not raise his hand"},
    END_FLAGS};

#define END_ARGS {NULL, false, false, NULL}
static const struct vr_ctl_arg title_arg[] = {{"TITLE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg room_arg[] = {{"ROOM", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg person_args[] = {{"ROOM", false, false, NULL}, {"PARTICIPANT", true, false, NULL}, END_ARGS};
static const struct vr_ctl_arg move_args[] = {{"ROOM", false, false, NULL}, {"PARTICIPANT", true, false, NULL}, {"NODE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg ban_args[] = {{"ROOM", false, false, NULL}, {"BAN", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg report_arg[] = {{"REPORT", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg resolve_args[] = {{"REPORT", false, false, NULL}, {"OUTCOME", false, false, outcomes}, END_ARGS};
static const struct vr_ctl_arg word_arg[] = {{"WORD", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg url_arg[] = {{"URL", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg webhook_arg[] = {{"WEBHOOK", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg redeliver_args[] = {{"WEBHOOK", false, false, NULL}, {"DELIVERY", false, true, NULL}, END_ARGS};
static const struct vr_ctl_arg node_arg[] = {{"NODE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg schedule_args[] = {{"TIME", false, false, NULL}, {"TITLE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg settings_arg[] = {{"FILE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg user_arg[] = {{"USER", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg folder_arg[] = {{"FOLDER", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg backup_arg[] = {{"FILE", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg file_arg[] = {{"FILE", false, true, NULL}, END_ARGS};
static const struct vr_ctl_arg jti_arg[] = {{"JTI", false, false, NULL}, END_ARGS};
static const struct vr_ctl_arg level_arg[] = {{"LEVEL", false, false, levels}, END_ARGS};
static const struct vr_ctl_arg shell_arg[] = {{"SHELL", false, false, shells}, END_ARGS};

#define R VR_CTL_READS
#define C VR_CTL_CHANGES
#define D (VR_CTL_CHANGES | VR_CTL_DESTROYS)
#define L VR_CTL_LOCAL
#define M (VR_CTL_READS | VR_CTL_MANY)
#define ID "01jd8x3v5m9qk2t7w0c4f6h8na"

static const struct vr_ctl_command commands[] = {
    /* noun          verb              run                          args         flags         traits  help                                          example */
    {"room",        "create",         vr_ctl_room_create,          title_arg,   create_flags, C, "create a room; who creates it is its host",         "room create 'Evening talk' --topic Music --capacity 200"},
    {"room",        "list",           vr_ctl_room_list,            NULL,        list_flags,   R, "rooms, most people first",                          "room list --phase active -o wide"},
    {"room",        "show",           vr_ctl_room_show,            room_arg,    NULL,         R, "one room with all its settings",                    "room show " ID " -o yaml"},
    {"room",        "update",         vr_ctl_room_update,          room_arg,    update_flags, C, "change settings",                                   "room update " ID " --title 'Late talk' --locked yes"},
    {"room",        "start",          vr_ctl_room_start,           room_arg,    NULL,         C, "begin a scheduled room now",                        "room start " ID},
    {"room",        "end",            vr_ctl_room_end,             room_arg,    reason_flags, D, "end a room; everybody is disconnected",             "room end " ID " --reason 'the evening is over' --yes"},
    {"room",        "delete",         vr_ctl_room_delete,          room_arg,    NULL,         D, "forget a room and all that was kept of it",         "room delete " ID " --dry-run"},
    {"room",        "watch",          vr_ctl_room_watch,           room_arg,    NULL,         R, "who comes, goes, speaks: a line for each change",   "room watch " ID " --watch 1 -o jsonl"},
    {"room",        "export",         vr_ctl_room_export,          room_arg,    NULL,         R, "all that is kept of a room: people, bans, log, figures", "room export " ID},
    {"room",        "diagnose",       vr_ctl_room_diagnose,        room_arg,    NULL,         R, "who should hear whom, what arrives, what was repaired", "room diagnose " ID " --watch 2"},
    {"participant", "list",           vr_ctl_participant_list,     room_arg,    NULL,         R, "who is in a room",                                  "participant list " ID},
    {"participant", "show",           vr_ctl_participant_show,     person_args, NULL,         R, "one person in a room",                              "participant show " ID " 17"},
    {"participant", "mute",           vr_ctl_participant_act,      person_args, NULL,         C, "silence a person until he is unmuted",              "participant mute " ID " 17"},
    {"participant", "unmute",         vr_ctl_participant_act,      person_args, NULL,         C, "lift a moderator's mute (his own one stays)",       "participant unmute " ID " 17"},
    {"participant", "mute-all",       vr_ctl_participant_mute_all, room_arg,    NULL,         C, "mute all speakers but host and moderators",         "participant mute-all " ID},
    {"participant", "promote",        vr_ctl_participant_act,      person_args, NULL,         C, "onto the stage; his hand must be up",               "participant promote " ID " 17"},
    {"participant", "demote",         vr_ctl_participant_act,      person_args, NULL,         C, "off the stage, to the listeners",                    "participant demote " ID " 17"},
    {"participant", "invite",         vr_ctl_participant_act,      person_args, NULL,         C, "invite a listener to speak",                        "participant invite " ID " 17"},
    {"participant", "make-moderator", vr_ctl_participant_act,      person_args, NULL,         C, "make a person a moderator of the room",             "participant make-moderator " ID " 17"},
    {"participant", "kick",           vr_ctl_participant_kick,     person_args, reason_flags, D, "throw a person out; he may come back",              "participant kick " ID " 17 --reason noise --yes"},
    {"participant", "move",           vr_ctl_participant_move,     move_args,   NULL,         C, "ask a person's client to another node; nobody hears a gap", "participant move " ID " 17 b"},
    {"hand",        "list",           vr_ctl_hand_list,            room_arg,    NULL,         R, "raised hands, first come first",                    "hand list " ID},
    {"hand",        "accept",         vr_ctl_hand_accept,          person_args, NULL,         C, "let a person with a raised hand speak",             "hand accept " ID " 17"},
    {"hand",        "decline",        vr_ctl_hand_decline,         person_args, NULL,         C, "lower the hand of a person",                        "hand decline " ID " 17"},
    {"ban",         "add",            vr_ctl_ban_add,              room_arg,    ban_flags,    D, "ban from a room, or from 'all'; who is there is thrown out", "ban add all --user user-17 --for 2h --reason noise --yes"},
    {"ban",         "list",           vr_ctl_ban_list,             room_arg,    NULL,         R, "bans of a room, or of 'all', that are in force",     "ban list " ID},
    {"ban",         "show",           vr_ctl_ban_show,             ban_args,    NULL,         R, "one ban, of a room or of 'all'",                    "ban show all " ID},
    {"ban",         "remove",         vr_ctl_ban_remove,           ban_args,    NULL,         C, "lift a ban, of a room or of 'all'",                 "ban remove " ID " " ID},
    {"filter",      "list",           vr_ctl_filter_list,          NULL,        NULL,         R, "words not wanted in chat, names and rooms' titles",        "filter list"},
    {"filter",      "add",            vr_ctl_filter_add,           word_arg,    filter_flags, C, "mask a word, or reject what has it; * fits inside of words", "filter add 'badword*' --action reject"},
    {"filter",      "remove",         vr_ctl_filter_remove,        word_arg,    NULL,         C, "let a word through again",                          "filter remove 'badword*'"},
    {"report",      "list",           vr_ctl_report_list,          NULL,        report_flags, R, "what participants have reported, newest first",     "report list --status all"},
    {"report",      "show",           vr_ctl_report_show,          report_arg,  NULL,         R, "one report",                                        "report show " ID},
    {"report",      "resolve",        vr_ctl_report_resolve,       resolve_args, note_flags,  C, "say what came of a report",                         "report resolve " ID " warned --note 'first time'"},
    {"user",        "show",           vr_ctl_user_show,            user_arg,    NULL,         R, "everything about one user in one place",            "user show user-17 -o yaml"},
    {"user",        "export",         vr_ctl_user_export,          user_arg,    NULL,         R, "all that is kept about a user, to be handed out",   "user export user-17"},
    {"user",        "erase",          vr_ctl_user_erase,           user_arg,    NULL,         D, "destroy everything that names a user",              "user erase user-17 --yes"},
    {"audit",       "list",           vr_ctl_audit_list,           room_arg,    NULL,         R, "who did what to whom in a room, or in 'all'; newest first", "audit list " ID " -o wide"},
    {"audit",       "tail",           vr_ctl_audit_tail,           room_arg,    tail_flags,   R, "the same, oldest first, and what is added from now on", "audit tail all"},
    {"audit",       "verify",         vr_ctl_audit_verify,         room_arg,    verify_flags, R, "is the log whole? ends with 1 if not",              "audit verify all"},
    {"webhook",     "list",           vr_ctl_webhook_list,         NULL,        NULL,         R, "where events are sent",                             "webhook list"},
    {"webhook",     "add",            vr_ctl_webhook_add,          url_arg,     webhook_flags, C, "send events to a URL, signed; tells the secret once", "webhook add https://example.org/hook --type room.created"},
    {"webhook",     "test",           vr_ctl_webhook_test,         webhook_arg, NULL,         C, "send a test there and say what came of it",         "webhook test " ID},
    {"webhook",     "deliveries",     vr_ctl_webhook_deliveries,   webhook_arg, NULL,         R, "what waits to be sent, and dead letters",           "webhook deliveries " ID},
    {"webhook",     "redeliver",      vr_ctl_webhook_redeliver,    redeliver_args, NULL,      C, "try dead letters again, all or one",                "webhook redeliver " ID},
    {"webhook",     "remove",         vr_ctl_webhook_remove,       webhook_arg, NULL,         D, "send nothing there any more",                       "webhook remove " ID " --yes"},
    {"schedule",    "list",           vr_ctl_schedule_list,        NULL,        NULL,         R, "rooms that have not begun, next first",             "schedule list"},
    {"schedule",    "create",         vr_ctl_schedule_create,      schedule_args, schedule_flags, C, "a room that begins at a time",                  "schedule create 2026-11-22T16:00:00Z 'Evening talk'"},
    {"schedule",    "cancel",         vr_ctl_schedule_cancel,      room_arg,    NULL,         D, "a scheduled room will not take place",              "schedule cancel " ID " --yes"},
    {"analytics",   "room",           vr_ctl_analytics_room,       room_arg,    NULL,         R, "what a room was like; also after its end",          "analytics room " ID},
    {"analytics",   "summary",        vr_ctl_analytics_summary,    NULL,        NULL,         R, "figures over all rooms that are kept",              "analytics summary"},
    {"backup",      "key",            vr_ctl_backup_key,           backup_arg,  NULL,         L, "make a key for backups; without it none can be read", "backup key /etc/voiceroom/backup-key"},
    {"backup",      "create",         vr_ctl_backup_create,        folder_arg,  backup_flags, VR_CTL_MANY, "a sealed copy of a node's store, of all of them, of etcd", "backup create /var/backups/voiceroom --backup-key key --keep 7"},
    {"backup",      "list",           vr_ctl_backup_list,          folder_arg,  NULL,         L, "the backups in a folder, oldest first",             "backup list /var/backups/voiceroom"},
    {"backup",      "verify",         vr_ctl_backup_verify,        backup_arg,  verify_backup_flags, L, "restore it into a folder of its own and read all of it", "backup verify voiceroom-a-20261123T022041Z.vrbackup --backup-key key"},
    {"backup",      "restore",        vr_ctl_backup_restore,       backup_arg,  restore_flags, VR_CTL_MANY, "a node's store, one room, etcd's snapshot; says how long it took", "backup restore FILE --backup-key key --to /var/lib/voiceroom"},
    {"token",       "create",         vr_ctl_token_create,         user_arg,    token_flags,  L, "make an access token with the key file",            "token create ana --room-create --ttl 8h"},
    {"token",       "inspect",        vr_ctl_token_inspect,        file_arg,    NULL,         L, "what a token says; from a file or standard input",  "token inspect token.txt"},
    {"token",       "revoke",         vr_ctl_token_revoke,         jti_arg,     NULL,         D, "refuse a token from now on, by its jti",            "token revoke " ID " --yes"},
    {"node",        "list",           vr_ctl_node_list,            NULL,        NULL,         R, "every node that the cluster knows",                 "node list -o wide"},
    {"node",        "show",           vr_ctl_node_show,            NULL,        NULL,         M, "readiness and the main figures of a node",          "node show --watch 5"},
    {"node",        "drain",          vr_ctl_node_drain,           node_arg,    drain_flags,  D, "move its people and rooms to other nodes",          "node drain b --wait --yes"},
    {"node",        "undrain",        vr_ctl_node_undrain,         node_arg,    NULL,         C, "let it take rooms again",                           "node undrain b"},
    {"node",        "reload",         vr_ctl_node_reload,          NULL,        NULL,         C, "read its settings and certificate again",           "node reload --endpoint https://b.example:8443"},
    {"node",        "upgrade",        vr_ctl_node_upgrade,         NULL,        NULL,         C, "let the program on disk take over in place",          "node upgrade --endpoint https://b.example:8443"},
    {"cluster",     "status",         vr_ctl_cluster_status,       NULL,        NULL,         R, "is the node in its cluster, and does what it owns hold", "cluster status"},
    {"cluster",     "capacity",       vr_ctl_cluster_capacity,     NULL,        NULL,         R, "how hard the nodes work; should there be more, or fewer", "cluster capacity -o json"},
    {"cluster",     "placement",      vr_ctl_cluster_placement,    NULL,        NULL,         R, "where rooms live now, and why there",               "cluster placement"},
    {"cluster",     "rebalance",      vr_ctl_cluster_rebalance,    NULL,        NULL,         D, "hand rooms over until the nodes carry alike; --dry-run shows which and why", "cluster rebalance --dry-run"},
    {"cluster",     "provisional",    vr_ctl_cluster_provisional,  NULL,        NULL,         R, "mutes, kicks and bans done without an owner, which the next one takes", "cluster provisional"},
    {"cluster",     "adopt",          vr_ctl_cluster_adopt,        NULL,        NULL,         D, "after a restore of etcd: go on from what it holds",  "cluster adopt --yes"},
    {"log-level",   "get",            vr_ctl_log_level_get,        NULL,        NULL,         R, "how much a node logs",                              "log-level get"},
    {"log-level",   "set",            vr_ctl_log_level_set,        level_arg,   NULL,         C, "change it until the node is started again",         "log-level set debug"},
    {"config",      "show",           vr_ctl_config_show,          NULL,        NULL,         R, "the settings that the node started with",           "config show"},
    {"config",      "check",          vr_ctl_config_check,         settings_arg, NULL,        R, "would the node take this file?",                    "config check voicerooms.yaml"},
    {"events",      "",               vr_ctl_events,               NULL,        events_flags, R, "events of all rooms as they pass",                  "events -o jsonl"},
    {"top",         "",               vr_ctl_top,                  NULL,        tail_flags,   M, "a live picture of nodes, rooms and who talks",                "top --watch 1"},
    {"doctor",      "",               vr_ctl_doctor,               NULL,        NULL,         M, "reachable, ready, clock, certificate, disk, limits, etcd: each endpoint", "doctor --endpoint https://a:8443 --endpoint https://b:8443"},
    {"completion",  "",               vr_ctl_completion,           shell_arg,   NULL,         L, "a completion script for a shell",                   "completion bash"},
    {"man",         "",               vr_ctl_man,                  NULL,        NULL,         L, "the manual page, as roff",                          "man"},
    {"version",     "",               vr_ctl_version,              NULL,        NULL,         L, "the version of voiceroomctl",                       "version -o json"},
};
/* clang-format on */

const struct vr_ctl_table *vr_ctl_table(void)
{
    static const struct vr_ctl_table table = {commands, sizeof(commands) / sizeof(commands[0]),
                                              globals};

    return &table;
}

bool vr_ctl_flag_fits(const struct vr_ctl_flag *flag, const struct vr_ctl_command *command)
{
    static const struct {
        const char *name;
        unsigned traits;
    } needs[] = {
        {"watch", VR_CTL_READS},
        {"dry-run", VR_CTL_CHANGES},
        {"yes", VR_CTL_DESTROYS},
    };

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (strcmp(needs[i].name, flag->name) == 0) {
            return (command->traits & needs[i].traits) != 0;
        }
    }
    return strcmp(flag->name, "curl") != 0 || (command->traits & (VR_CTL_LOCAL | VR_CTL_MANY)) == 0;
}
