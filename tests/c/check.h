/* CHECK counts what does not hold and goes on; the program ends with FAILURES(). */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int check_failures;

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            check_failures++;                                                  \
        }                                                                      \
    } while (0)

#define FAILURES() (check_failures > 100 ? 100 : check_failures)

#endif
