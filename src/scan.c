/* Which hosts can take the guest? */
#include "job.h"

/* One guest cell, or several that are alike, and nothing that ties them to each other: a host will
 * do if enough of its cells do. */
static bool cells_suffice(const nf_fleet *f, uint32_t host, const nf_want *w, uint32_t n,
                          const nf_limits *limits) {
    uint32_t last = f->host_first_cell[host + 1];
    for (uint32_t cell = f->host_first_cell[host]; cell < last && n; cell++)
        n -= nf_pair(f, cell, w, limits, NULL) == NF_OK;
    return !n;
}

static bool all_alike(const nf_request *r) {
    if (r->n_nets || r->n_pci || !r->n_cells || (r->emulator_isolated && r->n_cells > 1))
        return false;
    for (uint32_t g = 1; g < r->n_cells; g++)
        if (memcmp(&r->cells[0], &r->cells[g], sizeof *r->cells)) return false;
    return true;
}

nf_status nf_scan(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                  const nf_request *request, const nf_options *options, void *workspace,
                  size_t workspace_bytes, uint8_t *fits) {
    nf_job j;
    int result = NF_OK;
    if (count && !fits) return NF_EINVAL;
    int status = nf_job_check(f, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    bool alike = all_alike(request);
    nf_want want;
    if (alike) nf_want_from(f, &request->cells[0], request->emulator_isolated, &want);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = hosts ? hosts[i] : first + i;
        if (host >= f->n_hosts) return NF_EINVAL;
        if (alike) {
            nf_limits limits = nf_limits_for(f, host, options);
            fits[i] = cells_suffice(f, host, &want, request->n_cells, &limits);
            continue;
        }
        nf_job_start(&j, f, host, request, options, NULL);
        nf_job_prepare(&j, workspace);
        status = nf_job_assign(&j);
        if (status == NF_UNDECIDED) result = status;
        fits[i] = status == NF_OK;
    }
    return result;
}
