/* Which columns does a fleet have? One table, walked by all that walk columns. */
#ifndef NF_COLUMNS_H
#define NF_COLUMNS_H

#include <stdbool.h>

#include "numafit/numafit.h"

/* The first column that has values by the fleet's counts and is NULL, as "NAME: missing"; NULL:
 * there is none. */
const char *nf_missing_column(const nf_fleet *f);

static inline void *nf_column_data(const nf_fleet *f, const nf_column_info *c) {
    return *(void *const *)(const void *)((const char *)f + c->offset);
}

static inline void nf_set_column(nf_fleet *f, const nf_column_info *c, const void *data) {
    *(const void **)(void *)((char *)f + c->offset) = data;
}

#endif
