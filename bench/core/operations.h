/* The engine's operations, each ready to be done again and again. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stddef.h>

/* One operation. make() builds what it works on and is not measured; run() leaves it as it was and
 * returns how many of its answers were yes, so that nothing can be left out. */
typedef struct operation {
    const char *name;
    const char *unit; /* what one run() is */
    void *(*make)(void);
    unsigned (*run)(void *state);
    void (*end)(void *state);
} operation;

extern const operation operations[];
extern const size_t n_operations;

#endif
