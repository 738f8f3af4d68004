#include "actors/base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *code;
    int status;
    const char *text;
} errors[VR_ERR_COUNT] = {[VR_OK] = {"ok", 200, "fine"},
#define X(name, word, http, sentence) [name] = {word, http, sentence},
                          VR_ERR_MAP(X)
#undef X
};

enum vr_err vr_fail(struct vr_why *why, enum vr_err code, const char *format, ...)
{
    va_list args;

    if (why != NULL) {
        why->code = code;
        va_start(args, format);
        vsnprintf(why->text, sizeof(why->text), format, args);
        va_end(args);
    }
    return code;
}

const char *vr_err_code(enum vr_err err)
{
    return err < VR_ERR_COUNT ? errors[err].code : "internal";
}

int vr_err_status(enum vr_err err)
{
    return err < VR_ERR_COUNT ? errors[err].status : 500;
}

const char *vr_err_text(enum vr_err err)
{
    return err < VR_ERR_COUNT ? errors[err].text : "unknown error";
}

enum vr_err vr_err_from_code(const char *code)
{
    for (int i = 0; i < VR_ERR_COUNT; i++) {
        if (strcmp(errors[i].code, code) == 0) {
            return (enum vr_err)i;
        }
    }
    return VR_E_INTERNAL;
}
