/* assert.h - what must hold, checked in release builds too.
 *
 * A failed vr_assert is a bug of ours and ends the process: a dead node is taken over, a confused
 * one does harm. Bytes from outside are never asserted on. */
#ifndef VR_BASE_ASSERT_H
#define VR_BASE_ASSERT_H

_Noreturn void vr_assert_failed(const char *file, int line, const char *what);

#define vr_assert(cond)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            vr_assert_failed(__FILE__, __LINE__, #cond);                                           \
        }                                                                                          \
    } while (0)

#endif
