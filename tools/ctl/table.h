/* table.h - the one table of voiceroomctl: dispatch, help, completion and the man page are read
 * from it. A command stands here when the node's REST interface can carry it out, never before. */
#ifndef VR_CTL_TABLE_H
#define VR_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* VR_CTL_VERSION: the project's version, defined by CMakeLists.txt. */

/** What the process ends with; docs/voiceroomctl.md promises these numbers. */
enum vr_ctl_exit {
    VR_CTL_OK = 0,
    VR_CTL_ERROR = 1,
    VR_CTL_USAGE = 2,
    VR_CTL_NOT_FOUND = 3,
    VR_CTL_DENIED = 4,
    VR_CTL_CONFLICT = 5,
    VR_CTL_UNAVAILABLE = 6,
    VR_CTL_TIMEOUT = 7,
    VR_CTL_NOT_SENT =
        100, /* inside only: --curl or --dry-run said all there is to say; ends as 0 */
};

enum vr_ctl_flag_kind {
    VR_CTL_SWITCH, /* takes no value */
    VR_CTL_TEXT,
    VR_CTL_NUMBER, /* whole, 0 and up */
    VR_CTL_TIME,   /* 90, 0.5, 30s, 15m, 2h, 7d */
    VR_CTL_WORD,   /* one of `words` */
};

struct vr_ctl_flag {
    const char *name; /* without the dashes; NULL ends a list */
    char letter;      /* 0: none */
    enum vr_ctl_flag_kind kind;
    const char *value; /* how help calls the value */
    const char *const *words;
    const char *help;
};

struct vr_ctl_arg {
    const char *name; /* NULL ends a list */
    bool number;
    bool optional;
    const char *const *words; /* NULL: anything */
};

enum vr_ctl_traits {
    VR_CTL_READS = 1,    /* may be repeated with --watch */
    VR_CTL_CHANGES = 2,  /* may be tried with --dry-run */
    VR_CTL_DESTROYS = 4, /* asks first, or wants --yes */
    VR_CTL_LOCAL = 8,    /* speaks to no node */
    VR_CTL_MANY = 16,    /* several requests, of which --curl would show too little */
};

struct vr_ctl;

struct vr_ctl_command {
    const char *noun;
    const char *verb; /* "": the noun is the whole command */
    enum vr_ctl_exit (*run)(struct vr_ctl *ctl);
    const struct vr_ctl_arg *args;
    const struct vr_ctl_flag *flags;
    unsigned traits;
    const char *help;
    const char *example; /* what stands behind the program's name */
};

struct vr_ctl_table {
    const struct vr_ctl_command *commands; /* those of one noun stand together */
    size_t count;
    const struct vr_ctl_flag *globals;
};

const struct vr_ctl_table *vr_ctl_table(void);

/** May this global flag stand with this command? --watch, --dry-run and --yes not everywhere. */
bool vr_ctl_flag_fits(const struct vr_ctl_flag *flag, const struct vr_ctl_command *command);

#endif
