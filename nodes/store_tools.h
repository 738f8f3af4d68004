/* store_tools.h - what voiceroomd does to a store without running a node: copy, check, one room.
 *
 *     voiceroomd --store-copy DATA FOLDER        FOLDER/data.mdb becomes a copy; DATA may be in use
 *     voiceroomd --store-check FOLDER            walk it, with every checksum; tells what is in it
 *     voiceroomd --store-room ROOM FOLDER DATA   put one room of the copy in FOLDER into DATA; "-"
 * for DATA: only tell how new it is there
 *
 * Each prints one JSON object. voiceroomctl backup is built on them. */
#ifndef VR_NODES_STORE_TOOLS_H
#define VR_NODES_STORE_TOOLS_H

#include <stdbool.h>

/** Is the first word one of these? Then it is done, and *code is what to end with: 0; 1 failed; 2
 * wrong usage, or the store is in use; 3 there is no such store or room. Before any thread. */
bool vr_store_tool(int argc, char **argv, int *code);

#endif
