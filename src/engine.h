/* What the rooms of the engine share: a guest made ready to be compared, and the search. */
#ifndef NF_ENGINE_H
#define NF_ENGINE_H

#include "arena.h"
#include "bits.h"
#include "cell.h"
#include "columns.h"
#include "numafit/numafit.h"
#include "pci_reach.h"

static inline int nf_refuse(nf_reason *why, int status, int64_t detail, int64_t wanted,
                            int64_t available) {
    if (why) {
        why->status = status;
        why->detail = (int32_t)detail;
        why->wanted = wanted;
        why->available = available;
    }
    return status;
}

static inline uint32_t nf_host_cells(const nf_fleet *f, uint32_t host) {
    return f->host_end_cell[host] - f->host_first_cell[host];
}

static inline uint32_t nf_host_pools(const nf_fleet *f, uint32_t host) {
    return f->host_end_pool[host] - f->host_first_pool[host];
}

/* Has the host become another one from one generation to the other? */
static inline bool nf_another(uint64_t now, uint64_t before) { return (now ^ before) >> 32 != 0; }

/* The next one of the same host. */
static inline uint64_t nf_next_generation(uint64_t now) {
    return (now & ~(uint64_t)UINT32_MAX) | (uint32_t)(now + 1u);
}

/* A host that was removed has no cells: who has looked at those need not ask. */
static inline bool nf_removed(const nf_fleet *f, uint32_t host) {
    return f->host_class[host] == NF_REMOVED_CLASS;
}

static inline const nf_word *nf_dedicated_mask(const nf_fleet *f, const nf_layout *layout) {
    return f->layout_words + layout->mask_at;
}

/* pin.c: which threads? Room for w->n_dedicated slots; the pair must fit. */
void nf_pin(const nf_fleet *f, uint32_t cell, const nf_cell *state, const nf_demand *w,
            uint32_t *slots, int32_t *reserved);

/* order.c: in which order are a host's cells looked at? order: room for n of them. */
typedef struct nf_ordering {
    bool shares;         /* guest cell 0 does not pin */
    bool pack;
    bool wants_devices;
} nf_ordering;
nf_ordering nf_ordering_of(const nf_request *r, const nf_options *options);
void nf_order(const nf_cell *cells, uint32_t n, const nf_ordering *by, uint32_t *order);

/* assign.c: which guest cell goes to which place in the order? */
typedef struct nf_search nf_search;
/* Asked after each step, with the places of the first depth guests in search->place: may the
 * search go on from here, or, with all of them decided, is this the answer? */
typedef bool (*nf_accept)(void *context, const nf_search *search, uint32_t depth);

struct nf_search {
    uint32_t n_places, n_guests, words, n_classes, n_hits, max_groups;
    int64_t *budget;         /* steps left; below zero: undecided */
    uint32_t *class_of;      /* [guest]: guests of a class are alike */
    nf_word *rows;           /* [class][word]: places where the class fits */
    nf_word *hits;           /* [hit][word]: sets of which one place must be chosen */
    nf_word *forced;         /* [word]: places that must be chosen */
    uint32_t *place;         /* [guest]: the answer, in the caller's memory */
    nf_word *chosen;         /* [word]: the places of the guests decided so far */
    nf_accept accept;        /* NULL: all will do */
    void *context;

    /* a matching of all guests that agrees with what is decided */
    uint32_t *guest_at, *place_at, *saved_guest, *saved_place, *last_of_class;
    nf_word *open;           /* [class][word]: rows less what is decided */
    nf_word *seen, *union_open;
    uint32_t *parent, *queue;

    /* hitting sets: groups of hits that one place serves */
    nf_word *want_mask;      /* [hit][word]: hits still to serve, the smallest first */
    nf_word *group_mask;     /* [group][word] */
    uint32_t *group_place, *place_group, *place_guest, *guest_place;
    uint32_t *saves;         /* a snapshot of the four per open hit */
    nf_word *mask_saves;
    nf_word *seen_flow;
    uint32_t *flow_parent, *flow_queue;
};

void nf_search_lay_out(nf_search *s, uint32_t places, uint32_t guests, uint32_t hits, nf_arena *a);
int nf_assign(nf_search *s, uint32_t *matched);

/*
 * net.c: which cells are near the guest's networks? A guest is near a network if one of its cells is
 * (NF_NETS_ANY), or if it takes all the cells that are (NF_NETS_ALL); a network that no cell of the
 * host is near sets no condition. For a guest of one cell that is a matter of bits: those wanted
 * that it misses, where its cell is near mine, and any of the host's others near theirs.
 */
static inline nf_word nf_missed(nf_word wanted, nf_word mine, nf_word theirs, uint32_t affinity) {
    return wanted & theirs & ~(affinity == NF_NETS_ALL ? 0 : mine);
}
/* The same of one cell of the host, for a word of network bits. */
nf_word nf_missed_networks(const nf_fleet *f, uint32_t host, uint32_t word, nf_word wanted,
                           uint32_t cell, uint32_t affinity);
/* For a search, as sets of places of which one must be chosen or all of them. Fills s->hits and s->forced
 * for the networks from first to last. */
void nf_near(const nf_fleet *f, uint32_t host, const nf_request *request, uint32_t affinity,
             const uint32_t *order, uint32_t first, uint32_t last, nf_search *s);

/* closest.c: the choice of cells with the smallest distances between them. */
typedef struct nf_closest {
    const int32_t *distance; /* [cell][cell] of the host */
    uint32_t n_cells, first_cell;
    const uint32_t *order;
    int64_t least;           /* the smallest that a pair can add */
    int64_t best;            /* smallest sum found */
    uint32_t *best_place;    /* [guest] */
    bool found;
    nf_accept also;          /* a further condition; NULL: none */
    void *context;
} nf_closest;
int nf_assign_closest(nf_search *s, nf_closest *near, uint32_t *matched);

/* pci.c: are there devices, near enough to the chosen cells? */
typedef struct nf_pci_job {
    const nf_fleet *f;
    const nf_request *request;
    uint32_t host, first_pool, n_pools, first_cell, n_cells;
    bool exact, anywhere;  /* anywhere: no guest topology, so nodes do not matter */
    bool sockets_known;
    bool families;         /* some pools belong to a known PF */
    bool excluding;        /* a PF and its VFs exclude each other, as on the compute node */
    nf_word *near;         /* cells of the host that are chosen */
    nf_word *near_socket;  /* cells whose socket holds a chosen one */
    int32_t *left;         /* [pool]: devices not yet taken */
    nf_draw *draws;
    uint32_t n_draws, draws_size;
    bool overrun;          /* there was a draw too many: the answer is NF_ESPACE */
    bool served;           /* draws are those of the cells chosen last */
    int64_t *budget;
    /* pci_exact.c */
    int32_t *flow;         /* [request][pool] */
    uint8_t *closed;       /* [pool]: shut by others of its family */
    uint32_t *parent, *queue;
    uint32_t *settled;     /* [level]: a pool of the family of which one kind is kept */
    uint8_t *kept;         /* [level]: that kind, by its place in the order of trying */
    /* pci_bound.c */
    int64_t *gains;        /* [cell] */
    nf_word alone;         /* requests that no earlier one can take matching devices from */
    nf_word stuck;         /* requests that will not look beyond the guest's own cells */
    bool remembers;        /* failed is in use */
    nf_word *failed;       /* sets of cells that were refused: a small table */
} nf_pci_job;

void nf_pci_lay_out(nf_pci_job *p, const nf_fleet *f, const nf_request *request, uint32_t cells,
                    nf_arena *a);
/* Set up all that is not laid out. */
void nf_pci_start(nf_pci_job *p, const nf_fleet *f, uint32_t host, const nf_request *request,
                  bool exact, int64_t *budget);
/* The guest takes these cells (indices in the fleet). */
void nf_pci_choose(nf_pci_job *p, const uint32_t *cells, uint32_t n_cells);
bool nf_pci_serve(nf_pci_job *p);
/* Can the pools serve this one request for a guest on this one cell (its number in the host;
 * NF_NONE: for a guest that takes all cells)? The answer of nf_pci_serve() for a request without
 * providers that does not mix (below), with nothing laid out or taken. */
bool nf_pci_serves_one(const nf_fleet *f, uint32_t host, const nf_pci_request *q, uint32_t cell);
/* May the request take devices of the host at once that exclude each other? */
bool nf_pci_mixes(const nf_fleet *f, uint32_t host, const nf_pci_request *q);
/* Write down a draw, pool by its number in the host; false: there is no room, and p->overrun. */
bool nf_pci_note(nf_pci_job *p, uint32_t r, uint32_t pool, uint32_t count);
/* Placement's allocation can only be followed where no provider stands behind two pools. */
bool nf_pci_providers_distinct(const nf_pci_job *p);
/* Where is a pool, by its number in the host, seen from the chosen cells? */
static inline nf_where nf_pci_where(const nf_pci_job *p, uint32_t pool) {
    int32_t cell = p->f->pool_cell[p->first_pool + pool];
    if (cell < 0) return cell == NF_POOL_ANYWHERE ? NF_AT_UNKNOWN : NF_AT_OTHER;
    if (nf_bit_get(p->near, (uint32_t)cell)) return NF_AT_CELL;
    return nf_bit_get(p->near_socket, (uint32_t)cell) ? NF_AT_SOCKET : NF_AT_OTHER;
}
/* All that request r's policy allows. */
static inline nf_reach nf_pci_widest(const nf_pci_job *p, uint32_t r) {
    return p->anywhere ? NF_REACH_ALL
                       : nf_widest_reach(p->request->pci[r].policy, p->sockets_known);
}
/* May request r take from this pool, wherever it is? matching: before unrequested PFs and the
 * like are left out. */
static inline bool nf_pci_takes(const nf_pci_job *p, uint32_t r, uint32_t pool, bool matching) {
    const nf_pci_request *q = &p->request->pci[r];
    uint32_t class = p->f->pool_class[p->first_pool + pool];
    return nf_bit_get(matching ? q->matches : q->usable, class);
}

/* Sets of cells that were refused before; only where one word holds a host's cells. */
bool nf_pci_failed_before(const nf_pci_job *p);
void nf_pci_remember_failure(nf_pci_job *p);

/* pci_exact.c: an allocation whenever there is one. */
bool nf_pci_serve_exactly(nf_pci_job *p);

/* pci_bound.c: can it be served at best? open: cells that may still be chosen, up to more of them.
 * wanted and best (may be NULL) get the quantities of the first request that cannot. */
bool nf_pci_hopeful(nf_pci_job *p, nf_word requests, const nf_word *open, uint32_t more,
                    int64_t *wanted, int64_t *best);
/* Note which requests are alone, and, for the cells chosen now, which are stuck. */
void nf_pci_find_alone(nf_pci_job *p);
void nf_pci_find_stuck(nf_pci_job *p);
/* The cells of which one must be chosen for request r; false: any choice may do. */
bool nf_pci_needs(const nf_pci_job *p, uint32_t r, nf_word *cells);

/* claim.c: take or give back; undo: what was there a moment ago, so memory is not checked. */
nf_status nf_turn(const nf_fleet *f, uint32_t host, const nf_request *r, const nf_placement *p,
                  bool take, bool undo, nf_reason *why);

/* hitting.c: can the open guests also meet every set that has not been met? */
bool nf_can_hit(nf_search *s);

#endif
