/* How many guests of several kinds fit on each host, arriving in turns? */
#include <math.h>

#include "fit.h"
#include "host_copy.h"

typedef struct desk {
    void *copy;
    nf_scratch scratch;
    nf_placement out;
    uint8_t *gone; /* [request]: refused before */
} desk;

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Room for the largest of the requests; false: one of them makes no sense. */
static bool lay_out(desk *d, const nf_fleet *f, const nf_arrival *kinds, uint32_t n, nf_arena *a) {
    size_t cells = 0, slots = 0, draws = 0, bytes = 0;
    for (uint32_t k = 0; k < n; k++) {
        const nf_request *r = kinds[k].request;
        size_t own = nf_fit_bytes(f, r);
        if (!own) return false;
        bytes = most(bytes, own);
        cells = most(cells, r->n_cells);
        slots = most(slots, nf_max_slots(r));
        draws = most(draws, nf_max_draws(f, r));
    }
    d->copy = nf_carve(a, 1, nf_host_copy_size(f, false));
    d->scratch = (nf_scratch){nf_carve(a, 1, bytes), bytes};
    nf_placement_lay_out(&d->out, (uint32_t)cells, (uint32_t)slots, (uint32_t)draws, a);
    d->gone = nf_carve(a, n, sizeof *d->gone);
    return true;
}

static bool kinds_ok(const nf_arrival *kinds, uint32_t n) {
    if (!n || !kinds) return false;
    for (uint32_t k = 0; k < n; k++)
        if (!kinds[k].request || !(kinds[k].weight > 0.0) || !isfinite(kinds[k].weight))
            return false;
    return true;
}

size_t nf_mix_bytes(const nf_fleet *f, const nf_arrival *kinds, uint32_t n_kinds) {
    nf_arena a = {NULL, 0};
    desk d;
    return f && kinds_ok(kinds, n_kinds) && lay_out(&d, f, kinds, n_kinds, &a) ? a.used : 0;
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
    nf_fleet copy;
    int result = NF_OK;
    if (!nf_host_ok(f, host)) return NF_EINVAL;
    nf_host_copy_make(&copy, f, host, false, d->copy);
    memset(counts, 0, n * sizeof *counts);
    memset(d->gone, cap == 0, n);
    for (uint32_t k; (k = next_kind(kinds, n, d->gone, counts)) != NF_NONE;) {
        int status = nf_fit(&copy, 0, kinds[k].request, options, &d->scratch, &d->out, NULL);
        if (status < 0) return status;
        if (status == NF_UNDECIDED) result = status;
        /* a placement that cannot be claimed ends it, as in nova */
        if (status == NF_OK && nf_claim(&copy, 0, kinds[k].request, &d->out, NULL) == NF_OK)
            d->gone[k] = ++counts[k] == cap;
        else
            d->gone[k] = 1; /* nobody leaves: it would not fit later either */
    }
    return result;
}

nf_status nf_mix(const nf_fleet *f, const nf_hosts *hosts, const nf_arrival *kinds,
                 uint32_t n_kinds, const nf_options *options, uint32_t cap,
                 const nf_scratch *scratch, uint32_t *counts) {
    desk d;
    int result = NF_OK;
    if (!f || !kinds_ok(kinds, n_kinds)) return NF_EINVAL;
    for (uint32_t k = 0; k < n_kinds; k++) {
        int status = nf_job_check(f, kinds[k].request, options, scratch);
        if (status != NF_OK) return status;
        if (!nf_bounded(kinds[k].request)) return NF_EINVAL; /* nothing would ever run out */
    }
    if (!nf_hosts_ok(f, hosts) || (hosts->count && !counts)) return NF_EINVAL;
    if (!nf_scratch_ok(scratch, nf_mix_bytes(f, kinds, n_kinds))) return NF_ESPACE;
    nf_arena a = {scratch->memory, 0};
    if (!lay_out(&d, f, kinds, n_kinds, &a)) return NF_EINVAL;
    for (uint32_t i = 0; i < hosts->count; i++) {
        int status = mix_on(f, nf_hosts_at(hosts, i), kinds, n_kinds, options, cap, &d,
                            counts + (size_t)i * n_kinds);
        if (status < 0) return status;
        if (status != NF_OK) result = status;
    }
    return result;
}
