/* backup.h - what the commands of `backup` share: the key, the file that is written, what a file
 * holds, the program that knows the store. Secrets pass through here: files 0600, folders 0700. */
#ifndef VR_CTL_BACKUP_H
#define VR_CTL_BACKUP_H

#include "tools/ctl/archive.h"
#include "tools/ctl/ctl.h"

#define VR_BACKUP_PARTS 64
#define VR_BACKUP_ENDING ".vrbackup"

/** The file of --backup-key. */
enum vr_ctl_exit vr_backup_key(struct vr_ctl *ctl, uint8_t key[VR_SEAL_KEY]);

double vr_backup_clock(void); /* seconds, monotonic */
/** "20261123T022041Z"; `separated`: "2026-11-23T02:20:41Z". */
void vr_backup_time(uint64_t seconds, bool separated, char out[24]);

/* --- backup_file.c: a file that appears under its name only when it is whole --- */

struct vr_backup_file {
    int fd; /* -1: not open */
    char folder[VR_CTL_PATH_MAX];
    char temporary[VR_CTL_PATH_MAX + 64];
    char path[VR_CTL_PATH_MAX + 160]; /* its name, when it is there */
    struct vr_buf buf;                /* not written yet */
    struct vr_archive_writer *writer;
    struct vr_seal_hash *hash; /* of the part that is open */
    uint64_t part_bytes;
    uint64_t bytes; /* of the file */
    json_t *parts;  /* [{"name","bytes","sha256"}] */
};

/** The folder is made when it is missing. `about` is told to who reads the file. */
enum vr_ctl_exit vr_backup_file_open(struct vr_ctl *ctl, const char *folder,
                                     const uint8_t key[VR_SEAL_KEY], uint64_t made_at,
                                     struct vr_backup_file *out);
enum vr_ctl_exit vr_backup_file_part(struct vr_ctl *ctl, struct vr_backup_file *file,
                                     const char *name);
enum vr_ctl_exit vr_backup_file_add(struct vr_ctl *ctl, struct vr_backup_file *file,
                                    struct vr_bytes data);
/** `sha256`: what it should be, as text; NULL: nobody said. */
enum vr_ctl_exit vr_backup_file_part_end(struct vr_ctl *ctl, struct vr_backup_file *file,
                                         const char *sha256);
/** On the disk, under `name`. */
enum vr_ctl_exit vr_backup_file_finish(struct vr_ctl *ctl, struct vr_backup_file *file,
                                       const char *name);
/** Removes what was not finished. */
void vr_backup_file_close(struct vr_backup_file *file);

/** Remove all but the newest `keep` of those of this file's name without its time; their names. */
json_t *vr_backup_prune(struct vr_ctl *ctl, const char *folder, const char *name, size_t keep);
/** Those of a folder, oldest first: {"file","made_at","bytes","key"}. NULL: it cannot be read. */
json_t *vr_backup_files(const char *folder);

/* --- http_etcd.c --- */

/** A snapshot of etcd, as `etcdctl snapshot save` would write it, as the part that is open. The
 * addresses (commas between) and files are the flags --etcd, --etcd-ca, --etcd-certificate,
 * --etcd-key. */
enum vr_ctl_exit vr_backup_etcd(struct vr_ctl *ctl, struct vr_backup_file *file);

/* --- backup_unpack.c --- */

struct vr_backup_part {
    char name[VR_ARCHIVE_NAME];        /* "store/a" */
    char folder[VR_CTL_PATH_MAX + 32]; /* with data.mdb; "": left out, or not a store */
    uint64_t bytes;
};

struct vr_backup_parts {
    struct vr_backup_part part[VR_BACKUP_PARTS];
    size_t count;
    uint64_t made_at;
};

/** Read a whole backup: each store into a folder of its own below `base`, etcd's snapshot to the
 * file `etcd` (NULL: it is read, and left out). What is there after an error is good for nothing.
 * `only` (NULL: all) is the one store wanted. */
enum vr_ctl_exit vr_backup_unpack(struct vr_ctl *ctl, const char *path, const char *base,
                                  const char *only, const char *etcd, struct vr_backup_parts *out);
/** The names of the parts, without their contents. */
enum vr_ctl_exit vr_backup_look(struct vr_ctl *ctl, const char *path, struct vr_backup_parts *out);

/** A new folder of our own in `where`; false: said why. */
bool vr_backup_folder(struct vr_ctl *ctl, const char *where, char out[VR_CTL_PATH_MAX]);
/** With all that is in it. */
void vr_backup_remove(const char *folder);

/* --- commands_restore_room.c --- */

/** The room of the store in `folder`, a work folder of ours, into the running cluster; how many
 * records it was. One that is there is only replaced with --replace. */
enum vr_ctl_exit vr_backup_send_room(struct vr_ctl *ctl, const char *room, const char *folder,
                                     json_int_t *records);

/* --- backup_tool.c --- */

/** Run voiceroomd (--voiceroomd, else the one beside this program, else that of PATH) with these
 * words (NULL ends them). *answer: what it printed. It says by itself what went wrong, unless it
 * shall be `quiet`. */
enum vr_ctl_exit vr_backup_tool(struct vr_ctl *ctl, const char *const *words, bool quiet,
                                json_t **answer);

#endif
