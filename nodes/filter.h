/* filter.h - words that are not wanted in chat, names, and what rooms are called. Pure.
 *
 * Texts are compared folded: case, accents of Latin letters, characters of no width and combining
 * marks do not count, and digits that stand for letters are tried as those ("b4d"). A word fits
 * whole words; with a "*" at its beginning or end it fits there inside of words, too. */
#ifndef VR_NODES_FILTER_H
#define VR_NODES_FILTER_H

#include <stddef.h>

#include "actors/base/bytes.h"

#define VR_FILTER_WORD_MAX 64 /* bytes */

enum vr_filter_action { VR_FILTER_MASK, VR_FILTER_REJECT };

struct vr_filter_rule {
    char word[VR_FILTER_WORD_MAX + 1];
    enum vr_filter_action action;
};

enum vr_filter_verdict { VR_FILTER_FINE, VR_FILTER_MASKED, VR_FILTER_REJECTED };

/** Something is left of the word when it is folded. */
bool vr_filter_word_valid(const char *word);

/** Judge UTF-8 of at most 2000 bytes; more is judged up to there. VR_FILTER_MASKED: `out`
 * (appended) has the text with a "*" in place of each character of an unwanted word. */
enum vr_filter_verdict vr_filter_judge(const struct vr_filter_rule *rules, size_t count,
                                       const char *text, struct vr_buf *out);

#endif
