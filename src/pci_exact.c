/*
 * An allocation of devices whenever there is one: a flow from requests to pools, each pool open to
 * a request as far as its NUMA policy reaches. Pools of one family exclude each other where their
 * kinds differ: a flow that takes several kinds is tried again with all kinds but one shut, one
 * kind after the other. A level of this settles a family for good, so that there are no more levels
 * than families. All work is paid for from the budget.
 */
#include "engine.h"

/* Pairs of request and pool, or of two pools, that are looked at for one step of the budget. */
#define PAIRS_A_STEP 1024u

/* The kinds in the order in which they are kept. */
static const uint32_t KINDS[] = {NF_KIND_PF, NF_KIND_VF, NF_KIND_OTHER};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static bool spend(const nf_pci_job *p, uint64_t pairs) {
    *p->budget -= 1 + (int64_t)(pairs / PAIRS_A_STEP);
    return *p->budget >= 0;
}

static uint32_t provider_of(const nf_pci_job *p, uint32_t pool) {
    return p->f->pool_provider[p->first_pool + pool];
}

static bool open_to(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    const nf_pci_request *q = &p->request->pci[r];
    if (p->closed[pool] || !nf_pci_takes(p, r, pool, false)) return false;
    if (!nf_within(nf_pci_widest(p, r), nf_pci_where(p, pool))) return false;
    return !q->n_providers || nf_provided(q, provider_of(p, pool));
}

/* How much of a pool request r may take in all: placement's allocation names the number. */
static uint32_t room_for(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    const nf_pci_request *q = &p->request->pci[r];
    uint32_t most = q->n_providers ? nf_provided(q, provider_of(p, pool)) : INT32_MAX;
    return most < INT32_MAX ? most : INT32_MAX;
}

static inline int32_t *flow_at(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    return p->flow + (size_t)r * p->n_pools + pool;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Devices along the path that was found to a pool: into pools, and out of them where another
 * request gives some up. As many as all of it can take, at most want. */
static uint32_t move(nf_pci_job *p, uint32_t r, uint32_t node, uint32_t want) {
    uint32_t n = p->request->n_pci, moved = least(want, (uint32_t)p->left[node - n]);
    for (uint32_t at = node, taker = p->parent[at];; taker = p->parent[at]) {
        moved = least(moved, room_for(p, taker, at - n) - (uint32_t)*flow_at(p, taker, at - n));
        if (taker == r) break;
        at = p->parent[taker];
        moved = least(moved, (uint32_t)*flow_at(p, taker, at - n));
    }
    p->left[node - n] -= (int32_t)moved;
    for (uint32_t at = node, taker = p->parent[at];; taker = p->parent[at]) {
        *flow_at(p, taker, at - n) += (int32_t)moved;
        if (taker == r) return moved;
        at = p->parent[taker];
        *flow_at(p, taker, at - n) -= (int32_t)moved;
    }
}

/* Up to want more devices for request r, others moved where that helps. Nodes: requests, then
 * pools. 0: there are none, or the budget has run out. */
static uint32_t augment(nf_pci_job *p, uint32_t r, uint32_t want) {
    uint32_t n = p->request->n_pci, head = 0, tail = 0;
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < n + p->n_pools; i++) p->parent[i] = NF_NONE;
    p->parent[r] = r;
    p->queue[tail++] = r;
    while (head < tail) {
        uint32_t node = p->queue[head++];
        if (node < n) {
            pairs += p->n_pools;
            for (uint32_t pool = 0; pool < p->n_pools; pool++) {
                if (p->parent[n + pool] != NF_NONE || !open_to(p, node, pool)) continue;
                if ((uint32_t)*flow_at(p, node, pool) >= room_for(p, node, pool)) continue;
                p->parent[n + pool] = node;
                p->queue[tail++] = n + pool;
            }
            continue;
        }
        if (p->left[node - n] > 0) return spend(p, pairs) ? move(p, r, node, want) : 0;
        pairs += n;
        for (uint32_t other = 0; other < n; other++)
            if (p->parent[other] == NF_NONE && *flow_at(p, other, node - n) > 0) {
                p->parent[other] = node;
                p->queue[tail++] = other;
            }
    }
    spend(p, pairs);
    return 0;
}

static int32_t free_in(const nf_pci_job *p, uint32_t pool) {
    int32_t count = p->f->pool_count[p->first_pool + pool];
    return count > 0 ? count : 0;
}

static bool flow_all(nf_pci_job *p) {
    size_t pairs = (size_t)p->request->n_pci * p->n_pools;
    if (!spend(p, pairs)) return false;
    for (uint32_t i = 0; i < p->n_pools; i++) p->left[i] = free_in(p, i);
    memset(p->flow, 0, pairs * sizeof *p->flow);
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        for (uint32_t want = p->request->pci[r].count; want;) {
            uint32_t more = augment(p, r, want);
            if (!more) return false;
            want -= more;
        }
    return true;
}

static bool drawn(const nf_pci_job *p, uint32_t pool) { return p->left[pool] < free_in(p, pool); }

/* A pool that is drawn on beside one that it excludes; NF_NONE: all is well. */
static uint32_t conflict(const nf_pci_job *p) {
    uint64_t pairs = 0;
    for (uint32_t a = 0; a < p->n_pools && p->families; a++) {
        if (!p->f->pool_family[p->first_pool + a] || !drawn(p, a)) continue;
        pairs += a;
        for (uint32_t b = 0; b < a; b++)
            if (nf_pools_exclude(p->f, p->first_pool + a, p->first_pool + b) && drawn(p, b))
                return spend(p, pairs) ? a : NF_NONE;
    }
    spend(p, pairs);
    return NF_NONE;
}

/* Keep the next kind after the tried-th of the family, of those that it has, and shut the others.
 * False: there is none, and the family is open again. */
static bool keep_next(nf_pci_job *p, uint32_t level, uint32_t tried) {
    const uint32_t *family = p->f->pool_family + p->first_pool;
    const uint32_t *kind = p->f->pool_kind + p->first_pool;
    uint32_t own = family[p->settled[level]];
    bool any = false;
    for (; tried < N_KINDS && !any; tried++)
        for (uint32_t i = 0; i < p->n_pools; i++) {
            if (family[i] != own) continue;
            p->closed[i] = kind[i] != KINDS[tried];
            any |= !p->closed[i];
        }
    p->kept[level] = (uint8_t)tried;
    for (uint32_t i = 0; i < p->n_pools && !any; i++)
        if (family[i] == own) p->closed[i] = 0;
    return any;
}

/* A flow in which nothing excludes each other. */
static bool settle(nf_pci_job *p) {
    uint32_t levels = 0;
    for (;;) {
        bool flows = flow_all(p);
        uint32_t pool = flows ? conflict(p) : NF_NONE;
        if (*p->budget < 0) return false;
        if (flows && pool == NF_NONE) return true;
        if (flows) {
            p->settled[levels] = pool;
            p->kept[levels++] = 0;
        }
        while (levels && !keep_next(p, levels - 1, p->kept[levels - 1])) levels--;
        if (!levels) return false;
    }
}

bool nf_pci_serve_exactly(nf_pci_job *p) {
    bool follows = false;
    memset(p->closed, 0, p->n_pools);
    for (uint32_t i = 0; i < p->n_pools; i++) p->left[i] = p->f->pool_count[p->first_pool + i];
    for (uint32_t r = 0; r < p->request->n_pci; r++) {
        const nf_pci_request *q = &p->request->pci[r];
        follows |= q->count && q->n_providers;
    }
    if (follows && !nf_pci_providers_distinct(p)) return false;
    if (!settle(p)) return false;
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        for (uint32_t i = 0; i < p->n_pools; i++)
            if (*flow_at(p, r, i) > 0 && !nf_pci_note(p, r, i, (uint32_t)*flow_at(p, r, i)))
                return false;
    return true;
}
