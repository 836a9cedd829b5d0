/* How many guests of several kinds fit on each host, arriving in turns? */
#include <math.h>

#include "engine.h"
#include "job.h"
#include "mirror.h"

typedef struct desk {
    void *mirror_memory, *workspace;
    size_t workspace_bytes;
    nf_placement out;
    uint8_t *gone; /* [request]: refused before */
} desk;

static size_t aligned(size_t n) { return (n + 7u) & ~(size_t)7u; }

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Room for the largest of the requests; 0: one of them makes no sense. */
static size_t lay_out(desk *d, const nf_fleet *f, const nf_arrival *kinds, uint32_t n, char *at) {
    size_t cells = 0, slots = 0, draws = 0, work = 0;
    char *start = at;
    for (uint32_t k = 0; k < n; k++) {
        const nf_request *r = kinds[k].request;
        size_t own = nf_workspace_bytes(f, r), dedicated = 0;
        if (!own) return 0;
        for (uint32_t g = 0; g < r->n_cells; g++) dedicated += r->cells[g].n_dedicated;
        work = most(work, own);
        cells = most(cells, r->n_cells);
        slots = most(slots, dedicated);
        draws = most(draws, nf_max_draws(f, r));
    }
    d->mirror_memory = at;
    at += aligned(nf_mirror_bytes(f));
    d->workspace = at;
    at += d->workspace_bytes = aligned(work);
    d->out.cells = (nf_placed_cell *)(void *)at;
    at += aligned(cells * sizeof *d->out.cells);
    d->out.slots = (uint32_t *)(void *)at;
    at += aligned(slots * sizeof *d->out.slots);
    d->out.draws = (nf_draw *)(void *)at;
    at += aligned(draws * sizeof *d->out.draws);
    d->gone = (uint8_t *)at;
    return (size_t)(at - start) + aligned(n) + 8;
}

static bool kinds_ok(const nf_arrival *kinds, uint32_t n) {
    if (!n || !kinds) return false;
    for (uint32_t k = 0; k < n; k++)
        if (!kinds[k].request || !(kinds[k].weight > 0.0) || !isfinite(kinds[k].weight))
            return false;
    return true;
}

size_t nf_mix_bytes(const nf_fleet *f, const nf_arrival *kinds, uint32_t n_kinds) {
    static char base[8];
    desk d;
    return f && kinds_ok(kinds, n_kinds) ? lay_out(&d, f, kinds, n_kinds, base) : 0;
}

/* Whose turn it is: who would be least ahead of its share by arriving; the first among equals. */
static uint32_t next_kind(const nf_arrival *kinds, uint32_t n, const uint8_t *gone,
                          const uint32_t *counts) {
    uint32_t best = NF_NONE;
    double least = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        double share = ((double)counts[k] + 1.0) / kinds[k].weight;
        if (gone[k] || (best != NF_NONE && share >= least)) continue;
        best = k;
        least = share;
    }
    return best;
}

static int mix_on(const nf_fleet *f, uint32_t host, const nf_arrival *kinds, uint32_t n,
                  const nf_options *options, uint32_t cap, desk *d, uint32_t *counts) {
    nf_mirror m;
    int result = NF_OK;
    nf_mirror_make(&m, f, host, d->mirror_memory);
    memset(counts, 0, n * sizeof *counts);
    memset(d->gone, cap == 0, n);
    for (uint32_t k; (k = next_kind(kinds, n, d->gone, counts)) != NF_NONE;) {
        int status = nf_fit(&m.fleet, 0, kinds[k].request, options, d->workspace,
                            d->workspace_bytes, &d->out, NULL);
        if (status < 0) return status;
        if (status == NF_UNDECIDED) result = status;
        /* a placement that cannot be claimed ends it, as in nova */
        if (status == NF_OK && nf_claim(&m.fleet, 0, kinds[k].request, &d->out, NULL) == NF_OK)
            d->gone[k] = ++counts[k] == cap;
        else
            d->gone[k] = 1; /* nobody leaves: it would not fit later either */
    }
    return result;
}

nf_status nf_mix(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                 const nf_arrival *kinds, uint32_t n_kinds, const nf_options *options, uint32_t cap,
                 void *workspace, size_t workspace_bytes, uint32_t *counts) {
    desk d;
    int result = NF_OK;
    if (!f || !kinds_ok(kinds, n_kinds) || (count && !counts)) return NF_EINVAL;
    for (uint32_t k = 0; k < n_kinds; k++) {
        const nf_request *r = kinds[k].request;
        int status = nf_job_check(f, r, options, workspace, workspace_bytes);
        if (status != NF_OK) return status;
        if (!r->n_cells) return NF_EINVAL; /* nothing would ever run out */
    }
    if (workspace_bytes < nf_mix_bytes(f, kinds, n_kinds)) return NF_ESPACE;
    lay_out(&d, f, kinds, n_kinds, workspace);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = hosts ? hosts[i] : first + i;
        if (host >= f->n_hosts) return NF_EINVAL;
        int status = mix_on(f, host, kinds, n_kinds, options, cap, &d,
                            counts + (size_t)i * n_kinds);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}
