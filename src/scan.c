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

/* One request, asked of host after host. */
typedef struct question {
    const nf_fleet *f;
    const nf_request *request;
    const nf_options *options;
    void *workspace;
    bool alike;
    nf_want want;
} question;

static question ask(const nf_fleet *f, const nf_request *request, const nf_options *options,
                    void *workspace) {
    question q = {.f = f, .request = request, .options = options, .workspace = workspace,
                  .alike = all_alike(request)};
    if (q.alike) nf_want_from(f, &request->cells[0], request->emulator_isolated, &q.want);
    return q;
}

static int answer(const question *q, uint32_t host) {
    nf_job j;
    if (q->alike) {
        nf_limits limits = nf_limits_for(q->f, host, q->options);
        bool fits = cells_suffice(q->f, host, &q->want, q->request->n_cells, &limits);
        return fits ? NF_OK : NF_ASSIGNMENT;
    }
    nf_job_start(&j, q->f, host, q->request, q->options, NULL);
    nf_job_prepare(&j, q->workspace);
    return nf_job_assign(&j);
}

nf_status nf_scan(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                  const nf_request *request, const nf_options *options, void *workspace,
                  size_t workspace_bytes, uint8_t *fits) {
    nf_status result = NF_OK;
    if (count && !fits) return NF_EINVAL;
    int status = nf_job_check(f, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    question q = ask(f, request, options, workspace);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = hosts ? hosts[i] : first + i;
        if (host >= f->n_hosts) return NF_EINVAL;
        status = answer(&q, host);
        if (status == NF_UNDECIDED) result = status;
        fits[i] = status == NF_OK;
    }
    return result;
}

/* What a host has left of what the guest wants: dedicated CPUs, else memory. */
static double room_left(const nf_fleet *f, uint32_t host, bool pins) {
    int64_t sum = 0;
    for (uint32_t c = f->host_first_cell[host]; c < f->host_first_cell[host + 1]; c++)
        sum += pins ? f->cell_free[c] : f->cell_memory[c] - f->cell_memory_used[c];
    return (double)sum;
}

nf_status nf_choose(const nf_fleet *f, const uint32_t *hosts, uint32_t first, uint32_t count,
                    const nf_request *request, const nf_options *options, uint32_t by,
                    const double *scores, void *workspace, size_t workspace_bytes,
                    uint32_t *best, double *best_score) {
    if (!best || !best_score || by > NF_BY_SCORE || (by == NF_BY_SCORE && !scores))
        return NF_EINVAL;
    int status = nf_job_check(f, request, options, workspace, workspace_bytes);
    if (status != NF_OK) return status;
    question q = ask(f, request, options, workspace);
    bool pins = request->n_cells && request->cells[0].policy >= NF_POLICY_DEDICATED;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t host = hosts ? hosts[i] : first + i;
        if (host >= f->n_hosts) return NF_EINVAL;
        double score = 0.0;
        if (by == NF_BY_SCORE) score = scores[host];
        if (by == NF_BY_ROOM || by == NF_BY_FULLNESS) score = room_left(f, host, pins);
        if (by == NF_BY_FULLNESS) score = -score;
        /* a host that would not win need not be asked */
        if (*best != UINT32_MAX && !(score > *best_score)) continue;
        if (answer(&q, host) != NF_OK) continue;
        *best = host;
        *best_score = score;
        if (by == NF_BY_INDEX) return NF_OK;
    }
    return NF_OK;
}
