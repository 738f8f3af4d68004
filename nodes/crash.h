/* crash.h - what a node that dies leaves behind: a report with a backtrace in the data folder, and
 * no more than a few of them. */
#ifndef VR_NODES_CRASH_H
#define VR_NODES_CRASH_H

#include <stddef.h>

#define VR_CRASH_REPORTS_MAX 20

/** The name of the next report in `data`/crash: by time, so that they sort; removes the oldest
 * ones. The folder comes with the first report. Before the fork. */
void vr_crash_path(const char *data, char *out, size_t capacity);

/** From now on a signal that tells of a bug (SIGSEGV, SIGABRT and their like) writes the report to
 * `path` and ends the process as it would have without. Copies `path`; once in a process. */
void vr_crash_watch(const char *path);

/** Over this memory (media/keep.h) a fault of our own counts against the transport whose packet was
 * being handled: at the second one it is dropped. So does the parent's SIGABRT for a node that
 * hangs. A signal that somebody else sent says nothing about it. Before vr_crash_watch. */
void vr_crash_blame(void *memory, size_t size);

/** A line of the parent's at the end of the report, which is made if the node could not. */
void vr_crash_note(const char *path, const char *line);

#endif
