/* lmdb_env.h - inside store/: the environment behind LMDB's records. */
#ifndef VR_STORE_LMDB_ENV_H
#define VR_STORE_LMDB_ENV_H

#include "store/env.h"

/** `records` came from vr_lmdb_open. Lives as long as they do. */
struct vr_env *vr_lmdb_env(struct vr_records *records);

#endif
