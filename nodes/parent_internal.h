/* parent_internal.h - what the files of the parent share. */
#ifndef VR_NODES_PARENT_INTERNAL_H
#define VR_NODES_PARENT_INTERNAL_H

#include <signal.h>
#include <sys/types.h>

#include "nodes/parent.h"

#define RECENT_DEATHS 3

struct vr_parent {
    const struct vr_parent_conf *conf;
    struct vr_inherit held;
    char program[1024]; /* its path when it started: after an upgrade another file stands there */
    sigset_t set;
    pid_t node; /* 0: none runs */
    bool stopping;
    bool terminal;
    bool told; /* the service manager: ready */
    vr_time_us forked;
    vr_time_us started;
    vr_time_us watchdog;              /* 0: nobody watches */
    vr_time_us deaths[RECENT_DEATHS]; /* times, the last one first */
    uint32_t lame;                    /* ends in a row before the node served */
    char report[1024];
    struct {
        char report[1024];
        int number; /* signal; 0: nothing is to be told */
        pid_t node;
        vr_time_us lived;
        bool served;
    } death;
};

/* parent_upgrade.c */
/** Where this program lies. */
void parent_program_find(struct vr_parent *parent);
/** What came from the program before: descriptors, and the number of the node that still runs. */
void parent_adopt(struct vr_parent *parent);
/** Ask the program on disk whether it can take over, and become it. Returns when it can't. */
void parent_upgrade(struct vr_parent *parent);

#endif
