/* Which host cells can take a guest cell? Asked of many cells at once. */
#ifndef NF_CELL_FILTER_H
#define NF_CELL_FILTER_H

#include "engine.h"

#define NF_BLOCK 256u /* cells at once: their verdicts and columns stay in the first cache */

/* column[cell] >= need */
typedef struct nf_test {
    const int32_t *column;
    int32_t need;
} nf_test;

#define NF_FILTER_ALL 6u

/* A guest cell's conditions as comparisons of columns. */
typedef struct nf_cell_filter {
    const nf_fleet *f;
    nf_demand want;
    const nf_options *options;
    nf_test all[NF_FILTER_ALL]; /* each of these must hold */
    uint32_t n_all;
    nf_test pages[NF_MAX_PAGE_SIZES]; /* one of these, where there are any */
    uint32_t n_pages;
    bool none;        /* no cell of any host can */
    bool by_pair;     /* cell after cell by nf_pair(): numbers that a column does not hold */
    bool smallest;    /* which pages depends on the cell's smallest size */
    bool listed;      /* CPUs that stand in no sibling set do not count */
    bool by_layout;   /* some layout cannot, or which column depends on it */
    bool given;       /* limits that are not the host's own */
} nf_cell_filter;

/* For guest cell g of the request. */
void nf_cell_filter_make(nf_cell_filter *s, const nf_fleet *f, const nf_request *r, uint32_t g,
                         const nf_options *options);

/* ok[i] becomes -1 if cell first + i can take the guest cell, else 0; n is at most NF_BLOCK. The
 * verdict is that of nf_pair(). */
void nf_cell_filter_cells(const nf_cell_filter *s, uint32_t first, uint32_t n, int32_t *ok);

#endif
