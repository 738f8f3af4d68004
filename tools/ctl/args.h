/* args.h - the command line against the table. Pure: words in, a command and its values out. */
#ifndef VR_CTL_ARGS_H
#define VR_CTL_ARGS_H

#include <stdint.h>

#include "actors/base/err.h"
#include "tools/ctl/table.h"

#define VR_CTL_ARGS_MAX 4
#define VR_CTL_VALUES_MAX 48

struct vr_ctl_value {
    const struct vr_ctl_flag *flag;
    const char *text; /* NULL for a switch */
};

/** Borrows the table and argv. */
struct vr_ctl_line {
    const struct vr_ctl_command *command; /* NULL: help on a noun, or on all */
    const char *noun;                     /* NULL: none was given */
    bool help;
    bool version;
    const char *args[VR_CTL_ARGS_MAX];
    size_t arg_count;
    struct vr_ctl_value values[VR_CTL_VALUES_MAX];
    size_t value_count;
};

/** Read a command line; argv[0] is the program.
 *
 *  Errors: VR_E_BAD_REQUEST with a sentence for the person, with a suggestion when a word was
 * nearly right. `out->noun` and `out->command` then hold what was understood so far. */
VR_MUST_CHECK enum vr_err vr_ctl_parse(const struct vr_ctl_table *table, int argc,
                                       char *const argv[], struct vr_ctl_line *out,
                                       struct vr_why *why);

/** The last value of a flag; NULL when it was not given. */
const char *vr_ctl_text(const struct vr_ctl_line *line, const char *name);
bool vr_ctl_given(const struct vr_ctl_line *line, const char *name);
int64_t vr_ctl_number(const struct vr_ctl_line *line, const char *name, int64_t otherwise);
double vr_ctl_seconds(const struct vr_ctl_line *line, const char *name, double otherwise);

/** "90", "0.5", "15m", "7d" in seconds; at most ten years. False: not a time. */
bool vr_ctl_time_parse(const char *text, double *seconds);

/** The word among `count` that was probably meant; NULL when none is near. */
const char *vr_ctl_nearest(const char *word, const char *const *words, size_t count);

#endif
