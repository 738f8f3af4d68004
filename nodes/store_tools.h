/* store_tools.h - what voiceroomd does to a store without running a node: copy, check, one room.
 *
 *     voiceroomd --store-copy DATA FOLDER        FOLDER/data.mdb becomes a copy; DATA may be in use
 *     voiceroomd --store-check FOLDER            walk it, with every checksum; tells what is in it
 *     voiceroomd --store-room ROOM FOLDER DATA   put one room of the copy in FOLDER into DATA; "-"
 * for DATA: only tell how new it is there
 *     voiceroomd --store-rows ROOM FOLDER FILE   its rows into a new FILE, for a running node
 *
 * Each prints one JSON object. voiceroomctl backup is built on them. */
#ifndef VR_NODES_STORE_TOOLS_H
#define VR_NODES_STORE_TOOLS_H

#include <stdbool.h>

#include "actors/base/err.h"
#include "actors/base/ids.h"

/** Is the first word one of these? Then it is done, and *code is what to end with: 0; 1 failed; 2
 * wrong usage, or the store is in use; 3 there is no such store or room. Before any thread. */
bool vr_store_tool(int argc, char **argv, int *code);

/** The last of them: how many rows there were. From a process without threads. VR_E_NOT_FOUND: the
 * copy has no such room; VR_E_FULL: the file cannot be written. */
VR_MUST_CHECK enum vr_err vr_store_rows(struct vr_id room, const char *folder, const char *path,
                                        uint64_t *count, struct vr_why *why);

#endif
