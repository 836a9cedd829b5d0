/* Do a fleet's columns hold together? */
#ifndef NF_FLEET_CHECK_H
#define NF_FLEET_CHECK_H

#include "engine.h"

#define NF_MOST_RESOURCES 4096u /* placement names no more classes in one cloud */

/* All that nf_derive() reads of these cells: every index, shift and count stands where it may. */
nf_status nf_check_derivable(const nf_fleet *f, uint32_t first, uint32_t count,
                             const char **reason);
/* All but what claims change, and that of one host: for a fleet that is at work. */
nf_status nf_check_still(const nf_fleet *f, const char **reason);
nf_status nf_check_host(const nf_fleet *f, uint32_t host, const char **reason);

/* derive.c: free dedicated CPUs of a cell, and in with[k - 1] its cores with at least k of them. */
uint32_t nf_count_threads(const nf_fleet *f, uint32_t cell, uint32_t with[NF_WORD_BITS]);

#endif
