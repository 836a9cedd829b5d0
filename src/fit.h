/* One call's work, laid out in the caller's scratch memory; shared by fit.c and refuse.c. */
#ifndef NF_FIT_H
#define NF_FIT_H

#include "engine.h"

typedef struct nf_job {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    nf_reason *why;
    uint32_t host, first_cell, n_cells;
    nf_limits limits;
    int64_t budget;
    nf_cell *states;       /* [cell of the host]: what it has left */
    uint32_t *order;       /* [place]: cell, in the order in which they are tried */
    uint32_t *place;       /* [guest]: the answer */
    uint32_t *cells;       /* [guest]: scratch */
    uint32_t *best_place;  /* [guest] */
    uint32_t *first_alike; /* [class]: the first guest of it */
    nf_word *cell_mask;    /* [word]: scratch, cells of the host */
    nf_demand *wants;      /* [guest] */
    nf_arena rest;         /* memory that is not laid out yet: the search's */
    nf_search search;
    nf_pci_job pci;
} nf_job;

bool nf_request_ok(const nf_request *request);
bool nf_options_ok(const nf_options *options);
/* capacity.c: does anything that it asks for run out? */
bool nf_bounded(const nf_request *request);
bool nf_hosts_ok(const nf_fleet *f, const nf_hosts *hosts);
/* Is there such a host, and is it no larger than the fleet says that hosts are? Scratch memory is
 * laid out by that. */
static inline bool nf_host_ok(const nf_fleet *f, uint32_t host) {
    return host < f->n_hosts && nf_host_cells(f, host) <= f->max_cells &&
           nf_host_pools(f, host) <= f->max_pools;
}
/* The i-th of them. */
static inline uint32_t nf_hosts_at(const nf_hosts *hosts, uint32_t i) {
    return hosts->list ? hosts->list[i] : hosts->first + i;
}
void nf_placement_lay_out(nf_placement *p, uint32_t cells, uint32_t slots, uint32_t draws,
                          nf_arena *a);
bool nf_scratch_ok(const nf_scratch *scratch, size_t bytes);

/* Do the arguments make sense, whichever host is meant? */
int nf_job_check(const nf_fleet *f, const nf_request *request, const nf_options *options,
                 const nf_scratch *scratch);
/* Set up all that needs no scratch memory. */
void nf_job_start(nf_job *j, const nf_fleet *f, uint32_t host, const nf_request *request,
                 const nf_options *options, nf_reason *why);

/* Lay out the scratch memory and put the host's cells in order. */
void nf_job_prepare(nf_job *j, void *memory);
/* Find places for all guest cells, and devices; NF_OK or the reason why not. NF_ESPACE: more draws
 * than nf_max_draws() says, of which none too many was written. */
int nf_job_assign(nf_job *j);
/* Is this one cell near every network that the host is near at all? */
bool nf_near_networks(const nf_job *j, uint32_t cell);

/* refuse.c: why not? */
int nf_refuse_pair(nf_job *j, uint32_t guest);
int nf_refuse_networks(nf_job *j);
int nf_refuse_pci(nf_job *j);

#endif
