/* nearest.c - which word was meant: for suggestions on a typo. */
#include <string.h>

#include "tools/ctl/args.h"

#define WORD_MAX 32 /* longer words get no suggestion */

/** Distance of two words: insert, remove, replace, or swap neighbours. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t size_a = strlen(a);
    size_t size_b = strlen(b);

    if (size_a > WORD_MAX || size_b > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= size_b; j++) {
        rows[0][j] = j;
        rows[2][j] = j;
    }
    for (size_t i = 1; i <= size_a; i++) {
        size_t *now = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *twice = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= size_b; j++) {
            size_t best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                twice[j - 2] + 1 < best) {
                best = twice[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return rows[size_a % 3][size_b];
}

const char *vr_ctl_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1;

    for (size_t i = 0; i < count; i++) {
        size_t found = distance(word, words[i]);
        bool begins = strlen(word) >= 3 && strncmp(word, words[i], strlen(word)) == 0;

        if (begins) {
            found = 1;
        }
        if (found <= limit && found < strlen(words[i])) {
            best = words[i];
            limit = found == 0 ? 0 : found - 1;
            if (found <= 1) {
                break;
            }
        }
    }
    return best;
}
