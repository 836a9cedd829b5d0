/* One request, asked of host after host. */
#ifndef NF_QUESTION_H
#define NF_QUESTION_H

#include "job.h"
#include "sieve.h"

#define NF_KINDS 3u          /* kinds of guest cells that are sieved */
#define NF_FEW_NET_WORDS 4u

typedef struct nf_question {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    void *workspace;
    uint32_t n_kinds;             /* 0: more than are sieved */
    uint32_t kind_count[NF_KINDS];
    nf_sieve sieve[NF_KINDS];
    bool settled;                 /* tied by neither networks nor devices: the cells decide */
    bool nearby;                  /* nearby.c can answer, where hosts have two cells */
    bool simple;                  /* at most one PCI request, of the simple kind */
    bool near_known;              /* nets holds all networks */
    nf_word nets[NF_FEW_NET_WORDS]; /* what it wants to be near */
} nf_question;

/* A run of hosts, and what is known of them. */
typedef struct nf_block {
    uint32_t first, count;       /* hosts */
    uint32_t first_cell;
    bool settled;                /* maybe says all */
    bool pairs;                  /* each of the hosts has two cells, as most have */
    uint8_t maybe[NF_BLOCK];     /* [host]: 0: cannot; 1: can, or has to be asked */
    int32_t ok[NF_KINDS][NF_BLOCK]; /* [kind][cell]: -1: the cell can take it */
} nf_block;

void nf_question_ask(nf_question *q, const nf_fleet *f, const nf_request *r,
                     const nf_options *options, void *workspace);
/* Look at hosts from first on, at most most of them; fewer where a block is full. */
void nf_question_look(const nf_question *q, uint32_t first, uint32_t most, nf_block *b);
/* NF_OK, or why not, of a host of the block that maybe can. */
int nf_question_answer(const nf_question *q, uint32_t host, const nf_block *b);

/* nearby.c: networks and one request for devices, for the block's hosts of two cells. */
bool nf_nearby_can(const nf_question *q);
void nf_nearby_keep(const nf_question *q, nf_block *b);

/* scan.c: the parts of nf_scan() and nf_choose(), for callers that go from range to range. */
typedef struct nf_choice {
    nf_question q;
    uint32_t by;
    const double *scores;
    bool pins;
    uint32_t best;
    double best_score;
} nf_choice;

/* result becomes NF_UNDECIDED where some host is. */
void nf_scan_for(const nf_question *q, const uint32_t *hosts, uint32_t first, uint32_t count,
                 uint8_t *fits, nf_status *result);
nf_status nf_choice_start(nf_choice *c, const nf_fleet *f, const nf_request *request,
                          const nf_options *options, uint32_t by, const double *scores,
                          void *workspace, size_t workspace_bytes);
void nf_choice_among(nf_choice *c, const uint32_t *hosts, uint32_t first, uint32_t count);

#endif
