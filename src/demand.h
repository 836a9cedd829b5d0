/* What does a guest cell ask of a host cell, and under which limits? */
#ifndef NF_DEMAND_H
#define NF_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "numafit/numafit.h"

#define NF_NONE UINT32_MAX

/* A guest cell ready to be compared with host cells: nothing here is looked up again. */
typedef struct nf_demand {
    int64_t memory;       /* MiB */
    int64_t kib;
    int64_t page_kib;     /* as asked for */
    uint32_t page_class;  /* index of a size asked for by number, NF_NONE: the fleet has none */
    uint32_t whole_pages; /* bit s: kib is a whole number of pages of size s */
    uint32_t n_shared;
    uint32_t n_dedicated;
    uint32_t reserved;    /* CPUs for emulator threads: 0 or 1 */
    uint32_t threads;
    bool pins;            /* dedicated or mixed */
    bool shares;          /* shared, mixed or no policy */
} nf_demand;

/* That of guest cell g of the request: isolated emulator threads are cell 0's. */
void nf_demand_of(const nf_fleet *f, const nf_request *r, uint32_t g, nf_demand *w);

static inline bool nf_pins(const nf_guest_cell *g) {
    return g->policy == NF_POLICY_DEDICATED || g->policy == NF_POLICY_MIXED;
}

static inline bool nf_isolates(const nf_request *r, uint32_t g) {
    return r->emulator_isolated && g == 0;
}

/* Do guest cells a and b ask for the same? */
bool nf_alike(const nf_request *r, uint32_t a, uint32_t b);

/* Allocation ratios that shared guests are held to. */
typedef struct nf_limits {
    bool on;
    double cpu_ratio, ram_ratio;
} nf_limits;

nf_limits nf_limits_for(const nf_fleet *f, uint32_t host, const nf_options *options);

/* The most of something whole that stays within amount * ratio; INT64_MAX: there is no limit that
 * could be reached (also where there is nothing and the ratio is infinite, as in nova, and where
 * the ratio is not known: NaN). */
static inline int64_t nf_limit(int64_t amount, double ratio) {
    double limit = (double)(amount & INT64_MAX) * ratio; /* neither is below 0, but by a mistake */
    return limit < 0x1p63 ? (int64_t)limit : INT64_MAX;
}

#endif
