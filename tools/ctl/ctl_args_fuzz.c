/* Any words, one a line, are read or refused; never read past an end. */
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/args.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char program[] = "voiceroomctl";
    char *argv[WORDS_MAX + 1] = {program};
    int argc = 1;
    struct vr_ctl_line line;
    struct vr_why why;

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word = text; argc < WORDS_MAX;) {
        char *end = strchr(word, '\n');

        argv[argc++] = word;
        if (end == NULL) {
            break;
        }
        *end = '\0';
        word = end + 1;
    }
    if (vr_ctl_parse(vr_ctl_table(), argc, argv, &line, &why) == VR_OK && line.command != NULL) {
        (void)vr_ctl_seconds(&line, "timeout", 1);
        (void)vr_ctl_number(&line, "limit", 1);
    }
    free(text);
    return 0;
}
