/*
 * An allocation of devices whenever there is one: a flow from requests to pools, each pool open to
 * a request as far as its NUMA policy reaches. A PF and its VFs exclude each other where the host
 * came with a device list; a flow that takes both is tried again with either of them closed.
 */
#include "engine.h"

static bool reaches(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    int32_t cell = p->f->pool_cell[p->first_pool + pool];
    uint32_t policy = p->request->pci[r].policy;
    if (p->anywhere || policy == NF_PCI_PREFERRED) return true;
    if (cell == NF_POOL_ANYWHERE) return policy == NF_PCI_LEGACY;
    if (cell < 0) return false;
    if (nf_bit_get(p->near, (uint32_t)cell)) return true;
    return policy == NF_PCI_SOCKET && p->sockets_known &&
           nf_bit_get(p->near_socket, (uint32_t)cell);
}

static bool open_to(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    const nf_pci_request *q = &p->request->pci[r];
    if (p->closed[pool] || !nf_pci_takes(p, r, pool, false) || !reaches(p, r, pool)) return false;
    if (!q->n_providers) return true;
    for (uint32_t i = 0; i < q->n_providers; i++)
        if (q->providers[i].provider == p->f->pool_provider[p->first_pool + pool]) return true;
    return false;
}

/* How much of a pool request r may take in all: placement's allocation names the number. */
static int32_t room_for(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    const nf_pci_request *q = &p->request->pci[r];
    for (uint32_t i = 0; i < q->n_providers; i++)
        if (q->providers[i].provider == p->f->pool_provider[p->first_pool + pool])
            return (int32_t)q->providers[i].count;
    return INT32_MAX;
}

static inline int32_t *flow_at(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    return p->flow + (size_t)r * p->n_pools + pool;
}

/* One more device for request r, others moved where that helps. Nodes: requests, then pools. */
static bool augment(nf_pci_job *p, uint32_t r) {
    uint32_t n = p->request->n_pci, head = 0, tail = 0;
    for (uint32_t i = 0; i < n + p->n_pools; i++) p->parent[i] = NF_NONE;
    p->parent[r] = r;
    p->queue[tail++] = r;
    while (head < tail) {
        uint32_t node = p->queue[head++];
        if (node < n) {
            for (uint32_t pool = 0; pool < p->n_pools; pool++) {
                if (p->parent[n + pool] != NF_NONE || !open_to(p, node, pool)) continue;
                if (*flow_at(p, node, pool) >= room_for(p, node, pool)) continue;
                p->parent[n + pool] = node;
                p->queue[tail++] = n + pool;
            }
            continue;
        }
        uint32_t pool = node - n;
        if (p->left[pool] > 0) {
            p->left[pool]--;
            for (uint32_t at = node;;) { /* back along the path: + into pools, - out of them */
                uint32_t taker = p->parent[at];
                ++*flow_at(p, taker, at - n);
                if (taker == r) return true;
                at = p->parent[taker];
                --*flow_at(p, taker, at - n);
            }
        }
        for (uint32_t other = 0; other < n; other++)
            if (p->parent[other] == NF_NONE && *flow_at(p, other, pool) > 0) {
                p->parent[other] = node;
                p->queue[tail++] = other;
            }
    }
    return false;
}

static bool flow_all(nf_pci_job *p) {
    const int32_t *count = p->f->pool_count + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++) p->left[i] = count[i] > 0 ? count[i] : 0;
    memset(p->flow, 0, (size_t)p->request->n_pci * p->n_pools * sizeof *p->flow);
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        for (uint32_t k = 0; k < p->request->pci[r].count; k++) {
            if (--*p->budget < 0) return false;
            if (!augment(p, r)) return false;
        }
    return true;
}

static bool drawn(const nf_pci_job *p, uint32_t pool) {
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        if (*flow_at(p, r, pool) > 0) return true;
    return false;
}

/* A PF that is taken beside one of its own VFs; NF_NONE: all is well. */
static uint32_t conflict(const nf_pci_job *p, uint32_t *vf) {
    const uint32_t *family = p->f->pool_family + p->first_pool;
    const uint32_t *kind = p->f->pool_kind + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        if (!family[i] || kind[i] != NF_KIND_PF || !drawn(p, i)) continue;
        for (*vf = 0; *vf < p->n_pools; ++*vf)
            if (family[*vf] == family[i] && kind[*vf] == NF_KIND_VF && drawn(p, *vf)) return i;
    }
    return NF_NONE;
}

static void close_vfs(nf_pci_job *p, uint32_t pf, bool close) {
    const uint32_t *family = p->f->pool_family + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (i != pf && family[i] == family[pf]) p->closed[i] = close;
}

/* Each level closes a PF or its VFs, so the depth is at most the number of PFs. */
static bool settle(nf_pci_job *p) {
    uint32_t vf;
    if (!flow_all(p)) return false;
    uint32_t pf = conflict(p, &vf);
    if (pf == NF_NONE) return true;
    close_vfs(p, pf, true);
    if (settle(p)) return true;
    close_vfs(p, pf, false);
    p->closed[pf] = 1;
    if (settle(p)) return true;
    p->closed[pf] = 0;
    return false;
}

bool nf_pci_serve_exactly(nf_pci_job *p) {
    memset(p->closed, 0, p->n_pools);
    if (!settle(p)) return false;
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        for (uint32_t i = 0; i < p->n_pools; i++)
            if (*flow_at(p, r, i) > 0)
                p->draws[p->n_draws++] =
                    (nf_draw){r, p->first_pool + i, (uint32_t)*flow_at(p, r, i)};
    return true;
}
