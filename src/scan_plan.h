/* One request, asked of host after host. */
#ifndef NF_SCAN_PLAN_H
#define NF_SCAN_PLAN_H

#include "fit.h"
#include "cell_filter.h"

#define NF_KINDS 3u          /* kinds of guest cells that are filtered */
#define NF_FEW_NET_WORDS 4u

typedef struct nf_scan_plan {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    void *memory;
    uint32_t n_kinds;             /* 0: more than are filtered */
    uint32_t kind_count[NF_KINDS];
    nf_cell_filter filter[NF_KINDS];
    bool settled;                 /* tied by neither networks nor devices: the cells decide */
    bool nearby;                  /* two_cell_hosts.c can answer, where hosts have two cells */
    bool simple;                  /* at most one PCI request, of the simple kind where a host does
                                     not mix (nf_pci_mixes()) */
    bool near_known;              /* nets holds all networks */
    nf_word nets[NF_FEW_NET_WORDS]; /* what it wants to be near */
} nf_scan_plan;

/* A run of hosts, and what is known of them. */
typedef struct nf_block {
    uint32_t first, count;       /* hosts */
    uint32_t first_cell, n_cells; /* theirs, which follow one another */
    bool settled;                /* maybe says all */
    bool pairs;                  /* each of the hosts has two cells, as most have */
    uint8_t maybe[NF_BLOCK];     /* [host]: 0: cannot; 1: can, or has to be asked */
    int32_t ok[NF_KINDS][NF_BLOCK]; /* [kind][cell]: -1: the cell can take it */
} nf_block;

void nf_scan_plan_make(nf_scan_plan *q, const nf_fleet *f, const nf_request *r,
                     const nf_options *options, void *memory);
/* Look at hosts from first on, at most most of them; fewer where a block is full. */
void nf_scan_plan_look(const nf_scan_plan *q, uint32_t first, uint32_t most, nf_block *b);
/* NF_OK, or why not, of a host of the block that maybe can. */
int nf_scan_plan_answer(const nf_scan_plan *q, uint32_t host, const nf_block *b);

/* two_cell_hosts.c: networks and one request for devices, for the block's hosts of two cells. */
bool nf_two_cell_hosts_can(const nf_scan_plan *q);
void nf_two_cell_hosts_keep(const nf_scan_plan *q, nf_block *b);

/* scan.c: the parts of nf_scan() and nf_choose(), for callers that go from range to range. */
typedef struct nf_choice {
    nf_scan_plan q;
    uint32_t by;
    const double *scores;
    bool pins;
    nf_best best;
} nf_choice;

/* result becomes NF_UNDECIDED where some host is. */
void nf_scan_for(const nf_scan_plan *q, const nf_hosts *hosts, uint8_t *fits, nf_status *result);
/* All but best, which is the caller's. */
nf_status nf_choice_start(nf_choice *c, const nf_fleet *f, const nf_request *request,
                          const nf_options *options, const nf_preference *preference,
                          const nf_scratch *scratch);
void nf_choice_among(nf_choice *c, const nf_hosts *hosts);

#endif
