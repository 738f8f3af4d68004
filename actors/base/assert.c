#include "actors/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void vr_assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr,
            "{\"level\":\"fatal\",\"msg\":\"assertion failed\",\"at\":\"%s:%d\",\"what\":\"%s\"}\n",
            file, line, what);
    abort();
}
