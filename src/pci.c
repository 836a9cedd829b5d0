/*
 * Are there devices, near enough to the chosen cells? As nova decides: request after request, each
 * taking from the pools in their order what its NUMA policy leaves, none taken back.
 */
#include "engine.h"

/* How far a pool may be from the chosen cells. */
typedef enum reach { NEAR, NEAR_OR_UNKNOWN, NEAR_SOCKET, FAR } reach;

static inline bool within(const nf_pci_job *p, uint32_t pool, reach reach) {
    int32_t cell = p->f->pool_cell[p->first_pool + pool];
    if (p->anywhere || reach == FAR) return true;
    if (cell == NF_POOL_ANYWHERE) return reach == NEAR_OR_UNKNOWN;
    if (cell < 0) return false;
    return nf_bit_get(reach == NEAR_SOCKET ? p->near_socket : p->near, (uint32_t)cell);
}

/* Free devices that match the request's specs within reach, PFs that it may not take included:
 * that is what nova counts when it decides how far to look. */
static int64_t matching(const nf_pci_job *p, uint32_t r, reach reach) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (p->left[i] > 0 && nf_pci_takes(p, r, i, true) && within(p, i, reach)) sum += p->left[i];
    return sum;
}

/* Nova looks no further than it must for enough matching devices, nor than the policy allows. */
static bool reach_of(const nf_pci_job *p, uint32_t r, reach *reach) {
    const nf_pci_request *q = &p->request->pci[r];
    *reach = NEAR;
    if (p->anywhere || q->policy == NF_PCI_REQUIRED || matching(p, r, NEAR) >= q->count)
        return true;
    if (q->policy == NF_PCI_SOCKET) {
        *reach = NEAR_SOCKET;
        return p->sockets_known;
    }
    *reach = NEAR_OR_UNKNOWN;
    if (q->policy == NF_PCI_LEGACY || matching(p, r, NEAR_OR_UNKNOWN) >= q->count) return true;
    *reach = FAR;
    return true;
}

static uint32_t provided(const nf_pci_request *q, uint32_t provider) {
    for (uint32_t i = 0; i < q->n_providers; i++)
        if (provider && q->providers[i].provider == provider) return q->providers[i].count;
    return 0;
}

static bool usable(const nf_pci_job *p, uint32_t r, uint32_t pool, reach reach) {
    const nf_pci_request *q = &p->request->pci[r];
    if (p->left[pool] == NF_POOL_GONE || !nf_pci_takes(p, r, pool, false)) return false;
    if (!within(p, pool, reach)) return false;
    if (!q->n_providers) return true;
    uint32_t wanted = provided(q, p->f->pool_provider[p->first_pool + pool]);
    return wanted && p->left[pool] >= (int64_t)wanted;
}

/* Placement's allocation can only be followed where no provider stands behind two pools. */
static bool providers_distinct(const nf_pci_job *p) {
    const uint32_t *provider = p->f->pool_provider + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++)
        for (uint32_t j = 0; j < i; j++)
            if (provider[i] && provider[i] == provider[j] && p->left[i] != NF_POOL_GONE &&
                p->left[j] != NF_POOL_GONE)
                return false;
    return true;
}

/* A PF and its VFs exclude each other: what is drawn from takes the others out of sight. */
static void exclude_kin(nf_pci_job *p, uint32_t pool) {
    const uint32_t *family = p->f->pool_family + p->first_pool;
    const uint32_t *kind = p->f->pool_kind + p->first_pool;
    for (uint32_t i = 0; family[pool] && i < p->n_pools; i++)
        if (family[i] == family[pool] && kind[i] != kind[pool]) p->left[i] = NF_POOL_GONE;
}

static void draw(nf_pci_job *p, uint32_t r, uint32_t pool, uint32_t count) {
    p->left[pool] -= (int32_t)count;
    if (!p->left[pool]) p->left[pool] = NF_POOL_GONE; /* nova drops a pool that is used up */
    if (count && p->excluding) exclude_kin(p, pool);
    if (count) p->draws[p->n_draws++] = (nf_draw){r, p->first_pool + pool, count};
}

static bool take_in_order(nf_pci_job *p, uint32_t r, reach reach) {
    uint32_t want = p->request->pci[r].count;
    /* with the whole host in reach, pools near the guest or of unknown node still come first */
    for (int pass = reach == FAR && !p->anywhere ? 0 : 1; pass < 2; pass++)
        for (uint32_t i = 0; i < p->n_pools; i++) {
            if (!usable(p, r, i, pass ? reach : NEAR_OR_UNKNOWN)) continue;
            uint32_t here = (uint32_t)p->left[i] < want ? (uint32_t)p->left[i] : want;
            draw(p, r, i, here);
            want -= here;
            if (!want) return true;
        }
    return false; /* it wanted a PF and its VFs */
}

static bool serve_one(nf_pci_job *p, uint32_t r) {
    const nf_pci_request *q = &p->request->pci[r];
    reach reach;
    if (!reach_of(p, r, &reach)) return false;
    int64_t sum = 0;
    bool any = false;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (usable(p, r, i, reach)) {
            sum += p->left[i];
            any = true;
        }
    /* a request for no devices still wants a pool that could give them */
    if (!any || sum < q->count) return false;
    if (!q->n_providers) return take_in_order(p, r, reach);
    if (!providers_distinct(p)) return false;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (usable(p, r, i, reach))
            draw(p, r, i, provided(q, p->f->pool_provider[p->first_pool + i]));
    return true;
}

/* Devices within one reach: those that match, those that may be taken, and whether a pool could. */
typedef struct shelf {
    int64_t matching, usable;
    bool any;
} shelf;

static void add(shelf *s, int32_t count, bool usable) {
    s->matching += count > 0 ? count : 0;
    if (!usable || count == NF_POOL_GONE) return;
    s->usable += count;
    s->any = true;
}

static bool enough(const shelf *s, uint32_t count) { return s->any && s->usable >= count; }

static bool sockets_known(const nf_fleet *f, uint32_t host) {
    for (uint32_t c = f->host_first_cell[host]; c < f->host_first_cell[host + 1]; c++)
        if (f->cell_socket[c] < 0) return false; /* one unknown socket and nova knows none */
    return true;
}

static bool one_socket(const nf_fleet *f, uint32_t host, uint32_t a, uint32_t b) {
    const int32_t *socket = f->cell_socket + f->host_first_cell[host];
    return socket[a] == socket[b];
}

bool nf_pci_mixes(const nf_fleet *f, const nf_pci_request *q) {
    uint32_t last = q->count > 1 ? f->host_first_pool[f->n_hosts] : 0;
    bool pf = false, vf = false;
    for (uint32_t p = 0; p < last && !(pf && vf); p++) {
        if (!f->pool_family[p] || !nf_bit_get(q->usable, f->pool_class[p])) continue;
        pf |= f->pool_kind[p] == NF_KIND_PF;
        vf |= f->pool_kind[p] == NF_KIND_VF;
    }
    return pf && vf;
}

bool nf_pci_serves_one(const nf_fleet *f, uint32_t host, const nf_pci_request *q, uint32_t cell) {
    shelf near = {0, 0, false}, known = near, socket = near, all = near;
    bool everywhere = cell == NF_NONE;
    bool by_socket = q->policy == NF_PCI_SOCKET && sockets_known(f, host);
    for (uint32_t p = f->host_first_pool[host]; p < f->host_first_pool[host + 1]; p++) {
        uint32_t class = f->pool_class[p];
        if (!nf_bit_get(q->matches, class)) continue;
        bool usable = nf_bit_get(q->usable, class);
        int32_t at = f->pool_cell[p], count = f->pool_count[p];
        bool here = at >= 0 && (everywhere || at == (int32_t)cell);
        add(&all, count, usable);
        if (here) add(&near, count, usable);
        if (here && enough(&near, q->count)) return true; /* nova looks no further */
        if (here || at == NF_POOL_ANYWHERE) add(&known, count, usable);
        if (by_socket && (here || (at >= 0 && one_socket(f, host, cell, (uint32_t)at))))
            add(&socket, count, usable);
    }
    if (q->policy == NF_PCI_REQUIRED || near.matching >= q->count) return false;
    if (q->policy == NF_PCI_SOCKET) return enough(&socket, q->count);
    if (q->policy == NF_PCI_LEGACY || known.matching >= q->count) return enough(&known, q->count);
    return enough(&all, q->count);
}

static bool serve_in_order(nf_pci_job *p, bool excluding) {
    const int32_t *count = p->f->pool_count + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++) p->left[i] = count[i];
    p->n_draws = 0;
    p->excluding = excluding;
    for (uint32_t r = 0; r < p->request->n_pci; r++)
        if (!serve_one(p, r)) return false;
    return true;
}

/* Nova's scheduler decides from counts alone; where devices are known, its compute node decides
 * again, with a PF and its VFs excluding each other. */
bool nf_pci_serve(nf_pci_job *p) {
    p->n_draws = 0;
    p->served = true;
    if (p->exact) return nf_pci_serve_exactly(p);
    return serve_in_order(p, false) && (!p->families || serve_in_order(p, true));
}

void nf_pci_choose(nf_pci_job *p, const uint32_t *cells, uint32_t n_cells) {
    uint32_t words = nf_words_for(p->n_cells);
    p->served = false;
    nf_mask_zero(p->near, words);
    nf_mask_zero(p->near_socket, words);
    const int32_t *socket = p->f->cell_socket + p->first_cell;
    for (uint32_t i = 0; i < n_cells; i++) {
        uint32_t chosen = cells[i] - p->first_cell;
        nf_bit_set(p->near, chosen);
        for (uint32_t c = 0; p->sockets_known && c < p->n_cells; c++)
            if (socket[c] == socket[chosen]) nf_bit_set(p->near_socket, c);
    }
}

#define FAILED_ENTRIES 256u

static nf_word *memo_of(const nf_pci_job *p) {
    return &p->failed[((p->near[0] + 1) * 0x9E3779B97F4A7C15u) >> 56];
}

bool nf_pci_failed_before(const nf_pci_job *p) {
    return p->remembers && *memo_of(p) == p->near[0] + 1;
}

void nf_pci_remember_failure(nf_pci_job *p) {
    if (p->n_cells >= NF_WORD_BITS) return;
    if (!p->remembers) nf_mask_zero(p->failed, FAILED_ENTRIES);
    p->remembers = true;
    *memo_of(p) = p->near[0] + 1;
}

uint32_t nf_max_draws(const nf_fleet *f, const nf_request *request) {
    uint64_t most = 0;
    if (!f || !request || (request->n_pci && !request->pci)) return 0;
    for (uint32_t r = 0; r < request->n_pci; r++) {
        uint32_t count = request->pci[r].count;
        most += count < f->max_pools ? count : f->max_pools;
    }
    return (uint32_t)most;
}

void nf_pci_lay_out(nf_pci_job *p, const nf_fleet *f, const nf_request *request, uint32_t cells,
                    nf_arena *a) {
    uint32_t words = nf_words_for(cells), pools = f->max_pools, requests = request->n_pci;
    if (!requests) return;
    p->near = nf_carve(a, words, sizeof *p->near);
    p->near_socket = nf_carve(a, words, sizeof *p->near_socket);
    p->left = nf_carve(a, pools, sizeof *p->left);
    p->draws_size = nf_max_draws(f, request);
    p->draws = nf_carve(a, p->draws_size, sizeof *p->draws);
    p->flow = nf_carve(a, (size_t)requests * pools, sizeof *p->flow);
    p->closed = nf_carve(a, pools, sizeof *p->closed);
    p->parent = nf_carve(a, (size_t)requests + pools, sizeof *p->parent);
    p->queue = nf_carve(a, (size_t)requests + pools, sizeof *p->queue);
    p->gains = nf_carve(a, cells, sizeof *p->gains);
    p->failed = nf_carve(a, FAILED_ENTRIES, sizeof *p->failed);
}

void nf_pci_start(nf_pci_job *p, const nf_fleet *f, uint32_t host, const nf_request *request,
                  bool exact, int64_t *budget) {
    uint32_t first_cell = f->host_first_cell[host], cells = nf_host_cells(f, host);
    p->f = f;
    p->request = request;
    p->host = host;
    p->first_pool = f->host_first_pool[host];
    p->n_pools = f->host_first_pool[host + 1] - p->first_pool;
    p->first_cell = first_cell;
    p->n_cells = cells;
    p->exact = exact;
    p->anywhere = !request->n_cells;
    p->sockets_known = true;
    p->families = p->excluding = p->served = p->remembers = false;
    p->n_draws = 0;
    p->alone = p->stuck = 0;
    p->budget = budget;
    for (uint32_t c = 0; c < cells; c++)
        if (f->cell_socket[first_cell + c] < 0) p->sockets_known = false;
    for (uint32_t i = 0; i < p->n_pools && !p->families; i++)
        p->families = f->pool_family[p->first_pool + i] != 0;
}
