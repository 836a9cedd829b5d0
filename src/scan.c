/* Which hosts can take the guest? */
#include "job.h"

#define FEW_NET_WORDS 4u

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
    bool alike; /* cells of any number, tied by nothing */
    bool one;   /* one cell, networks, at most one PCI request of the simple kind */
    nf_want want;
    nf_word nets[FEW_NET_WORDS]; /* what it wants to be near */
} question;

static question ask(const nf_fleet *f, const nf_request *r, const nf_options *options,
                    void *workspace) {
    question q = {.f = f, .request = r, .options = options, .workspace = workspace,
                  .alike = all_alike(r)};
    q.one = r->n_cells == 1 && f->net_words <= FEW_NET_WORDS && r->n_pci <= 1 &&
            (!r->n_pci || (!r->pci->n_providers && options->pci_matching == NF_MATCH_NOVA));
    if (q.alike || q.one) nf_want_from(f, &r->cells[0], r->emulator_isolated, &q.want);
    for (uint32_t n = 0; q.one && n < r->n_nets; n++)
        if (r->nets[n] / NF_WORD_BITS < f->net_words) nf_bit_set(q.nets, r->nets[n]);
    return q;
}

/* Is the cell near all that the guest wants and the host has? With NF_NETS_ALL: and no other. */
static bool near_enough(const question *q, uint32_t host, uint32_t cell) {
    uint32_t words = q->f->net_words, last = q->f->host_first_cell[host + 1];
    bool all = q->options->net_affinity == NF_NETS_ALL;
    for (uint32_t w = 0; w < words; w++) {
        nf_word others = 0;
        if (!q->nets[w]) continue;
        for (uint32_t c = q->f->host_first_cell[host]; c < last; c++)
            if (c != cell) others |= q->f->cell_nets[(size_t)c * words + w];
        nf_word mine = all ? 0 : q->f->cell_nets[(size_t)cell * words + w];
        if (q->nets[w] & others & ~mine) return false;
    }
    return true;
}

static bool one_cell_does(const question *q, uint32_t host, const nf_limits *limits) {
    uint32_t first = q->f->host_first_cell[host], last = q->f->host_first_cell[host + 1];
    for (uint32_t cell = first; cell < last; cell++) {
        if (nf_pair(q->f, cell, &q->want, limits, NULL) != NF_OK) continue;
        if (!near_enough(q, host, cell)) continue;
        if (!q->request->n_pci ||
            nf_pci_serves_one(q->f, host, q->request->pci, cell - first))
            return true;
    }
    return false;
}

static int answer(const question *q, uint32_t host) {
    nf_job j;
    if (q->alike || q->one) {
        nf_limits limits = nf_limits_for(q->f, host, q->options);
        bool fits = q->alike ? cells_suffice(q->f, host, &q->want, q->request->n_cells, &limits)
                             : one_cell_does(q, host, &limits);
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
