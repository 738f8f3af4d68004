/* log.h - one JSON object per line on stderr: ts, level, msg, then the fields given.
 *
 *     vr_log(VR_LOG_INFO, "room opened", VR_S("room", id), VR_U("participants", n));
 *
 * Never an address, a token, a key or a passcode above debug. Thread-safe; one write(2) a line.
 * Lines of one message beyond 20 a second are counted and summed up in one line when the second is
 * over. */
#ifndef VR_BASE_LOG_H
#define VR_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vr_log_level { VR_LOG_DEBUG, VR_LOG_INFO, VR_LOG_WARN, VR_LOG_ERROR, VR_LOG_OFF };

struct vr_log_field {
    const char *name;
    enum { VR_FIELD_TEXT, VR_FIELD_UNSIGNED, VR_FIELD_SIGNED, VR_FIELD_REAL } kind;
    union {
        const char *text;
        uint64_t u;
        int64_t i;
        double real;
    } as;
};

#define VR_S(field, value) ((struct vr_log_field){field, VR_FIELD_TEXT, {.text = (value)}})
#define VR_U(field, value)                                                                         \
    ((struct vr_log_field){field, VR_FIELD_UNSIGNED, {.u = (uint64_t)(value)}})
#define VR_I(field, value) ((struct vr_log_field){field, VR_FIELD_SIGNED, {.i = (int64_t)(value)}})
#define VR_F(field, value) ((struct vr_log_field){field, VR_FIELD_REAL, {.real = (value)}})

#define vr_log(level, msg, ...)                                                                    \
    vr_log_fields(level, msg, (const struct vr_log_field[]){{0}, ##__VA_ARGS__},                   \
                  sizeof((const struct vr_log_field[]){{0}, ##__VA_ARGS__}) /                      \
                      sizeof(struct vr_log_field))

/** fields[0] is a placeholder and skipped. A field with a NULL text is left out. */
void vr_log_fields(enum vr_log_level level, const char *msg, const struct vr_log_field *fields,
                   size_t count);

/** Changeable at run time from any thread. */
void vr_log_set_level(enum vr_log_level level);
enum vr_log_level vr_log_get_level(void);
bool vr_log_level_parse(const char *word, enum vr_log_level *out);
const char *vr_log_level_name(enum vr_log_level level);

/** Where lines go instead of stderr: tests. NULL restores stderr. Not thread-safe: set at start. */
void vr_log_set_sink(void (*sink)(void *ctx, const char *line, size_t size), void *ctx);

/** A name written into each line as "node"; copied. Set at start. */
void vr_log_set_node(const char *name);

#endif
