/* How many guests of several cells, by counting in books instead of placing them? */
#ifndef NF_CAPACITY_BOOKS_H
#define NF_CAPACITY_BOOKS_H

#include "engine.h"

#define NF_BOOKS_GUESTS 4u
#define NF_BOOKS_CELLS 8u
#define NF_BOOKS_SIZES 4u
#define NF_BOOKS_THREADS 8u

/* A guest whose cells can be booked. */
typedef struct nf_books {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    nf_demand want[NF_BOOKS_GUESTS];
    bool some_require, others_pin; /* among the cells that pin */
    uint32_t kind[NF_BOOKS_GUESTS]; /* the first guest cell that asks for the same */
} nf_books;

/* False: which threads are taken matters, or there is more than books can hold. */
bool nf_books_open(nf_books *l, const nf_fleet *f, const nf_request *r,
                    const nf_options *options);
/* Guests that fit one after the other, at most cap. False: not to be said for this host. */
bool nf_books_count(const nf_books *l, uint32_t host, const nf_limits *limits, uint32_t cap,
                    uint32_t *count);

#endif
