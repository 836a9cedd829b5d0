/*
 * Are there devices, near enough to the chosen cells? As nova decides: request after request, each
 * taking from the pools in their order what its NUMA policy leaves, none taken back.
 */
#include "engine.h"

static nf_reach reach_of(const nf_pci_job *p, uint32_t r) {
    nf_reach widest = nf_pci_widest(p, r);
    int64_t near = 0, unknown = 0;
    if (p->anywhere || widest == NF_REACH_CELLS) return widest;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        if (p->left[i] <= 0 || !nf_pci_takes(p, r, i, true)) continue;
        nf_where where = nf_pci_where(p, i);
        if (where == NF_AT_CELL) near += p->left[i];
        if (where == NF_AT_UNKNOWN) unknown += p->left[i];
    }
    return nf_looks(widest, p->request->pci[r].count, near, near + unknown);
}

static bool usable(const nf_pci_job *p, uint32_t r, uint32_t pool, nf_reach reach) {
    const nf_pci_request *q = &p->request->pci[r];
    if (p->left[pool] == NF_POOL_GONE || !nf_pci_takes(p, r, pool, false)) return false;
    if (reach != NF_REACH_ALL && !nf_within(reach, nf_pci_where(p, pool))) return false;
    if (!q->n_providers) return true;
    uint32_t wanted = nf_provided(q, p->f->pool_provider[p->first_pool + pool]);
    return wanted && p->left[pool] >= (int64_t)wanted;
}

bool nf_pci_providers_distinct(const nf_pci_job *p) {
    const uint32_t *provider = p->f->pool_provider + p->first_pool;
    for (uint32_t i = 0; i < p->n_pools; i++)
        for (uint32_t j = 0; provider[i] && j < i; j++)
            if (provider[i] == provider[j] && p->left[i] != NF_POOL_GONE &&
                p->left[j] != NF_POOL_GONE)
                return false;
    return true;
}

bool nf_pci_note(nf_pci_job *p, uint32_t r, uint32_t pool, uint32_t count) {
    if (p->n_draws == p->draws_size) {
        p->overrun = true;
        return false;
    }
    p->draws[p->n_draws++] = (nf_draw){r, p->first_pool + pool, count};
    return true;
}

/* What request r has drawn from takes what it excludes out of sight of those that follow. */
static void exclude_kin(nf_pci_job *p, uint32_t r) {
    for (uint32_t d = p->n_draws; d-- && p->draws[d].request == r;)
        for (uint32_t i = 0; i < p->n_pools; i++)
            if (nf_pools_exclude(p->f, p->first_pool + i, p->draws[d].pool))
                p->left[i] = NF_POOL_GONE;
}

/* Is the pool shut by what request r has drawn so far? Nova's compute node fails at that pool. */
static bool shut_by_itself(const nf_pci_job *p, uint32_t r, uint32_t pool) {
    if (!p->excluding) return false;
    for (uint32_t d = p->n_draws; d-- && p->draws[d].request == r;)
        if (nf_pools_exclude(p->f, p->first_pool + pool, p->draws[d].pool)) return true;
    return false;
}

static bool draw(nf_pci_job *p, uint32_t r, uint32_t pool, uint32_t count) {
    if (shut_by_itself(p, r, pool)) return false;
    p->left[pool] -= (int32_t)count;
    if (!p->left[pool]) p->left[pool] = NF_POOL_GONE; /* nova drops a pool that is used up */
    if (!count) return true;
    return nf_pci_note(p, r, pool, count);
}

static bool take_in_order(nf_pci_job *p, uint32_t r, nf_reach reach) {
    uint32_t want = p->request->pci[r].count;
    /* with the whole host in reach, pools near the guest or of unknown node still come first */
    for (int pass = reach == NF_REACH_ALL && !p->anywhere ? 0 : 1; pass < 2; pass++)
        for (uint32_t i = 0; i < p->n_pools; i++) {
            if (!usable(p, r, i, pass ? reach : NF_REACH_UNKNOWN)) continue;
            uint32_t here = (uint32_t)p->left[i] < want ? (uint32_t)p->left[i] : want;
            if (!draw(p, r, i, here)) return false;
            want -= here;
            if (!want) return true;
        }
    return false;
}

/* What placement allocated is taken, though it be more or less than the count: as nova does. */
static bool take_provided(nf_pci_job *p, uint32_t r, nf_reach reach) {
    const uint32_t *provider = p->f->pool_provider + p->first_pool;
    if (!nf_pci_providers_distinct(p)) return false;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (usable(p, r, i, reach) &&
            !draw(p, r, i, nf_provided(&p->request->pci[r], provider[i])))
            return false;
    return true;
}

static bool serve_one(nf_pci_job *p, uint32_t r) {
    const nf_pci_request *q = &p->request->pci[r];
    nf_reach reach = reach_of(p, r);
    int64_t sum = 0;
    bool any = false;
    for (uint32_t i = 0; i < p->n_pools; i++)
        if (usable(p, r, i, reach)) {
            sum += p->left[i];
            any = true;
        }
    /* a request for no devices still wants a pool that could give them */
    if (!any || sum < q->count) return false;
    if (!(q->n_providers ? take_provided(p, r, reach) : take_in_order(p, r, reach))) return false;
    if (p->excluding) exclude_kin(p, r);
    return true;
}

/* Devices at one nearness: those that match, those that may be taken, and whether a pool could. */
typedef struct shelf {
    int64_t matching, usable;
    bool any;
} shelf;

static bool sockets_known(const nf_fleet *f, uint32_t host) {
    for (uint32_t c = f->host_first_cell[host]; c < f->host_end_cell[host]; c++)
        if (f->cell_socket[c] < 0) return false;
    return true;
}

static bool one_socket(const nf_fleet *f, uint32_t host, uint32_t a, uint32_t b) {
    const int32_t *socket = f->cell_socket + f->host_first_cell[host];
    return socket[a] == socket[b];
}

bool nf_pci_mixes(const nf_fleet *f, uint32_t host, const nf_pci_request *q) {
    uint32_t first = f->host_first_pool[host], last = f->host_end_pool[host], kinds = 0;
    if (q->count < 2) return false;
    for (uint32_t p = first; p < last; p++)
        if (f->pool_family[p] && nf_bit_get(q->usable, f->pool_class[p]))
            kinds |= 1u << (f->pool_kind[p] & 31u);
    if (!(kinds & (kinds - 1u))) return false; /* most requests name their kind */
    for (uint32_t a = first; a < last; a++)
        for (uint32_t b = first; b < a; b++)
            if (nf_pools_exclude(f, a, b) && nf_bit_get(q->usable, f->pool_class[a]) &&
                nf_bit_get(q->usable, f->pool_class[b]))
                return true;
    return false;
}

bool nf_pci_serves_one(const nf_fleet *f, uint32_t host, const nf_pci_request *q, uint32_t cell) {
    shelf at[NF_AT_OTHER + 1] = {{0, 0, false}};
    bool everywhere = cell == NF_NONE, by_socket = q->policy == NF_PCI_SOCKET;
    nf_reach widest = nf_widest_reach(q->policy, by_socket && sockets_known(f, host));
    for (uint32_t p = f->host_first_pool[host]; p < f->host_end_pool[host]; p++) {
        uint32_t class = f->pool_class[p];
        int32_t node = f->pool_cell[p], count = f->pool_count[p];
        nf_where where = NF_AT_OTHER;
        if (!nf_bit_get(q->matches, class) || count == NF_POOL_GONE) continue;
        if (node < 0)
            where = node == NF_POOL_ANYWHERE ? NF_AT_UNKNOWN : NF_AT_OTHER;
        else if (everywhere || node == (int32_t)cell)
            where = NF_AT_CELL;
        else if (by_socket && one_socket(f, host, cell, (uint32_t)node))
            where = NF_AT_SOCKET;
        at[where].matching += count;
        if (!nf_bit_get(q->usable, class)) continue;
        at[where].usable += count;
        at[where].any = true;
        if (where == NF_AT_CELL && at[where].usable >= q->count) return true;
    }
    int64_t near = at[NF_AT_CELL].matching, there = 0;
    nf_reach reach = nf_looks(widest, q->count, near, near + at[NF_AT_UNKNOWN].matching);
    bool any = false;
    for (nf_where where = NF_AT_CELL; where <= NF_AT_OTHER; where++) {
        if (!nf_within(reach, where)) continue;
        there += at[where].usable;
        any |= at[where].any;
    }
    return any && there >= q->count;
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
 * again, with those of a family excluding each other. */
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

/* A request draws on a pool once. Each of its draws takes a device at least that it counts, or, if
 * placement allocated devices, all that come from one provider: of these there may be more. */
static uint32_t most_draws(const nf_fleet *f, const nf_pci_request *q) {
    uint32_t most = q->count > q->n_providers ? q->count : q->n_providers;
    return most < f->max_pools ? most : f->max_pools;
}

uint32_t nf_max_draws(const nf_fleet *f, const nf_request *request) {
    uint64_t most = 0;
    if (!f || !request || request->n_pci > NF_MAX_PCI || (request->n_pci && !request->pci))
        return 0;
    for (uint32_t r = 0; r < request->n_pci; r++) most += most_draws(f, &request->pci[r]);
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
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
    p->settled = nf_carve(a, pools, sizeof *p->settled);
    p->kept = nf_carve(a, pools, sizeof *p->kept);
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
    p->n_pools = nf_host_pools(f, host);
    p->first_cell = first_cell;
    p->n_cells = cells;
    p->exact = exact;
    p->anywhere = !request->n_cells;
    p->sockets_known = sockets_known(f, host);
    p->families = p->excluding = p->served = p->remembers = p->overrun = false;
    p->n_draws = 0;
    p->alone = p->stuck = 0;
    p->budget = budget;
    for (uint32_t i = 0; i < p->n_pools && !p->families; i++)
        p->families = f->pool_family[p->first_pool + i] != 0;
}
