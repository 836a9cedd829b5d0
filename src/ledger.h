/* How many guests of several cells, by books of counts instead of placing them? */
#ifndef NF_LEDGER_H
#define NF_LEDGER_H

#include "engine.h"

#define NF_LEDGER_GUESTS 4u
#define NF_LEDGER_CELLS 8u
#define NF_LEDGER_SIZES 4u

/* A guest whose cells can be booked. */
typedef struct nf_ledger {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    nf_want want[NF_LEDGER_GUESTS];
    int64_t need[NF_LEDGER_GUESTS][NF_LEDGER_SIZES]; /* pages of each size */
    uint32_t kind[NF_LEDGER_GUESTS]; /* the first guest cell that asks for the same */
} nf_ledger;

/* False: which threads are taken matters, or there is more than books can hold. */
bool nf_ledger_open(nf_ledger *l, const nf_fleet *f, const nf_request *r,
                    const nf_options *options);
/* Guests that fit one after the other, at most cap. False: not to be said for this host. */
bool nf_ledger_count(const nf_ledger *l, uint32_t host, uint32_t cap, uint32_t *count);

#endif
