/* Do a fleet's columns hold together? */
#ifndef NF_FLEET_CHECK_H
#define NF_FLEET_CHECK_H

#include "engine.h"

#define NF_MOST_RESOURCES 4096u /* placement names no more classes in one cloud */

/* All that nf_derive() reads of these cells: every index, shift and count stands where it may. */
nf_status nf_check_derivable(const nf_fleet *f, uint32_t first, uint32_t count,
                             const char **reason);
/* Counts, and tables that hosts share. */
nf_status nf_check_tables(const nf_fleet *f, const char **reason);
/* All of one host; the tables hold. */
nf_status nf_check_host(const nf_fleet *f, uint32_t host, const char **reason);
/* The same but for what is derived. */
nf_status nf_check_given(const nf_fleet *f, uint32_t host, const char **reason);

/* derive.c: all derived columns of one host. */
void nf_derive_host(const nf_fleet *f, uint32_t host);
/* Free dedicated CPUs of a cell, and in with[k - 1] its cores with at least k of them. */
uint32_t nf_count_threads(const nf_fleet *f, uint32_t cell, uint32_t with[NF_WORD_BITS]);

#endif
