/* A copy of one host, as a fleet of its own. */
#ifndef NF_HOST_COPY_H
#define NF_HOST_COPY_H

#include "engine.h"

/* whole: also what claims do not change, for who looks at it while the fleet is at work. */
size_t nf_host_copy_size(const nf_fleet *f, bool whole);
/* memory: nf_host_copy_size(), aligned for uint64_t. */
void nf_host_copy_make(nf_fleet *copy, const nf_fleet *f, uint32_t host, bool whole, void *memory);

#endif
