#include "tools/ctl/debian.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- deb-version(7) --- */

/** The tilde sorts before the end, letters before other signs. */
static int weight(char c)
{
    if (c == '~') {
        return -1;
    }
    if (c == '\0' || isdigit((unsigned char)c)) {
        return 0;
    }
    return isalpha((unsigned char)c) ? c : c + 256;
}

static int numbers_compare(const char **a, const char **b)
{
    size_t digits[2];
    int order = 0;

    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    digits[0] = strspn(*a, "0123456789");
    digits[1] = strspn(*b, "0123456789");
    if (digits[0] != digits[1]) {
        return digits[0] < digits[1] ? -1 : 1;
    }
    order = strncmp(*a, *b, digits[0]);
    *a += digits[0];
    *b += digits[1];
    return order;
}

/** Upstream's part or Debian's: signs and numbers in turn. Both end with a 0. */
static int parts_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        int order = 0;

        while ((*a != '\0' && !isdigit((unsigned char)*a)) ||
               (*b != '\0' && !isdigit((unsigned char)*b))) {
            if (weight(*a) != weight(*b)) {
                return weight(*a) - weight(*b);
            }
            a++;
            b++;
        }
        order = numbers_compare(&a, &b);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

struct version {
    unsigned long epoch;
    char upstream[128];
    char debian[64];
};

static void version_read(const char *text, struct version *out)
{
    const char *colon = strchr(text, ':');
    const char *dash = NULL;
    size_t size = 0;

    *out = (struct version){.epoch = 0};
    if (colon != NULL) {
        out->epoch = strtoul(text, NULL, 10);
        text = colon + 1;
    }
    dash = strrchr(text, '-');
    size = dash != NULL ? (size_t)(dash - text) : strlen(text);
    size = size < sizeof(out->upstream) ? size : sizeof(out->upstream) - 1;
    memcpy(out->upstream, text, size);
    if (dash != NULL) {
        size = strnlen(dash + 1, sizeof(out->debian) - 1);
        memcpy(out->debian, dash + 1, size);
    }
}

int vr_debian_compare(const char *a, const char *b)
{
    struct version first;
    struct version second;
    int order = 0;

    version_read(a, &first);
    version_read(b, &second);
    if (first.epoch != second.epoch) {
        return first.epoch < second.epoch ? -1 : 1;
    }
    order = parts_compare(first.upstream, second.upstream);
    return order != 0 ? order : parts_compare(first.debian, second.debian);
}

/* --- its file --- */

/** The value of a field of one paragraph, which ends at `end`. */
static const char *field(const char *at, const char *end, const char *name, size_t *size)
{
    size_t skip = strlen(name);

    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));

        line = line == NULL ? end : line;
        if ((size_t)(line - at) > skip && strncmp(at, name, skip) == 0) {
            *size = (size_t)(line - at) - skip;
            return at + skip;
        }
        at = line + 1;
    }
    return NULL;
}

static bool is_about(const char *at, const char *end, const char *package)
{
    static const char installed[] = "install ok installed";
    static const char held[] = "hold ok installed";
    size_t size = 0;
    const char *value = field(at, end, "Package: ", &size);

    if (value == NULL || size != strlen(package) || strncmp(value, package, size) != 0) {
        return false;
    }
    value = field(at, end, "Status: ", &size);
    return value != NULL &&
           ((size == sizeof(installed) - 1 && strncmp(value, installed, size) == 0) ||
            (size == sizeof(held) - 1 && strncmp(value, held, size) == 0));
}

bool vr_debian_version(const char *status, const char *package, char *out, size_t room)
{
    while (*status != '\0') {
        const char *end = strstr(status, "\n\n");
        const char *value = NULL;
        size_t size = 0;

        end = end == NULL ? status + strlen(status) : end;
        if (is_about(status, end, package)) {
            value = field(status, end, "Version: ", &size);
            if (value != NULL && size < room) {
                memcpy(out, value, size);
                out[size] = '\0';
                return true;
            }
        }
        status = end + strspn(end, "\n");
    }
    return false;
}
