/* env.h - inside store/: the LMDB environment itself: its tables, its read transactions, its size.
 *
 * Each table is a named database: damage in one leaves the others readable, and a salvage can go
 * table by table. (One database with the table in the key would dirty about two pages less for each
 * transaction.)
 *
 * Read transactions are not bound to threads (MDB_NOTLS); ended ones are kept, reset, for the next
 * reader, so that a read takes no lock inside LMDB. `swap` is held shared while one is in use and
 * alone while the map changes its size or the environment is opened anew after a failed meta page.
 */
#ifndef VR_STORE_ENV_H
#define VR_STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/records.h"

#define VR_ENV_READERS 256
#define VR_SCHEMA_VERSION 1
#define VR_SCHEMA_KEY "schema"

struct vr_env {
    MDB_env *env; /* NULL after a failed reopen */
    MDB_dbi tables[VR_TABLE_COUNT];
    char *folder;
    size_t map_bytes;
    pthread_rwlock_t swap;
    pthread_mutex_t pool_lock;
    MDB_txn *pool[VR_ENV_READERS]; /* reset, ready for mdb_txn_renew */
    size_t pool_count;
    _Atomic uint64_t damaged_values;
};

/** Border of LMDB: no MDB_* or errno goes further. */
enum vr_err vr_env_err(int rc);

/** Opens or makes the environment and its tables, checks the schema version, frees readers that
 * died. Errors: VR_E_DAMAGED, VR_E_FULL; VR_E_CONFLICT when a newer version wrote it. */
VR_MUST_CHECK enum vr_err vr_env_open(struct vr_env *env, const char *folder, size_t map_bytes,
                                      struct vr_why *why);
void vr_env_close(struct vr_env *env); /* a zeroed one is fine */

/** Close and open the same file again, after MDB_PANIC. Waits until no reader is inside. */
VR_MUST_CHECK enum vr_err vr_env_reopen(struct vr_env *env);
/** Let the file grow to map_bytes + `extra`; LMDB itself never shrinks below what is in use. */
VR_MUST_CHECK enum vr_err vr_env_resize(struct vr_env *env, size_t extra);

VR_MUST_CHECK enum vr_err vr_env_read_begin(struct vr_env *env, MDB_txn **txn);
void vr_env_read_end(struct vr_env *env, MDB_txn *txn);

/** Read one framed value inside `txn`; borrowed until the transaction ends or writes. A damaged one
 * is counted and logged. */
VR_MUST_CHECK enum vr_err vr_env_get(struct vr_env *env, MDB_txn *txn, enum vr_table table,
                                     struct vr_bytes key, struct vr_bytes *value);
VR_MUST_CHECK enum vr_err vr_env_put(struct vr_env *env, MDB_txn *txn, enum vr_table table,
                                     struct vr_bytes key, struct vr_bytes value);
void vr_env_note_damage(struct vr_env *env, enum vr_table table);

/** Pages in use by the map's size; 0 when it can't be told. */
double vr_env_used_ratio(struct vr_env *env);

const char *vr_table_name(enum vr_table table);

#endif
