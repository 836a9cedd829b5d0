/* What does a guest cell ask of a host cell, and under which limits? */
#include "demand.h"

#include <math.h>
#include <string.h>

void nf_demand_of(const nf_fleet *f, const nf_request *r, uint32_t g, nf_demand *w) {
    const nf_guest_cell *cell = &r->cells[g];
    *w = (nf_demand){
        .memory = cell->memory,
        .kib = cell->memory * 1024,
        .page_kib = cell->page_kib,
        .page_class = NF_NONE,
        .n_shared = cell->n_shared,
        .n_dedicated = cell->n_dedicated,
        .reserved = nf_isolates(r, g) ? 1u : 0u,
        .threads = cell->threads,
        .pins = nf_pins(cell),
        .shares = cell->policy != NF_POLICY_DEDICATED,
    };
    for (uint32_t s = 0; s < f->n_page_sizes; s++) {
        if (f->page_kib[s] == cell->page_kib) w->page_class = s;
        if (w->kib % f->page_kib[s] == 0) w->whole_pages |= 1u << s;
    }
}

bool nf_alike(const nf_request *r, uint32_t a, uint32_t b) {
    return nf_isolates(r, a) == nf_isolates(r, b) &&
           !memcmp(&r->cells[a], &r->cells[b], sizeof *r->cells);
}

/* What the host does not say (NaN) sets no limit: nf_limit(). */
static double known(double ratio) { return ratio >= 0.0 ? ratio : NAN; }

nf_limits nf_limits_for(const nf_fleet *f, uint32_t host, const nf_options *options) {
    nf_limits limits = {false, 0.0, 0.0};
    if (options->limits == NF_LIMITS_GIVEN) {
        limits = (nf_limits){true, options->cpu_ratio, options->ram_ratio};
    } else if (options->limits == NF_LIMITS_HOST) {
        limits.cpu_ratio = known(f->host_cpu_ratio[host]);
        limits.ram_ratio = known(f->host_ram_ratio[host]);
        limits.on = limits.cpu_ratio >= 0.0 || limits.ram_ratio >= 0.0;
    }
    return limits;
}
