/* A copy of one host, as a fleet of its own. */
#ifndef NF_HOST_COPY_H
#define NF_HOST_COPY_H

#include "engine.h"

/* memory: nf_host_copy_bytes(), aligned for uint64_t. */
void nf_host_copy_make(nf_fleet *copy, const nf_fleet *f, uint32_t host, void *memory);

#endif
